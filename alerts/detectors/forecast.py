"""``forecast``: by their trend there will soon be more viewers than the room is made for. Pure.

The trend is the lower quartile of the slopes between all pairs of the last samples (after Theil and Sen):
single jumps do not move it, and a growth that flattens, as a room's first minutes do, counts by its flatter
part. Its memory: level, forecast and the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, Stepped, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["FORECAST", "Forecast", "ForecastParams", "trend"]

_METRIC: Final = "live_viewers"
_CAPACITY: Final = "live_capacity"
_SAMPLES_MIN: Final = 6
_LATEST: Final = 3
"""The forecast starts from the median of so many samples."""

_Load = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class ForecastParams(Params):
    """Bounds as shares of the capacity.

    Attributes:
        warning: share that the expected viewers exceed; ``critical`` likewise, ``recover`` ends it.
        ahead_s: how far ahead.
        memory_s: how much of the past the trend is of.
        step_s: time between two samples.
    """

    warning: _Load = 0.8
    critical: _Load = 1.0
    recover: _Load = 0.7
    ahead_s: Seconds = 300
    memory_s: Seconds = 300
    step_s: Seconds = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Stepped):
    """The viewers of a room with a known capacity. Memory: level, forecast, samples (oldest first)."""

    params: ForecastParams
    at: int
    capacity_at: int

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the viewers expected, those now, and the bound."""
        _, expected, samples = subject.memory.get(self.id, (None, None, ()))
        capacity = subject.values[self.capacity_at]
        share = self.params.critical if level == CRITICAL else self.params.warning
        return Reading(
            value=expected,
            expected=subject.values[self.at],
            threshold=None if not capacity else capacity * share,
            samples=len(samples),
            window_s=round(self.params.ahead_s),
            newest_ms=newest_ms(subject, ("health", "visits")),
            reason="forecast",
        )

    def observe(self, subject: Subject) -> None:
        """Take a sample and look ahead."""
        viewers, capacity = subject.values[self.at], subject.values[self.capacity_at]
        if viewers is None or not capacity:
            return
        most = max(_SAMPLES_MIN, int(self.params.memory_s // self.params.step_s))
        samples = [*subject.memory.get(self.id, (None, None, []))[2], viewers][-most:]
        expected = None
        if len(samples) >= _SAMPLES_MIN:
            ahead = self.params.ahead_s / self.params.step_s
            expected = max(0, round(median(samples[-_LATEST:]) + trend(samples) * ahead))
        subject.memory[self.id] = [self._level(expected, capacity), expected, samples]

    def _level(self, expected: int | None, capacity: float) -> int | None:
        if expected is None:
            return None
        if expected > self.params.critical * capacity:
            return CRITICAL
        if expected > self.params.warning * capacity:
            return WARNING
        return BETWEEN if expected > self.params.recover * capacity else OK


def trend(samples: list[int]) -> float:
    """Return the change per sample that three of four pairs exceed, or 0 where that is a fall."""
    slopes = sorted(
        (later - earlier) / (at - before)
        for (before, earlier), (at, later) in combinations(enumerate(samples), 2)
    )
    return max(0.0, slopes[len(slopes) // 4])


def _build(condition: DetectorCondition, rule: Rule) -> Forecast:
    params = ForecastParams.model_validate(condition.params)
    return Forecast(
        id=f"{rule.name}/forecast",
        metric=_METRIC,
        step_ms=round(params.step_s * 1000),
        params=params,
        at=ROOM_COLUMN_INDEX[_METRIC],
        capacity_at=ROOM_COLUMN_INDEX[_CAPACITY],
    )


FORECAST: Final = DetectorType(params=ForecastParams, scope="room", build=_build, reads=(_METRIC, _CAPACITY))
