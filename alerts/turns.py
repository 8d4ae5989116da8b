"""What one record of ``live.windows`` changes of rooms' sessions, as the rules stage tells it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.held import Held
from alerts.session import SessionChange, SessionState
from alerts.windows import RoomEntry

__all__ = ["Turns"]


class Turns:
    """Collects the changes of one record, and puts them in order.

    Args:
        partition: of ``live.windows``.
        epoch: of the rules owner.

    Attributes:
        told: what the newest record changed, by room.
    """

    def __init__(self, partition: int, epoch: int) -> None:
        self.told: list[SessionChange] = []
        self._partition = partition
        self._epoch = epoch
        self._noted: dict[str, tuple[int | None, SessionState]] = {}

    def saw(self, held: Held, entry: RoomEntry) -> None:
        """Note what a room's newest entry changes of its session; a room that is planned has none."""
        if (entry.session_ms, entry.state) != (held.session_ms, held.state):
            state: SessionState = "ended" if entry.state == "planned" else entry.state
            self._noted[entry.room_id] = entry.session_ms, state

    def gone(self, held: Held) -> None:
        """Note the end of a room that nobody knows any more."""
        if held.room_id is not None and held.state in ("live", "paused"):
            self._noted[held.room_id] = held.session_ms, "ended"

    def under_way(self, held: Iterable[Held]) -> None:
        """Note every session that is under way."""
        for one in held:
            if one.room_id is not None and one.state not in ("planned", "ended"):
                self._noted[one.room_id] = one.session_ms, "paused" if one.state == "paused" else "live"

    def tell(self, offset: int, first: int, tick_ms: int) -> int:
        """Put what was noted into ``told``.

        Args:
            offset: of the record.
            first: index of the first of them within the record.
            tick_ms: the tick.

        Returns:
            How many they are.
        """
        self.told = [
            SessionChange(
                self._partition, self._epoch, (offset, index), room_id, *self._noted[room_id], tick_ms
            )
            for index, room_id in enumerate(sorted(self._noted), first)
        ]
        self._noted.clear()
        return len(self.told)
