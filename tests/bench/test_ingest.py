"""The pure parts of the ingest's benches: the mix is valid and known to the last like, the sums are right."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import orjson
import pytest

from stream.codec import Decoder, partition_of
from tests.bench.ingest.latency import Seen, latencies, percentile
from tests.bench.ingest.mix import BEFORE_MS, SHARES, Mix
from tests.bench.ingest.profile import shares
from tests.bench.ingest.store import Held, share
from tests.bench.ingest.takeover import assigned_ms, noticed_ms
from tests.bench.peers.compare import ratios

START_MS = 1_760_000_000_000
PER_S = 5_000
NUMBER = 10_000


def mix(**more):
    return Mix(
        **{
            "seed": 7,
            "rooms": 30,
            "partitions": 4,
            "start_ms": START_MS,
            "per_s": PER_S,
            "people": 900,
            **more,
        }
    )


@pytest.fixture(scope="module")
def made():
    """Return a mix and everything that it gave, by feed."""
    some = mix()
    records: dict[str, list[tuple[int, bytes, bytes]]] = {feed: [] for feed in (*SHARES, "rooms")}
    for part in (some.announcements(), *some.slices(NUMBER)):
        for (feed, partition), pairs in part.items():
            records[feed] += [(partition, key, value) for key, value in pairs]
    return some, records


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    first, second = list(mix().slices(2_000)), list(mix().slices(2_000))
    assert first == second
    assert list(mix(seed=8).slices(2_000)) != first


def test_each_feed_has_its_share(made):
    some, records = made
    assert some.number >= NUMBER
    for feed, wanted in SHARES.items():
        assert len(records[feed]) / some.number == pytest.approx(wanted, abs=0.001)


def test_every_record_is_one_that_the_ingest_takes(made):
    _, records = made
    for feed, found in records.items():
        decoder = Decoder(feed, 4)
        for partition, key, value in found:
            batch = decoder.decode_batch([(value, key, START_MS + 60_000, 0)], partition)
            assert not batch.invalids, value
        assert not decoder.unknown


def test_rooms_are_announced_before_their_first_event(made):
    some, records = made
    told = [orjson.loads(value) for _, _, value in records["rooms"]]
    assert {value["state"] for value in told} == {"live"}
    assert len({value["room_id"] for value in told}) == len(some.rooms)
    events = chain.from_iterable(records[feed] for feed in SHARES)
    assert min(orjson.loads(value)["at_ms"] for _, _, value in events) >= START_MS - BEFORE_MS
    assert {value["at_ms"] for value in told} == {START_MS - BEFORE_MS}


def test_event_time_runs_at_the_stated_density(made):
    some, records = made
    newest = max(orjson.loads(value)["at_ms"] for _, _, value in records["likes"])
    assert newest - START_MS == pytest.approx(some.number / PER_S * 1_000, rel=0.02)


def test_the_largest_room_has_what_zipf_says(made):
    some, records = made
    keys = Counter(key for _, key, _ in records["likes"])
    assert keys[b"room-00000"] / len(records["likes"]) == pytest.approx(
        1 / sum(1 / rank for rank in range(1, len(some.rooms) + 1)), rel=0.05
    )


def test_what_the_mix_says_it_sent_is_what_a_reader_counts(made):
    some, records = made
    counted: dict[str, Counter[str]] = {room.room_id.decode(): Counter() for room in some.rooms}
    for feed in SHARES:
        for _, _, value in records[feed]:
            event = orjson.loads(value)
            _count(counted[event["room_id"]], feed, event)
    for room in some.rooms:
        assert +room.sent == +counted[room.room_id.decode()]


def _count(room, feed, event):
    match feed:
        case "likes":
            room["likes"] += event["count"]
        case "danmaku":
            room["danmaku"] += 1
        case "visits":
            room[event["action"]] += 1
        case "health":
            room["pings"] += 1
            room[f"dropped:{event['probe']}"] += event["dropped_frames"]
        case "orders":
            room[f"order:{event['status']}"] += 1
            if event["status"] == "paid" and event["kind"] == "goods":
                room["gmv_fen"] += event["amount_fen"]


def test_an_order_is_created_once_and_first(made):
    some, records = made
    steps: dict[str, list[str]] = {}
    for _, _, value in records["orders"]:
        order = orjson.loads(value)
        steps.setdefault(order["order_id"], []).append(order["status"])
    assert len(steps) == some.order_ids
    assert all(step[0] == "created" and len(set(step)) == len(step) for step in steps.values())


def test_a_second_mix_of_the_seed_goes_on_with_other_orders(made):
    some, records = made
    more = mix(orders_before=some.order_ids)
    known = {orjson.loads(value)["order_id"] for _, _, value in records["orders"]}
    for part in more.slices(2_000):
        for (feed, _), pairs in part.items():
            if feed == "orders":
                assert not known & {orjson.loads(value)["order_id"] for _, value in pairs}


def test_rooms_lie_where_their_key_puts_them(made):
    some, _ = made
    assert all(room.partition == partition_of(room.room_id.decode(), 4) for room in some.rooms)


def test_a_record_is_seen_with_the_first_answer_that_includes_it():
    seen = Seen()
    for offset, at_ms in ((5, 100.0), (5, 110.0), (8, 120.0)):
        seen.add(offset, at_ms)
    assert list(seen.parts(0, 5)) == [(100.0, 5)]
    assert list(seen.parts(3, 4)) == [(100.0, 2), (120.0, 2)]
    assert list(seen.parts(7, 4)) == [(120.0, 1)]


def test_latencies_are_those_of_records_and_say_how_many_are_missing():
    seen = Seen([10, 20], [1_000.0, 1_050.0])
    found, missing = latencies({(0, "likes"): seen}, [(0, "likes", 5, 10, 990), (0, "likes", 15, 10, 1_040)])
    assert found == [(10.0, 5), (60.0, 5), (10.0, 5)]
    assert missing == 5


@pytest.mark.parametrize(("wanted", "value"), [(0.5, 1.0), (0.9, 1.0), (0.95, 7.0), (1.0, 7.0)])
def test_percentiles_weigh_by_the_number_of_records(wanted, value):
    assert percentile([(7.0, 10), (1.0, 90)], wanted) == value


def test_every_byte_of_the_store_belongs_to_a_room_or_to_the_orders():
    held = [
        Held(b"{p0}:room:room-00000", 900, {}),
        Held(b"{p1}:room:room-00001", 300, {}),
        Held(b"{p0}:now", 110, {b"room-00000": 40, b"room-00001": 60}),
        Held(b"{p0}:orders:489", 360, {}),
        Held(b"{p0}:owner", 20, {b"epoch": 6}),
    ]
    by_room, orders = share(held, 2)
    assert by_room == {b"room-00000": 900 + 44 + 10, b"room-00001": 300 + 66 + 10}
    assert orders == 360


def test_a_profile_counts_a_function_once_a_look_however_often_it_is_on_the_stack():
    stacks = ["main (/a/b/c.py:1);fold (/a/b/d.py:7);fold (/a/b/d.py:9) 3", "main (/a/b/c.py:2) 1"]
    own, under = shares([*stacks, "run (/x/threading.py:1);_worker (/x/concurrent/futures/thread.py:81) 99"])
    assert own == {"fold (b/d.py)": 3, "main (b/c.py)": 1}
    assert under == {"fold (b/d.py)": 3, "main (b/c.py)": 4}


def test_the_last_assignment_counts():
    log = [
        b'{"event":"ingest.assigned","partitions":[0],"timestamp":"2026-01-01T00:00:01.000000Z"}',
        b"not json",
        b'{"event":"ingest.assigned","partitions":[0,1],"timestamp":"2026-01-01T00:00:02.500000Z"}',
        b'{"event":"ingest.claimed","timestamp":"2026-01-01T00:00:09.000000Z"}',
    ]
    assert assigned_ms(log) == 1_767_225_602_500


def test_the_broker_tells_when_it_noticed_the_dead():
    lines = [
        "2026-01-01 00:00:01.250 INFO GroupMetadataManager [GroupCoordinator] Member a in group g has failed",
        "2026-01-01 00:00:02.000 INFO GroupMetadataManager [GroupCoordinator] Preparing to rebalance group g",
    ]
    first, second = noticed_ms(lines), noticed_ms([lines[0].replace("01.250", "02.250")])
    assert first is not None
    assert second is not None
    assert second - first == 1_000
    assert noticed_ms(lines[1:]) is None


def test_a_peer_is_compared_with_each_of_our_catalogues():
    ours = {"whole": {"cpu_us_per_event": 5.0}, "core": {"cpu_us_per_event": 2.5}}
    assert ratios({"cpu_us_per_event": 50.0}, ours) == ["10.00", "20.00"]
