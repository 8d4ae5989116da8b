"""How the vendors answer: payment, danmaku gateway, coupons.

The 99th percentile of a minute comes from counts by latency on a logarithmic scale: it is at most 1 % off.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Final

from stream.cells import Batch, Extra, FeedFigures, Group
from stream.figures.histograms import histogram
from stream.figures.view import Figures, Formula, View, ratio
from stream.model import Feed

__all__ = ["CALLS", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "Latencies"]

_BOUNDS_S: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Upper bounds of the histogram, seconds; from metrics.md."""
_BOUNDS_MS: Final = tuple(bound * 1_000 for bound in _BOUNDS_S)
_LATENCY_MAX_MS: Final = 86_400_000
"""A longer call counts as one of this length, so that a sum cannot run over."""

CALLS: Final = Group("vendors", "vendors", ("ok", "timeout", "error"))
LATENCY: Final = Group("latency", "vendors", (*(f"{bound:g}" for bound in _BOUNDS_S), "longer", "us"))
"""Calls by the smallest bound that they do not exceed, and the sum of their latencies."""
_CELL: Final = {outcome: CALLS.cell(outcome) for outcome in CALLS.cells}
_BUCKETS: Final = tuple(LATENCY.cell(cell) for cell in LATENCY.cells[:-1])
_SUM_US: Final = LATENCY.cell("us")

_LATENCIES: Final = "latencies"
_GROWTH: Final = 1.02
"""Ratio of a step of the scale to the one before: what lies within a step is at most 1 % from its middle."""
_LEAST_MS: Final = 0.1
"""Shorter latencies are not told apart."""
_MIDDLE: Final = 2 / (_GROWTH + 1)
_P99: Final = 0.99


class Latencies:
    """How often calls took how long, on a scale of at most 1 100 steps.

    Attributes:
        changed: whether it differs from what was last kept.
        counts: step -> calls.
    """

    __slots__ = ("changed", "counts")

    def __init__(self) -> None:
        self.changed = False
        self.counts: dict[int, int] = {}

    def add(self, latency_ms: float) -> None:
        """Add a call."""
        step = math.ceil(math.log(max(latency_ms, _LEAST_MS) / _LEAST_MS, _GROWTH))
        self.counts[step] = self.counts.get(step, 0) + 1

    def merge(self, other: Latencies) -> None:
        """Add the calls of another one."""
        self.changed = True
        for step, number in other.counts.items():
            self.counts[step] = self.counts.get(step, 0) + number

    def percentile_s(self, share: float) -> float | None:
        """Return the latency, in seconds, that this share of calls does not exceed; None without calls."""
        left = math.ceil(sum(self.counts.values()) * share)
        for step in sorted(self.counts):
            left -= self.counts[step]
            if left <= 0:
                return _LEAST_MS * _GROWTH**step * _MIDDLE / 1_000
        return None

    def pack(self) -> list[int]:
        """Return steps and counts, steps rising."""
        return [part for item in sorted(self.counts.items()) for part in item]

    def unpack(self, packed: list[int]) -> None:
        """Take in what ``pack`` gave; on an empty one only."""
        self.counts = dict(zip(packed[::2], packed[1::2], strict=True))


def _add(batch: Batch) -> None:
    for call in batch.events:
        fresh, latency_ms = batch.fresh(call.at_ms), min(call.latency_ms, _LATENCY_MAX_MS)
        fresh.cells[_CELL[call.outcome]] += 1
        fresh.cells[_BUCKETS[bisect_left(_BOUNDS_MS, latency_ms)]] += 1
        fresh.cells[_SUM_US] += round(latency_ms * 1_000)
        fresh.extra(_LATENCIES, Latencies).add(latency_ms)


def _calls(view: View, _label: str | None, window: str | None) -> Figures:
    ok, timeout, error = (view.sum(cell, window) for cell in _CELL.values())
    return ok + timeout + error


def _share(outcome: str) -> Formula:
    def formula(view: View, label: str | None, window: str | None) -> Figures:
        return ratio(view.sum(_CELL[outcome], window), _calls(view, label, window))

    return formula


def _p99(panes: list[Latencies]) -> float | None:
    whole = Latencies()
    for pane in panes:
        whole.merge(pane)
    return whole.percentile_s(_P99)


def _p99_s(view: View, _label: str | None, window: str | None) -> Figures:
    assert window is not None
    return view.numbers(_LATENCIES, window, _p99)


GROUPS: Final = (CALLS, LATENCY)
EXTRAS: Final = (Extra(_LATENCIES, Latencies, pane=Latencies, fine=True, coarse=False),)
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = (FeedFigures("vendors", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_vendor_latency_seconds": histogram(_BOUNDS_S, _BUCKETS, _SUM_US, 1_000_000),
    "live_vendor_error_ratio": _share("error"),
    "live_vendor_timeout_ratio": _share("timeout"),
    "live_vendor_calls": _calls,
    "live_vendor_latency_p99_seconds": _p99_s,
}
