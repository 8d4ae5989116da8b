"""Panes and windows: half open, on whole panes, late by the log alone, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cells import Fresh, Group
from stream.windows import KEEP_SLACK_MS, LateRule, Panes, oldest_panes, pane_ms, window_bounds

GROUP = Group("g", ("a", "b"), ("people",), ("values",))
START_MS = 1_700_000_000_000
SECOND = START_MS // 1_000


def fresh(a=0, b=0, people=(), values=()):
    found = Fresh(GROUP)
    found.row[:] = [a, b]
    found.people[0].update(people)
    for value in values:
        found.samples[0].add(value)
    return found


def panes(**at):
    """Return panes with ``a`` added at seconds s0, s1, ... after the start."""
    found = Panes(GROUP)
    for name, number in at.items():
        found.merge(SECOND + int(name[1:]), fresh(a=number), 0)
    return found


def test_an_event_on_the_edge_is_counted_by_the_later_window_only():
    """A window of 10 s that ends at T holds [T - 10 s, T).

    ::

        s0 |1|.|.|.|.|.|.|.|.|.|2|.
           [------ ends at 10 ------)
             [------ ends at 11 ------)
    """
    found = panes(s0=1, s10=2)
    assert found.row("10s", reach_ms=START_MS + 10_000, session_ms=START_MS) == [1, 0]
    assert found.row("10s", reach_ms=START_MS + 11_000, session_ms=START_MS) == [2, 0]


def test_a_window_ends_on_the_last_whole_pane_before_the_reach():
    assert window_bounds("10s", reach_ms=START_MS + 1_999, session_ms=0)[1] == START_MS + 1_000
    assert window_bounds("5m", reach_ms=START_MS + 19_999, session_ms=0)[1] == START_MS + 10_000
    assert window_bounds("1m", reach_ms=START_MS, session_ms=0) == (START_MS - 60_000, START_MS)


def test_a_window_begins_no_earlier_than_the_pane_of_the_sessions_start():
    start, end = window_bounds("1m", reach_ms=START_MS + 9_000, session_ms=START_MS + 4_500)
    assert (start, end) == (START_MS + 4_000, START_MS + 9_000)
    found = panes(s3=1, s4=2, s5=4)
    assert found.row("1m", reach_ms=START_MS + 9_000, session_ms=START_MS + 4_500) == [6, 0]


@pytest.mark.parametrize(("window", "step"), [("10s", 1_000), ("1m", 1_000), ("5m", 10_000), ("15m", 10_000)])
def test_panes_are_of_the_contracts_lengths(window, step):
    assert pane_ms(window) == step


def test_coarse_panes_hold_what_their_seconds_hold():
    found = panes(**{f"s{second}": second for second in range(25)})
    assert found.coarse[SECOND // 10].row == [45, 0]
    assert found.row("5m", reach_ms=START_MS + 29_999, session_ms=START_MS) == [sum(range(20)), 0]


def test_people_of_a_window_are_those_of_its_panes():
    found = Panes(GROUP)
    for second, people in ((0, {1, 2}), (11, {2, 3}), (25, {4})):
        found.merge(SECOND + second, fresh(people=people), 0)
    assert found.people(0, "5m", reach_ms=START_MS + 20_000, session_ms=START_MS) == 3
    found.merge(SECOND + 19, fresh(people={5, 6}), 0)
    assert found.people(0, "5m", reach_ms=START_MS + 20_000, session_ms=START_MS) == 5


def test_samples_of_a_window_merge():
    found = Panes(GROUP)
    for second, values in ((0, [1, 2]), (5, [9])):
        found.merge(SECOND + second, fresh(values=values), 0)
    assert found.median(0, "10s", reach_ms=START_MS + 10_000, session_ms=START_MS) == 2
    assert found.median(0, "10s", reach_ms=START_MS + 1_000, session_ms=START_MS) == 1.5
    assert found.median(0, "1m", reach_ms=START_MS, session_ms=START_MS) is None


moves = st.lists(
    st.tuples(st.integers(-40, 12), st.integers(1, 9), st.sampled_from((0, 0, 300, 1_000, 45_000, 2_000_000)))
)


@given(moves)
def test_a_window_that_moves_on_comes_to_what_a_new_one_does(steps):
    """Events before and after the reach, small steps and leaps of it, old panes forgotten now and then."""
    kept, reach_ms, forgot_ms = Panes(GROUP), START_MS + 500_000, 0
    for shift, number, wait_ms in steps:
        second = reach_ms // 1_000 + shift
        kept.merge(second, fresh(a=number, people={second, number}, values=[number]), forgot_ms)
        reach_ms += wait_ms
        if number == 1:
            forgot_ms = reach_ms
            kept.forget(forgot_ms)
        anew = Panes(GROUP)
        anew.fine, anew.coarse = kept.fine, kept.coarse
        for window in ("10s", "1m", "5m", "15m"):
            at = {"reach_ms": reach_ms, "session_ms": START_MS + 499_000}
            assert kept.row(window, **at) == anew.row(window, **at)
            assert kept.median(0, window, **at) == anew.median(0, window, **at)
            if pane_ms(window) == 10_000:
                assert kept.people(0, window, **at) == anew.people(0, window, **at)


def test_panes_that_no_window_can_need_are_dropped_and_not_begun_again():
    found = panes(s0=1, s119=2)
    reach_ms = START_MS + 60_000 + KEEP_SLACK_MS + 1_000
    assert found.forget(reach_ms) == ([SECOND], [])
    found.merge(SECOND, fresh(a=7), reach_ms)
    assert SECOND not in found.fine
    assert found.coarse[SECOND // 10].row == [8, 0]
    late_ms = START_MS + 900_000 + KEEP_SLACK_MS + 10_000
    assert found.forget(late_ms) == ([SECOND + 119], [SECOND // 10])
    assert oldest_panes(late_ms)[1] == SECOND // 10 + 1


def test_late_is_below_the_highest_before_it_minus_the_lateness():
    """Event times of a log, lateness 30 s; ``L`` is late.

    ::

        100 s   70 s   69.999 s L   130 s   99.999 s L   100 s
    """
    rule = LateRule(30_000)
    times = [100_000, 70_000, 69_999, 130_000, 99_999, 100_000]
    assert [rule.late(at_ms) for at_ms in times] == [False, False, True, False, True, False]
    assert rule.highest_ms == 130_000
