"""Every metric once: name, type, unit, labels, windows, formula.

The entries stand by subject in ``stream.metrics``; docs, rules and dashboards are checked against this list.
A *metric* is what Prometheus shows. A *column* is one figure of a room (or vendor) in ``live.windows``:
metric, value of its one label, window. ``ROOM_COLUMNS`` and ``VENDOR_COLUMNS`` give the order of ``values``;
the order of a ``COLUMNS_VERSION`` never changes once released, a new metric makes a new version.

A column's value is in the unit of its metric's name: yuan, seconds, ratio 0..1. ``None`` is "no data".
"""

from __future__ import annotations

from typing import Final

from stream.metrics import commerce, interaction, overall, quality, traffic, vendors
from stream.metrics.metric import WINDOWS_MS, Column, Metric, Window

__all__ = [
    "COLUMNS_VERSION",
    "METRICS",
    "METRIC_BY_NAME",
    "ROOM_COLUMNS",
    "ROOM_COLUMN_INDEX",
    "VENDOR_COLUMNS",
    "VENDOR_COLUMN_INDEX",
    "WINDOWS_MS",
    "Column",
    "Metric",
    "Window",
    "column",
]

METRICS: Final[tuple[Metric, ...]] = (
    *traffic.METRICS,
    *interaction.METRICS,
    *commerce.METRICS,
    *quality.METRICS,
    *overall.METRICS,
    *vendors.METRICS,
)
METRIC_BY_NAME: Final[dict[str, Metric]] = {metric.name: metric for metric in METRICS}

COLUMNS_VERSION: Final = 2
"""The version that ``live.windows`` names in ``columns``."""


def _columns(scope: str) -> tuple[Column, ...]:
    return tuple(c for m in METRICS if m.scope == scope and not m.derived for c in m.columns())


ROOM_COLUMNS: Final = _columns("room")
VENDOR_COLUMNS: Final = _columns("vendor")
ROOM_COLUMN_INDEX: Final[dict[str, int]] = {c.name: i for i, c in enumerate(ROOM_COLUMNS)}
VENDOR_COLUMN_INDEX: Final[dict[str, int]] = {c.name: i for i, c in enumerate(VENDOR_COLUMNS)}


def column(metric: str, *, label_value: str | None = None, window: str | None = None) -> Column:
    """Return the column of a metric.

    Raises:
        KeyError: the metric has no such label value or window; the text lists what it has.
    """
    known = METRIC_BY_NAME.get(metric)
    if known is None:
        raise KeyError(f"no metric {metric!r}")
    for found in known.columns():
        if found.label_value == label_value and found.window == window:
            return found
    raise KeyError(f"{metric} has only {', '.join(c.name for c in known.columns())}")
