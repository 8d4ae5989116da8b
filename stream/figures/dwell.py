"""How long viewers stay: the histogram of their stays, and of those who entered together, who stayed on.

A leave says how long its viewer stayed. It counts twice: at its own second in the histogram, and in the ten
seconds of the entry among those who left before 30 s, 1, 3 or 10 min. Once that time is over for all who
entered together, the rest is who stayed. A feed without leaves would make everyone stay: where none of those
left within ten minutes, retention is "no data".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

import numpy as np

from stream.cells import Batch, Group
from stream.figures.histograms import histogram
from stream.figures.view import Figures, Formula, View, ratio
from stream.metrics.traffic import AFTERS_MS
from stream.model import Feed
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
    "add_stays",
]

_BOUNDS_S: Final = (5, 15, 30, 60, 180, 300, 600, 1_800, 3_600)
"""Upper bounds of the histogram, seconds; from metrics.md."""
_BOUNDS_MS: Final = tuple(bound * 1_000 for bound in _BOUNDS_S)
DWELL_MAX_MS: Final = 86_400_000
"""A longer stay counts as one of this length: no broadcast lasts a day, and a sum must not run over."""
_BOUNCE_MS: Final = 5_000
"""Who leaves within this has not stayed at all; from metrics.md."""
_LAST_AFTER: Final = max(AFTERS_MS, key=lambda after: AFTERS_MS[after])

DWELLS: Final = Group("dwell", "visits", (*map(str, _BOUNDS_S), "longer", "ms"))
"""Stays by the smallest bound that they do not exceed, and their sum."""
LEAVERS: Final = Group("left", "visits", ("bounce", *AFTERS_MS))
"""Who left within 5 s, and who else left before each time to look again and not before the one before it."""
COHORT_WINDOWS: Final = (*map(cohort_window, AFTERS_MS), *map(young_window, AFTERS_MS))
_ENTER: Final = "visits.enter"
COHORT_CELLS: Final = (_ENTER, *map(LEAVERS.cell, LEAVERS.cells))
"""The cells that cohorts are told by, and the windows of them."""

_BUCKETS: Final = tuple(DWELLS.cell(cell) for cell in DWELLS.cells[:-1])
_SUM_MS: Final = DWELLS.cell("ms")
_BOUNCE: Final = LEAVERS.cell("bounce")
_LEFT: Final = tuple(LEAVERS.cell(after) for after in AFTERS_MS)
_LEFT_BEFORE: Final = {after: (_BOUNCE, *_LEFT[: number + 1]) for number, after in enumerate(AFTERS_MS)}
"""Time to look again -> the cells of who left before it."""
_AFTERS_MS: Final = tuple(AFTERS_MS.values())
_LAST_AFTER_MS: Final = AFTERS_MS[_LAST_AFTER]


def add_stays(batch: Batch, stays: Iterable[tuple[int, int, dict[str, int]]]) -> None:
    """Count stays.

    Args:
        batch: the batch that the leaves are of.
        stays: when each viewer left, epoch milliseconds, how long the viewer had stayed, and the cells of the
            second in which the viewer left.
    """
    entered: dict[int, dict[str, int]] = {}
    for at_ms, dwell_ms, cells in stays:
        stay_ms = dwell_ms if dwell_ms < DWELL_MAX_MS else DWELL_MAX_MS  # noqa: FURB136 - twice as fast as min
        cells[_SUM_MS] += stay_ms
        cells[_BUCKETS[bisect_left(_BOUNDS_MS, stay_ms)]] += 1
        if stay_ms < _LAST_AFTER_MS:
            pane = (at_ms - stay_ms) // COARSE_MS
            if pane not in entered:
                entered[pane] = batch.fresh(pane * COARSE_MS).cells
            entered[pane][_BOUNCE if stay_ms <= _BOUNCE_MS else _LEFT[bisect_right(_AFTERS_MS, stay_ms)]] += 1


def _mean(view: View, _label: str | None, window: str | None) -> Figures:
    number = np.sum([view.sum(bucket, window) for bucket in _BUCKETS], axis=0)
    return ratio(view.sum(_SUM_MS, window), number) / 1_000


def _bounces(view: View, _label: str | None, window: str | None) -> Figures:
    return np.minimum(ratio(view.sum(_BOUNCE, window), view.sum(_ENTER, window)), 1)


def _cohort(view: View, cells: Iterable[str], after: str, window: str | None) -> Figures:
    """Return what cells come to among those whose `after` is over."""
    if window == "session":
        young = young_window(after)
        found = [view.sum(cell, window) - view.window(cell, young) for cell in cells]
    else:
        found = [view.window(cell, cohort_window(after)) for cell in cells]
    left: Figures = np.maximum(np.sum(found, axis=0), 0)
    return left


def _entered(view: View, after: str | None, window: str | None) -> Figures:
    assert after is not None
    return _cohort(view, (_ENTER,), after, window)


def _left(view: View, after: str | None, window: str | None) -> Figures:
    """Return who left before `after`; NaN where nobody's leave is known."""
    assert after is not None
    known = _cohort(view, _LEFT_BEFORE[_LAST_AFTER], after, window)
    return np.where(known > 0, _cohort(view, _LEFT_BEFORE[after], after, window), np.nan)


def _retention(view: View, after: str | None, window: str | None) -> Figures:
    """Return the share of a cohort that stayed; never below 0 where more left than are known to have come."""
    return np.maximum(1 - ratio(_left(view, after, window), _entered(view, after, window)), 0)


GROUPS: Final = (DWELLS, LEAVERS)
EXTRAS: Final = ()
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_dwell_seconds": histogram(_BOUNDS_S, _BUCKETS, _SUM_MS, 1_000),
    "live_dwell_mean_seconds": _mean,
    "live_bounce_ratio": _bounces,
    "live_retention_ratio": _retention,
    "live_retention_entered": _entered,
    "live_retention_left": _left,
}
