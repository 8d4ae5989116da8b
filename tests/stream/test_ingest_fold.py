"""What a log comes to depends on the log alone, and equals the recount."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.compare import compare_operation, compare_room
from tests.stream.logs import HASHER, described, fold_at_once, fold_in_pieces, fold_with_restarts
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
        compare_room(room, wanted["rooms"][room_id], HASHER, partition.windows, reach_ms=reach_ms)
    for name, found in partition.operations.items():
        compare_operation(found, wanted["vendors"][name], partition.windows, reach_ms=reach_ms)
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
