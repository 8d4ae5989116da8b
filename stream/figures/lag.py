"""How long it takes from the last click of a payer to the payment.

Samples of who clicked and who paid in each ten seconds tell it to ten seconds: for each payer of the last
quarter of an hour the newest ten seconds, up to those of the payment, with a click of the same user. Who did
not click within the quarter is left out. Where ten seconds saw more people than their sample keeps, only
those with the lowest hashes are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from stream.cells import Extra
from stream.figures.view import Figures, Formula, Stale, View
from stream.model import Feed
from stream.panes import COARSE_MS
from stream.sketches import Lowest

__all__ = ["CLICKED", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "PAID", "PAYERS_MAX"]

PAYERS_MAX: Final = 8
"""Payers that are looked at in each ten seconds."""
CLICKERS_MAX: Final = 32
"""Most people of a sample: 128 bytes."""
_MEDIAN, _P90 = range(2)
_SHARES: Final = (0.5, 0.9)
_UNKNOWN: Final = (math.nan, math.nan)


def _sample() -> Lowest:
    return Lowest(CLICKERS_MAX)


CLICKED: Final = Extra("clicked", set, pane=_sample)
PAID: Final = Extra("paid", set, pane=_sample)

Panes = dict[int, dict[str, Any]]
Lags = dict[int, list[int]]
"""Number of a pane -> how many panes before it those who paid in it clicked last."""


def _lags(stale: list[Stale], start_ms: int, end_ms: int) -> Sequence[tuple[tuple[float, ...], Lags]]:
    """Return for each room the median and the 90th percentile, seconds."""
    first, end = start_ms // COARSE_MS, end_ms // COARSE_MS
    lags = [_again(one, first, end) for one in stale]
    return [(_percentiles(one, first), one) for one in lags]


def _again(stale: Stale, first: int, end: int) -> Lags:
    """Return the lags of the payers of a window; those that nothing has changed for come from the last time.

    Clicks of a pane that has changed may be those of any later payer, so no later pane's lags are kept.
    """
    known = stale.known
    lags: Lags = {}
    known_end = first
    if known is not None:
        known_end = max(first, min(known.end, known.changed_from))
        lags = {number: found for number, found in known.state.items() if first <= number < known_end}
    for number in range(known_end, end):
        kept = stale.panes.get(number)
        if kept is not None and PAID.name in kept:
            payers = kept[PAID.name].kept[:PAYERS_MAX]
            found = [_lag(payer, stale.panes, number, first) for payer in payers]
            lags[number] = [lag for lag in found if lag is not None]
    return lags


def _lag(payer: int, panes: Panes, paid: int, first: int) -> int | None:
    """Return how many panes before the payment the last click was; None without one, or if nobody knows."""
    for number in range(paid, first - 1, -1):
        kept = panes.get(number)
        if kept is not None and CLICKED.name in kept:
            clickers = kept[CLICKED.name]
            if payer in clickers.kept:
                return paid - number
            if payer >= clickers.limit:
                return None
    return None


def _percentiles(lags: Lags, first: int) -> tuple[float, ...]:
    """Return the percentiles; a click that the window has left behind meanwhile does not count any more."""
    panes = sorted([lag for paid, some in lags.items() for lag in some if paid - lag >= first])
    if not panes:
        return _UNKNOWN
    ranks = [math.ceil(len(panes) * share) - 1 for share in _SHARES]
    return tuple(panes[rank] * COARSE_MS / 1_000 for rank in ranks)


def _percentile(which: int) -> Formula:
    def formula(view: View, _label: str | None, window: str | None) -> Figures:
        assert window is not None
        found: Figures = view.together((CLICKED.name, PAID.name), window, _lags).reshape(-1, len(_SHARES))[
            :, which
        ]
        return found

    return formula


GROUPS: Final = ()
EXTRAS: Final = (CLICKED, PAID)
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = ()
FORMULAS: Final[dict[str, Formula]] = {
    "live_click_to_paid_median_seconds": _percentile(_MEDIAN),
    "live_click_to_paid_p90_seconds": _percentile(_P90),
}
