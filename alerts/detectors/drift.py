"""``drift``: sound and picture run apart. Pure and without memory.

A slope over a few pings says little: the order of arrival alone moves an offset by up to one frame. So a
slope counts only as far as it exceeds what that noise may make of it. And a jump that came and went tilts a
line through all pings too: so the offsets of the last minute must have moved as the slope says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX, column
from stream.model import PROBES

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["DRIFT", "Drift", "DriftParams"]

_METRIC: Final = "live_av_drift_ratio"
_PINGS: Final = "live_pings"
_INTERVAL: Final = "live_ping_interval_seconds"
_FRAMES: Final = "live_frames_per_second"
_OFFSET: Final = "live_av_offset_seconds"
_WINDOW_S: Final = 300
_LATEST_S: Final = 60
_SPAN_MIN_S: Final = 120.0
"""Watched time from which the last minute can be told from what was before, seconds."""
_CONFIRMED: Final = (0.5, 1.5)
"""Least and most of what the slope says that the last minute must have moved: a jump moves it by more."""
_FRAME_S: Final = 0.1
"""Time of a frame where the frame rate is unknown, seconds: of 10 frames a second, the slowest watched."""
_SPREAD_OF_SLOPE: Final = 2.0
"""Spread of a slope over n pings evenly in T seconds, in spreads of one ping: sqrt(12 / n) / T; with offsets
spread evenly within ± one frame, whose spread is frame / sqrt(3), that is 2 frames / (T sqrt(n))."""


class DriftParams(Params):
    """How fast is too fast.

    Attributes:
        warning: seconds per second; the default is 20 ms a minute.
        noise: spreads of the slope's own noise that are taken off before it is compared.
    """

    warning: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.02 / 60
    noise: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """The slope of one probe's offsets over 5 minutes."""

    id: str
    labels: Mapping[str, str]
    params: DriftParams
    at: int
    pings_at: int
    interval_at: int
    frames_at: int
    latest_at: int
    middle_at: int
    metric: str = _METRIC
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return the level of the slope now; None without one."""
        slope = subject.values[self.at]
        if slope is None:
            return None
        if abs(slope) <= self.params.warning:
            return OK
        noise, moved = self._noise(subject), self._moved(subject, slope)
        if noise is None or moved is None:
            return None
        return WARNING if moved and abs(slope) - noise > self.params.warning else BETWEEN

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - a slope has no worst value
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the slope and the bound that it had to exceed, noise included."""
        slope, noise = subject.values[self.at], self._noise(subject)
        bound = self.params.warning + (noise or 0.0)
        return Reading(
            value=slope,
            threshold=math.copysign(bound, slope or 1.0),
            samples=subject.values[self.pings_at],
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, ("health",)),
            reason="drift",
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""

    def _noise(self, subject: Subject) -> float | None:
        values = subject.values
        pings, span_s = values[self.pings_at], self._span_s(subject)
        if span_s is None:
            return None
        frame_s = 1 / values[self.frames_at] if values[self.frames_at] else _FRAME_S
        return float(self.params.noise * _SPREAD_OF_SLOPE * frame_s / (span_s * math.sqrt(pings)))

    def _span_s(self, subject: Subject) -> float | None:
        """Return the time that the slope is of; None while that is too short."""
        pings, interval_s = subject.values[self.pings_at], subject.values[self.interval_at]
        if not pings or not interval_s:
            return None
        newest = subject.newest_ms.get("health", subject.tick_ms)
        since_s = (newest - subject.session_ms) / 1000 if subject.session_ms else _WINDOW_S
        span_s = min(_WINDOW_S, since_s, pings * interval_s)
        return span_s if span_s >= _SPAN_MIN_S else None

    def _moved(self, subject: Subject, slope: float) -> bool | None:
        """Tell whether the last minute lies where the slope leads to; None when that is not known."""
        latest, middle = subject.values[self.latest_at], subject.values[self.middle_at]
        span_s = self._span_s(subject)
        if latest is None or middle is None or span_s is None:
            return None
        least, most = (part * (span_s - _LATEST_S) / 2 for part in _CONFIRMED)
        return bool(least <= (latest - middle) / slope <= most)


def _build(condition: DetectorCondition, rule: Rule) -> Drift:
    probe = condition.where["probe"]

    def place(metric: str, window: str | None = None) -> int:
        return ROOM_COLUMN_INDEX[column(metric, label_value=probe, window=window).name]

    return Drift(
        id=f"{rule.name}/drift/{probe}",
        labels={"probe": probe},
        params=DriftParams.model_validate(condition.params),
        at=place(_METRIC, "5m"),
        pings_at=place(_PINGS, "5m"),
        interval_at=place(_INTERVAL),
        frames_at=place(_FRAMES, "5m"),
        latest_at=place(_OFFSET, "1m"),
        middle_at=place(_OFFSET, "5m"),
    )


DRIFT: Final = DetectorType(
    params=DriftParams,
    scope="room",
    build=_build,
    reads=(_METRIC, _PINGS, _INTERVAL, _FRAMES, _OFFSET),
    where={"probe": PROBES},
)
