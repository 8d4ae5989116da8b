"""Histograms whose bounds are cells: how many events lie below each bound, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stream.figures.view import Formula, View

__all__ = ["histogram"]


def histogram(bounds_s: Sequence[float], buckets: Sequence[str], total: str, unit: float) -> Formula:
    """Return the formula of a histogram of the session.

    Args:
        bounds_s: upper bounds, seconds, rising.
        buckets: the cells of the events that exceed no bound but the ones before; the last is for those that
            exceed them all.
        total: the cell that sums up what was measured.
        unit: how many of its units a second has.

    Returns:
        A formula that gives for each subject how many events do not exceed each bound, by the bound's text
        and ``+Inf``, and their ``sum`` in seconds.
    """
    names = [*(f"{bound:g}" for bound in bounds_s), "+Inf"]

    def formula(view: View, _label: str | None, _window: str | None) -> list[Any]:
        held = np.cumsum([view.total(bucket) for bucket in buckets], axis=0).astype(np.int64).T.tolist()
        sums_s = (view.total(total) / unit).tolist()
        return [{**dict(zip(names, one, strict=True)), "sum": s} for one, s in zip(held, sums_s, strict=True)]

    return formula
