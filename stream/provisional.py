"""Provisional events: those that no session holds yet, kept for one that may still begin. Pure.

What is kept is bounded: at most ``WAITING_MAX`` events of a room, each for ``PROVISIONAL_MS`` of append time.
They stand in their room, ``Room.waiting``, without what tells of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stream.model import Feed, Order
from stream.orders import OFF_AIR, OrderMemory, order_key
from stream.sessions import PROVISIONAL_MS, Room, Session, Waiting
from stream.users import UserHasher

__all__ = ["FOLLOWS", "WAITING_MAX", "Provisional"]

WAITING_MAX: Final = 4_096
"""Most events of a room that wait for a session; more are off air at once, and counted as ``overflow``."""
FOLLOWS: Final = frozenset({"cancelled", "refunded"})
"""Statuses that belong to the order's own session."""


class Provisional:
    """The provisional events of the rooms of a partition.

    Args:
        users: hashes user ids.
        orders: learns where an order belongs that waited.

    Attributes:
        rooms: rooms with provisional events.
        gone: events that were joined or dropped since the last flush.
    """

    def __init__(self, users: UserHasher, orders: OrderMemory) -> None:
        self._users = users
        self._orders = orders
        self.rooms: set[Room] = set()
        self.gone: list[tuple[Room, tuple[Feed, int]]] = []

    def keep(self, room: Room, feed: Feed, offset: int, came: Waiting) -> bool:
        """Keep an event; tell whether there was room for it."""
        if len(room.waiting) >= WAITING_MAX:
            self._settle_order(came, OFF_AIR)
            return False
        room.waiting[feed, offset] = Waiting(came.append_ms, came.late, self._users.scrubbed(came.event))
        room.fresh_waiting.append((feed, offset))
        self.rooms.add(room)
        return True

    def expire(self, reach_ms: int) -> Iterator[tuple[Room, Feed]]:
        """Drop the events that no `live` record can join any more, and give the room and feed of each.

        Args:
            reach_ms: instant before which every record of every feed has been folded.
        """
        limit = reach_ms - PROVISIONAL_MS
        for room in list(self.rooms):
            for key in [key for key, waiting in room.waiting.items() if waiting.append_ms < limit]:
                self._settle_order(room.waiting[key], OFF_AIR)
                self._remove(room, key)
                yield room, key[0]

    def join(self, room: Room, session: Session) -> Iterator[tuple[Feed, int, Waiting]]:
        """Give the events that a `live` record takes in, in the order in which they came.

        Each is to be counted before the next is asked for: only then it is settled, and gone from here. A
        cancel or refund goes where its order goes, by what was known of the order when it came, whatever its
        own time: just so it goes when it is read after the `live` record.
        """
        for key, came in list(room.waiting.items()):
            event = came.event
            if isinstance(event, Order) and event.status in FOLLOWS:
                key_of_order = order_key(event.room_id, event.order_id)
                own = self._orders.session_of(key_of_order, came.append_ms, before=event.status)
                if own != session.start_ms:
                    continue
            elif not session.joins(event.at_ms, came.append_ms):
                continue
            yield *key, came
            self._settle_order(came, session.start_ms)
            self._remove(room, key)

    def _settle_order(self, came: Waiting, session_ms: int) -> None:
        event = came.event
        if isinstance(event, Order):
            self._orders.belongs(order_key(event.room_id, event.order_id), event.status, session_ms)

    def _remove(self, room: Room, key: tuple[Feed, int]) -> None:
        del room.waiting[key]
        if key in room.fresh_waiting:
            room.fresh_waiting.remove(key)
        else:
            self.gone.append((room, key))
        if not room.waiting:
            self.rooms.discard(room)
