"""What the rules stage tells of rooms' sessions: the third kind of record that it writes. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["SessionChange", "SessionState"]

SessionState = Literal["live", "paused", "ended"]


class SessionChange(msgspec.Struct, frozen=True, tag_field="type", tag="session"):
    """A room's session began, paused, went on or ended.

    Attributes:
        partition: of ``live.windows``.
        epoch: of the rules owner.
        position: as a transition's; after those of the same record.
        room_id: the room.
        session_ms: start of the session, epoch milliseconds; None where ingest knows none.
        state: what it is from now on.
        tick_ms: tick at which it was seen.
    """

    partition: int
    epoch: int
    position: tuple[int, int]
    room_id: str
    session_ms: int | None
    state: SessionState
    tick_ms: int

    def to_record(self) -> dict[str, Any]:
        """Return the record of docs/records.md, keys in its order."""
        return {
            "v": 1,
            "type": "session",
            "partition": self.partition,
            "epoch": self.epoch,
            "position": list(self.position),
            "room_id": self.room_id,
            "session_ms": self.session_ms,
            "state": self.state,
            "tick_ms": self.tick_ms,
        }
