"""What a series does at each part of the day, and whether it pays to expect it."""

from __future__ import annotations

import math
from array import array
from typing import Final

from alerts.detectors.surge.settings import SurgeSettings

__all__ = ["DAY_MS", "Rhythm"]

DAY_MS: Final = 86_400_000
_COUNT_MAX: Final = 255
_ERROR_RATE: Final = 0.02
_FEW: Final = 10
"""Until so many samples errors are learnt as they are."""
_CAP: Final = 8.0
"""Errors teach up to this many times the usual error without the rhythm."""
_DAYS_LEAST: Final = 0.01
"""The demand of a young series grows no more below this."""
_SIZE_PRIOR: Final = 3
"""Days that a part's usual size counts for before it was seen."""
_SIZES: Final = (0.2, 5.0)
"""Least and largest mean size of one visit, in usual sizes."""


class Rhythm:
    """Mean and spread of each part of the day, the mean counted from a slow level; at most 9 bytes a part.

    Attributes:
        base: the slow level.
        began_at: instant of the first sample, epoch milliseconds.
        means, counts: deviation from the base by part of the day (single precision), and days seen (to 255).
        sizes: size of residuals by part of the day, in usual ones; empty where that is not followed.
        error_with, error_without: usual error of expecting it, and of expecting the slow level alone.
        used: whether the last sample's expectation rested on it.
        last: mean of the part that the last sample lay in.
        visit, visit_samples, visit_sum, visit_size: part that samples lie in now, their deviations, and
            the sizes of their residuals: it learns them once the visit is over, a part is never expected
            from its own day.
    """

    __slots__ = (
        "base", "began_at", "counts", "error_with", "error_without", "last", "means", "sizes", "used",
        "visit", "visit_samples", "visit_size", "visit_sum",
    )  # fmt: skip

    def __init__(self, settings: SurgeSettings, base: float, at_ms: int) -> None:
        bins = settings.day_bins
        self.base = base
        self.began_at = at_ms
        self.means = array("f", bytes(4 * bins))
        self.counts = array("B", bytes(bins))
        self.sizes = array("f", [1.0] * bins if settings.size_power else [])
        self.error_with = 0.0
        self.error_without = 0.0
        self.used = False
        self.last = 0.0
        self.visit = self.part(at_ms)
        self.visit_samples = 1
        self.visit_sum = 0.0
        self.visit_size = 0.0

    def part(self, at_ms: int) -> int:
        """Return the part of the day of an instant."""
        return (at_ms % DAY_MS) * len(self.means) // DAY_MS

    def size(self, part: int, settings: SurgeSettings) -> float:
        """Return the size of residuals that is usual in this part, in those of the whole day."""
        return float(self.sizes[part] ** settings.size_power) if self.sizes else 1.0

    def demanded(self, at_ms: int, settings: SurgeSettings) -> float:
        """Return the surprise demanded more while days of this series are few."""
        days = max(_DAYS_LEAST, (at_ms - self.began_at) / DAY_MS)
        return settings.young_weight * math.log10(max(1.0, settings.young_days / days))

    def pays(self, part: int, settings: SurgeSettings) -> bool:
        """Return whether this part was seen before and the rhythm predicts better than the level alone."""
        return self.counts[part] > 0 and self.error_with < self.error_without * settings.rhythm_gain

    def learn(
        self,
        part: int,
        value: float,
        *,
        samples: int,
        used: bool,
        size: float,
        settings: SurgeSettings,
    ) -> None:
        """Take one value into the visit of its part, the errors and the base.

        Args:
            part: of the day.
            value: in the unit of the levels.
            samples: seen with this one.
            used: whether the expectation rested on the rhythm.
            size: of the residual, in usual ones.
            settings: of the detector.
        """
        mean = self.means[part]
        known = self.counts[part] > 0
        deviation = value - self.base
        if known:
            cap = _CAP * self.error_without + 1e-12 if samples > _FEW else float("inf")
            rate = max(_ERROR_RATE, 1 / samples)
            self.error_with += rate * (min(abs(deviation - mean), cap) - self.error_with)
            self.error_without += rate * (min(abs(deviation), cap) - self.error_without)
        if part != self.visit:
            self._fold_visit(settings)
            self.visit, self.visit_samples, self.visit_sum, self.visit_size = part, 0, 0.0, 0.0
        self.visit_samples += 1
        self.visit_sum += deviation
        self.visit_size += size
        self.base += max(settings.base_rate, 1 / samples) * (deviation - (mean if used else 0.0))
        self.used = used
        self.last = mean if known else 0.0

    def _fold_visit(self, settings: SurgeSettings) -> None:
        days = min(_COUNT_MAX, self.counts[self.visit] + 1)
        mean = self.means[self.visit]
        self.counts[self.visit] = days
        off = self.visit_sum / self.visit_samples - mean
        self.means[self.visit] = mean + max(settings.day_rate, 1 / days) * off
        if self.sizes:
            size = min(_SIZES[1], max(_SIZES[0], self.visit_size / self.visit_samples))
            rate = max(settings.size_rate, 1 / (days + _SIZE_PRIOR))
            self.sizes[self.visit] += rate * (size - self.sizes[self.visit])
