"""``own_median``: a figure of a probe falls below a share of the room's own median of 15 minutes.

Pure and streaming: a sample each ``step_s``, the newest ``memory_s / step_s`` of them are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, Share, newest_ms
from alerts.detectors.threshold import PING_WINDOWS, Figure, figure_for
from stream.catalogue import ROOM_COLUMN_INDEX, WINDOWS_MS, column
from stream.model import PROBES

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["OWN_MEDIAN", "OwnMedian", "OwnMedianParams"]

_PINGS: Final = "live_pings"
_INTERVAL: Final = "live_ping_interval_seconds"
_METRICS: Final = ("live_bytes_per_second", "live_frames_per_second")
_FEED: Final = "health"


class OwnMedianParams(Params):
    """Bounds as shares of the room's own median.

    Attributes:
        share: share of the median below which the figure is told; ``grave_share`` likewise.
        recover: share that must be reached again.
        memory_s: how much of the past the median is of.
        ready_s: how much of it must be known.
        step_s: time between two samples.
    """

    RISING = ("grave_share", "share", "recover")

    share: Share = 0.5
    grave_share: Share = 0.25
    recover: Share = 0.7
    memory_s: Seconds = 900
    ready_s: Seconds = 180
    step_s: Seconds = 30


@dataclass(frozen=True, slots=True)
class OwnMedian:
    """One figure of a probe. Its memory: the samples, oldest first, whole units."""

    id: str
    metric: str
    labels: Mapping[str, str]
    params: OwnMedianParams
    figures: tuple[Figure, ...]
    interval_at: int
    min_samples: int
    step_ms: int

    def level(self, subject: Subject) -> int | None:
        """Return the level of the figure now; None without a figure, pings enough or a past."""
        figure = figure_for(self.figures, subject.values[self.interval_at])
        value = subject.values[figure.at]
        if value is None or (subject.values[figure.samples_at[0]] or 0) < self.min_samples:
            return None
        own = self._own(subject)
        if own is None:
            return None
        if value >= own * self.params.recover:
            return OK
        if value < own * self.params.grave_share:
            return CRITICAL
        return WARNING if value < own * self.params.share else BETWEEN

    def total(self, subject: Subject) -> bool:
        """Return whether nothing comes at all."""
        value: Any = subject.values[figure_for(self.figures, subject.values[self.interval_at]).at]
        return value is not None and value <= 0

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the figure, the median and the bound."""
        figure = figure_for(self.figures, subject.values[self.interval_at])
        own = self._own(subject)
        share = self.params.grave_share if level == CRITICAL else self.params.share
        return Reading(
            value=subject.values[figure.at],
            expected=own,
            threshold=None if own is None else own * share,
            samples=subject.values[figure.samples_at[0]],
            window_s=figure.window_s,
            newest_ms=newest_ms(subject, (_FEED,)),
        )

    def observe(self, subject: Subject) -> None:
        """Take a sample."""
        value = subject.values[figure_for(self.figures, subject.values[self.interval_at]).at]
        if value is not None:
            kept = [*subject.memory.get(self.id, ()), round(value)]
            subject.memory[self.id] = kept[-int(self.params.memory_s // self.params.step_s) :]

    def _own(self, subject: Subject) -> float | None:
        kept = subject.memory.get(self.id)
        if kept is None or (len(kept) - 1) * self.params.step_s < self.params.ready_s:
            return None
        return float(median(kept)) or None


def _build(condition: DetectorCondition, rule: Rule) -> OwnMedian:
    name, probe = condition.metric or "", condition.where["probe"]
    params = OwnMedianParams.model_validate(condition.params)

    def place(metric: str, window: str | None = None) -> int:
        return ROOM_COLUMN_INDEX[column(metric, label_value=probe, window=window).name]

    return OwnMedian(
        id=f"{rule.name}/own_median/{name}/{probe}",
        metric=name,
        labels={"probe": probe},
        params=params,
        figures=tuple(
            Figure(place(name, window), (place(_PINGS, window),), window_s=WINDOWS_MS[window] // 1000)
            for window in PING_WINDOWS
        ),
        interval_at=place(_INTERVAL),
        min_samples=rule.min_samples,
        step_ms=round(params.step_s * 1000),
    )


OWN_MEDIAN: Final = DetectorType(
    params=OwnMedianParams,
    scope="room",
    build=_build,
    metrics=_METRICS,
    reads=(_PINGS, _INTERVAL),
    where={"probe": PROBES},
    counts_samples=True,
)
