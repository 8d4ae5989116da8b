"""What readers of the store get: the newest figures of rooms and vendors, and how far each partition is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PartitionStatus", "RoomFigures", "VendorFigures"]


@dataclass(frozen=True, slots=True)
class RoomFigures:
    """A room's newest figures.

    Attributes:
        partition: the room's partition.
        room_id: the room.
        session_ms: start of the session, epoch milliseconds; None while the room is only planned.
        state: ``planned``, ``live``, ``paused`` or ``ended``.
        facts: fields of the room's last ``live.rooms`` record and the item on air.
        values: figures in the order of ``stream.catalogue.ROOM_COLUMNS``; None is no data.
        newest_ms: feed -> append time of the room's newest record of it, epoch milliseconds.
        ended_reason: ``ended`` or ``silent`` once the session is over.
    """

    partition: int
    room_id: str
    session_ms: int | None
    state: str
    facts: dict[str, Any]
    values: list[Any]
    newest_ms: dict[str, int]
    ended_reason: str | None


@dataclass(frozen=True, slots=True)
class VendorFigures:
    """A vendor operation's newest figures, in the order of ``stream.catalogue.VENDOR_COLUMNS``."""

    partition: int
    vendor: str
    operation: str
    values: list[Any]
    newest_ms: int


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far the ingest of a partition is.

    Attributes:
        partition: its number.
        epoch: of its owner; 0 when nobody has owned it yet.
        member: who owns it, or owned it last.
        tick_ms: second of the last flush, epoch milliseconds.
        reach_ms: feed -> append time up to which the feed was read, epoch milliseconds.
    """

    partition: int
    epoch: int
    member: str
    tick_ms: int
    reach_ms: dict[str, int]
