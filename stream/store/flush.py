"""One flush of a partition: what the store must take, and what readers must hear, of the same moment.

Pure: takes a partition and its reach, gives writes and entries. What it gives must be written, or the
partition forgotten: it is not given twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import msgspec

from stream.catalogue import ROOM_COLUMNS
from stream.figures import Ends, ends_at, room_values, vendor_values
from stream.model import FEEDS, Feed
from stream.operations import Operation
from stream.panes import oldest_brief, oldest_panes
from stream.partition import Partition
from stream.sessions import Room
from stream.store import keys, packing
from stream.store.partition import Writes

__all__ = ["ENDED_KEPT_MS", "Flush", "Flusher"]

ENDED_KEPT_MS: Final = 600_000
"""The newest figures of a room stay readable for this long after its end, milliseconds of reach."""
_FORGET_EVERY_MS: Final = 10_000
"""Panes, sessions and orders that nobody needs are looked for this often, milliseconds of reach."""
_ROOMS_AT_ONCE: Final = 250
"""Rooms between two turns for others: some 25 ms of work, half of which is the same for one room."""
_encode: Final = msgspec.msgpack.Encoder(enc_hook=lambda values: msgspec.Raw(values.pack())).encode
"""Encodes entries; of their values the native module knows how they are packed."""


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
        topics: feed -> topic, to say where a word was found.
    """

    def __init__(self, number: int, partition: Partition, now: set[str], topics: Mapping[Feed, str]) -> None:
        self._number = number
        self._topics = topics
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
        partition.merge(touched, operations)
        yield made
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
        rooms, fresh = list(touched), []
        for room in rooms:
            key = keys.room(self._number, room.room_id)
            made.writes.hset(key, packing.pack_room(room))
            made.writes.hdel(key, packing.former_fields(session.tally for session in room.sessions))
            if room.room_id not in self._known:
                fresh.append(room.room_id)
        if fresh:
            self._known.update(fresh)
            made.writes.sadd(keys.rooms(self._number), *fresh)

    def _remove_waiting(self, writes: Writes) -> None:
        provisional = self._partition.provisional
        gone, provisional.gone = provisional.gone, []
        for room, (feed, offset) in gone:
            writes.hdel(keys.room(self._number, room.room_id), [packing.waiting_field(feed, offset)])

    def _keep_operations(self, made: Flush, touched: set[Operation]) -> None:
        for operation in touched:
            key = keys.vendor(self._number, operation.name)
            made.writes.hset(key, packing.pack_operation(operation))
            made.writes.hdel(key, packing.former_fields((operation.tally,)))
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

    def _tell(self, made: Flush, rooms: Iterable[Room], ends_ms: Ends) -> None:
        fields: dict[str, bytes | str] = {}
        for room, entry in room_entries(rooms, ends_ms):
            raw, hits = _encode(entry), self._take_hits(room)
            if self._told.get(room.room_id) != raw:
                self._told[room.room_id] = raw
                fields[room.room_id] = raw
            elif not hits:
                continue
            made.rooms.append(entry | {"hits": hits} if hits else entry)
        self._now.update(fields)
        made.writes.hset(keys.now(self._number), fields)

    def _take_hits(self, room: Room) -> list[dict[str, Any]]:
        """Return the words that were found in the room since it was last told of."""
        session = room.last
        if session is None or not session.tally.hits:
            return []
        found, session.tally.hits = session.tally.hits, []
        return [
            {
                "group": group,
                "severity": severity,
                "source": source,
                "text": text,
                "user": f"{user:016x}" if user else None,
                "topic": self._topics[feed],
                "partition": self._number,
                "offset": offset,
            }
            for group, severity, source, text, user, feed, offset in found
        ]

    def _tell_operations(self, made: Flush, operations: Iterable[Operation], ends_ms: Ends) -> None:
        fields: dict[str, bytes | str] = {}
        for operation, entry in operation_entries(operations, ends_ms):
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
            for session in room.sessions:
                session.tally.forget_brief(oldest_brief(reach))
                old = packing.pane_fields(session.start_ms, *session.tally.forget(*oldest_panes(reach)))
                writes.hdel(keys.room(number, room.room_id), old)
            writes.hdel(keys.room(number, room.room_id), packing.past_fields(room.forget_past(reach)))
        for operation in partition.operations.values():
            gone_panes = operation.tally.forget(*oldest_panes(reach))
            writes.hdel(
                keys.vendor(number, operation.name),
                packing.pane_fields(packing.OPERATION_START, *gone_panes),
            )
        for hour in partition.orders.forget(reach):
            writes.delete(keys.orders(number, hour))
        shrunk, gone = partition.forget(reach)
        for room, sessions in shrunk:
            names = [name for s in sessions for name in packing.tally_fields(s.tally, s.start_ms)]
            writes.hdel(keys.room(number, room.room_id), names)
            kept = {start: room.past[start] for s in sessions if (start := s.start_ms) in room.past}
            writes.hset(keys.room(number, room.room_id), packing.pack_past(kept))
        for room in gone:
            writes.delete(keys.room(number, room.room_id))
            if room.past:
                left = packing.pack_room(room.anew()) | packing.pack_past(room.past)
                writes.hset(keys.room(number, room.room_id), left)
            else:
                writes.srem(keys.rooms(number), room.room_id)
                self._known.discard(room.room_id)
        shown = partition.rooms
        hidden = [r for r in self._now if r not in shown or _hidden(shown[r], reach - ENDED_KEPT_MS)]
        writes.hdel(keys.now(number), hidden)
        self._now.difference_update(hidden)
        for room_id in hidden:
            self._told.pop(room_id, None)


def room_entries(rooms: Iterable[Room], ends_ms: Ends) -> Iterator[tuple[Room, dict[str, Any]]]:
    """Give the entries of rooms in ``live.windows``."""
    some = [(room, None if room.state == "planned" else room.last) for room in rooms]
    shown = [(room, session) for room, session in some if session]
    facts = [room.facts | room.returned() for room, _ in shown]
    values = iter(room_values([session.tally for _, session in shown], ends_ms, facts))
    for room, session in some:
        entry = {
            "room_id": room.room_id,
            "session_ms": session.start_ms if session else None,
            "state": room.state,
            "facts": room.facts | room.on_air,
            "values": next(values) if session else [None] * len(ROOM_COLUMNS),
            "newest_ms": {feed: room.newest_ms[feed] for feed in FEEDS if feed in room.newest_ms},
        }
        if session and session.reason:
            entry["ended_reason"] = session.reason
        yield room, entry


def operation_entries(
    operations: Iterable[Operation], ends_ms: Ends
) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Give the entries of vendor operations in ``live.windows``."""
    some = list(operations)
    for operation, values in zip(some, vendor_values([found.tally for found in some], ends_ms), strict=True):
        yield (
            operation,
            {
                "vendor": operation.vendor,
                "operation": operation.operation,
                "values": values,
                "newest_ms": operation.newest_ms,
            },
        )


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
