"""Who comes, who stays, and who is not what they seem."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from tests.alerts.kinds.playing import at, play, story
from tests.alerts.kinds.stepping import steps
from tests.alerts.windowed import T0

ENTERS = 'live_enters_per_second{window="1m"}'
DANMAKU = 'live_danmaku_per_second{window="1m"}'
HOUR = 3_600


def crowd(viewers: float, *, seed: int, lines: float = 1.0, enters: float = 2.0) -> dict[str, Any]:
    dice = random.Random(seed)
    return {
        "live_viewers": round(viewers * dice.uniform(0.97, 1.03)),
        ENTERS: enters * dice.uniform(0.9, 1.1),
        DANMAKU: lines * dice.uniform(0.8, 1.2),
    }


def test_viewers_who_leave_by_the_thousand_are_a_drop() -> None:
    """Told by the second sample after the change, over when they are back."""
    told = play(lambda s: crowd(300 if 1_800 <= s < 2_100 else 1_000, seed=s), HOUR)
    assert [(each.kind, each.to) for each in told] == [
        ("traffic_drop", "firing"),
        ("traffic_drop", "resolved"),
    ]
    assert 1_800 <= at(told[0]) <= 1_800 + 180
    assert told[0].expected == pytest.approx(1_000, rel=0.1)
    assert told[0].value == pytest.approx(300, rel=0.1)
    assert told[0].confidence is not None
    assert told[0].threshold == pytest.approx((told[0].expected or 0) / 2.5)
    assert "预期约" in told[0].summary.zh


def test_a_flood_of_lines_is_a_spike_and_its_end_is_no_drop() -> None:
    """It lasts longer than a change is held, so that its level has become normal."""
    told = play(lambda s: crowd(1_000, seed=s, lines=9.0 if 1_800 <= s < 2_200 else 1.5), 3_000)
    assert {each.kind for each in told} == {"traffic_spike"}
    assert [each.to for each in told if each.to != "severity"] == ["firing", "resolved"]
    assert told[0].window_s == 60


def test_no_drop_in_the_last_ten_minutes_before_the_planned_end() -> None:
    def facts(_: int) -> dict[str, Any]:
        return {"title": "夜场", "ends_at_ms": T0 + 2_300_000}

    assert play(lambda s: crowd(300 if s >= 1_800 else 1_000, seed=s), 2_700, facts=facts) == []


def test_a_mark_widens_the_bounds_for_a_minute() -> None:
    """An item goes on air and three times as many lines come; without the mark that is told."""

    def lines(second: int) -> dict[str, Any]:
        return crowd(1_000, seed=second, lines=4.5 if 1_800 <= second < 2_100 else 1.5)

    assert {each.kind for each in play(lines, 2_400)} == {"traffic_spike"}
    marked = play(lines, 2_400, marked=lambda s: 1_795 if s >= 1_795 else -1_000_000)
    assert marked == []


@pytest.mark.parametrize("viewers", [1, 2, 12])
def test_a_handful_of_viewers_is_no_crowd(viewers: int) -> None:
    def figures(second: int) -> dict[str, Any]:
        dice = random.Random(second // 60)
        some = {ENTERS: dice.random() / 10, DANMAKU: dice.random() / 5}
        return some | {"live_viewers": dice.randint(0, 2 * viewers)}

    assert play(figures, HOUR) == []


def test_a_room_that_fills_and_empties_over_an_hour_raises_nothing() -> None:
    def figures(second: int) -> dict[str, Any]:
        share = math.sin(math.pi * second / (2 * HOUR))
        return crowd(20 + 3_000 * share, seed=second, lines=0.2 + 3 * share, enters=1 + 5 * share)

    assert play(figures, 2 * HOUR) == []


def cohort(dice: random.Random, share: float, counted: dict[str, int], each_s: int) -> dict[str, Any]:
    counted["entered"] += each_s
    counted["left"] += sum(dice.random() > share for _ in range(each_s))
    return {
        'live_retention_entered{after="1m",window="session"}': counted["entered"],
        'live_retention_left{after="1m",window="session"}': counted["left"],
    }


def test_fewer_who_stay_are_told_by_the_sequential_test() -> None:
    dice, counted = random.Random(5), {"entered": 0, "left": 0}
    told = play(lambda s: cohort(dice, 0.3 if s >= 900 else 0.6, counted, 3), 1_200)
    assert [(each.kind, each.to, each.severity) for each in told] == [("retention_drop", "firing", "warning")]
    assert 900 < at(told[0]) < 1_000
    assert told[0].expected == pytest.approx(0.6, abs=0.05)
    assert told[0].value == pytest.approx(0.3, abs=0.1)
    assert (told[0].samples or 0) >= 50
    assert (told[0].confidence or 0) > 0.99


@pytest.mark.parametrize("each_s", [1, 10])
def test_a_steady_retention_raises_nothing_in_twenty_room_hours(each_s: int) -> None:
    """Checked by what the detector itself says each step, so that 20 hours take a moment."""
    for seed in range(4):
        dice, counted = random.Random(seed), {"entered": 0, "left": 0}
        levels = steps(
            "{detector: retention, params: {warning: 0.333, critical: 0.6}}",
            (cohort(dice, 0.55, counted, 10 * each_s) for _ in range(5 * 360)),
            step_s=10,
        )
        assert not any(level is not None and level >= 2 for level in levels)


def test_ten_busy_users_are_suspect_only_among_many_events() -> None:
    def figures(second: int) -> dict[str, Any]:
        busy = 60 <= second < 100
        return {
            'live_interaction_concentration{window="1m"}': 0.7 if busy else 0.2,
            'live_interaction_events{window="1m"}': 400,
        }

    told = play(figures, 300)
    assert story(told) == [
        ("suspect_interaction", "firing", "warning", 90),
        ("suspect_interaction", "resolved", "warning", 160),
    ]
    assert (told[0].value, told[0].samples) == (0.7, 400)
    few = {'live_interaction_concentration{window="1m"}': 1.0, 'live_interaction_events{window="1m"}': 199}
    assert play(lambda _: few, 60) == []


def made(share: float) -> dict[str, Any]:
    return {'live_suspect_ratio{window="1m"}': share, 'live_interaction_events{window="1m"}': 400}


@pytest.mark.parametrize(("usual", "told"), [(0.05, 0.5), (0.4, 0.8)])
def test_events_that_look_made_are_suspect_beyond_what_the_room_is_used_to(usual: float, told: float) -> None:
    found = play(lambda s: made(told if s >= 400 else usual), 440)
    assert story(found) == [("suspect_interaction", "firing", "warning", 430)]
    assert found[0].expected == pytest.approx(usual)
    assert play(lambda s: made(0.65 if s >= 400 else 0.41), 600) == []


def capacity(viewers: float) -> dict[str, Any]:
    return {"live_viewers": round(viewers), "live_capacity": 10_000}


def test_a_growth_that_will_pass_the_capacity_is_told_before_it_does() -> None:
    told = play(lambda s: capacity(2_000 + 8 * max(0, s - 300)), 1_300)
    risks = [each for each in told if each.kind == "capacity_risk"]
    assert [(each.to, each.severity) for each in risks] == [("firing", "warning"), ("severity", "critical")]
    viewers_then = 2_000 + 8 * (at(risks[0]) - 300)
    assert viewers_then < 8_000
    assert risks[0].threshold == 8_000
    assert (risks[0].value or 0) > 8_000
    assert "5 分钟" in risks[0].summary.zh


def test_a_room_that_fills_up_well_below_its_capacity_is_no_risk() -> None:
    assert play(lambda s: capacity(6_000 * (1 - math.exp(-s / 300))), 1_200) == []
    assert play(lambda s: {"live_viewers": 50 * s}, 300) == []


@pytest.mark.parametrize(("load", "severity"), [(0.85, "warning"), (0.97, "critical")])
@pytest.mark.parametrize("metric", ["live_cpu_ratio", "live_egress_use_ratio"])
def test_cpu_and_egress_are_capacity_too(metric: str, load: float, severity: str) -> None:
    told = play(lambda s: {f'{metric}{{window="1m"}}': load if s >= 10 else 0.5}, 30)
    assert story(told) == [("capacity_risk", "firing", severity, 20)]
