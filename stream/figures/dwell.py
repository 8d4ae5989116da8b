"""How long viewers stay: the histogram of their stays, and of those who entered together, who stayed on.

A leave says how long its viewer stayed. It counts twice: at its own second in the histogram, and in the ten
seconds of the entry among those who left before 30 s, 1, 3 or 10 min. Once that time is over for all who
entered together, the rest is who stayed. A feed without leaves would make everyone stay: where none of those
left within ten minutes, retention is "no data".
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

import numpy as np

from stream.cells import Batch, Group
from stream.figures.view import Figures, Formula, View, ratio
from stream.metrics.traffic import AFTERS_MS
from stream.panes import COARSE_MS, cohort_window, young_window

__all__ = [
    "COHORT_CELLS",
    "COHORT_WINDOWS",
    "DWELL_MAX_MS",
    "EXTRAS",
    "FIGURES",
    "FORMULAS",
    "GROUPS",
    "JOINT",
    "add_dwell",
]

_BOUNDS_S: Final = (5, 15, 30, 60, 180, 300, 600, 1_800, 3_600)
"""Upper bounds of the histogram, seconds; from metrics.md."""
_BOUNDS_MS: Final = tuple(bound * 1_000 for bound in _BOUNDS_S)
DWELL_MAX_MS: Final = 86_400_000
"""A longer stay counts as one of this length: no broadcast lasts a day, and a sum must not run over."""
_BOUNCE_MS: Final = 5_000
"""Who leaves within this has not stayed at all; from metrics.md."""

DWELLS: Final = Group("dwell", "visits", (*map(str, _BOUNDS_S), "count", "ms"))
"""Stays by the smallest bound that they do not exceed, all of them, and their sum."""
LEAVERS: Final = Group("left", "visits", ("bounce", *AFTERS_MS))
"""Who left within 5 s, and before each time to look again, at the ten seconds of their entry."""
COHORT_WINDOWS: Final = (*map(cohort_window, AFTERS_MS), *map(young_window, AFTERS_MS))

_BUCKETS: Final = tuple(DWELLS.cell(str(bound)) for bound in _BOUNDS_S)
_COUNT: Final = DWELLS.cell("count")
_SUM_MS: Final = DWELLS.cell("ms")
_BOUNCE: Final = LEAVERS.cell("bounce")
_LEFT: Final = {after: LEAVERS.cell(after) for after in AFTERS_MS}
_LAST_AFTER: Final = max(AFTERS_MS, key=lambda after: AFTERS_MS[after])
_ENTER: Final = "visits.enter"
COHORT_CELLS: Final = (_ENTER, *map(LEAVERS.cell, LEAVERS.cells))
"""The cells that cohorts are told by, and the windows of them."""


def add_dwell(batch: Batch, at_ms: int, dwell_ms: int) -> None:
    """Count a stay.

    Args:
        batch: the batch that the leave is of.
        at_ms: when the viewer left, epoch milliseconds.
        dwell_ms: how long the viewer had stayed.
    """
    stay_ms = min(dwell_ms, DWELL_MAX_MS)
    cells = batch.fresh(at_ms).cells
    cells[_COUNT] += 1
    cells[_SUM_MS] += stay_ms
    bucket = bisect_left(_BOUNDS_MS, stay_ms)
    if bucket < len(_BUCKETS):
        cells[_BUCKETS[bucket]] += 1
    if stay_ms < AFTERS_MS[_LAST_AFTER]:
        cells = batch.fresh((at_ms - stay_ms) // COARSE_MS * COARSE_MS).cells
        if stay_ms <= _BOUNCE_MS:
            cells[_BOUNCE] += 1
        for after, before_ms in AFTERS_MS.items():
            if stay_ms < before_ms:
                cells[_LEFT[after]] += 1


def _histogram(view: View, _label: str | None, _window: str | None) -> list[Any]:
    """Return for each subject how many stays each bound holds, all that are shorter included."""
    counts = np.cumsum([view.total(bucket) for bucket in _BUCKETS], axis=0).astype(np.int64).T.tolist()
    names = [str(bound) for bound in _BOUNDS_S]
    sums_s = (view.total(_SUM_MS) / 1_000).tolist()
    everyone = view.total(_COUNT).astype(np.int64).tolist()
    return [
        {**dict(zip(names, held, strict=True)), "+Inf": number, "sum": sum_s}
        for held, number, sum_s in zip(counts, everyone, sums_s, strict=True)
    ]


def _mean(view: View, _label: str | None, window: str | None) -> Figures:
    return ratio(view.sum(_SUM_MS, window), view.sum(_COUNT, window)) / 1_000


def _bounces(view: View, _label: str | None, window: str | None) -> Figures:
    return np.minimum(ratio(view.sum(_BOUNCE, window), view.sum(_ENTER, window)), 1)


def _cohort(view: View, cell: str, after: str | None, window: str | None) -> Figures:
    """Return what a cell comes to among those whose `after` is over."""
    assert after is not None
    if window == "session":
        return np.maximum(view.sum(cell, window) - view.window(cell, young_window(after)), 0)
    return view.window(cell, cohort_window(after))


def _entered(view: View, after: str | None, window: str | None) -> Figures:
    return _cohort(view, _ENTER, after, window)


def _left(view: View, after: str | None, window: str | None) -> Figures:
    """Return who left before `after`; NaN where nobody's leave is known."""
    assert after is not None
    known = _cohort(view, _LEFT[_LAST_AFTER], after, window)
    return np.where(known > 0, _cohort(view, _LEFT[after], after, window), np.nan)


def _retention(view: View, after: str | None, window: str | None) -> Figures:
    """Return the share of a cohort that stayed; never below 0 where more left than are known to have come."""
    return np.maximum(1 - ratio(_left(view, after, window), _entered(view, after, window)), 0)


GROUPS: Final = (DWELLS, LEAVERS)
EXTRAS: Final = ()
JOINT: Final = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_dwell_seconds": _histogram,
    "live_dwell_mean_seconds": _mean,
    "live_bounce_ratio": _bounces,
    "live_retention_ratio": _retention,
    "live_retention_entered": _entered,
    "live_retention_left": _left,
}
