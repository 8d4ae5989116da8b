"""Windows are the sums of their panes, however they came to where they are; panes are bounded."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream import figures
from stream.catalogue import WINDOWS_MS
from stream.figures import EXTRAS, LAYOUT, new_tally
from stream.figures.expression import expression
from stream.figures.view import View
from stream.model import Feed, Like
from stream.native import Events
from stream.panes import (
    KEEP_SLACK_MS,
    LATE,
    LateRule,
    oldest_brief,
    oldest_panes,
    pane_ms,
    window_bounds,
)
from tests.stream.asked import asked, people
from tests.stream.logs import fields_of, totals_of, unpacked

FEEDS: tuple[Feed, ...] = ("likes",)
JOINT: tuple[Feed, ...] = ("danmaku", "likes", "visits")
CELLS = ("likes.count", "likes.events", "danmaku.count", "visits.enter", "orders.paid")
FEEDS_OF: dict[str, tuple[tuple[Feed, ...], ...]] = {
    "likes.count": (FEEDS,),
    "likes.events": (FEEDS, JOINT),
    "danmaku.count": (("danmaku",), JOINT),
    "visits.enter": (("visits",),),
    "orders.paid": (("orders",),),
}
"""Cell -> the sets of feeds whose windows have it."""
START_MS = 1_700_000_000_000
SECOND = START_MS // 1_000
NOTHING_FORGOTTEN = (0, 0, 0)
ONE, TWO = 1 << 16, 2 << 16
"""People whom the bits of their hashes that panes keep tell apart."""


def likes(tally, second, number, cell="likes.count"):
    tally.fresh_at(second).cells[cell] += number


def sums_of(tallies, cell, window, reach_ms, feeds=FEEDS):
    """Return what a window of each tally comes to."""
    ends_ms = reach_ms if isinstance(reach_ms, dict) else {feeds: reach_ms}
    view = View(figures._FRAMES, LAYOUT, {one: at for at, one in enumerate(ends_ms)})
    view.feeds = feeds
    (found,) = asked(tallies, view.window(cell, window), ends_ms=[*ends_ms.values()])
    return found


class Counted:
    """One tally and its windows."""

    def __init__(self, **at):
        self.tally = new_tally()
        for name, number in at.items():
            likes(self.tally, SECOND + int(name[1:]), number)
        self.tally.merge(NOTHING_FORGOTTEN)

    def __call__(self, window, reach_ms):
        (found,) = sums_of([self.tally], "likes.count", window, reach_ms)
        return found


def test_an_event_on_the_edge_is_counted_by_the_later_window_only():
    """A window of 10 s that ends at T holds [T - 10 s, T).

    ::

        s0 |1|.|.|.|.|.|.|.|.|.|2|.
           [------ ends at 10 ------)
             [------ ends at 11 ------)
    """
    found = Counted(s0=1, s10=2)
    assert found("10s", START_MS + 10_000) == 1
    assert found("10s", START_MS + 11_000) == 2


def test_a_window_ends_on_the_last_whole_pane_before_the_reach():
    assert window_bounds("10s", START_MS + 1_999) == (SECOND - 9, SECOND + 1)
    assert window_bounds("5m", START_MS + 19_999) == (SECOND // 10 - 29, SECOND // 10 + 1)


@pytest.mark.parametrize(("window", "step"), [("10s", 1_000), ("1m", 1_000), ("5m", 10_000), ("15m", 10_000)])
def test_panes_are_of_the_contracts_lengths(window, step):
    assert pane_ms(window) == step


def test_coarse_panes_hold_what_their_seconds_hold():
    found = Counted(**{f"s{second}": second for second in range(25)})
    assert found("5m", START_MS + 29_999) == sum(range(20))
    assert found("15m", START_MS + 30_000) == sum(range(25))


def test_what_is_late_counts_in_the_total_only():
    found = Counted(s0=1)
    likes(found.tally, LATE, 5)
    found.tally.merge(NOTHING_FORGOTTEN)
    assert totals_of(found.tally) == {"likes.count": 6}
    assert found("1m", START_MS + 10_000) == 1
    assert (found.tally.numbers(False), found.tally.numbers(True)) == ([SECOND], [SECOND // 10])


def test_each_set_of_feeds_has_its_own_end():
    tally = new_tally()
    likes(tally, SECOND, 1, "likes.events")
    likes(tally, SECOND + 5, 2, "likes.events")
    tally.merge(NOTHING_FORGOTTEN)
    ends_ms = {FEEDS: START_MS + 6_000, JOINT: START_MS + 5_000}
    for feeds, number in ((FEEDS, 3), (JOINT, 1), (FEEDS, 3)):
        assert sums_of([tally], "likes.events", "10s", ends_ms, feeds) == [number]


def test_large_numbers_stay_exact():
    found = Counted(s0=2**53, s1=2**31)
    likes(found.tally, SECOND, 2**40)
    found.tally.merge(NOTHING_FORGOTTEN)
    assert found("10s", START_MS + 10_000) == 2**53 + 2**31 + 2**40
    assert totals_of(found.tally) == {"likes.count": 2**53 + 2**31 + 2**40}
    assert totals_of(unpacked(fields_of(found.tally))) == totals_of(found.tally)


def test_large_numbers_that_come_and_go_leave_no_trace():
    """Sums are of integers: what a window leaves behind takes nothing of the small numbers along."""
    found = Counted(s0=2**60, s5=1)
    assert found("10s", START_MS + 10_000) == 2**60
    assert found("10s", START_MS + 11_000) == 1


def test_a_subject_without_events_of_a_group_has_no_sum_and_the_others_have_theirs():
    some, none, other = (new_tally() for _ in range(3))
    likes(some, SECOND, 4)
    likes(none, SECOND, 7, "danmaku.count")
    likes(other, SECOND - 3_600, 2)
    for tally in (some, none, other):
        tally.merge(NOTHING_FORGOTTEN)
    found = sums_of([some, none, other], "likes.count", "10s", START_MS + 5_000)
    assert found == [4, None, 0]


moves = st.lists(
    st.tuples(
        st.integers(-40, 12),
        st.sampled_from(CELLS),
        st.integers(1, 9),
        st.sampled_from((0, 0, 300, 1_000, 45_000, 2_000_000)),
        st.booleans(),
    ),
    max_size=25,
)


@given(moves)
@settings(deadline=None)
def test_a_window_that_moves_on_comes_to_what_the_panes_say(steps):
    """Events before and after the reach, small steps and leaps of it, old panes forgotten now and then."""
    reach_ms, forgot_ms = START_MS + 500_000, 0
    tally, other, came = new_tally(), new_tally(), Counter[tuple[int, str]]()
    likes(other, reach_ms // 1_000, 1)
    other.merge(NOTHING_FORGOTTEN)
    for shift, cell, number, wait_ms, looked in steps:
        second = reach_ms // 1_000 + shift
        likes(tally, second, number, cell)
        came[second, cell] += number
        tally.merge((*oldest_panes(forgot_ms), oldest_brief(forgot_ms)))
        reach_ms += wait_ms
        if number == 1:
            forgot_ms = reach_ms
            tally.forget(*oldest_panes(forgot_ms))
            tally.forget_brief(oldest_brief(forgot_ms))
        for window in WINDOWS_MS if looked else ():
            first, end = (at * pane_ms(window) // 1_000 for at in window_bounds(window, reach_ms))
            for one in {cell for _, cell in came}:
                inside = [n for (at, name), n in came.items() if name == one and first <= at < end]
                for feeds in FEEDS_OF[one]:
                    found, _ = sums_of([tally, other], one, window, reach_ms, feeds)
                    assert found == sum(inside)


def some_extras(chance, second):
    """Return extras that come at once: people of few who are there, so that they meet."""
    users = {chance.randrange(12) << 40 | 7 for _ in range(chance.randrange(1, 5))}
    made = {
        "people": lambda: users,
        "sample": lambda: users,
        "busiest": lambda: {user: chance.randrange(1, 150) for user in users},
        "said": lambda: {user >> 4: chance.randrange(10) for user in users},
        "pings": lambda: [
            chance.randrange(3) << 46 | chance.randrange(2**16) << 14 | second % 10 * 1_000,
            chance.randrange(2**62),
        ],
        "counts": lambda: {chance.randrange(30): chance.randrange(1, 9)},
    }
    names = chance.sample(sorted(EXTRAS), chance.randrange(4))
    return {name: made[EXTRAS[name].kind]() for name in names}


def told(tally, reach_ms):
    """Return all that the native module tells of a tally's windows, as plain values."""
    view = View(figures._FRAMES, LAYOUT, {(): 0})
    found = [expression("busiest_share", "busiest", 10, view.tens(6))]
    for window in WINDOWS_MS:
        span = view.span(window)
        for name, extra in EXTRAS.items():
            kept = not extra.brief or window == "5m"
            if extra.kind == "people" and extra.panes and extra.coarse == span.coarse and kept:
                found.append(view.people(name, window))
        if span.coarse:
            found += [expression("lag", "clicked", "paid", 8, share, span) for share in (0.5, 0.9)]
        else:
            found += [expression("rank", "latencies", share, span) for share in (0.1, 0.5, 1)]
    for operation, window in (("ping_minute", "1m"), ("ping_quarter", "15m")):
        found += [expression(operation, "pings", at, view.span(window)) for at in range(42)]
    return asked([tally], *found, ends_ms=[reach_ms])


@given(st.integers(0, 2**32))
@settings(deadline=None)
def test_what_is_remembered_of_windows_is_what_a_new_owner_works_out(seed):
    """Whatever comes in whichever pane, however the reach moves, and whatever is forgotten."""
    chance, tally, fields = random.Random(seed), new_tally(), dict[bytes, Any]()
    reach_ms, forgot_ms = START_MS, START_MS
    for _ in range(chance.randrange(1, 25)):
        for _ in range(chance.randrange(4)):
            second = reach_ms // 1_000 + chance.choice((-700, -90, -40, -9, -3, 0, 0, 5))
            second = second if chance.random() < 0.3 else second // 60 * 60
            oldest = (*oldest_panes(forgot_ms), oldest_brief(forgot_ms))
            tally.take(second, {}, some_extras(chance, second), oldest)
        reach_ms += chance.choice((0, 0, 1_000, 1_000, 7_000, 60_000, 400_000))
        if chance.random() < 0.2:
            forgot_ms = reach_ms
            tally.forget(*oldest_panes(forgot_ms))
            tally.forget_brief(oldest_brief(forgot_ms))
        fields |= fields_of(tally)
        if chance.random() < 0.8:
            assert told(tally, reach_ms) == told(unpacked(fields), reach_ms)


def test_panes_that_no_window_can_need_are_dropped_and_not_begun_again():
    found = Counted(s0=1, s119=2)
    tally, reach_ms = found.tally, START_MS + 60_000 + KEEP_SLACK_MS + 1_000
    assert tally.forget(*oldest_panes(reach_ms)) == ([SECOND // 10], [])
    likes(tally, SECOND, 7)
    tally.merge((*oldest_panes(reach_ms), oldest_brief(reach_ms)))
    assert SECOND not in tally.panes(False)
    assert SECOND // 10 in tally.panes(True)
    late_ms = START_MS + 900_000 + KEEP_SLACK_MS + 10_000
    assert tally.forget(*oldest_panes(late_ms)) == ([(SECOND + 119) // 10], [SECOND // 60])


def test_a_pane_that_was_dropped_is_not_kept_either():
    found = Counted(s0=1)
    found.tally.forget(SECOND + 1, SECOND // 10 + 1)
    assert set(fields_of(found.tally)) == {b"state", b"t:0"}


def test_what_is_kept_briefly_goes_before_its_pane():
    tally = new_tally()
    tally.take(
        SECOND // 60 * 60, {"likes.count": 1}, {"writers": {ONE}, "visitors": {ONE}}, NOTHING_FORGOTTEN
    )
    fields = fields_of(tally)
    number = SECOND // 60 * 6
    tally.forget_brief(number)
    assert fields_of(tally).keys() == {b"state"}
    tally.forget_brief(number + 1)
    fields |= fields_of(tally)
    for one in (tally, unpacked(fields)):
        counts = [people(one, name, number, number + 6) for name in ("writers", "visitors")]
        assert counts == [0, 1]
    tally.take(SECOND // 60 * 60, {}, {"writers": {TWO}, "visitors": {TWO}}, (0, 0, number + 1))
    counts = [people(tally, name, number, number + 6) for name in ("writers", "visitors")]
    assert counts == [0, 2]


def test_late_is_below_the_highest_before_it_minus_the_lateness():
    """Event times of a log, lateness 30 s; ``L`` is late.

    ::

        100 s   70 s   69.999 s L   130 s   99.999 s L   100 s
    """
    rule = LateRule(30_000)
    times = [100_000, 70_000, 69_999, 130_000, 99_999, 100_000]
    assert [rule.late(at_ms) for at_ms in times] == [False, False, True, False, True, False]
    assert rule.highest_ms == 130_000


@given(st.lists(st.lists(st.none() | st.integers(0, 90_000), max_size=8), max_size=8))
def test_the_late_ones_of_batches_are_those_that_are_late_one_by_one(batches):
    together, alone = LateRule(30_000), LateRule(30_000)
    for times in batches:
        events = Events(len(times))
        for at, at_ms in enumerate(times):
            if at_ms is not None:
                events.put(at, Like("r", "u", at_ms, 1), 1, at_ms, at)
        late = {at for at, at_ms in enumerate(times) if at_ms is not None and alone.late(at_ms)}
        assert together.late_ones(events) == late
        assert together.highest_ms == alone.highest_ms
