"""Which records may be folded: turns, alignment, the barrier; and that nothing waits for ever."""

from __future__ import annotations

import pytest

from stream.alignment import FAR_MS, Alignment, FeedQueue
from stream.model import FEEDS

SETTLE_MS, ALIGN_MS = 30, 10_000


def record(append_ms, offset=0):
    return (b"{}", b"k", append_ms, offset)


@pytest.fixture
def alignment():
    return Alignment(settle_ms=SETTLE_MS, align_ms=ALIGN_MS)


def read_to(alignment, reach_ms, *, but=()):
    for feed in FEEDS:
        if feed not in but:
            alignment.queues[feed].saw_end(reach_ms)


def test_an_event_waits_until_rooms_were_read_past_its_settle_time(alignment):
    read_to(alignment, 5_000, but=("rooms",))
    alignment.queues["likes"].put([record(1_000)])
    alignment.queues["rooms"].saw_end(1_030)
    assert alignment.limit_ms("likes", FAR_MS) <= 1_000
    alignment.queues["rooms"].saw_end(1_031)
    assert alignment.limit_ms("likes", FAR_MS) == 1_001


def test_an_event_waits_for_pings_that_came_no_later(alignment):
    read_to(alignment, 5_000, but=("health",))
    alignment.queues["health"].put([record(900)])
    assert alignment.limit_ms("visits", FAR_MS) == 900
    assert alignment.limit_ms("health", FAR_MS) == 4_970


def test_a_room_record_waits_for_the_pings_whose_turn_is_before_its_own(alignment):
    read_to(alignment, 5_000, but=("health",))
    alignment.queues["rooms"].put([record(4_000)])
    alignment.queues["health"].saw_end(3_969)
    assert alignment.limit_ms("rooms", FAR_MS) <= 4_000
    alignment.queues["health"].saw_end(3_970)
    assert alignment.limit_ms("rooms", FAR_MS) == 4_001


def test_no_feed_runs_further_ahead_than_the_alignment(alignment):
    read_to(alignment, 100_000, but=("transcript",))
    alignment.queues["transcript"].saw_end(1_000)
    assert {alignment.limit_ms(feed, FAR_MS) for feed in FEEDS} == {1_000 + ALIGN_MS}


def test_no_room_feed_passes_the_barrier(alignment):
    read_to(alignment, 9_000)
    assert all(alignment.limit_ms(feed, 2_000) == 2_000 for feed in FEEDS if feed not in {"vendors", "rooms"})
    assert alignment.limit_ms("rooms", 2_000) == 2_000 + SETTLE_MS
    assert not alignment.passed(9_000)
    alignment.queues["rooms"].saw_end(9_030)
    assert alignment.passed(9_000)
    alignment.queues["marks"].put([record(8_999)])
    assert not alignment.passed(9_000)


def test_an_append_time_that_falls_back_is_held():
    queue = FeedQueue()
    queue.put([record(5_000, 0), record(4_000, 1)])
    assert [taken[2] for taken in queue.take(FAR_MS, 9)] == [5_000, 5_000]
    queue.saw_end(4_500)
    assert queue.reach_ms == 5_000


def test_a_queue_gives_at_most_what_is_asked_for():
    queue = FeedQueue()
    queue.put([record(at, at) for at in range(10)])
    assert [taken[3] for taken in queue.take(7, 4)] == [0, 1, 2, 3]
    assert [taken[3] for taken in queue.take(7, 40)] == [4, 5, 6]
    assert (len(queue), queue.head_ms, queue.folded_ms) == (3, 7, 7)


def test_before_a_feed_was_read_nothing_much_may_be_folded(alignment):
    read_to(alignment, 1_700_000_000_000, but=("marks",))
    assert alignment.limit_ms("health", FAR_MS) == ALIGN_MS
