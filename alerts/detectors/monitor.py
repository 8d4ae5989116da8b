"""``reach_age``: limits for the watch over ourselves, judged by the incidents stage from heartbeats. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NoReturn

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["REACH_AGE", "ReachAgeParams"]

_Seconds = Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]


class ReachAgeParams(Params):
    """Ages of a partition's reach, tick or heartbeat, seconds."""

    warning_s: _Seconds = 5
    critical_s: _Seconds = 15


def _build(condition: DetectorCondition, rule: Rule) -> NoReturn:
    raise AssertionError(f"{rule.name}: {condition.detector} is judged by the incidents stage")


REACH_AGE: Final = DetectorType(params=ReachAgeParams, scope="monitor", build=_build)
