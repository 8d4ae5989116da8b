"""The rules that roomwatch starts with: right, with the table's numbers, and complete with their runbooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alerts.model import KINDS, Transition
from alerts.rulecheck import load
from alerts.ruleset import MetricCondition, RuleSet
from tests.alerts.windowed import T0, Player, pings, room

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ruleset() -> RuleSet:
    return load((ROOT / "deploy" / "rules" / "default.yaml").read_text(encoding="utf-8"), 1)


def test_every_kind_is_watched(ruleset: RuleSet) -> None:
    assert sorted(rule.kind for rule in ruleset.rules) == sorted(KINDS)
    assert [part.source.kind for part in ruleset.inhibit] == ["feed_lost", "traffic_spike"]


def test_every_rule_has_its_runbook_in_both_languages(ruleset: RuleSet) -> None:
    for rule in ruleset.rules:
        assert rule.runbook_url == f"/runbooks/{rule.kind}"
        for language in ("zh", "en"):
            text = (ROOT / "deploy" / "runbooks" / f"{rule.kind}.{language}.md").read_text(encoding="utf-8")
            assert text.startswith("# ")
            assert len(text) > 400


def test_the_numbers_are_those_of_the_table(ruleset: RuleSet) -> None:
    found = {
        rule.name: [(c.info, c.warning, c.critical) for c in rule.any if isinstance(c, MetricCondition)]
        for rule in ruleset.rules
    }
    assert found["stutter"] == [(None, 0.02, 0.05)] * 3 + [(None, 3, 8)] * 2
    assert found["av_desync"] == [(None, (-0.125, 0.045), (-0.185, 0.09))] * 2
    assert found["payment_failure"] == [(None, 0.05, 0.2)]
    assert found["vendor_slow"] == [(None, 0.02, 0.1), (None, 2, 5)]
    assert found["fps_low"] == [(None, 15, 10)] * 2
    assert found["suspect_interaction"] == [(None, 0.5, None)]
    assert found["capacity_risk"] == [(None, 0.8, 0.95)] * 2
    times = {rule.name: (rule.for_s, rule.min_samples) for rule in ruleset.rules}
    assert times["stutter"] == (5, 3)
    assert times["av_desync"][0] == 10


def _watch(ruleset: RuleSet, seconds: int, figures: Any) -> list[Transition]:
    """Return what a room tells whose columns at a second are ``figures(second)`` and its last ping."""
    player = Player(ruleset)
    for second in range(seconds):
        columns, pinged = figures(second)
        columns = {**columns, 'live_ping_newest_timestamp_seconds{probe="edge"}': (T0 + 1000 * pinged) / 1000}
        player.tick(second, room(columns=columns, facts={"title": "夜场"}))
    return player.told


@pytest.mark.parametrize("interval_s", [2, 5, 20])
def test_stutter_is_told_whatever_the_ping_interval(ruleset: RuleSet, interval_s: int) -> None:
    def figures(second: int) -> tuple[dict[str, Any], int]:
        stall = 0.3 if 60 <= second < 120 else 0.001
        return pings(stall=stall, fps=25, av=0.01, interval_s=interval_s, count=3), second

    told = _watch(ruleset, 180, figures)
    assert [(t.kind, t.to, (t.tick_ms - T0) // 1000) for t in told] == [
        ("stutter", "firing", 65),
        ("stutter", "resolved", 130),
    ]


@pytest.mark.parametrize("interval_s", [2, 5, 20])
def test_a_lost_feed_is_told_after_three_intervals_and_climbs_after_nine(
    ruleset: RuleSet, interval_s: int
) -> None:
    warning_s, critical_s = max(5, 3 * interval_s), max(15, 9 * interval_s)

    def figures(second: int) -> tuple[dict[str, Any], int]:
        return pings(stall=0, interval_s=interval_s), 100 if 100 <= second < 400 else second

    told = _watch(ruleset, 420, figures)
    assert [(t.kind, t.to, t.severity, (t.tick_ms - T0) // 1000) for t in told] == [
        ("feed_lost", "firing", "warning", 100 + warning_s),
        ("feed_lost", "severity", "critical", 100 + critical_s),
        ("feed_lost", "resolved", "critical", 405),
    ]
    assert told[0].due_ms == told[0].tick_ms


@pytest.mark.parametrize("interval_s", [2, 5, 20])
@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("fps_low", {"fps": 8.0}, {"fps": 25.0}),
        ("av_desync", {"av": 0.2, "fps": 25.0}, {"av": 0.01, "fps": 25.0}),
    ],
)
def test_pictures_and_sound_are_judged_whatever_the_ping_interval(
    ruleset: RuleSet, interval_s: int, kind: str, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    def figures(second: int) -> tuple[dict[str, Any], int]:
        return pings(**(bad if 60 <= second < 120 else good), stall=0, interval_s=interval_s, count=3), second

    told = _watch(ruleset, 180, figures)
    assert [(t.kind, t.to, t.severity, (t.tick_ms - T0) // 1000) for t in told] == [
        (kind, "firing", "critical", 70),
        (kind, "resolved", "critical", 130),
    ]
    assert told[0].window_s == (10 if interval_s == 2 else 60)


def test_a_first_ping_of_a_slow_probe_is_waited_for(ruleset: RuleSet) -> None:
    """It tells of one second since the start; the next one comes 20 s later."""

    def figures(second: int) -> tuple[dict[str, Any], int]:
        count = 1 + max(0, second - 3) // 20
        interval_s = 1.0 if count == 1 else 20.0
        return pings(stall=0, fps=25, interval_s=interval_s, count=count), 3 + 20 * (count - 1)

    assert _watch(ruleset, 200, figures) == []


def test_sound_out_of_sync_is_told_after_ten_seconds(ruleset: RuleSet) -> None:
    def figures(second: int) -> tuple[dict[str, Any], int]:
        return pings("ingest", av=0.2 if second >= 30 else 0.02, fps=25, stall=0), second

    told = _watch(ruleset, 60, figures)
    assert [(t.kind, t.severity, (t.tick_ms - T0) // 1000) for t in told] == [("av_desync", "critical", 40)]
    assert told[0].labels == {"title": "夜场", "probe": "ingest"}


def test_a_calm_room_raises_nothing(ruleset: RuleSet) -> None:
    def figures(second: int) -> tuple[dict[str, Any], int]:
        columns = pings(stall=0.005, fps=25, av=0.03) | pings("player", stall=0.5)
        columns |= {"live_viewers": 100 + second % 7, 'live_danmaku_per_second{window="1m"}': 0.2}
        columns |= {"live_clicks_total": second // 40, 'live_orders_total{status="paid"}': second // 1_200}
        return columns, second - second % 2

    assert _watch(ruleset, 3_600, figures) == []
