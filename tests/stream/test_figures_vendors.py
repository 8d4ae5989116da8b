"""How vendors answer, each figure on a small log whose answer can be told by hand."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures import new_tally
from stream.figures.vendors import latency_s, step_of
from tests.stream.asked import asked, panes
from tests.stream.figured import Figures
from tests.stream.logs import fields_of, unpacked

OLDEST = (0, 0, 0)


def call(log, latency_ms, outcome="ok"):
    log.put("vendors", vendor="pay", operation="charge", latency_ms=latency_ms, outcome=outcome)


def test_the_histogram_holds_calls_of_any_outcome_up_to_each_bound(log):
    for latency_ms, outcome in (
        (50, "ok"),
        (50.1, "error"),
        (900, "ok"),
        (10_000, "ok"),
        (10_001, "timeout"),
    ):
        call(log, latency_ms, outcome)
    found = Figures(log).vendor("live_vendor_latency_seconds")
    assert found.pop("sum") == pytest.approx(21.0011)
    assert list(found) == ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "+Inf"]
    assert list(found.values()) == [1, 2, 2, 2, 3, 3, 3, 4, 5]


def test_the_99th_percentile_is_what_99_of_100_calls_do_not_exceed(log):
    for number in range(100):
        call(log, 10 * (number + 1))
    p99 = Figures(log).vendor('live_vendor_latency_p99_seconds{window="1m"}')
    assert p99 == pytest.approx(0.99, rel=0.01)


def test_the_slowest_of_a_few_calls_is_the_99th_percentile(log):
    for latency_ms in (10, 20, 4_000):
        call(log, latency_ms)
    p99 = Figures(log).vendor('live_vendor_latency_p99_seconds{window="1m"}')
    assert p99 == pytest.approx(4, rel=0.01)


def test_a_minute_without_calls_has_no_percentile(log):
    call(log, 10)
    assert Figures(log, more_ms=70_000).vendor('live_vendor_latency_p99_seconds{window="1m"}') is None


@given(st.lists(st.floats(0.1, 86_400_000), min_size=1), st.integers(0, 100))
def test_a_percentile_is_at_most_one_percent_off(latencies_ms, cut):
    """However the calls were cut, in whichever second they came, and after a load."""
    tally, steps = new_tally(), [step_of(latency_ms) for latency_ms in latencies_ms]
    tally.take(0, {}, {"latencies": Counter(steps[:cut])}, OLDEST)
    tally = unpacked(fields_of(tally))
    tally.take(0, {}, {"latencies": Counter(steps[cut::2])}, OLDEST)
    tally.take(7, {}, {"latencies": Counter(steps[cut + 1 :: 2])}, OLDEST)
    for one in (tally, unpacked(fields_of(tally))):
        ((slowest_s,), (middle_s,)) = asked(
            [one], *(latency_s(share, panes(0, 10, coarse=False)) for share in (1, 0.5))
        )
        assert slowest_s == pytest.approx(max(latencies_ms) / 1_000, rel=0.01)
        middle_ms = sorted(latencies_ms)[(len(latencies_ms) - 1) // 2]
        assert middle_s == pytest.approx(middle_ms / 1_000, rel=0.01)
