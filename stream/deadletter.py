"""The dead letter of a bad record: the value as it came; headers tell where it lay and why it is bad.

Pure; who sends it waits for the broker before the flush that passes the record. Readers know repeats by
topic, partition and offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from stream.errors import Reason

__all__ = ["DeadLetter", "origin_of"]

_REASONS = frozenset(get_args(Reason))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused.

    Attributes:
        topic: the topic that it came from.
        partition: its partition there, and its dead letter's partition too.
        offset: its offset there.
        reason: why it was refused.
        key: its key as it came.
        value: its value as it came.
    """

    topic: str
    partition: int
    offset: int
    reason: Reason
    key: bytes | None
    value: bytes | None

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the record's headers; numbers in decimal, everything in UTF-8."""
        return [
            ("topic", self.topic.encode()),
            ("partition", b"%d" % self.partition),
            ("offset", b"%d" % self.offset),
            ("reason", self.reason.encode()),
        ]


def origin_of(
    headers: Sequence[tuple[str, bytes]], *, key: bytes | None = None, value: bytes | None = None
) -> DeadLetter:
    """Return the dead letter that headers describe.

    Raises:
        ValueError: a header is missing or holds what it must not.
    """
    found = {name: raw.decode() for name, raw in headers}
    missing = {"topic", "partition", "offset", "reason"} - found.keys()
    if missing:
        raise ValueError(f"a dead letter without the header {min(missing)}")
    reason = found["reason"]
    if reason not in _REASONS:
        raise ValueError(f"a dead letter of reason {reason}; known are {', '.join(sorted(_REASONS))}")
    return DeadLetter(
        topic=found["topic"],
        partition=int(found["partition"]),
        offset=int(found["offset"]),
        reason=reason,  # type: ignore[arg-type]  # it is one of them
        key=key,
        value=value,
    )
