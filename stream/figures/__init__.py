"""All that is counted, and how figures come of it.

A new metric is an entry in ``stream.metrics``, cells or extras in the module of its subject, and a formula
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from stream.catalogue import METRICS, ROOM_COLUMNS, VENDOR_COLUMNS, WINDOWS_MS, Column
from stream.cells import Extra, FeedFigures, Layout
from stream.figures import (
    busiest,
    commerce,
    dwell,
    interaction,
    items,
    lag,
    people,
    pings,
    quality,
    traffic,
    vendors,
)
from stream.figures.view import Formula, View
from stream.model import Feed
from stream.native import Schema, rows_of
from stream.panes import COARSE_WINDOWS, DUE_WINDOW, JUDGED_MS
from stream.tally import Tally
from stream.windows import frames_of

__all__ = [
    "EXTRAS",
    "FEED_FIGURES",
    "FORMULAS",
    "LAYOUT",
    "ends_at",
    "new_tally",
    "room_values",
    "vendor_values",
]

_MODULES: Final = (traffic, dwell, interaction, commerce, items, lag, quality, vendors)

FEED_FIGURES: Final[dict[Feed, FeedFigures[Any]]] = {f.feed: f for module in _MODULES for f in module.FIGURES}
"""How each feed is counted; ``rooms`` and ``marks`` change what a room is and add to nothing."""
LAYOUT: Final = Layout(group for module in _MODULES for group in module.GROUPS)
EXTRAS: Final[dict[str, Extra]] = {extra.name: extra for module in _MODULES for extra in module.EXTRAS}
FORMULAS: Final[dict[str, Formula]] = {
    name: formula for module in _MODULES for name, formula in module.FORMULAS.items()
}
_JOINT: Final[dict[tuple[Feed, ...], tuple[str, ...]]] = {
    feeds: tuple(dict.fromkeys(cell for module in _MODULES for cell in module.JOINT.get(feeds, ())))
    for feeds in {feeds for module in _MODULES for feeds in module.JOINT}
}
"""Sets of more than one feed -> the cells of which their figures need windows."""

_FEEDS: Final = tuple(dict.fromkeys(metric.feeds for metric in METRICS if metric.name in FORMULAS))
"""The sets of feeds that figures use."""

Plan = tuple[tuple[int, Column, Formula], ...]
"""Place of a column, the column, its formula."""


class _Columns:
    """Works out the columns of subjects of one kind.

    Args:
        columns: the columns, in the order of ``values``.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._plan: Plan = tuple((at, c, FORMULAS[c.metric.name]) for at, c in enumerate(columns))
        self._whole: Final = [column.metric.whole for column in columns]

    def values(self, view: View) -> list[list[Any]]:
        """Return the figures of each subject; None is no data."""
        figures = np.empty((len(view.tallies), len(self._plan)))
        objects: list[tuple[int, list[Any]]] = []
        for at, column, formula in self._plan:
            view.feeds = column.metric.feeds
            found = formula(view, column.label_value, column.window)
            if isinstance(found, list):
                objects.append((at, found))
                figures[:, at] = 0
            else:
                figures[:, at] = found
        values = rows_of(figures, self._whole)
        for at, found in objects:
            for row, one in zip(values, found, strict=True):
                row[at] = one
        return values


_FRAMES: Final = frames_of(
    {
        **{
            (feeds, window): LAYOUT.of_feeds(feeds) if len(feeds) == 1 else _JOINT.get(feeds, ())
            for feeds in _FEEDS
            for window in WINDOWS_MS
        },
        **{(("visits",), window): dwell.COHORT_CELLS for window in dwell.COHORT_WINDOWS},
        (("orders",), DUE_WINDOW): commerce.DUE_CELLS,
    },
    LAYOUT,
)
_SCHEMA: Final = Schema(
    list(LAYOUT.names),
    [(window in COARSE_WINDOWS, one.column, len(one.place)) for (_, window), one in _FRAMES.items()],
    list(EXTRAS.values()),
    {
        "set_precision": people.SESSION_PRECISION,
        "set_exact_max": people.EXACT_MAX,
        "flood": busiest.FLOOD,
        "flooded": LAYOUT.index[busiest.FLOODED],
        **pings.SHAPE,
    },
    {"judged_ms": JUDGED_MS, "actions": traffic.ACTIONS, **interaction.FEEDS, **dwell.FEEDS},
)
_ROOMS: Final = _Columns(ROOM_COLUMNS)
_VENDORS: Final = _Columns(VENDOR_COLUMNS)


def new_tally() -> Tally:
    """Return a tally of nothing yet."""
    return Tally(_SCHEMA)


def ends_at(reach_ms: Mapping[Feed, int]) -> dict[tuple[Feed, ...], int]:
    """Return the smallest reach of each set of feeds that figures use, epoch milliseconds."""
    return {feeds: min(reach_ms[feed] for feed in feeds) for feeds in _FEEDS}


def room_values(
    sessions: Sequence[Tally],
    ends_ms: Mapping[tuple[Feed, ...], int],
    facts: Sequence[Mapping[str, Any]],
) -> list[list[Any]]:
    """Return the figures of sessions in the order of ``ROOM_COLUMNS``; None is no data.

    Args:
        sessions: what is counted of each.
        ends_ms: from ``ends_at``.
        facts: what the room records say of the room of each.
    """
    return _ROOMS.values(View(_FRAMES, LAYOUT, sessions, ends_ms, facts)) if sessions else []


def vendor_values(operations: Sequence[Tally], ends_ms: Mapping[tuple[Feed, ...], int]) -> list[list[Any]]:
    """Return the figures of vendor operations in the order of ``VENDOR_COLUMNS``; None is no data."""
    return _VENDORS.values(View(_FRAMES, LAYOUT, operations, ends_ms)) if operations else []
