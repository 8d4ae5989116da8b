"""From a record's bytes to an event, or to the reason why it is a dead letter: the hot path of ingest.

A good record costs one typed decode and a few look-ups: a room's key and partition are checked when the room
is first seen and then remembered, ids likewise. Whatever the fast way refuses goes to ``stream.judge``, which
alone decides the reason; the fast way accepts nothing that the judge would refuse. The memories are bounded
by ``MEMORY_MAX`` each and start anew when full: nothing is lost, some ids are checked again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec

from stream.errors import InvalidEvent
from stream.judge import DEPTH_MAX, deeper_than, field_rules, judge
from stream.model import FUTURE_LIMIT_MS, ID_PATTERN, STRUCTS, VALUE_BYTES_MAX, Event, Feed, Record
from stream.users import UserHasher

__all__ = ["MEMORY_MAX", "Batch", "Decoder", "Invalid", "key_field", "partition_of"]

MEMORY_MAX: Final = 65_536
"""Most rooms, and most ids, that a decoder remembers as good; about 6 MB of each."""

_WARY_BATCHES: Final = 8
"""Batches that are looked at record by record after one that had more than plainly good records."""
_at_ms: Final = attrgetter("at_ms")
_user_id: Final = attrgetter("user_id")
_id_matches: Final = re.compile(ID_PATTERN).match

_MURMUR_SEED: Final = 0x9747B28C
_MURMUR_M: Final = 0x5BD1E995
_32: Final = 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's Java client, and so aiokafka, gives a key: murmur2, without its sign.

    Args:
        key: the room id, or the vendor's name on ``live.vendors``.
        partitions: how many the topic has, above zero.
    """
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(raw: bytes) -> int:
    whole = len(raw) & ~3
    digest = _MURMUR_SEED ^ len(raw)
    for start in range(0, whole, 4):
        word = int.from_bytes(raw[start : start + 4], "little") * _MURMUR_M & _32
        word = (word ^ word >> 24) * _MURMUR_M & _32
        digest = (digest * _MURMUR_M & _32) ^ word
    if whole < len(raw):
        digest = (digest ^ int.from_bytes(raw[whole:], "little")) * _MURMUR_M & _32
    digest = (digest ^ digest >> 13) * _MURMUR_M & _32
    return digest ^ digest >> 15


def key_field(feed: Feed) -> str:
    """Return the field that a feed's records are keyed by."""
    return "vendor" if feed == "vendors" else "room_id"


@dataclass(frozen=True, slots=True)
class Invalid:
    """A bad record of a batch.

    Attributes:
        index: its place in the batch.
        error: why it is bad.
    """

    index: int
    error: InvalidEvent


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch of records says.

    Attributes:
        events: one for each record, in order; None where it is bad.
        users: short hash of the user of each event; empty where the feed has no users.
        rooms: of a feed with users: each room and the places of its events, in order.
        invalids: the bad ones, in order.
    """

    events: list[Event | None]
    users: list[int]
    rooms: list[tuple[str, list[int]]]
    invalids: list[Invalid]

    def refuse(self, error: InvalidEvent) -> None:
        """Add a bad record."""
        self.invalids.append(Invalid(len(self.events), error))
        self.events.append(None)


class Decoder:
    """Decodes the records of one feed; keeps what it learned about rooms and ids. Not for several threads.

    Args:
        feed: the feed.
        partitions: how many partitions its topic has.
        users: hashes the users; None where nobody counts them.

    Attributes:
        unknown: 1 once a good record carried a field that the contract does not know, else 0.
        unknown_field: the first such field.
    """

    def __init__(self, feed: Feed, partitions: int, users: UserHasher | None = None) -> None:
        self.feed: Final = feed
        self.unknown = 0
        self.unknown_field: str | None = None
        owner = key_field(feed)
        self._partitions: Final = partitions
        self._owner: Final = attrgetter(owner)
        self._ids: Final = tuple(n for n, rule in field_rules(feed).items() if rule.is_id and n != owner)
        self._has_user: Final = self._ids[:1] == ("user_id",)
        self._users: Final = users or UserHasher(b"nobody counts")
        self._rooms: Final[list[dict[bytes | None, str]]] = [{} for _ in range(partitions)]
        self._good_ids: Final[set[str | None]] = {None}
        self._wary = 0
        self._struct: Final = msgspec.json.Decoder(STRUCTS[feed])
        self._fast: Callable[[Any], Any] = msgspec.json.Decoder(_strict(STRUCTS[feed])).decode

    def decode(self, value: bytes | None, key: bytes | None, partition: int, append_ms: int) -> Event:
        """Return the event of one record.

        Args:
            value: the record's value; None for a tombstone.
            key: its key.
            partition: the partition that it lies in, 0 <= partition < partitions.
            append_ms: its append time, epoch milliseconds.

        Raises:
            InvalidEvent: the record is a dead letter.
        """
        try:
            event = self._fast(value)
            self._check_ids(event, self._ids)
            if (
                self._rooms[partition].get(key) == self._owner(event)
                and event.at_ms <= append_ms + FUTURE_LIMIT_MS
                and len(value) <= VALUE_BYTES_MAX  # type: ignore[arg-type]  # it was decoded
            ):
                return event  # type: ignore[no-any-return]  # the feed's struct, which is an Event
        except _REFUSALS:
            pass
        return self._settle(value, key, partition, append_ms)

    def decode_batch(
        self, records: Sequence[tuple[bytes | None, bytes | None, int, int]], partition: int
    ) -> Batch:
        """Return the events of records of one partition.

        Args:
            records: value, key, append time in epoch milliseconds, offset (not looked at) of each.
            partition: the partition that they lie in, 0 <= partition < partitions.
        """
        batch = Batch([], [], [], [])
        if not self._has_user:
            self._batch(batch, records, partition)
        elif self._wary or not self._all_good(batch, records, partition):
            self._batch_of_users(batch, records, partition)
            self._wary = max(0, self._wary - 1)
        return batch

    def _all_good(
        self, batch: Batch, records: Sequence[tuple[bytes | None, bytes | None, int, int]], partition: int
    ) -> bool:
        """Fill the batch if every record is plainly good, one step for all records after the other."""
        if not records:
            return True
        self._wary = _WARY_BATCHES
        values, keys, appended_ms, _ = zip(*records, strict=True)
        try:
            events = list(map(self._fast, values))
        except _REFUSALS:
            return False
        if (
            max(map(len, values)) > VALUE_BYTES_MAX
            or max(map(_at_ms, events)) > min(appended_ms) + FUTURE_LIMIT_MS
        ):
            return False
        owners = list(map(self._owner, events))
        users: list[Any] = list(map(self._users.known.get, map(_user_id, events)))
        try:
            if owners != list(map(self._rooms[partition].get, keys)):
                self._learn_places(owners, keys, partition)
            for name in self._ids[1:]:
                for given in set(map(attrgetter(name), events)) - self._good_ids:
                    self._learn_id(given)
            if None in users:
                users = [
                    self._learn_user(event.user_id) if user is None else user
                    for event, user in zip(events, users, strict=True)
                ]
        except (_RefusedError, InvalidEvent):
            return False
        places: defaultdict[str, list[int]] = defaultdict(list)
        for at, room_id in enumerate(owners):
            places[room_id].append(at)
        batch.events.extend(events)
        batch.users.extend(users)
        batch.rooms.extend(places.items())
        self._wary = 0
        return True

    def _batch(
        self, batch: Batch, records: Iterable[tuple[bytes | None, bytes | None, int, int]], partition: int
    ) -> None:
        for value, key, append_ms, _ in records:
            try:
                batch.events.append(self.decode(value, key, partition, append_ms))
            except InvalidEvent as error:
                batch.refuse(error)

    def _batch_of_users(
        self, batch: Batch, records: Iterable[tuple[bytes | None, bytes | None, int, int]], partition: int
    ) -> None:
        """Do as ``_batch``, and with everything in one loop: these are the feeds that flood."""
        append, append_user = batch.events.append, batch.users.append
        good_ids, more_ids = self._good_ids, self._ids[1:]
        fast, room_of, known = self._fast, self._rooms[partition].get, self._users.known.get
        places: dict[bytes | None, tuple[str | None, list[int]]] = {}
        places_of = places.get
        for at, (value, key, append_ms, _) in enumerate(records):
            try:
                event = fast(value)
                user = known(event.user_id)
                if user is None:
                    user = self._learn_user(event.user_id)
                for name in more_ids:
                    if getattr(event, name) not in good_ids:
                        self._learn_id(getattr(event, name))
                room = places_of(key)
                if room is None:
                    room = places[key] = (room_of(key), [])
                if (
                    room[0] == event.room_id
                    and event.at_ms <= append_ms + FUTURE_LIMIT_MS
                    and len(value) <= VALUE_BYTES_MAX  # type: ignore[arg-type]  # it was decoded
                ):
                    append(event)
                    append_user(user)
                    room[1].append(at)
                    continue
            except _REFUSALS:
                pass
            try:
                settled: Any = self._settle(value, key, partition, append_ms)
            except InvalidEvent as error:
                batch.refuse(error)
                append_user(0)
            else:
                append(settled)
                append_user(self._users.short(settled.user_id))
                _, others = places.get(key, (None, []))
                places[key] = (settled.room_id, [*others, at])
            fast = self._fast
        batch.rooms.extend((room_id, found) for room_id, found in places.values() if room_id and found)

    def _check_ids(self, event: Any, names: tuple[str, ...]) -> None:
        for name in names:
            given = getattr(event, name)
            if given not in self._good_ids and not (given.isalnum() and given.isascii()):
                self._learn_id(given)

    def _learn_places(self, owners: Iterable[str], keys: Iterable[bytes | None], partition: int) -> None:
        for owner, key in set(zip(owners, keys, strict=True)):
            if self._rooms[partition].get(key) != owner:
                self._check_place(owner, key, partition)

    def _learn_user(self, user_id: str) -> int:
        if _id_matches(user_id) is None:
            raise _RefusedError
        return self._users.short(user_id)

    def _learn_id(self, given: str) -> None:
        if _id_matches(given) is None:
            raise _RefusedError
        if len(self._good_ids) > MEMORY_MAX:
            self._good_ids.clear()
            self._good_ids.add(None)
        self._good_ids.add(given)

    def _settle(self, value: bytes | None, key: bytes | None, partition: int, append_ms: int) -> Event:
        """Judge a record from its first byte on."""
        event, unknown = judge(self.feed, value)
        self._check_place(self._owner(event), key, partition)
        _check_time(event, append_ms)
        if unknown and not self.unknown:
            self.unknown, self.unknown_field = 1, unknown[0]
            self._fast = self._lenient
        return event  # type: ignore[return-value]  # the feed's struct, which is an Event

    def _check_place(self, owner: str, key: bytes | None, partition: int) -> None:
        """Check the key and the partition of a room (or vendor), and remember them."""
        if key is None or key != owner.encode():
            name = key_field(self.feed)
            raise InvalidEvent("bad_key", f"the key is {_shown(key)}; it must be the {name}, {owner}")
        right = partition_of(owner, self._partitions)
        if right != partition:
            raise InvalidEvent(
                "bad_key",
                f"{owner} lies in partition {partition}; murmur2 puts it in {right} of {self._partitions}",
            )
        rooms = self._rooms[partition]
        if len(rooms) >= MEMORY_MAX:
            rooms.clear()
        rooms[key] = owner

    def _lenient(self, value: bytes | None) -> Any:
        """Decode past unknown fields, which the struct's decoder checks neither for UTF-8 nor for depth."""
        if value is None:
            raise _RefusedError
        if not value.isascii():
            value.decode()
        if len(value) > 2 * DEPTH_MAX and deeper_than(DEPTH_MAX, value.decode()):
            raise _RefusedError
        return self._struct.decode(value)


class _RefusedError(Exception):
    """The fast way cannot tell; the judge can."""


_REFUSALS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, _RefusedError)
"""How the fast way refuses; TypeError is the decoder's answer to no value at all."""


def _check_time(event: Any, append_ms: int) -> None:
    ahead_ms = event.at_ms - append_ms
    if ahead_ms > FUTURE_LIMIT_MS:
        raise InvalidEvent(
            "future", f"at_ms is {ahead_ms} ms ahead of its append time; allowed are {FUTURE_LIMIT_MS}"
        )


def _shown(key: bytes | None) -> str:
    return "missing" if key is None else repr(key[:80])[1:]


def _strict(struct: type[Record]) -> type[Record]:
    """Return the struct's variant that refuses unknown fields."""
    return msgspec.defstruct(  # type: ignore[return-value]  # a subclass of the base that is given
        struct.__name__,
        [],
        bases=(struct,),
        module=struct.__module__,
        frozen=True,
        gc=False,
        eq=False,
        forbid_unknown_fields=True,
    )
