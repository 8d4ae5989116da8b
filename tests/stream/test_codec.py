import json
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given, settings
from hypothesis import strategies as st

from stream import codec
from stream.alignment import Record
from stream.cells import FloodBatch
from stream.codec import Decoder, partition_of
from stream.errors import InvalidEvent
from stream.figures import FEED_FIGURES, new_tally
from stream.model import FEEDS, FLOODS, VALUE_BYTES_MAX, Feed, Like
from stream.native import Events
from tests.stream import plain_decoder
from tests.stream.corpus import APPEND_MS, GOOD, PARTITIONS
from tests.stream.corpus.case import record, with_field
from tests.stream.logs import WORDS, fields_of
from tests.stream.test_corpus import SCHEMAS, UNSEEN_BY_SCHEMAS

ROOM = 0
"""Partition of the room that the corpus uses."""
_ACTIONS = ("enter", "leave", "click", "cart", "follow", "share", "rate")

# Kafka's own test of Utils.murmur2, as signed 32-bit numbers.
JAVA = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    st.lists,
    max_leaves=4,
)


@pytest.fixture
def likes() -> Decoder:
    return Decoder("likes", PARTITIONS)


def judged(decoder: Decoder, value: bytes | None, key: bytes | None = b"r1") -> str:
    try:
        decoder.decode(value, key, ROOM, APPEND_MS)
    except InvalidEvent as error:
        return error.reason
    return "good"


def judged_plainly(feed: Feed, value: bytes, key: bytes | None = b"r1") -> str:
    try:
        plain_decoder.decode(feed, value, key=key, partition=ROOM, partitions=PARTITIONS, append_ms=APPEND_MS)
    except plain_decoder.Bad as bad:
        return str(bad.args[0])
    return "good"


@pytest.mark.parametrize(("key", "digest"), JAVA.items())
def test_partitions_as_java_does(key, digest):
    assert partition_of(key, 2**31) == digest & 0x7FFFFFFF


@given(st.text(), st.integers(1, 1_024))
def test_partitions_as_aiokafka_does(key, partitions):
    assert partition_of(key, partitions) == (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
    assert partition_of(key, partitions) == plain_decoder.kafka_partition(key.encode(), partitions)


@settings(max_examples=150)
@given(st.sampled_from(FEEDS), st.binary() | jsons.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_decode_or_are_invalid(feed, value):
    decoder = Decoder(feed, PARTITIONS)
    assert judged(decoder, value) == judged_plainly(feed, value)


@settings(max_examples=200)
@given(st.data())
def test_damaged_records_get_one_verdict(data):
    """Bytes of a good record are cut out, doubled or put in at random places."""
    case = data.draw(st.sampled_from([c for c in GOOD if c.value is not None and len(c.value) < 1_000]))
    value = case.value or b""
    at, cut = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 3))
    put = data.draw(
        st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"{", b"}", b"1e5", b"\xef\xbb\xbf", b",,"])
    )
    damaged = value[:at] + put + value[at + cut :]
    assert judged_alike(case.feed, damaged, case.key)


@settings(max_examples=200)
@given(st.data())
def test_records_with_odd_fields_get_one_verdict(data):
    """The JSON Schema agrees as well, where it can tell."""
    case = data.draw(st.sampled_from([c for c in GOOD if c.value is not None and len(c.value) < 1_000]))
    fields = json.loads(case.value or b"")
    name = data.draw(st.sampled_from(sorted(fields)) | st.just("unknown"))
    fields[name] = data.draw(jsons)
    value = json.dumps(fields, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    assert judged_alike(case.feed, value, case.key)
    verdict = judged_plainly(case.feed, value, case.key)
    if verdict not in UNSEEN_BY_SCHEMAS:
        assert SCHEMAS[case.feed].is_valid(fields) == (verdict == "good")


def judged_alike(feed, value: bytes, key: bytes | None) -> bool:
    """Compare the decoder before and after it has met an unknown field with the plain one."""
    fresh, lenient = Decoder(feed, PARTITIONS), Decoder(feed, PARTITIONS)
    lenient._fast = lenient._lenient
    want = judged_plainly(feed, value, key)
    return judged(fresh, value, key) == judged(lenient, value, key) == want


def test_a_batch_keeps_places(likes):
    good, bad = record("likes"), record("likes", count=0)
    batch = likes.decode_batch(
        [(v, b"r1", APPEND_MS, i) for i, v in enumerate([good, bad, None, good])], ROOM
    )
    assert [event and event.at_ms for event in batch.events] == [APPEND_MS, None, None, APPEND_MS]
    assert [(one.index, one.error.reason) for one in batch.invalids] == [(1, "bad_value"), (2, "not_json")]


_some_visits = st.lists(
    st.sampled_from(
        [
            *(record("visits", user_id=user, action="enter", room_id="r1") for user in ("u1", "u2", "u-3")),
            record("visits", user_id="u1", action="click", item_id="i1"),
            record("visits", user_id="u1", action="click", item_id="no good id"),
            record("visits", user_id="no good id", action="enter"),
            record("visits", user_id="u1", action="enter", at_ms=APPEND_MS + 10_001),
            record("visits", user_id="u1", action="enter", room_id="r2"),
            record("visits", user_id="u1", action="enter", more="unknown"),
            record("visits", user_id="u1", action="enter", more="x" * VALUE_BYTES_MAX),
            b"{",
            None,
        ]
    ),
    max_size=6,
)


@given(st.lists(_some_visits, min_size=1, max_size=12))
def test_batches_say_of_each_record_what_it_says_alone(batches):
    """Whatever the batches before it were like, and whatever else is in it."""
    together, alone = (Decoder("visits", PARTITIONS) for _ in range(2))
    for values in batches:
        records: list[Record] = [(v, b"r1", APPEND_MS, i) for i, v in enumerate(values)]
        flood = together.decode_flood(records, ROOM)
        reasons = {one.index: one.error.reason for one in flood.invalids}
        assert [reasons.get(at, "good") for at in range(len(values))] == [judged(alone, v) for v in values]
        good = [at for at in range(len(values)) if at not in reasons]
        assert [(room, part.places) for room, part in flood.events.rooms()] == (
            [("r1", good)] if good else []
        )
        events: list[Any] = [alone.decode(values[at], b"r1", ROOM, APPEND_MS) for at in good]
        assert [flood.event(at) for at in good] == events
        wanted = Events(len(values), _ACTIONS)
        for at, event in zip(good, events, strict=True):
            wanted.put(at, event, alone._users.short(event.user_id), APPEND_MS, at)
        assert counted("visits", flood.events) == counted("visits", wanted)


@settings(max_examples=200)
@given(st.data())
def test_damaged_records_are_counted_as_what_they_say_or_not_at_all(data):
    """The native decoder takes nothing that the judge refuses, and reads the same of all else."""
    feed = data.draw(st.sampled_from(FLOODS))
    good = [c for c in GOOD if c.feed == feed and c.value is not None and len(c.value) < 1_000]
    records = []
    for number in range(data.draw(st.integers(1, 5))):
        case = data.draw(st.sampled_from(good))
        value = case.value or b""
        at, cut = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 2))
        put = data.draw(
            st.binary(max_size=2)
            | st.sampled_from([b"", b'"', b"\\", b"\\ud83d", b'"x":1,', b"null", b"1e2", b"-0", b" ", b"\0"])
        )
        records.append((value[:at] + put + value[at + cut :], case.key, APPEND_MS, number))
    alone = Decoder(feed, PARTITIONS)
    wanted, bad = Events(len(records), _ACTIONS), []
    for at, (value, key, append_ms, offset) in enumerate(records):
        try:
            event: Any = alone.decode(value, key, ROOM, append_ms)
        except InvalidEvent:
            bad.append(at)
        else:
            wanted.put(at, event, alone._users.short(event.user_id), append_ms, offset)
    flood = Decoder(feed, PARTITIONS).decode_flood(records, ROOM)
    assert [one.index for one in flood.invalids] == bad
    assert counted(feed, flood.events) == counted(feed, wanted)


def counted(feed, events):
    """Return what events come to, room by room."""
    found = {}
    for room_id, part in events.rooms():
        tally = new_tally()
        FEED_FIGURES[feed].add(FloodBatch(tally, part, late=False, words=WORDS))
        found[room_id] = (part.places, fields_of(tally), tally.hits, tally.registers)
    return found


def test_a_batch_of_a_feed_without_users():
    rooms = Decoder("rooms", PARTITIONS)
    batch = rooms.decode_batch(
        [
            (record("rooms"), b"r1", APPEND_MS, 0),
            (b"[]", b"r1", APPEND_MS, 1),
            (record("rooms"), b"r1", APPEND_MS, 2),
        ],
        ROOM,
    )
    assert [event is None for event in batch.events] == [False, True, False]
    assert [(one.index, one.error.reason) for one in batch.invalids] == [(1, "not_object")]


def test_the_text_says_where_what_and_what_is_allowed(likes):
    with pytest.raises(InvalidEvent) as caught:
        likes.decode(record("likes", count=0), b"r1", ROOM, APPEND_MS)
    assert caught.value.detail == "count is 0; it must be an integer from 1 to 10000"


def test_a_known_room_is_still_held_to_its_key(likes):
    assert judged(likes, record("likes")) == "good"
    assert judged(likes, record("likes"), b"r2") == "bad_key"
    assert judged(likes, record("likes", room_id="r2")) == "bad_key"


def test_a_known_id_of_one_field_is_no_licence_for_another_value(likes):
    assert judged(likes, record("likes", user_id="a-b")) == "good"
    assert judged(likes, record("likes", user_id="a b")) == "bad_value"
    assert judged(likes, record("likes", user_id="a b")) == "bad_value"


def test_unknown_fields_count_once_per_feed(likes):
    assert judged(likes, record("likes")) == "good"
    assert likes.unknown == 0
    assert judged(likes, record("likes", colour="red", count=0)) == "bad_value"
    assert likes.unknown == 0
    for _ in range(3):
        assert judged(likes, record("likes", colour="red")) == "good"
    assert (likes.unknown, likes.unknown_field) == (1, "colour")


def test_unknown_fields_leave_the_event_as_it_is(likes):
    want = Like("r1", "u1", APPEND_MS, 3)
    for value in (record("likes"), record("likes", x=1), record("likes", x="播" * 300), record("likes")):
        assert likes.decode(value, b"r1", ROOM, APPEND_MS) == want


def test_memories_are_bounded(likes, monkeypatch):
    monkeypatch.setattr(codec, "MEMORY_MAX", 8)
    for number in range(50):
        room = f"room-{number}"
        value = record("likes", room_id=room, user_id=f"user-{number}")
        likes.decode(value, room.encode(), partition_of(room, PARTITIONS), APPEND_MS)
    assert len(likes._good_ids) <= 10
    assert max(map(len, likes._rooms)) <= 8


def test_the_largest_value_is_accepted_by_a_decoder_that_is_lenient(likes):
    judged(likes, record("likes", x=1))
    pad = VALUE_BYTES_MAX - len(record("likes"))
    assert judged(likes, record("likes") + b" " * pad) == "good"
    assert judged(likes, record("likes") + b" " * (pad + 1)) == "too_large"
    assert judged(likes, with_field("likes", "x", b"[" * 500 + b"]" * 500)) == "not_json"
