"""One flush of a partition: what the store must take, and what readers must hear, of the same moment.

Pure: takes a partition and its reach, gives writes and entries. What it gives must be written, or the
partition forgotten: it is not given twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import msgspec

from stream.catalogue import ROOM_COLUMNS
from stream.figures import ends_at, room_values, vendor_values
from stream.model import FEEDS, Feed
from stream.partition import Operation, Partition, merge
from stream.sessions import Room
from stream.store import keys, packing
from stream.store.partition import Writes

__all__ = ["ENDED_KEPT_MS", "Flush", "Flusher"]

ENDED_KEPT_MS: Final = 600_000
"""The newest figures of a room stay readable for this long after its end, milliseconds of reach."""
_FORGET_EVERY_MS: Final = 10_000
"""Panes, sessions and orders that nobody needs are looked for this often, milliseconds of reach."""
_ROOMS_AT_ONCE: Final = 25
"""Rooms between two turns for others: about 10 ms of work."""
_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(slots=True)
class Flush:
    """What one flush does.

    Attributes:
        writes: what to write.
        rooms: entries of ``live.windows`` of the rooms that are told of.
        vendors: entries of the vendor operations.
    """

    writes: Writes = field(default_factory=Writes)
    rooms: list[dict[str, Any]] = field(default_factory=list)
    vendors: list[dict[str, Any]] = field(default_factory=list)


class Flusher:
    """Makes the flushes of one partition.

    Args:
        number: of the partition.
        partition: what is known of it.
        now: rooms and operations whose newest figures are in the store.
    """

    def __init__(self, number: int, partition: Partition, now: set[str]) -> None:
        self._number = number
        self._partition = partition
        self._now = now
        self._known = set(partition.rooms)
        self._known_operations = set(partition.operations)
        self._told: dict[str, bytes] = {}
        self._changed: set[Room] = set()
        self._tell_all = True

    def tell_all_again(self) -> None:
        """Take it that readers have heard nothing."""
        self._told.clear()
        self._tell_all = True

    def flush(self, reach_ms: dict[Feed, int], *, critical: set[Room], closing: bool) -> Iterator[Flush]:
        """Work out what to write and to tell; nothing may be folded before that is done.

        Args:
            reach_ms: feed -> instant before which everything was folded, epoch milliseconds.
            critical: rooms that a critical feed touched since the last flush.
            closing: whether this flush closes a tick, and so tells of every room that changed.

        Yields:
            The same flush each time, for others to get their turn; it is whole at the last.
        """
        made, partition = Flush(), self._partition
        touched, partition.touched = partition.touched, set()
        operations, partition.touched_operations = partition.touched_operations, set()
        for some in batched(touched, _ROOMS_AT_ONCE):
            self._keep_rooms(made, some)
            yield made
        self._remove_waiting(made.writes)
        self._keep_operations(made, operations)
        self._keep_orders(made.writes)
        self._changed |= touched
        ends_ms = ends_at(reach_ms)
        for some in batched(self._to_tell(critical, closing=closing), _ROOMS_AT_ONCE):
            self._tell(made, some, ends_ms)
            yield made
        told = set(partition.operations.values()) if closing else operations
        self._tell_operations(made, told, ends_ms)
        if closing and min(reach_ms.values()) - partition.forgot_ms >= _FORGET_EVERY_MS:
            partition.forgot_ms = min(reach_ms.values())
            self._forget(made.writes)
        yield made

    def _keep_rooms(self, made: Flush, touched: Iterable[Room]) -> None:
        fresh = []
        for room in touched:
            merge(room, self._partition.forgot_ms)
            made.writes.hset(keys.room(self._number, room.room_id), packing.pack_room(room))
            if room.room_id not in self._known:
                fresh.append(room.room_id)
        if fresh:
            self._known.update(fresh)
            made.writes.sadd(keys.rooms(self._number), *fresh)

    def _remove_waiting(self, writes: Writes) -> None:
        gone, self._partition.gone_waiting = self._partition.gone_waiting, []
        for room, (feed, offset) in gone:
            writes.hdel(keys.room(self._number, room.room_id), [packing.waiting_field(feed, offset)])

    def _keep_operations(self, made: Flush, touched: set[Operation]) -> None:
        for operation in touched:
            merge(operation, self._partition.forgot_ms)
            made.writes.hset(keys.vendor(self._number, operation.name), packing.pack_operation(operation))
            if operation.name not in self._known_operations:
                self._known_operations.add(operation.name)
                made.writes.sadd(keys.vendors(self._number), operation.name)

    def _keep_orders(self, writes: Writes) -> None:
        for row in self._partition.orders.take_changed():
            writes.setrange(keys.orders(self._number, row.hour), row.position * len(row.raw), row.raw)

    def _to_tell(self, critical: set[Room], *, closing: bool) -> Iterable[Room]:
        """Return the rooms to tell of; one that ended is told of when something of it has changed."""
        if not closing:
            return [room for room in critical if room.known]
        changed, self._changed = self._changed, set()
        rooms = self._partition.rooms.values()
        if self._tell_all:
            self._tell_all = False
            limit = self._partition.forgot_ms - ENDED_KEPT_MS
            return [room for room in rooms if room.known and not _hidden(room, limit)]
        return [room for room in rooms if room.current is not None or (room in changed and room.known)]

    def _tell(self, made: Flush, rooms: Iterable[Room], ends_ms: tuple[int, ...]) -> None:
        fields: dict[str, bytes | str] = {}
        for room in rooms:
            entry = room_entry(room, ends_ms)
            raw = _encode(entry)
            if self._told.get(room.room_id) != raw:
                self._told[room.room_id] = raw
                made.rooms.append(entry)
                fields[room.room_id] = raw
        self._now.update(fields)
        made.writes.hset(keys.now(self._number), fields)

    def _tell_operations(
        self, made: Flush, operations: Iterable[Operation], ends_ms: tuple[int, ...]
    ) -> None:
        fields: dict[str, bytes | str] = {}
        for operation in operations:
            entry = operation_entry(operation, ends_ms)
            raw = _encode(entry)
            if self._told.get(operation.name) != raw:
                self._told[operation.name] = raw
                made.vendors.append(entry)
                fields[operation.name] = raw
        made.writes.hset(keys.now_vendors(self._number), fields)

    def _forget(self, writes: Writes) -> None:
        """Remove what nobody needs any more."""
        number, partition, reach = self._number, self._partition, self._partition.forgot_ms
        for room in partition.rooms.values():
            writes.hdel(keys.room(number, room.room_id), _old_panes(room, reach))
        for operation in partition.operations.values():
            writes.hdel(keys.vendor(number, operation.name), _old_panes(operation, reach))
        for hour in partition.orders.forget(reach):
            writes.delete(keys.orders(number, hour))
        shrunk, gone = partition.forget(reach)
        for room, sessions in shrunk:
            names = [name for session in sessions for name in packing.session_fields(session)]
            writes.hdel(keys.room(number, room.room_id), names)
        for room in gone:
            writes.delete(keys.room(number, room.room_id))
            writes.srem(keys.rooms(number), room.room_id)
            self._known.discard(room.room_id)
        shown = partition.rooms
        hidden = [r for r in self._now if r not in shown or _hidden(shown[r], reach - ENDED_KEPT_MS)]
        writes.hdel(keys.now(number), hidden)
        self._now.difference_update(hidden)
        for room_id in hidden:
            self._told.pop(room_id, None)


def room_entry(room: Room, ends_ms: tuple[int, ...]) -> dict[str, Any]:
    """Return the entry of a room in ``live.windows``."""
    state, session = room.state, room.last
    if state == "planned":
        session = None
    entry = {
        "room_id": room.room_id,
        "session_ms": session.start_ms if session else None,
        "state": state,
        "facts": room.facts | room.on_air,
        "values": room_values(session, ends_ms) if session else [None] * len(ROOM_COLUMNS),
        "newest_ms": {feed: room.newest_ms[feed] for feed in FEEDS if feed in room.newest_ms},
    }
    if session and session.reason:
        entry["ended_reason"] = session.reason
    return entry


def operation_entry(operation: Operation, ends_ms: tuple[int, ...]) -> dict[str, Any]:
    """Return the entry of a vendor operation in ``live.windows``."""
    return {
        "vendor": operation.vendor,
        "operation": operation.operation,
        "values": vendor_values(operation, ends_ms),
        "newest_ms": operation.newest_ms,
    }


def batched(rooms: Iterable[Room], size: int) -> Iterator[list[Room]]:
    """Split rooms into lists of at most ``size``."""
    left = iter(rooms)
    while some := list(islice(left, size)):
        yield some


def _ended_ms(room: Room) -> int:
    last = room.last
    return -1 if last is None or last.ended is None else last.ended


def _hidden(room: Room, limit_ms: int) -> bool:
    return room.current is None and room.state != "planned" and _ended_ms(room) < limit_ms


def _old_panes(subject: Room | Operation, reach_ms: int) -> list[str]:
    fine: set[int] = set()
    coarse: set[int] = set()
    for panes in subject.panes.values():
        old_fine, old_coarse = panes.forget(reach_ms)
        fine.update(old_fine)
        coarse.update(old_coarse)
    return [f"f:{second}" for second in sorted(fine)] + [f"c:{number}" for number in sorted(coarse)]
