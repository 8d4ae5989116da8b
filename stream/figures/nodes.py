"""Stalls and nodes: how many nodes stand still, and how often they begin to.

A node is stalled when it stood still for 5 % of the time that its pings of a window tell of. Stalled pings of
a node that follow each other are one stall, whatever their number; one that goes on from before the window,
by the pings of the minute before it, did not begin in it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.figures.pings import NODE_BITS, Ints, Pings
from stream.figures.view import Figures, ratio

__all__ = ["BEFORE_MS", "runs", "sampled", "stalled_nodes", "stalls_begun"]

BEFORE_MS: Final = 60_000
"""Pings of so long before a window tell whether a stall goes on from before it."""
Places = NDArray[np.bool_] | slice
_ALL: Final = slice(None)
_PARTS_OF_STALLED: Final = 20
"""A node is stalled when stalls make up one part in so many (5 %) of its time; from metrics.md."""


def sampled(pings: Pings) -> tuple[Pings, Figures]:
    """Return the pings of nodes of which none are left out, and how many nodes stand behind each of them.

    A probe that sends too many pings of a single node has no such node: all of its pings are the sample.
    """
    behind = np.ones(pings.groups)
    if not pings.limit:
        return pings, behind
    left_out = np.zeros(len(pings.node), bool)
    for group, limit in pings.limit.items():
        first = group << NODE_BITS
        of_group = (pings.node >= first) & (pings.node < first + (1 << NODE_BITS))
        above = of_group & (pings.node >= first + limit)
        if above.sum() < of_group.sum():
            left_out |= above
            behind[group] = (1 << NODE_BITS) / limit
    return pings.where(~left_out) if left_out.any() else pings, behind


def stalled_nodes(pings: Pings, some: Places = _ALL) -> tuple[Figures, Figures]:
    """Return for each group how many nodes ping, and how many of them are stalled; NaN without pings.

    Args:
        pings: the pings.
        some: which of them to look at.
    """
    behind = np.ones(pings.groups)
    if pings.limit:
        pings, behind = sampled(pings.where(some))
        some = _ALL
    node = pings.node[some]
    order = np.argsort(node)
    node = node[order]
    starts = runs(node)
    group = node[starts] >> NODE_BITS
    nodes = np.bincount(group, minlength=pings.groups).astype(np.float64)
    stall_ms = _sums(pings.stall_ms[some][order], starts)
    interval_ms = _sums(pings.interval_ms[some][order], starts)
    stalled = (stall_ms > 0) & (stall_ms * _PARTS_OF_STALLED >= interval_ms)
    found = np.bincount(group[stalled], minlength=pings.groups)
    return np.where(nodes > 0, nodes * behind, np.nan), np.where(nodes > 0, found * behind, np.nan)


def stalls_begun(pings: Pings, inside: NDArray[np.bool_]) -> Figures:
    """Return for each group the stalls begun per 100 s of the time that its pings tell of.

    Args:
        pings: ordered by node and time; with some from before the window.
        inside: which of them are of the window.
    """
    stalled = pings.stall_ms > 0
    goes_on = np.zeros(len(stalled), bool)
    goes_on[1:] = stalled[:-1] & (pings.node[1:] == pings.node[:-1])
    group = pings.group
    begun = np.bincount(group[stalled & ~goes_on & inside], minlength=pings.groups)
    watched_ms = np.bincount(group[inside], pings.interval_ms[inside], minlength=pings.groups)
    return ratio(begun.astype(np.float64), watched_ms.astype(np.float64)) * 100_000


def _sums(numbers: Ints, starts: Ints) -> Ints:
    return np.add.reduceat(numbers, starts) if len(starts) else starts


def runs(ordered: Ints) -> Ints:
    """Return where a new value begins."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
