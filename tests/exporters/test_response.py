"""How fast people were, and what they said."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporters.response import NO_VERDICT, Closed, closed, quantile, tallies
from exporters.telemetry import Telemetry


def _newest(**changes: Any) -> dict[str, Any]:
    given = {"rule": "stutter", "severity_max": "critical", "at_ms": 190_000, "labels": {}}
    return given | changes


def _changes(*states: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"at_ms": at_ms, "state": state} for at_ms, state in states]


def test_times_begin_with_the_first_change_and_the_first_acknowledgement_counts():
    timeline = _changes(
        (10_000, "firing"), (40_000, "acknowledged"), (50_000, "firing"), (60_000, "acknowledged"),
        (190_000, "resolved"),
    )  # fmt: skip
    assert closed(_newest(verdict="real"), timeline) == Closed(
        "stutter", "critical", "real", 190_000, acknowledged_s=30, resolved_s=180
    )


def test_nobody_may_have_answered():
    found = closed(_newest(), _changes((10_000, "firing"), (190_000, "resolved")))
    assert found is not None
    assert (found.acknowledged_s, found.verdict) == (None, NO_VERDICT)


def test_a_test_alert_counts_nowhere():
    assert closed(_newest(labels={"test": "true"}), _changes((1, "firing"))) is None


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.9, 4), (0.25, 1), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, expected: float):
    assert quantile([4, 1, 2, 3], share) == expected
    assert quantile([], share) is None


def test_the_metrics_are_those_of_the_episodes_told_last():
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    episodes = [Closed("stutter", "critical", "real", 1, 10.0, 60.0)] * 3
    telemetry.answered([*episodes, Closed("av_desync", "info", NO_VERDICT, 1, None, 5.0)])
    labels = {"rule": "stutter", "severity": "critical", "verdict": "real"}
    assert tallies(episodes) == {("stutter", "critical", "real"): 3}
    assert registry.get_sample_value("roomwatch_closed_episodes", labels) == 3
    median = "roomwatch_episode_acknowledged_median_seconds"
    assert registry.get_sample_value(median, {"severity": "critical"}) == 10
    assert registry.get_sample_value(median, {"severity": "info"}) is None
    assert registry.get_sample_value("roomwatch_episode_resolved_p90_seconds", {"severity": "info"}) == 5
    telemetry.answered([])
    assert registry.get_sample_value("roomwatch_closed_episodes", labels) is None
