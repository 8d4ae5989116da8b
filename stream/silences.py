"""When the rooms of a partition will have been silent for too long, the earliest first.

An entry may be too early, for a room that spoke again since, and is then put off; none is too late. There is
one for each open session; that of a session that ended otherwise goes at its time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from stream.alignment import FAR_MS
from stream.sessions import Room

__all__ = ["Silences"]


class Silences:
    """Watches rooms with an open session.

    Args:
        rooms: the partition's rooms by id, as they are at any time.
    """

    def __init__(self, rooms: Mapping[str, Room]) -> None:
        self._rooms = rooms
        self._heap: list[tuple[int, str]] = []

    def watch(self, room: Room) -> None:
        """Look after a room whose session has begun."""
        heapq.heappush(self._heap, (room.silent_at_ms, room.room_id))

    def first_ms(self, horizon_ms: int) -> int:
        """Return the first instant up to a horizon at which a room may have been silent for too long.

        Returns:
            An append time, or ``FAR_MS`` when there is none before the horizon.
        """
        heap = self._heap
        while heap and heap[0][0] <= horizon_ms:
            known_ms, room_id = heap[0]
            room = self._open(room_id)
            if room is None:
                heapq.heappop(heap)
            elif room.silent_at_ms > known_ms:
                heapq.heapreplace(heap, (room.silent_at_ms, room_id))
            else:
                return known_ms
        return FAR_MS

    def over(self, at_ms: int) -> Iterator[Room]:
        """Give every room that was silent for too long by an instant; its session must be ended then."""
        while self.first_ms(at_ms) <= at_ms:
            _, room_id = heapq.heappop(self._heap)
            yield self._rooms[room_id]

    def _open(self, room_id: str) -> Room | None:
        room = self._rooms.get(room_id)
        return None if room is None or room.current is None else room
