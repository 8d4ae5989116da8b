"""A figure against bounds: above, below, or outside a band.

Pure and without memory. The place of every figure is looked up once; ``level`` then costs a few list reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from alerts.detectors.reading import BETWEEN, CRITICAL, INFO, OK, WARNING, Reading, Subject

__all__ = [
    "NEVER",
    "PING_WINDOWS",
    "Figure",
    "Side",
    "Threshold",
    "figure_for",
    "wilson_lower",
    "wilson_upper",
]

PING_WINDOWS: Final = ("10s", "1m", "5m")
"""Windows that a ping rule chooses from."""
_PING_WINDOWS_S: Final = (10.0, 60.0)
"""Their lengths, seconds; the last one takes whatever is left."""
PINGS_PER_WINDOW: Final = 3
"""A ping rule's window holds at least this many ping intervals; metrics.md, section 2."""
WATCHED_S: Final = 100.0
"""A figure per 100 s is no data before so much was watched, seconds: one stall in one ping is not many."""
_NODES: Final = 2
_NODES_WARNING: Final = 0.05
_NODES_CRITICAL: Final = 0.2
"""A player is one viewer: least stalled nodes and their least share for a warning, and share for critical;
metrics.md, section 2."""
NEVER: Final = math.inf
"""A bound that no figure is beyond."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """Where a figure stands in ``values``.

    Attributes:
        at: its index.
        samples_at: indices whose sum is its number of samples; empty when it has none.
        frames_at: index of the frame rate of the same probe and window; None unless asked for.
        window_s: length of its window, None for the newest value or the session's total.
        nodes_at: indices of the number and the share of stalled nodes, of players; None for other probes.
    """

    at: int
    samples_at: tuple[int, ...] = ()
    frames_at: int | None = None
    window_s: int | None = None
    nodes_at: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Bounds of one side: the figure times ``sign`` is the excess, more is worse, ``NEVER`` = no bound."""

    sign: int
    info: float
    warning: float
    critical: float
    recover: float

    def level(self, value: float, floor: float) -> int:
        """Return the level of a value; no bound counts as lower than ``floor``."""
        excess = self.sign * value
        if excess <= floor or excess <= self.recover:
            return OK
        if excess > self.critical:
            return CRITICAL
        if excess > self.warning:
            return WARNING
        return INFO if excess > self.info else BETWEEN

    def bound(self, level: int, floor: float) -> float:
        """Return the bound that a level is held against, in the unit of the figure."""
        bound = {CRITICAL: self.critical, WARNING: self.warning, INFO: self.info}.get(level)
        if bound is None or bound == NEVER:
            bound = min(self.info, self.warning, self.critical)
        return self.sign * max(bound, floor)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A metric condition with its places and bounds.

    Attributes:
        sides: one with ``>`` or ``<``, two with ``outside``.
        figures: one, or for a ping rule one for each of PING_WINDOWS.
        interval_at: index of the probe's ping interval; None when the window does not depend on it.
        total_excess: a figure at or beyond it is a total breach.
        confidence: what the figure's lower bound is taken with; None: the figure itself is compared.
        calm_from: with ``calm_to`` the recover bounds; nearly all figures are between them.
        few_are_calm: whether too few samples are by themselves a sign that all is well.
        watched_at: index of the ping interval whose product with the samples is the time that was watched;
            None where the figure does not need ``WATCHED_S`` of it.
    """

    id: str
    metric: str
    labels: Mapping[str, str]
    feeds: tuple[str, ...]
    sides: tuple[Side, ...]
    figures: tuple[Figure, ...]
    interval_at: int | None = None
    min_samples: int = 0
    total_excess: float = NEVER
    confidence: float | None = None
    z: float = 0.0
    calm_from: float = NEVER
    calm_to: float = -NEVER
    step_ms: int = 0
    watched_at: int | None = None
    few_are_calm: bool = False

    def level(self, subject: Subject) -> int | None:
        """Return the level of the figure now; None without a figure or with too few samples."""
        values = subject.values
        figure = self._now(values)
        value = values[figure.at]
        if value is None:
            return None
        if self.min_samples and self._too_few(figure, values):
            return self._of_few(value)
        if self.watched_at is not None and _watched_s(figure, values, self.watched_at) < WATCHED_S:
            return None
        if self.calm_from <= value <= self.calm_to:
            return OK
        if self.confidence is not None:
            value = wilson_lower(value, _samples(figure, values), self.z)
        floor = -NEVER if figure.frames_at is None else _frame_s(values[figure.frames_at])
        level = max(side.level(value, floor) for side in self.sides)
        if figure.nodes_at is None or level <= INFO:
            return level
        most = _most(values[figure.nodes_at[0]], values[figure.nodes_at[1]])
        return None if most is None else min(level, most)

    def total(self, subject: Subject) -> bool:
        """Return whether the figure is at its worst possible value, or beyond what the rule calls total."""
        value = subject.values[self._now(subject.values).at]
        return value is not None and self.sides[0].sign * value >= self.total_excess

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the figure, the bound that the level is held against, and what it rests on."""
        values = subject.values
        figure = self._now(values)
        value = values[figure.at]
        floor = -NEVER if figure.frames_at is None else _frame_s(values[figure.frames_at])
        side = self.sides[0]
        if value is not None:
            side = max(self.sides, key=lambda side: side.level(value, floor) * 2 + (side.sign * value > 0))
        return Reading(
            value=value,
            threshold=side.bound(level, floor),
            samples=_samples(figure, values) if figure.samples_at else None,
            confidence=self.confidence,
            window_s=figure.window_s,
            newest_ms=max((subject.newest_ms.get(feed, 0) for feed in self.feeds), default=0),
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""

    def _of_few(self, value: float) -> int | None:
        """Return the level of a figure of few samples: they may end an alert, never begin one.

        Pings that are missing say nothing at all.
        """
        if self.few_are_calm:
            return OK
        calm = self.interval_at is None and self.calm_from <= value <= self.calm_to
        return OK if calm else None

    def _now(self, values: list[Any]) -> Figure:
        if self.interval_at is None:
            return self.figures[0]
        return figure_for(self.figures, values[self.interval_at])

    def _too_few(self, figure: Figure, values: list[Any]) -> bool:
        first = values[figure.samples_at[0]] if figure.samples_at else None
        if first is not None and first >= self.min_samples:
            return False
        return _samples(figure, values) < self.min_samples


def figure_for(figures: tuple[T, ...], interval_s: float | None) -> T:
    """Return, of one for each window, that of the smallest that holds three ping intervals.

    That of 10s while the interval is unknown.
    """
    if interval_s is None or interval_s <= _PING_WINDOWS_S[0] / PINGS_PER_WINDOW:
        return figures[0]
    return figures[1 if interval_s <= _PING_WINDOWS_S[1] / PINGS_PER_WINDOW else 2]


def wilson_lower(ratio: float, samples: int, z: float) -> float:
    """Return the lower end of Wilson's score interval.

    Args:
        ratio: the observed share, 0..1.
        samples: how many it was observed on, 0 or more; on none nothing is known and the answer is 0.
        z: quantile of the standard normal distribution, above zero.
    """
    if samples <= 0:
        return 0.0
    square = z * z / samples
    spread = z * math.sqrt(ratio * (1 - ratio) / samples + square / (4 * samples))
    return max(0.0, (ratio + square / 2 - spread) / (1 + square))


def wilson_upper(ratio: float, samples: int, z: float) -> float:
    """Return the upper end of Wilson's score interval; arguments as of ``wilson_lower``, on none it is 1."""
    return 1 - wilson_lower(1 - ratio, samples, z)


def _most(nodes: float | None, share: float | None) -> int | None:
    """Return the highest level that so many stalled players may reach; None when it is not known."""
    if nodes is None or share is None:
        return None
    if nodes < _NODES:
        return WARNING if share >= 1 else INFO
    if share < _NODES_WARNING:
        return INFO
    return CRITICAL if share >= _NODES_CRITICAL else WARNING


def _watched_s(figure: Figure, values: list[Any], interval_at: int) -> float:
    return float(_samples(figure, values) * (values[interval_at] or 0.0))


def _samples(figure: Figure, values: list[Any]) -> int:
    return sum(int(values[at] or 0) for at in figure.samples_at)


def _frame_s(frames_per_second: float | None) -> float:
    """Return the time of one frame in seconds; unknown or standing still: no floor."""
    return 1 / frames_per_second if frames_per_second else -NEVER
