"""What a series does at each part of the day, and whether it pays to expect it."""

from __future__ import annotations

from array import array
from typing import Final

from alerts.detectors.surge.settings import SurgeSettings

__all__ = ["Rhythm"]

_DAY_MS: Final = 86_400_000
_COUNT_MAX: Final = 255
_ERROR_RATE: Final = 0.02
_FEW: Final = 10
"""Until so many samples errors are learnt as they are."""
_CAP: Final = 8.0
"""Errors teach up to this many times the usual error without the rhythm."""


class Rhythm:
    """Mean of each part of the day, counted from a slow level; 5 bytes a part.

    Attributes:
        base: the slow level.
        means, counts: deviation from the base by part of the day (single precision), and days seen (to 255).
        error_with, error_without: usual error of expecting it, and of expecting the slow level alone.
        used: whether the last sample's expectation rested on it.
        last: mean of the part that the last sample lay in.
        visit, visit_samples, visit_sum: part that samples lie in now, and their deviations, which its mean
            learns once the visit is over: a part is never expected from its own day.
    """

    __slots__ = (
        "base", "counts", "error_with", "error_without", "last", "means", "used", "visit", "visit_samples",
        "visit_sum",
    )  # fmt: skip

    def __init__(self, bins: int, base: float, at_ms: int) -> None:
        self.base = base
        self.means = array("f", bytes(4 * bins))
        self.counts = array("B", bytes(bins))
        self.error_with = 0.0
        self.error_without = 0.0
        self.used = False
        self.last = 0.0
        self.visit = self.part(at_ms)
        self.visit_samples = 1
        self.visit_sum = 0.0

    def part(self, at_ms: int) -> int:
        """Return the part of the day of an instant."""
        return (at_ms % _DAY_MS) * len(self.means) // _DAY_MS

    def pays(self, part: int, settings: SurgeSettings) -> bool:
        """Return whether this part was seen before and the rhythm predicts better than the level alone."""
        return self.counts[part] > 0 and self.error_with < self.error_without * settings.rhythm_gain

    def learn(self, part: int, value: float, *, samples: int, used: bool, settings: SurgeSettings) -> None:
        """Take one value into the visit of its part, the errors and the base."""
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
            self.visit, self.visit_samples, self.visit_sum = part, 0, 0.0
        self.visit_samples += 1
        self.visit_sum += deviation
        self.base += max(settings.base_rate, 1 / samples) * (deviation - (mean if used else 0.0))
        self.used = used
        self.last = mean if known else 0.0

    def _fold_visit(self, settings: SurgeSettings) -> None:
        days = min(_COUNT_MAX, self.counts[self.visit] + 1)
        mean = self.means[self.visit]
        self.counts[self.visit] = days
        off = self.visit_sum / self.visit_samples - mean
        self.means[self.visit] = mean + max(settings.day_rate, 1 / days) * off
