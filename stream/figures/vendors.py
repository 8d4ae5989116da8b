"""How the vendors answer: payment, danmaku gateway, coupons.

The 99th percentile of a minute comes from counts by latency on a logarithmic scale: it is at most 1 % off.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Final

from stream.cells import Batch, Extra, FeedFigures, Group
from stream.figures.expression import Expression, Labelled, Span, expression, ratio
from stream.figures.histograms import histogram
from stream.figures.view import Formula, View
from stream.model import Feed

__all__ = ["CALLS", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "latency_s", "step_of"]

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


def step_of(latency_ms: float) -> int:
    """Return the step of a call on the scale, at most some 1 100."""
    return math.ceil(math.log(max(latency_ms, _LEAST_MS) / _LEAST_MS, _GROWTH))


def latency_s(share: float, span: Span) -> Expression:
    """Return the latency, seconds, that this share of a window's calls does not exceed; NaN without any."""
    step = expression("rank", _LATENCIES, share, span)
    return _LEAST_MS * _GROWTH**step * _MIDDLE / 1_000


def _add(batch: Batch) -> None:
    for call in batch.events:
        fresh, latency_ms = batch.fresh(call.at_ms), min(call.latency_ms, _LATENCY_MAX_MS)
        fresh.cells[_CELL[call.outcome]] += 1
        fresh.cells[_BUCKETS[bisect_left(_BOUNDS_MS, latency_ms)]] += 1
        fresh.cells[_SUM_US] += round(latency_ms * 1_000)
        counts, step = fresh.extra(_LATENCIES, dict), step_of(latency_ms)
        counts[step] = counts.get(step, 0) + 1


def _calls(view: View, _label: str | None, window: str | None) -> Expression:
    ok, timeout, error = (view.sum(cell, window) for cell in _CELL.values())
    return ok + timeout + error


def _share(outcome: str) -> Formula:
    def formula(view: View, label: str | None, window: str | None) -> Expression:
        return ratio(view.sum(_CELL[outcome], window), _calls(view, label, window))

    return formula


def _p99_s(view: View, _label: str | None, window: str | None) -> Expression:
    assert window is not None
    return latency_s(_P99, view.span(window))


def _latencies(view: View, _label: str | None, _window: str | None) -> Labelled:
    buckets = [view.total(bucket) for bucket in _BUCKETS]
    return histogram(_BOUNDS_S, buckets, view.total(_SUM_US) / 1_000_000)


GROUPS: Final = (CALLS, LATENCY)
EXTRAS: Final = (Extra(_LATENCIES, "counts", fine=True, coarse=False),)
JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {}
FIGURES: Final = (FeedFigures("vendors", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_vendor_latency_seconds": _latencies,
    "live_vendor_error_ratio": _share("error"),
    "live_vendor_timeout_ratio": _share("timeout"),
    "live_vendor_calls": _calls,
    "live_vendor_latency_p99_seconds": _p99_s,
}
