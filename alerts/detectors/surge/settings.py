"""What a surge detector can be told, and the two sets of settings that are shipped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["CURVES", "DAY_BINS_MAX", "HALF_SURPRISE", "ROOM", "SERVICE", "SurgeSettings"]

DAY_BINS_MAX: Final = 1_440
"""A part of the day for each minute: more would outgrow what a series may take."""
HALF_SURPRISE: Final = 5.0
"""Surprise (-log10 p) that makes a score of one half: score = surprise / (surprise + 5), so that it never
rounds to 1."""


@dataclass(frozen=True, slots=True)
class SurgeSettings:
    """How a series is followed, and when it alarms. Rates are weights of the newest sample, in (0, 1].

    Attributes:
        threshold: score from which a sample is a spike or a drop.
        min_ratio: smallest change that matters, as a ratio (2 = doubled or halved); else 1. Needs ``counts``.
        confirm: samples in a row that must breach; meanwhile the level waits. 1 = at once.
        hold_ms: a spike or drop is said to last while half of the change remains, at most so long.
        counts: values are counts or sizes >= 0: chance spreads them as Poisson's, large ones in proportion.
        spread_of_counts: count from which that spread counts as proportional.
        warmup: samples before anything alarms.
        gap_steps: a hole of more than so many usual steps makes the detector cautious again; 0 = never.
        after_gap: samples after such a hole before anything alarms.
        level_rates: the levels that are followed; the one that has lately predicted best is used.
        error_rate: of the levels' errors.
        scale_rate: of the usual size of a residual.
        still_share: a residual below this share of the usual size teaches nothing of size and tail, and does
            not count for the warm-up: of a series that mostly stands still, what is usual is how it moves.
            0 = all teach.
        scale_prior: usual size of a residual before any was seen, as if seen ``scale_prior_samples`` times.
        clip: residuals are learnt up to this many scales.
        tail_share: share of samples above the tail bound; the tail beyond it is a power law.
        tail_bound: the bound before anything was seen, in scales.
        tail_slope: 1 / exponent of that power law before anything was seen; small = light tail.
        tail_slope_min: never lighter than this.
        tail_excess_max: an exceedance teaches the slope up to e^this times the bound; small = the slope stays
            light however wild incidents are.
        tail_rate: of the tail bound; 0 keeps bound and slope as they are.
        tail_memory: exceedances that the slope is averaged over.
        busy_rate: of the mean size of residuals (unrest); 0 = not watched.
        shift_rate: of the signed mean of residuals (a lasting shift); 0 = not watched.
        shift_weight: what a surprise of a lasting shift counts for, against one of a jump.
        day_bins: parts of a day whose rhythm is learnt; 0 = none.
        day_rate: of each part's mean.
        size_power, size_rate: the usual size of a residual follows the part of the day as well, to this power
            (0 = not, 1 = wholly), learnt at this rate. Needs ``day_bins``.
        base_rate: of the level that the rhythm is counted from.
        rhythm_gain: the rhythm is used while its errors are below this share of those without it.
        history_weight, history_samples: surprise demanded more, per tenfold of samples above that number: who
            has seen more has had more chances to be surprised.
        young_weight, young_days: surprise demanded more before so many days were seen, per tenfold: the
            rhythm is not known yet, nor what else is usual. Needs ``day_bins``.
        refractory_samples, refractory_share: after a surprise only a larger one scores in full; that bar
            halves in so many samples, plus this share of all samples seen.
    """

    threshold: float = 0.35
    min_ratio: float = 1.0
    confirm: int = 1
    hold_ms: int = 0
    counts: bool = False
    spread_of_counts: float = 4.0
    warmup: int = 20
    gap_steps: int = 0
    after_gap: int = 0
    level_rates: tuple[float, ...] = (0.05, 0.3, 0.8)
    error_rate: float = 0.03
    scale_rate: float = 0.003
    still_share: float = 0.0
    scale_prior: float = 0.0
    scale_prior_samples: int = 0
    clip: float = 9.0
    tail_share: float = 0.01
    tail_bound: float = 3.0
    tail_slope: float = 0.25
    tail_slope_min: float = 0.1
    tail_excess_max: float = 3.0
    tail_rate: float = 0.01
    tail_memory: int = 100
    busy_rate: float = 0.02
    shift_rate: float = 0.05
    shift_weight: float = 1.1
    day_bins: int = 288
    day_rate: float = 0.15
    size_power: float = 0.0
    size_rate: float = 0.1
    base_rate: float = 0.01
    rhythm_gain: float = 0.9
    history_weight: float = 0.5
    history_samples: int = 300
    young_weight: float = 0.0
    young_days: float = 7.0
    refractory_samples: float = 30.0
    refractory_share: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what would make no sense.

        Raises:
            ValueError: with the name of the setting and what is allowed.
        """
        if not 0 < self.threshold < 1:
            raise ValueError("threshold must lie between 0 and 1")
        if self.min_ratio != 1 and not (self.counts and self.min_ratio > 1 and math.isfinite(self.min_ratio)):
            raise ValueError("min_ratio must be 1, or above 1 with counts")
        if self.confirm < 1 or not self.level_rates or not 0 <= self.day_bins <= DAY_BINS_MAX:
            raise ValueError("confirm must be at least 1, level_rates not empty, day_bins 0 to 1440")
        if not 0 <= self.size_power <= 1 or not 0 <= self.still_share < 1 or self.tail_excess_max <= 0:
            raise ValueError("size_power and still_share must lie from 0 to 1, tail_excess_max above 0")
        rates = (*self.level_rates, self.error_rate, self.scale_rate, self.day_rate, self.base_rate)
        rates += (self.size_rate,)
        if not all(0 < rate <= 1 for rate in rates):
            raise ValueError("rates must lie above 0 and not above 1")


CURVES: Final = SurgeSettings()
"""Long curves of any unit, with a daily rhythm if they have one (docs/detectors.md: what it was tuned on)."""

SERVICE: Final = SurgeSettings(
    threshold=0.37,
    level_rates=(0.05, 0.1, 0.8),
    error_rate=0.02,
    scale_rate=0.0001,
    still_share=0.001,
    clip=6.0,
    tail_share=0.015,
    tail_bound=4.0,
    tail_slope_min=0.2,
    tail_excess_max=0.3,
    tail_rate=0.02,
    tail_memory=300,
    busy_rate=0.0,
    shift_rate=0.0,
    day_bins=144,
    day_rate=0.07,
    size_power=0.65,
    size_rate=0.2,
    base_rate=0.02,
    rhythm_gain=0.8,
    young_weight=2.0,
    refractory_samples=1.0,
    refractory_share=0.0,
)
"""The same for alerting on each incident of a service, also when several follow each other: what is usual is
learnt slowly, and wild incidents do not make the next ones look usual."""

ROOM: Final = SurgeSettings(
    threshold=0.38,
    min_ratio=2.5,
    confirm=2,
    hold_ms=300_000,
    counts=True,
    warmup=15,
    gap_steps=3,
    after_gap=3,
    level_rates=(0.03, 0.1, 1.0),
    error_rate=0.1,
    scale_rate=0.02,
    scale_prior=0.1,
    scale_prior_samples=4,
    clip=4.0,
    tail_slope=0.2,
    tail_rate=0.0,
    busy_rate=0.0,
    shift_rate=0.0,
    day_bins=0,
    history_weight=0.0,
    refractory_samples=1.0,
    refractory_share=0.0,
)
"""A room on air, viewers or events a window: short, cheap, no rhythm; only changes by × 2.5 that stay."""
