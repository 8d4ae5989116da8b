"""Each detector and threshold on small timelines, and on random calm rooms."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.conditions import watch
from alerts.detectors.conversion import matured
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Condition, Subject
from alerts.detectors.threshold import wilson_lower
from alerts.rulecheck import load
from tests.alerts.windowed import T0, Player, pings, room


def condition(text: str, more: str = "") -> Condition:
    """Return the only condition of a rule."""
    rules = f"rules:\n  - {{name: it, kind: stutter, {more} any: [{text}]}}\n"
    return watch(load(rules).rules[0], 0).conditions[0]


def subject(columns: dict[str, Any], **given: Any) -> Subject:
    """Return a room with these figures at T0."""
    entry = room(columns=columns)
    reach_ms = {"health": T0}
    return Subject("r1", "r1", values=entry.values, **{"tick_ms": T0, "reach_ms": reach_ms, **given})


AV = (
    "{metric: live_av_offset_seconds, where: {probe: edge}, window: 10s, compare: outside,"
    " warning: [-0.125, 0.045], critical: [-0.185, 0.090], recover: [-0.1, 0.035], not_below_frame: true}"
)


@pytest.mark.parametrize(
    ("offset_s", "level", "bound_s"),
    [
        (0.03, OK, 0.045),
        (0.045, BETWEEN, 0.045),
        (0.046, WARNING, 0.045),
        (0.091, CRITICAL, 0.09),
        (-0.09, OK, -0.125),
        (-0.125, BETWEEN, -0.125),
        (-0.126, WARNING, -0.125),
        (-0.2, CRITICAL, -0.185),
    ],
)
def test_a_band_has_bounds_on_both_sides(offset_s: float, level: int, bound_s: float) -> None:
    av, it = condition(AV), subject(pings(av=offset_s, fps=30))
    assert av.level(it) == level
    assert av.read(it, level).threshold == bound_s


def test_no_bound_of_the_offset_is_narrower_than_a_frame() -> None:
    """A clean stream of 10 frames a second shows up to 99 ms by its order of arrival."""
    av = condition(AV)
    assert av.level(subject(pings(av=0.099, fps=10))) == OK
    assert av.level(subject(pings(av=0.101, fps=10))) == CRITICAL
    assert av.level(subject(pings(av=0.099, fps=0))) == CRITICAL
    assert av.level(subject(pings(av=0.099))) == CRITICAL
    assert av.read(subject(pings(av=0.101, fps=10)), WARNING).threshold == 0.1


def test_below_is_a_breach_too() -> None:
    text = "{metric: live_frames_per_second, where: {probe: edge}, window: 10s, compare: '<',"
    fps = condition(text + " warning: 15, critical: 10, recover: 18, total: 0}")
    assert [fps.level(subject(pings(fps=value))) for value in (25, 16, 14, 9)] == [
        OK,
        BETWEEN,
        WARNING,
        CRITICAL,
    ]
    assert fps.total(subject(pings(fps=0)))
    assert not fps.total(subject(pings(fps=1)))
    assert fps.read(subject(pings(fps=9)), CRITICAL).threshold == 10


def test_the_lower_bound_of_a_share_is_compared() -> None:
    text = "{metric: live_payment_failure_ratio, window: 1m, compare: '>', warning: 0.05, lower_bound: 0.95}"
    failed = condition(text, "min_samples: 20,")
    paid, bad = (f'live_orders_in_window{{status="{status}",window="1m"}}' for status in ("paid", "failed"))
    ratio = 'live_payment_failure_ratio{window="1m"}'
    few = subject({ratio: 0.1, paid: 18, bad: 2})
    many = subject({ratio: 0.1, paid: 900, bad: 100})
    assert failed.level(few) == OK
    assert failed.level(many) == WARNING
    assert failed.level(subject({ratio: 1.0, paid: 0, bad: 19})) is None
    assert failed.read(many, WARNING).samples == 1_000
    assert failed.read(many, WARNING).confidence == 0.95


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_wilsons_bound_is_a_share_below_the_observed_one(ratio: float, samples: int) -> None:
    assert 0 <= wilson_lower(ratio, samples, 1.645) <= ratio + 1e-12


NEWEST = 'live_ping_newest_timestamp_seconds{probe="edge"}'


@pytest.mark.parametrize(
    ("interval_s", "silent_s", "level"),
    [
        (1, 4.9, OK),
        (1, 5, WARNING),
        (1, 15, CRITICAL),
        (5, 14, OK),
        (5, 15, WARNING),
        (5, 45, CRITICAL),
        (20, 59, OK),
    ],
)
def test_silence_is_the_longer_of_a_time_and_three_intervals(
    interval_s: float, silent_s: float, level: int
) -> None:
    silence = condition("{detector: silence, where: {probe: edge}}")
    it = subject({**pings(interval_s=interval_s), NEWEST: T0 / 1000 - silent_s})
    assert silence.level(it) == level


def test_silence_is_told_with_its_limit_and_when_it_was_reached() -> None:
    silence = condition("{detector: silence, where: {probe: edge}}")
    it = subject({**pings(interval_s=2), NEWEST: (T0 - 7_250) / 1000})
    reading = silence.read(it, WARNING)
    assert (reading.value, reading.threshold, reading.due_ms) == (7.25, 6.0, T0 - 1_250)


@pytest.mark.parametrize("given", [{"state": "paused"}, {"tick_ms": T0 + 5_001}, {"reach_ms": {}}])
def test_silence_says_nothing_of_pauses_and_of_a_partition_that_is_behind(given: dict[str, Any]) -> None:
    silence = condition("{detector: silence, where: {probe: edge}}")
    assert silence.level(subject({**pings(), NEWEST: T0 / 1000 - 60}, **given)) is None


def test_a_probe_that_never_pinged_is_not_missed() -> None:
    assert condition("{detector: silence, where: {probe: ingest}}").level(subject(pings("edge"))) is None


def test_a_planned_room_is_late_five_minutes_after_its_time() -> None:
    late = condition("{detector: not_started}")
    facts = {"starts_at_ms": T0 - 300_000}
    assert late.level(subject({}, state="planned", facts=facts)) == WARNING
    assert late.level(subject({}, state="planned", facts=facts, tick_ms=T0 - 1_000)) == OK
    assert late.level(subject({}, state="planned", facts={})) is None
    assert late.level(subject({}, state="live", facts=facts)) == OK
    assert late.read(subject({}, state="planned", facts=facts), WARNING).due_ms == T0


def test_a_planned_room_raises_and_ends_feed_lost() -> None:
    player = Player(
        "rules: [{name: lost, kind: feed_lost, keep_firing_s: 1, any: [{detector: not_started},"
        " {detector: silence, where: {probe: edge}}]}]"
    )
    facts = {"starts_at_ms": T0, "title": "夜场"}
    player.tick(0, room(state="planned", session_ms=None, facts=facts))
    for second in range(250, 400, 10):
        player.tick(second)
    player.tick(400, room(state="live", session_ms=None, facts=facts))
    player.tick(402)
    assert player.story() == [(300, "firing", "warning"), (402, "resolved", "warning")]
    assert player.told[0].summary.zh == "「夜场」未按时开播：已超过计划时间 5 分钟，上限 5 分钟。"


SPIKE = "rules: [{name: spike, kind: traffic_spike, for_s: 10, keep_firing_s: 30, any: [%s]}]"
VIEWERS = "{detector: spike, metric: live_viewers}"
DANMAKU = 'live_danmaku_per_second{window="1m"}'
ON_DANMAKU = (
    "{detector: spike, metric: live_danmaku_per_second, window: 1m, params: {warning: 3, min_excess: 50}}"
)


def _viewers(player: Player, minutes: float, level: Any, *, begin: float = 0, marks_s: float = -1e6) -> None:
    for second in range(round(60 * begin), round(60 * minutes), 5):
        newest = {"marks": T0 + round(1000 * marks_s), "health": T0 + 1000 * second}
        player.tick(second, room(columns={"live_viewers": level(second)}, newest_ms=newest))


def test_a_jump_of_viewers_is_a_spike_until_it_is_the_new_level() -> None:
    player = Player(SPIKE % VIEWERS)
    _viewers(player, 40, lambda second: 1_000 if second < 600 else 4_000)
    assert [(told.to, told.severity) for told in player.told] == [
        ("firing", "warning"),
        ("resolved", "warning"),
    ]
    begun, ended = player.told
    assert begun.tick_ms == T0 + 610_000
    assert begun.value == 4_000
    assert begun.expected == pytest.approx(1_000, rel=0.1)
    assert ended.tick_ms < T0 + 30 * 60_000


def test_a_spike_is_not_told_before_the_room_is_known() -> None:
    player = Player(SPIKE % VIEWERS)
    _viewers(player, 5, lambda second: 100 if second < 60 else 5_000)
    assert player.told == []


def test_a_mark_widens_the_bounds() -> None:
    player = Player(SPIKE % VIEWERS)
    _viewers(player, 10, lambda _: 1_000)
    _viewers(player, 10.9, lambda _: 3_000, begin=10, marks_s=600)
    assert player.told == []


@pytest.mark.parametrize("seed", range(4))
def test_calm_rooms_raise_no_spike(seed: int) -> None:
    """Six hours of a room that fills in its first minutes, ebbs and flows, and of quiet chat."""
    rng = random.Random(seed)
    player = Player(SPIKE % f"{VIEWERS}, {ON_DANMAKU}")
    for second in range(0, 6 * 3600, 10):
        tide = 1 + 0.4 * math.sin(second / 900)
        viewers = 3_000 * (1 - math.exp(-(second + 30) / 400)) * tide * rng.gauss(1, 0.03)
        lines = sum(rng.random() < 0.02 * tide for _ in range(600))
        player.tick(second, room(columns={"live_viewers": round(viewers), DANMAKU: lines / 60}))
    assert player.told == []


CONVERSION = (
    "rules: [{name: drop, kind: conversion_drop, for_s: 0, keep_firing_s: 60, min_samples: 50,"
    " any: [{detector: conversion, params: {false_alarm_h: 100}}]}]"
)


def _shop(seed: int, *, hours: float, clicks_per_s: float, share: Any, step_s: int = 10) -> Player:
    """Return a player that has watched a shop: log-normal lag between click and payment, bursts of clicks."""
    rng = random.Random(seed)
    player = Player(CONVERSION)
    due: list[float] = []
    clicks = paid = 0
    for second in range(0, round(3600 * hours), step_s):
        burst = 20 if second % 1_800 < 60 else 1
        mean = clicks_per_s * step_s * burst
        new = max(0, round(rng.gauss(mean, math.sqrt(mean))))
        clicks += new
        due += [
            second + rng.lognormvariate(math.log(40), 1.03)
            for _ in range(new)
            if rng.random() < share(second)
        ]
        paid += sum(at <= second for at in due)
        due = [at for at in due if at > second]
        columns = {"live_clicks_total": clicks, 'live_orders_total{status="paid"}': paid}
        player.tick(second, room(columns=columns))
    return player


@pytest.mark.parametrize(("clicks_per_s", "share"), [(0.02, 0.05), (0.5, 0.03), (3, 0.08)])
def test_a_shop_as_usual_raises_no_conversion_drop(clicks_per_s: float, share: float) -> None:
    for seed in range(3):
        player = _shop(seed, hours=3, clicks_per_s=clicks_per_s, share=lambda _, share=share: share)
        assert player.told == []


def test_a_conversion_drop_is_told_with_its_numbers_and_ends() -> None:
    def share(second: int) -> float:
        return 0.02 if 4_000 <= second < 5_400 else 0.08

    player = _shop(1, hours=2.5, clicks_per_s=3, share=share)
    assert [told.to for told in player.told if told.to != "severity"] == ["firing", "resolved"]
    begun = player.told[0]
    assert 4_000 < (begun.tick_ms - T0) / 1000 < 4_600
    assert begun.expected == pytest.approx(0.08, rel=0.15)
    assert begun.value is not None
    assert begun.value < 0.7 * 0.08
    assert begun.samples is not None
    assert begun.samples >= 50
    assert begun.confidence is not None
    assert begun.confidence > 0.999


def test_few_clicks_say_nothing_however_they_end() -> None:
    player = _shop(2, hours=3, clicks_per_s=0.01, share=lambda second: 0.05 if second < 5_000 else 0)
    assert player.told == []


def test_a_pause_is_not_compared_across() -> None:
    player = Player(CONVERSION)
    clicks = paid = 0
    for second in range(0, 7_200, 10):
        paused = 3_000 <= second < 4_000
        clicks, paid = clicks + 30, paid + (0 if paused else 2)
        columns = {"live_clicks_total": clicks, 'live_orders_total{status="paid"}': paid}
        player.tick(second, room(columns=columns, state="paused" if paused else "live"))
    assert player.told == []


def test_a_lasting_drop_becomes_the_new_normal() -> None:
    player = _shop(3, hours=3, clicks_per_s=3, share=lambda second: 0.08 if second < 4_000 else 0.02)
    assert [told.to for told in player.told if told.to != "severity"] == ["firing", "resolved"]


@given(
    st.floats(1, 60), st.floats(1.1, 10), st.sampled_from([1.0, 5.0, 10.0]), st.sampled_from([0.4, 1.0, 2.5])
)
def test_all_clicks_are_due_in_the_end(median_s: float, spread: float, step_s: float, slower: float) -> None:
    parts = matured(median_s, median_s * spread, step_s, slower=slower)
    assert math.isclose(sum(parts), 1)
    assert min(parts) >= 0
