"""Every error that roomwatch raises on purpose.

    RoomwatchError
    ├── SettingsError        a setting, file or argument is wrong: fix it and start again
    │   └── WordsError       a set of word files is wrong; the set in force stays
    ├── InvalidEvent         one record of a feed is bad: it becomes a dead letter
    ├── FencedError          somebody newer owns this partition: drop memory, claim again or stop
    ├── StoreError           the store does not answer, or holds what it must not
    ├── ArchiveError         the archive of windows is not there, or holds what it must not
    ├── StageError           a stage cannot go on: the process ends and is started anew
    └── ServiceError         a program that was started for us failed

Texts are lower case, state a fact and carry no full stop; the cause is chained with ``from``.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ArchiveError",
    "FencedError",
    "InvalidEvent",
    "Reason",
    "RoomwatchError",
    "ServiceError",
    "SettingsError",
    "StageError",
    "StoreError",
    "WordsError",
]

Reason = Literal[
    "not_json", "not_object", "too_large", "missing_field", "bad_type", "bad_value", "bad_key", "future"
]
"""Why a record became a dead letter; the whole list of the contract."""


class RoomwatchError(Exception):
    """Base of all errors that are ours."""

    def of(self, language: Literal["zh", "en"]) -> str:  # noqa: ARG002 - some heed it
        """Return it as a sentence for people; most are told in English, to those who maintain."""
        return str(self)


class SettingsError(RoomwatchError):
    """A setting, file or argument is wrong; the text says where, what, and what is allowed."""


class WordsError(SettingsError):
    """A set of word files is wrong, and nothing of it is used.

    Attributes:
        faults: every fault: file, line, what is wrong, what is allowed.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class InvalidEvent(RoomwatchError):  # noqa: N818 - the field's word for it, an outcome rather than a failure
    """One record of a feed is bad.

    Attributes:
        reason: the dead-letter reason.
        detail: what was wrong, for the log and the tools.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


class FencedError(RoomwatchError):
    """A newer owner has taken the partition; nothing was written."""


class StoreError(RoomwatchError):
    """The store does not answer in time, or holds what it must not."""


class ArchiveError(RoomwatchError):
    """The archive of windows is not there, cannot be written, or holds what it must not."""


class StageError(RoomwatchError):
    """A stage cannot go on; its process ends with a non-zero status."""


class ServiceError(RoomwatchError):
    """A program that was started for us failed; the text names it and the way out."""
