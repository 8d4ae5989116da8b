"""Notices of silences as ``live.outcomes`` brings them. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from alerts.incidents.silences import Silence
from alerts.model import BadRecord
from alerts.notify.model import notice_record

__all__ = ["NOTICE_MARK", "began", "parse_notice"]

NOTICE_MARK: Final = b'"type":"notice"'
"""Stands in every notice, and in no outcome of a command: there a quote within a text is escaped."""


class _Notice(msgspec.Struct, frozen=True):
    notice: Literal["silence_started", "silence_ended"]
    at_ms: int
    silence: Silence


def parse_notice(value: bytes) -> dict[str, Any]:
    """Return a notice as items hold it.

    Raises:
        BadRecord: it does not have the form of docs/records.md.
    """
    try:
        notice = msgspec.json.decode(value, type=_Notice)
    except msgspec.DecodeError as error:
        raise BadRecord(f"live.outcomes: {error}") from error
    return notice_record(notice.notice, notice.at_ms, notice.silence.to_record())


def began(notice: dict[str, Any]) -> bool:
    """Return whether its silence ever held; of one that was taken back before there is nothing to tell."""
    return notice["silence"]["matched_at_ms"] is not None
