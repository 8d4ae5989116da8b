"""What a log comes to depends on the log alone, and equals the recount."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.model import FEEDS
from tests.stream.compare import compare_operation, compare_room
from tests.stream.logs import (
    HASHER,
    START_MS,
    Folding,
    Log,
    described,
    fold_at_once,
    fold_in_pieces,
    fold_with_restarts,
)
from tests.stream.recount import recount
from tests.stream.strategies import logs


@pytest.mark.timeout(240)
@given(logs())
@settings(max_examples=100, deadline=None)
def test_a_log_comes_to_what_the_recount_says(drawn):
    records, reach_ms = drawn
    partition = fold_at_once(records, reach_ms).partition
    wanted = recount(records, reach_ms=reach_ms)
    assert set(partition.rooms) == set(wanted["rooms"])
    for room_id, room in partition.rooms.items():
        compare_room(room, wanted["rooms"][room_id], HASHER, reach_ms=reach_ms)
    for name, found in partition.operations.items():
        compare_operation(found, wanted["vendors"][name], reach_ms=reach_ms)
    late = {feed: partition.counts[f"late:{feed}"] for feed in wanted["late"]}
    assert late == dict(wanted["late"])


@pytest.mark.timeout(240)
@given(logs(), st.integers(0, 1_000_000))
@settings(max_examples=100, deadline=None)
def test_neither_batches_nor_reading_order_nor_flushes_change_a_bit(drawn, seed):
    records, reach_ms = drawn
    at_once, pieces = fold_at_once(records, reach_ms), fold_in_pieces(records, reach_ms, seed)
    assert described(at_once.partition, reach_ms) == described(pieces.partition, reach_ms)
    assert buried(at_once) == buried(pieces)


@pytest.mark.timeout(240)
@given(logs(), st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_a_partition_that_is_kept_and_loaded_at_any_flush_comes_to_the_same(drawn, seed):
    """Every flush is written to a store of plain dicts, from which the next owner goes on."""
    records, reach_ms = drawn
    at_once, restarted = fold_at_once(records, reach_ms), fold_with_restarts(records, reach_ms, seed)
    assert described(at_once.partition, reach_ms) == described(restarted.partition, reach_ms)


@given(logs(), st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_nothing_waits_for_ever(drawn, seed):
    records, reach_ms = drawn
    for folding in (fold_at_once(records, reach_ms), fold_in_pieces(records, reach_ms, seed)):
        assert not any(len(queue) for queue in folding.alignment.queues.values())


def buried(folding):
    return sorted((letter.topic, letter.offset, letter.reason) for letter in folding.folder.dead)


def test_a_refund_follows_its_provisional_order_however_the_feeds_are_read():
    """The order is joined by the session that begins after it; the refund's own time does not matter.

    append   0 live   1 s order   2 s refund   3 s live
    at_ms    0        6 s         1 s          4 s
             (ended at 0.5 s)
    """
    log = Log()
    began = log.now_ms
    log.put("rooms", room_id="r1", state="live")
    log.put("rooms", append_ms=began + 500, room_id="r1", state="ended")
    order = {"room_id": "r1", "user_id": "u1", "order_id": "o1", "amount_fen": 100}
    log.put("orders", append_ms=began + 1_000, at_ms=began + 6_000, status="paid", **order)
    log.put("orders", append_ms=began + 2_000, at_ms=began + 1_000, status="refunded", **order)
    log.put("rooms", append_ms=began + 3_000, at_ms=began + 4_000, room_id="r1", state="live")
    reach_ms = began + 5_000
    wanted = recount(log.records, reach_ms=reach_ms)["rooms"]["r1"]
    assert wanted.sessions[1].sums["orders.refunded"] == 1
    for folding in (fold_at_once(log.records, reach_ms), fold_rooms_first(log.records, reach_ms)):
        compare_room(folding.partition.rooms["r1"], wanted, HASHER, reach_ms=reach_ms)


def fold_rooms_first(records, reach_ms):
    """Fold with all room records and pings read before anything else, as far as the alignment lets them."""
    folding = Folding()
    for feeds in (("rooms", "health"), [feed for feed in FEEDS if feed not in {"rooms", "health"}]):
        for feed in feeds:
            folding.read(feed, [r for r in records if r.feed == feed])
        for feed in FEEDS:
            folding.saw_end(feed, reach_ms if feed in feeds else min(reach_ms, START_MS))
        folding.fold()
    folding.flush()
    return folding
