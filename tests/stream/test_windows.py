"""Windows are the sums of their panes, however they came to where they are; panes are bounded."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.catalogue import WINDOWS_MS
from stream.cells import Extra, Group, Layout
from stream.model import Feed
from stream.panes import KEEP_SLACK_MS, LATE, LateRule, oldest_panes, pane_ms, window_bounds
from stream.sketches import Samples
from stream.tally import Tally
from stream.windows import Frame, Windows

LAYOUT = Layout((Group("l", "likes", ("a", "b")), Group("v", "visits", ("a",))))
VALUES = Extra("values", Samples, pane=Samples, fine=True)
EXTRAS = {VALUES.name: VALUES}
FEEDS: tuple[Feed, ...] = ("likes",)
START_MS = 1_700_000_000_000
SECOND = START_MS // 1_000


def new_windows():
    frames = (Frame(FEEDS, LAYOUT.of_feeds(FEEDS), LAYOUT), Frame(("likes", "visits"), ("l.b",), LAYOUT))
    return Windows(LAYOUT, frames, EXTRAS)


def likes(tally, second, number, cell="l.a"):
    tally.fresh_at(second).cells[cell] += number


def median(panes):
    whole = Samples()
    for pane in panes:
        whole.merge(pane)
    return whole.median()


class Counted:
    """One tally and its windows."""

    def __init__(self, **at):
        self.windows, self.tally = new_windows(), Tally()
        for name, number in at.items():
            likes(self.tally, SECOND + int(name[1:]), number)
        self.windows.merge([self.tally], 0)

    def __call__(self, window, reach_ms, cell="l.a", feeds=FEEDS):
        self.windows.advance({FEEDS: reach_ms, ("likes", "visits"): reach_ms})
        rows, place = self.windows.sums(feeds, window)
        return int(rows[self.tally.slot, place[cell]])


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
    found.windows.merge([found.tally], 0)
    assert found.windows.totals[found.tally.slot].tolist() == [6, 0, 0]
    assert found("1m", START_MS + 10_000) == 1


def test_each_set_of_feeds_has_its_own_end():
    windows, tally = new_windows(), Tally()
    likes(tally, SECOND, 1, "l.b")
    likes(tally, SECOND + 5, 2, "l.b")
    windows.merge([tally], 0)
    windows.advance({FEEDS: START_MS + 6_000, ("likes", "visits"): START_MS + 5_000})
    for feeds, number in ((FEEDS, 3), (("likes", "visits"), 1)):
        rows, place = windows.sums(feeds, "10s")
        assert rows[tally.slot, place["l.b"]] == number


def test_large_numbers_stay_exact():
    found = Counted(s0=2**53, s1=2**31)
    likes(found.tally, SECOND, 2**40)
    found.windows.merge([found.tally], 0)
    assert found("10s", START_MS + 10_000) == 2**53 + 2**31 + 2**40
    raw = found.windows.packed_totals([found.tally])[0]
    again, other = new_windows(), Tally()
    again.adopt(other, raw)
    assert again.totals[other.slot, 0] == 2**53 + 2**31 + 2**40


def test_a_row_that_was_given_back_begins_at_zero():
    found = Counted(s0=7)
    found("10s", START_MS + 10_000)
    found.windows.drop(found.tally)
    other = Tally()
    likes(other, SECOND, 1)
    found.windows.merge([other], 0)
    found.tally = other
    assert found("10s", START_MS + 10_000) == 1


moves = st.lists(
    st.tuples(st.integers(-40, 12), st.integers(1, 9), st.sampled_from((0, 0, 300, 1_000, 45_000, 2_000_000)))
)


@given(moves)
def test_a_window_that_moves_on_comes_to_what_the_panes_say(steps):
    """Events before and after the reach, small steps and leaps of it, old panes forgotten now and then."""
    found, reach_ms, forgot_ms = Counted(), START_MS + 500_000, 0
    tally, came = found.tally, Counter[int]()
    for shift, number, wait_ms in steps:
        second = reach_ms // 1_000 + shift
        likes(tally, second, number)
        tally.fresh_at(second).extra("values", Samples).add(number)
        came[second] += number
        found.windows.merge([tally], forgot_ms)
        reach_ms += wait_ms
        if number == 1:
            forgot_ms = reach_ms
            tally.forget(*oldest_panes(forgot_ms))
        for window in WINDOWS_MS:
            first, end = (at * pane_ms(window) // 1_000 for at in window_bounds(window, reach_ms))
            inside = {at: n for at, n in came.items() if first <= at < end}
            assert found(window, reach_ms) == sum(inside.values())
            bounds = window_bounds(window, reach_ms)
            values = tally.window(VALUES, window, bounds, median)
            assert (values is None) == (not inside)
            fresh = Tally()
            fresh.fine_extras, fresh.coarse_extras = tally.fine_extras, tally.coarse_extras
            assert values == fresh.window(VALUES, window, bounds, median)


def test_panes_that_no_window_can_need_are_dropped_and_not_begun_again():
    found = Counted(s0=1, s119=2)
    tally, reach_ms = found.tally, START_MS + 60_000 + KEEP_SLACK_MS + 1_000
    assert tally.forget(*oldest_panes(reach_ms)) == ({SECOND}, set())
    likes(tally, SECOND, 7)
    found.windows.merge([tally], reach_ms)
    assert SECOND not in tally.fine
    assert SECOND // 10 in tally.coarse
    late_ms = START_MS + 900_000 + KEEP_SLACK_MS + 10_000
    assert tally.forget(*oldest_panes(late_ms)) == ({SECOND + 119}, {SECOND // 10})


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
        events = [None if at_ms is None else SimpleNamespace(at_ms=at_ms) for at_ms in times]
        late = {at for at, at_ms in enumerate(times) if at_ms is not None and alone.late(at_ms)}
        assert together.late_ones(events) == late
        assert together.highest_ms == alone.highest_ms
