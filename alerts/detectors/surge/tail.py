"""How rarely a deviation of this size was seen: a quantile that is tracked, and a power law above it."""

from __future__ import annotations

import math
from typing import Final

from alerts.detectors.surge.settings import SurgeSettings

__all__ = ["Tail"]

_LN10: Final = math.log(10)
_PRIOR_EXCEEDANCES: Final = 8
"""Exceedances that the slope's prior stands for: steady enough at the start, outweighed within hours."""


class Tail:
    """P(deviation > z) of one kind of deviation, learnt as it goes.

    Attributes:
        bound: value that ``tail_share`` of the deviations exceed.
        slope: mean of ln(deviation / bound) above the bound (Hill's estimator of a power law's 1 / exponent).
        seen, above: deviations seen; exceedances, the prior's included.
    """

    __slots__ = ("above", "bound", "seen", "slope")

    def __init__(self, bound: float, slope: float, seen: int = 0, above: int = _PRIOR_EXCEEDANCES) -> None:
        self.bound = bound
        self.slope = slope
        self.seen = seen
        self.above = above

    def surprise(self, z: float, settings: SurgeSettings) -> float:
        """Return -log10 P(deviation > z), from 0."""
        at_bound = -math.log10(settings.tail_share)
        if z <= self.bound:
            return at_bound * z / self.bound
        return at_bound + math.log(z / self.bound) / (self.slope * _LN10)

    def deviation(self, surprise: float, settings: SurgeSettings) -> float:
        """Return the deviation that is as surprising as this: the inverse of `surprise`."""
        at_bound = -math.log10(settings.tail_share)
        if surprise <= at_bound:
            return self.bound * surprise / at_bound
        return self.bound * math.exp(min(50.0, (surprise - at_bound) * self.slope * _LN10))

    def learn(self, z: float, settings: SurgeSettings) -> None:
        """Move bound and slope towards what this deviation says."""
        if not settings.tail_rate:
            return
        self.seen += 1
        step = max(settings.tail_rate, 1 / (self.seen + 5))
        if z <= self.bound:
            self.bound = max(1e-6, self.bound * math.exp(-step * settings.tail_share))
            return
        excess = min(settings.tail_excess_max, math.log(z / self.bound))
        self.bound *= math.exp(step * (1 - settings.tail_share))
        self.above += 1
        self.slope += (excess - self.slope) / min(self.above, settings.tail_memory)
        self.slope = max(self.slope, settings.tail_slope_min)
