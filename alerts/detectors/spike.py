"""``spike``: a figure of traffic jumps above what the room has had lately.

Pure and streaming: every ``step_s`` the figure is folded into a level and a spread, in logarithms, each step
clipped so that an outlier moves them little. Three numbers a series, no look-ahead, ready after ``ready_s``.
A lasting jump becomes the new level after some minutes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from stream.catalogue import METRIC_BY_NAME, ROOM_COLUMN_INDEX, WINDOWS_MS, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["SPIKE", "Spike", "SpikeParams"]

_METRICS: Final = (
    "live_viewers",
    "live_enters_per_second",
    "live_danmaku_per_second",
    "live_likes_per_second",
)
_MARK_MS: Final = 60_000
"""Bounds are wide for this long after a mark, milliseconds; metrics.md, section 2."""
_CLIP: Final = 3.0
"""A step moves the level by no more than this many spreads' worth."""
_SPREAD_MIN: Final = 0.08
"""Least spread, in logarithms: a figure that stood still for minutes may move by some percent unsuspected."""
_SIGMA_OF_MEAN_DEVIATION: Final = 1.2533
"""Standard deviation ÷ mean absolute deviation of a normal distribution, sqrt(pi / 2)."""
_FAST: Final = 3.0
"""The n-th step weighs at least 3/n: the level keeps up with a room that fills in its first minutes."""

_Ratio = Annotated[float, Field(gt=1, le=1_000, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=1, le=3_600, allow_inf_nan=False)]


class SpikeParams(Params):
    """Bounds as multiples of what was expected, and how fast that adapts.

    Attributes:
        warning: multiple of the expected figure; ``critical`` likewise, ``recover`` ends it.
        z: least distance from the level in spreads.
        min_excess: least excess over the expected number of people or events (of the window, for a rate).
        ready_s: time that the room is watched before anything is said.
        memory_s: time constant of the level.
        step_s: time between two steps.
        mark_widen: by how much a mark stretches the distances.
    """

    warning: _Ratio = 2.5
    critical: _Ratio = 5
    recover: _Ratio = 1.5
    z: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 5
    min_excess: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30
    ready_s: _Seconds = 180
    memory_s: _Seconds = 180
    step_s: _Seconds = 10
    mark_widen: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2


@dataclass(frozen=True, slots=True)
class Spike:
    """One series of a room. Its memory: steps taken, level, spread."""

    id: str
    metric: str
    params: SpikeParams
    at: int
    window_s: int | None
    feeds: tuple[str, ...]
    step_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level of the figure now; None without a figure or before the room is known."""
        count = self._count(subject)
        memory = subject.memory.get(self.id)
        if count is None or memory is None or memory[0] * self.params.step_s < self.params.ready_s:
            return None
        ratio = (count + 1) / math.exp(memory[1])
        if ratio <= self.params.recover:
            return OK
        warning, critical = self._bounds(subject, memory)
        if count < warning:
            return BETWEEN
        return CRITICAL if count >= critical else WARNING

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - traffic has no worst value
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the figure, what was expected and the bound, all in the unit of the metric."""
        memory = subject.memory.get(self.id)
        if memory is None:
            return Reading(value=subject.values[self.at], window_s=self.window_s)
        unit_s = self.window_s or 1
        count = self._count(subject)
        bound = self._bounds(subject, memory)[level == CRITICAL]
        distance = 0.0 if count is None else (math.log1p(count) - memory[1]) / _sigma(memory)
        return Reading(
            value=subject.values[self.at],
            expected=max(0.0, math.expm1(memory[1])) / unit_s,
            threshold=bound / unit_s,
            samples=None if count is None or self.window_s is None else round(count),
            confidence=round(1 - 0.5 * math.erfc(max(0.0, distance) / math.sqrt(2)), 6),
            window_s=self.window_s,
            newest_ms=max((subject.newest_ms.get(feed, 0) for feed in self.feeds), default=0),
        )

    def observe(self, subject: Subject) -> None:
        """Fold the figure into level and spread."""
        count = self._count(subject)
        if count is not None:
            memory = subject.memory.get(self.id)
            subject.memory[self.id] = _learn(memory, math.log1p(count), self.params)

    def _count(self, subject: Subject) -> float | None:
        """Return people, or events in the window: the number whose chance spread is known."""
        value = subject.values[self.at]
        return None if value is None else float(value) * (self.window_s or 1)

    def _bounds(self, subject: Subject, memory: list[Any]) -> tuple[float, float]:
        params, expected = self.params, math.exp(memory[1])
        marked = subject.tick_ms - subject.newest_ms.get("marks", 0) < _MARK_MS
        widen = params.mark_widen if marked else 1.0
        chance = math.expm1(memory[1] + params.z * widen * _sigma(memory))
        warning, critical = (
            max(expected * (1 + (ratio - 1) * widen) - 1, chance, expected + params.min_excess)
            for ratio in (params.warning, params.critical)
        )
        return warning, critical


def _sigma(memory: list[Any]) -> float:
    """Return the spread in logarithms: as seen, but never below that of pure chance at this level."""
    level, spread = memory[1], memory[2]
    return float(max(spread, math.exp(-level / 2), _SPREAD_MIN))


def _learn(memory: list[Any] | None, value: float, params: SpikeParams) -> list[Any]:
    if memory is None:
        return [1, value, 0.0]
    steps, level, spread = memory
    weight = max(1 - math.exp(-params.step_s / params.memory_s), min(0.5, _FAST / (steps + 1)))
    limit = _CLIP * _sigma(memory)
    error = min(limit, max(-limit, value - level))
    spread += weight * (abs(error) * _SIGMA_OF_MEAN_DEVIATION - spread)
    return [steps + 1, level + weight * error, spread]


def _build(condition: DetectorCondition, rule: Rule) -> Spike:
    name = condition.metric or ""
    metric = METRIC_BY_NAME[name]
    place = column(name, window=condition.window)
    params = SpikeParams.model_validate(condition.params)
    return Spike(
        id=f"{rule.name}/spike/{place.name}",
        metric=name,
        params=params,
        step_ms=round(params.step_s * 1000),
        at=ROOM_COLUMN_INDEX[place.name],
        window_s=WINDOWS_MS[condition.window] // 1000 if condition.window else None,
        feeds=metric.feeds,
    )


SPIKE: Final = DetectorType(params=SpikeParams, scope="room", build=_build, metrics=_METRICS)
