"""What a colour means: thresholds read from the default rules, and the states of an alert."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from grafana.panels import Step, Words

__all__ = ["ALERT_STATES", "DEFAULT_RULES", "above", "outside", "silent"]

DEFAULT_RULES: Final = Path(__file__).parents[1] / "deploy" / "rules" / "default.yaml"

ALERT_STATES: Final = (
    (0, Words("正常", "ok"), "green"),
    (1, Words("将触发", "pending"), "yellow"),
    (2, Words("告警中", "firing"), "red"),
    (3, Words("已认领", "acknowledged"), "blue"),
    (4, Words("已升级", "escalated"), "purple"),
    (5, Words("已抑制", "suppressed"), "text"),
)
"""Value of ``live_alert_state`` -> what it is called, and its colour."""


def above(metric: str) -> tuple[Step, ...]:
    """Return the steps of a figure that is bad above its bounds."""
    condition = _condition("metric", metric)
    return (Step(None, "green"), Step(condition["warning"], "orange"), Step(condition["critical"], "red"))


def outside(metric: str) -> tuple[Step, ...]:
    """Return the steps of a figure that is bad on either side."""
    condition = _condition("metric", metric)
    (low, high), (least, most) = condition["warning"], condition["critical"]
    return (
        Step(None, "red"),
        Step(least, "orange"),
        Step(low, "green"),
        Step(high, "orange"),
        Step(most, "red"),
    )


def silent() -> tuple[Step, ...]:
    """Return the steps of the age of a feed of pings, seconds; where pings are rare the rule waits longer."""
    params = _condition("detector", "silence")["params"]
    return (Step(None, "green"), Step(params["warning_s"], "orange"), Step(params["critical_s"], "red"))


def _condition(key: str, value: str) -> dict[str, Any]:
    """Return the one set of bounds that the default rules have for a metric or detector.

    Raises:
        ValueError: there is none, or they differ, so that one panel cannot show them.
    """
    rules: list[dict[str, Any]] = yaml.safe_load(DEFAULT_RULES.read_text(encoding="utf-8"))["rules"]
    found: list[dict[str, Any]] = [
        condition for rule in rules for condition in rule["any"] if condition.get(key) == value
    ]
    shown = [{name: c.get(name) for name in ("warning", "critical", "params")} for c in found]
    if not shown or any(bounds != shown[0] for bounds in shown):
        raise ValueError(
            f"{DEFAULT_RULES.name} has {len(shown)} conditions on {value}; one set of bounds is needed"
        )
    return found[0]
