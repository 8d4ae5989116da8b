"""From a record's bytes to an event, or to the reason why it is a dead letter: the hot path of ingest.

A good record costs one typed decode and a few look-ups: a room's key and partition are checked when the room
is first seen and then remembered, ids likewise. Whatever the fast way refuses goes to ``stream.judge``, which
alone decides the reason; the fast way accepts nothing that the judge would refuse. The memories are bounded
by ``MEMORY_MAX`` each and start anew when full: nothing is lost, some ids are checked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec

from stream import native
from stream.alignment import Record
from stream.errors import InvalidEvent
from stream.judge import DEPTH_MAX, deeper_than, field_rules, flood_fields, judge
from stream.model import FLOODS, FUTURE_LIMIT_MS, ID_PATTERN, STRUCTS, VALUE_BYTES_MAX, Event, Feed
from stream.model import Record as Struct
from stream.native import Events, FloodDecoder
from stream.users import UserHasher

__all__ = ["MEMORY_MAX", "Batch", "Decoder", "Flood", "Invalid", "key_field", "partition_of"]

MEMORY_MAX: Final = 65_536
"""Most rooms, and most ids, that a decoder remembers as good; about 6 MB of each."""

_id_matches: Final = re.compile(ID_PATTERN).match


def partition_of(key: str, partitions: int) -> int:
    """Return the partition that Kafka's Java client, and so aiokafka, gives a key: murmur2, without its sign.

    Args:
        key: the room id, or the vendor's name on ``live.vendors``.
        partitions: how many the topic has, above zero.
    """
    return native.partition_of(key, partitions)


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
        invalids: the bad ones, in order.
    """

    events: list[Event | None]
    invalids: list[Invalid]


@dataclass(frozen=True, slots=True)
class Flood:
    """What a batch of records of a feed that floods says.

    Attributes:
        events: one for each record, in order, as they are counted; nothing where it is bad.
        invalids: the bad ones, in order.
        event: gives the event of a good record by its place.
    """

    events: Events
    invalids: list[Invalid]
    event: Callable[[int], Event]


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
        self._users: Final = users or UserHasher(b"nobody counts")
        self._rooms: Final[list[dict[bytes | None, str]]] = [{} for _ in range(partitions)]
        self._good_ids: Final[set[str | None]] = {None}
        self._struct: Final = msgspec.json.Decoder(STRUCTS[feed])
        self._fast: Callable[[Any], Any] = msgspec.json.Decoder(_strict(STRUCTS[feed])).decode
        self._flood: Final = (
            FloodDecoder(
                fields=flood_fields(feed),
                partitions=partitions,
                value_bytes=VALUE_BYTES_MAX,
                ahead_ms=FUTURE_LIMIT_MS,
                rooms=MEMORY_MAX,
                users=self._users,
            )
            if feed in FLOODS
            else None
        )

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

    def decode_batch(self, records: Iterable[Record], partition: int) -> Batch:
        """Return the events of records of one partition.

        Args:
            records: the records.
            partition: the partition that they lie in, 0 <= partition < partitions.
        """
        batch = Batch([], [])
        for value, key, append_ms, _ in records:
            try:
                batch.events.append(self.decode(value, key, partition, append_ms))
            except InvalidEvent as error:
                batch.invalids.append(Invalid(len(batch.events), error))
                batch.events.append(None)
        return batch

    def decode_flood(self, records: list[Record], partition: int) -> Flood:
        """Return the events of records of one partition; of feeds that flood only, see ``FLOODS``.

        What is plainly good is decoded natively, whatever else by ``decode``.
        """
        assert self._flood is not None, f"{self.feed} does not flood"

        def event(at: int) -> Event:
            value, key, append_ms, _ = records[at]
            return self.decode(value, key, partition, append_ms)

        events, others = self._flood.decode(records, partition)
        flood = Flood(events, [], event)
        for at in others:
            try:
                found: Any = event(at)
            except InvalidEvent as error:
                flood.invalids.append(Invalid(at, error))
                continue
            _, _, append_ms, offset = records[at]
            events.put(at, found, self._users.short(found.user_id), append_ms, offset)
        self._flood.lenient = bool(self.unknown)
        return flood

    def _check_ids(self, event: Any, names: tuple[str, ...]) -> None:
        for name in names:
            given = getattr(event, name)
            if given not in self._good_ids and not (given.isalnum() and given.isascii()):
                self._learn_id(given)

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


def _strict(struct: type[Struct]) -> type[Struct]:
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
