"""What a colour means: thresholds read from the default rules, and the states of an alert."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from grafana.spec import Step, Words

__all__ = [
    "ALERT_RANKS",
    "ALERT_STATES",
    "DEFAULT_RULES",
    "SOME_IS_BAD",
    "bounds",
    "judged",
    "outside",
    "silent",
]

DEFAULT_RULES: Final = Path(__file__).parents[1] / "deploy" / "rules" / "default.yaml"

_OK: Final = Words("正常", "ok")
_PENDING: Final = Words("将触发", "pending")
_FIRING: Final = Words("告警中", "firing")
_ACKNOWLEDGED: Final = Words("已认领", "acknowledged")
_ESCALATED: Final = Words("已升级", "escalated")
_SUPPRESSED: Final = Words("已抑制", "suppressed")

ALERT_STATES: Final = (
    (0, _OK, "green"),
    (1, _PENDING, "yellow"),
    (2, _FIRING, "red"),
    (3, _ACKNOWLEDGED, "blue"),
    (4, _ESCALATED, "purple"),
    (5, _SUPPRESSED, "text"),
)
"""Value of ``live_alert_state`` -> what it is called, and its colour."""

ALERT_RANKS: Final = (
    (0, _OK, "green"),
    (1, _SUPPRESSED, "text"),
    (2, _ACKNOWLEDGED, "blue"),
    (3, _PENDING, "yellow"),
    (4, _FIRING, "red"),
    (5, _ESCALATED, "purple"),
)
"""Value of ``room:live_alert_rank:max``, which rises with the need to act, -> name and colour."""

SOME_IS_BAD: Final = (Step(None, "green"), Step(1, "red"))


def judged(metric: str) -> tuple[Step, ...]:
    """Return the steps of a figure that is bad above its bounds, or below them, as the rules compare it."""
    condition = _condition("metric", metric)
    if condition["compare"] == "<":
        return (
            Step(None, "red"),
            Step(condition["critical"], "orange"),
            Step(condition["warning"], "green"),
        )
    return (
        Step(None, "green"),
        Step(condition["warning"], "orange"),
        *([Step(condition["critical"], "red")] if condition.get("critical") is not None else []),
    )


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
    return bounds("silence", "warning_s", "critical_s")


def bounds(detector: str, warning: str, critical: str | None = None) -> tuple[Step, ...]:
    """Return the steps of a figure that a detector finds bad above some of its parameters."""
    params = _condition("detector", detector)["params"]
    grave = [Step(params[critical], "red")] if critical else []
    return (Step(None, "green"), Step(params[warning], "orange"), *grave)


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
    if not shown or any(given != shown[0] for given in shown):
        raise ValueError(
            f"{DEFAULT_RULES.name} has {len(shown)} conditions on {value}; one set of bounds is needed"
        )
    return found[0]
