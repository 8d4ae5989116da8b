"""How long viewers stay: the histogram of their stays, and of those who entered together, who stayed on.

A leave says how long its viewer stayed. It counts twice: at its own second in the histogram, and in the ten
seconds of the entry among those who left before 30 s, 1, 3 or 10 min. Once that time is over for all who
entered together, the rest is who stayed. A feed without leaves would make everyone stay: where none of those
left within ten minutes, retention is "no data".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from stream.cells import Group
from stream.figures.expression import (
    UNKNOWN,
    Expression,
    Labelled,
    accumulated,
    known,
    larger,
    ratio,
    smaller,
    where,
)
from stream.figures.histograms import histogram
from stream.figures.view import Formula, View
from stream.metrics.traffic import AFTERS_MS
from stream.model import Feed
from stream.panes import cohort_window, young_window
from stream.tally import Tally

__all__ = [
    "COHORT_CELLS",
    "COHORT_WINDOWS",
    "DWELL_MAX_MS",
    "EXTRAS",
    "FEEDS",
    "FIGURES",
    "FORMULAS",
    "GROUPS",
    "JOINT",
    "add_stays",
]

_BOUNDS_S: Final = (5, 15, 30, 60, 180, 300, 600, 1_800, 3_600)
"""Upper bounds of the histogram, seconds; from metrics.md."""
DWELL_MAX_MS: Final = 86_400_000
"""A longer stay counts as one of this length: no broadcast lasts a day, and a sum must not run over."""

DWELLS: Final = Group("dwell", "visits", ("count", "ms"))
"""Stays and their sum."""
_HISTOGRAM: Final = "dwell"
"""A session's register: stays by the smallest bound that they do not exceed, the last for longer ones. Only
the whole session has a histogram, so panes need not keep it."""
LEAVERS: Final = Group("left", "visits", ("bounce", *AFTERS_MS))
"""Who left within 5 s, and who else left before each time to look again and not before the one before it."""
COHORT_WINDOWS: Final = (*map(cohort_window, AFTERS_MS), *map(young_window, AFTERS_MS))
_ENTER: Final = "visits.enter"
COHORT_CELLS: Final = (_ENTER, *map(LEAVERS.cell, LEAVERS.cells))
"""The cells that cohorts are told by, and the windows of them."""

FEEDS: Final[dict[str, Any]] = {
    "stays": DWELLS.cell("count"),
    "stays_ms": DWELLS.cell("ms"),
    "bounced": LEAVERS.cell("bounce"),
    "left": [LEAVERS.cell(after) for after in AFTERS_MS],
    "afters_ms": list(AFTERS_MS.values()),
    "dwell_bounds_ms": [bound * 1_000 for bound in _BOUNDS_S],
    "dwell_max_ms": DWELL_MAX_MS,
    "bounce_ms": 5_000,
}
"""What the native module counts of stays; who leaves within 5 s has not stayed at all (metrics.md)."""
_COUNT: Final = DWELLS.cell("count")
_SUM_MS: Final = DWELLS.cell("ms")
_BOUNCE: Final = LEAVERS.cell("bounce")
_LEFT_BEFORE: Final = {after: number for number, after in enumerate(AFTERS_MS, start=2)}
"""Time to look again -> the row of a cohort of who left before it."""


def add_stays(tally: Tally, stays: Sequence[int]) -> None:
    """Add stays to the histogram of a session.

    Args:
        tally: the session.
        stays: how many exceed each bound but not the next; the last are longer than all.
    """
    histogram = tally.register(_HISTOGRAM, [0] * (len(_BOUNDS_S) + 1))
    for at, number in enumerate(stays):
        histogram[at] += number


def _stays(view: View, _label: str | None, _window: str | None) -> Labelled:
    """Return how many stays do not exceed each bound, and their sum in seconds."""
    buckets = [known(view.register(_HISTOGRAM, at)) for at in range(len(_BOUNDS_S) + 1)]
    return histogram(_BOUNDS_S, buckets, view.total(_SUM_MS) / 1_000)


def _mean(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(view.sum(_SUM_MS, window), view.sum(_COUNT, window)) / 1_000


def _bounces(view: View, _label: str | None, window: str | None) -> Expression:
    return smaller(ratio(view.sum(_BOUNCE, window), view.sum(_ENTER, window)), 1)


def _cohort(view: View, after: str | None, window: str | None) -> list[Expression]:
    """Return among those whose `after` is over who entered, and who left before each time to look again."""
    assert after is not None
    if window == "session":
        young = young_window(after)
        entered, *left = (view.sum(cell, window) - view.window(cell, young) for cell in COHORT_CELLS)
    else:
        entered, *left = (view.window(cell, cohort_window(after)) for cell in COHORT_CELLS)
    return [larger(number, 0) for number in (entered, *accumulated(left))]


def _entered(view: View, after: str | None, window: str | None) -> Expression:
    return _cohort(view, after, window)[0]


def _left(view: View, after: str | None, window: str | None) -> Expression:
    """Return who left before `after`; NaN where nobody's leave is known."""
    assert after is not None
    cohort = _cohort(view, after, window)
    return where(cohort[-1] > 0, cohort[_LEFT_BEFORE[after]], UNKNOWN)


def _retention(view: View, after: str | None, window: str | None) -> Expression:
    """Return the share of a cohort that stayed; never below 0 where more left than are known to have come."""
    return larger(1 - ratio(_left(view, after, window), _entered(view, after, window)), 0)


GROUPS: Final = (DWELLS, LEAVERS)
EXTRAS: Final = ()
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_dwell_seconds": _stays,
    "live_dwell_mean_seconds": _mean,
    "live_bounce_ratio": _bounces,
    "live_retention_ratio": _retention,
    "live_retention_entered": _entered,
    "live_retention_left": _left,
}
