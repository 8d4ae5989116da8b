"""Medians of what pings tell, and how fast sound and picture drift apart."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.figures.nodes import runs
from stream.figures.pings import NODE_BITS, OFFSET_STEPS, Ints, Pings
from stream.figures.view import Figures

__all__ = ["drifts", "medians"]

_PINGS_LEAST: Final = 5
_SPAN_LEAST_MS: Final = 60_000
"""A slope of fewer pings, or of a shorter time, is noise: 10 ms of it over a minute look like 5 ms/min of
drift."""
_NUMBER_BITS: Final = 24
_BIAS: Final = 1 << (_NUMBER_BITS - 1)


def medians(group: Ints, numbers: Ints, groups: int) -> Figures:
    """Return the median of each group's numbers, the mean of the two middle ones; NaN without any.

    Args:
        group: of each number.
        numbers: below 2^23, and not below -2^23.
        groups: how many groups there are.
    """
    ordered = np.sort(group << _NUMBER_BITS | numbers + _BIAS)
    count = np.bincount(group, minlength=groups)
    first = np.cumsum(count) - count
    known = np.flatnonzero(count)
    found = np.full(groups, np.nan)
    middle = (first[known] + (count[known] - 1) // 2, first[known] + count[known] // 2)
    lower, upper = ((ordered[at] & (1 << _NUMBER_BITS) - 1) - _BIAS for at in middle)
    found[known] = (lower + upper) / 2
    return found


def drifts(pings: Pings) -> Figures:
    """Return the slope of the offset over time of each group by least squares; NaN where it is unknown.

    Each node has an offset of its own and all share the slope, so that a node that begins to ping in the
    middle of the window does not look like drift. All sums are whole numbers: nothing depends on order.

    Args:
        pings: those with an offset, ordered by node.
    """
    starts = runs(pings.node)
    if not len(starts):
        return np.full(pings.groups, np.nan)
    number = np.diff(np.append(starts, len(pings.node)))

    def left(one: Ints, other: Ints) -> Figures:
        """Return of each node the sum of products, less what the means explain."""
        sums = [np.add.reduceat(part, starts).astype(np.float64) for part in (one * other, one, other)]
        left_of: Figures = sums[0] - sums[1] * sums[2] / number
        return left_of

    group = pings.node[starts] >> NODE_BITS
    spread = np.bincount(group, left(pings.at_ms, pings.at_ms), minlength=pings.groups)
    shared = np.bincount(group, left(pings.at_ms, pings.offset), minlength=pings.groups)
    known = _enough(pings) & (spread > 0)
    found: Figures = np.full(pings.groups, np.nan)
    return np.divide(shared, spread * OFFSET_STEPS, out=found, where=known)


def _enough(pings: Pings) -> NDArray[np.bool_]:
    group = pings.group
    starts = runs(group)
    span_ms = np.maximum.reduceat(pings.at_ms, starts) - np.minimum.reduceat(pings.at_ms, starts)
    number = np.diff(np.append(starts, len(group)))
    enough = np.zeros(pings.groups, bool)
    enough[group[starts]] = (number >= _PINGS_LEAST) & (span_ms >= _SPAN_LEAST_MS)
    return enough
