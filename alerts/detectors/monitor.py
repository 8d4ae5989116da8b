"""``reach_age`` and ``dead_letters``: limits for the watch over ourselves. Pure.

They are judged by the incidents stage, from the heartbeats of the rules stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule, RuleSet

__all__ = ["DEAD_LETTERS", "REACH_AGE", "DeadLettersParams", "Limits", "ReachAgeParams", "limits_of"]

_Seconds = Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]


class ReachAgeParams(Params):
    """Ages of a partition's reach, tick or heartbeat, seconds."""

    warning_s: _Seconds = 5
    critical_s: _Seconds = 15


class DeadLettersParams(Params):
    """Share of dead letters among the records of the last minute, 0..1."""

    warning_ratio: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.01


def _build(condition: DetectorCondition, rule: Rule) -> NoReturn:
    raise AssertionError(f"{rule.name}: {condition.detector} is judged by the incidents stage")


REACH_AGE: Final = DetectorType(params=ReachAgeParams, scope="monitor", build=_build)
DEAD_LETTERS: Final = DetectorType(params=DeadLettersParams, scope="monitor", build=_build)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the incidents stage judges a partition by; the defaults are those of the table of default rules.

    Attributes:
        warning_ms: age above which a partition is degraded.
        critical_ms: age above which that is critical.
        dead_ratio: share of dead letters above which it is degraded, 0..1.
        for_ms: how long a figure must be bad: a killed ingest or engine is replaced within 10 s.
        keep_ms: how long it must be good again before the episode ends.
        version: of the rule set.
    """

    warning_ms: int = 5_000
    critical_ms: int = 15_000
    dead_ratio: float = 0.01
    for_ms: int = 5_000
    keep_ms: int = 10_000
    version: int = 0


def limits_of(ruleset: RuleSet) -> Limits:
    """Return the limits of a set; one without the rule has the defaults, the watch itself is never off."""
    rule = next((rule for rule in ruleset.rules if rule.kind == "monitor_degraded"), None)
    if rule is None:
        return Limits(version=ruleset.version)
    given = {getattr(condition, "detector", ""): getattr(condition, "params", {}) for condition in rule.any}
    age = ReachAgeParams(**given.get("reach_age", {}))
    return Limits(
        warning_ms=round(age.warning_s * 1_000),
        critical_ms=round(age.critical_s * 1_000),
        dead_ratio=DeadLettersParams(**given.get("dead_letters", {})).warning_ratio,
        for_ms=round(rule.for_s * 1_000),
        keep_ms=round(rule.keep_firing_s * 1_000),
        version=ruleset.version,
    )
