"""What a log comes to depends on the log alone, and equals the recount."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.compare import compare_room
from tests.stream.logs import HASHER, described, fold_at_once, fold_in_pieces
from tests.stream.recount import recount
from tests.stream.strategies import logs


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
        row = found.totals["vendors"].row
        assert row == [wanted["vendors"][name][outcome] for outcome in ("ok", "timeout", "error")]
    late = {feed: partition.counts[f"late:{feed}"] for feed in wanted["late"]}
    assert late == dict(wanted["late"])


@given(logs(), st.integers(0, 1_000_000))
@settings(max_examples=100, deadline=None)
def test_neither_batches_nor_reading_order_nor_flushes_change_a_bit(drawn, seed):
    records, reach_ms = drawn
    at_once, pieces = fold_at_once(records, reach_ms), fold_in_pieces(records, reach_ms, seed)
    assert described(at_once.partition) == described(pieces.partition)
    assert [d.offset for d in at_once.folder.dead] == sorted(
        (d.offset for d in pieces.folder.dead), key=[d.offset for d in at_once.folder.dead].index
    ) or sorted((d.topic, d.offset) for d in at_once.folder.dead) == sorted(
        (d.topic, d.offset) for d in pieces.folder.dead
    )
