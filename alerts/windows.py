"""``live.windows`` as the rules stage reads it; its form is that of docs/records.md."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from alerts.model import BadRecord

__all__ = ["RoomEntry", "RoomState", "VendorEntry", "WindowsRecord", "parse_windows"]

RoomState = Literal["planned", "live", "paused", "ended"]


class RoomEntry(msgspec.Struct, frozen=True, gc=False):
    """A room in ``live.windows``; ``facts`` None: as before."""

    room_id: str
    session_ms: int | None
    state: RoomState
    values: list[Any]
    newest_ms: dict[str, int]
    facts: dict[str, Any] | None = None
    hits: list[dict[str, Any]] = []
    ended_reason: str | None = None


class VendorEntry(msgspec.Struct, frozen=True, gc=False):
    """A vendor's operation in ``live.windows``; ``newest_ms`` is an append time."""

    vendor: str
    operation: str
    values: list[Any]
    newest_ms: int


class WindowsRecord(msgspec.Struct, frozen=True, gc=False):
    """A value of ``live.windows``; see docs/records.md."""

    v: int
    partition: int
    epoch: int
    seq: int
    tick_ms: int
    reach_ms: dict[str, int]
    columns: int
    last: bool
    rooms: list[RoomEntry]
    vendors: list[VendorEntry] = []
    records_1m: int = 0
    dead_1m: int = 0


_WINDOWS: Final = msgspec.json.Decoder(WindowsRecord)


def parse_windows(value: bytes) -> WindowsRecord:
    """Return a value of ``live.windows``.

    Raises:
        BadRecord: it does not have the form of docs/records.md.
    """
    try:
        return _WINDOWS.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecord(f"live.windows: {error}") from error
