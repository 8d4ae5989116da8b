"""Histograms: how many events lie below each bound, and their sum."""

from __future__ import annotations

from collections.abc import Sequence

from stream.figures.expression import Expression, Labelled, accumulated

__all__ = ["histogram"]


def histogram(bounds_s: Sequence[float], buckets: Sequence[Expression], sum_s: Expression) -> Labelled:
    """Return the column of a histogram of the session.

    Args:
        bounds_s: upper bounds, seconds, rising.
        buckets: the events that exceed no bound but the ones before; the last exceed them all.
        sum_s: what was measured, seconds.

    Returns:
        How many events do not exceed each bound, by the bound's text and ``+Inf``, and their ``sum``.
    """
    names = [*(f"{bound:g}" for bound in bounds_s), "+Inf"]
    held = zip(names, accumulated(buckets), strict=True)
    return Labelled({**{name: (number, True) for name, number in held}, "sum": (sum_s, False)})
