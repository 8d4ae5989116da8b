"""All that is counted, and how figures come of it.

A new metric is an entry in ``stream.metrics``, cells or extras in the module of its subject, and a formula
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
from stream.figures.columns import Columns
from stream.figures.view import Formula, View
from stream.model import Feed
from stream.native import Schema, Values
from stream.panes import COARSE_WINDOWS, DUE_WINDOW, JUDGED_MS
from stream.tally import Tally
from stream.windows import frames_of

__all__ = [
    "EXTRAS",
    "FEED_FIGURES",
    "FORMULAS",
    "LAYOUT",
    "Ends",
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


def _columns_of(columns: Sequence[Column]) -> Columns:
    view = View(_FRAMES, LAYOUT, {feeds: at for at, feeds in enumerate(_FEEDS)})
    found = []
    for column in columns:
        view.feeds = column.metric.feeds
        figure = FORMULAS[column.metric.name](view, column.label_value, column.window)
        found.append((figure, column.metric.whole))
    return Columns(_SCHEMA, found)


_ROOMS: Final = _columns_of(ROOM_COLUMNS)
_VENDORS: Final = _columns_of(VENDOR_COLUMNS)


def new_tally() -> Tally:
    """Return a tally of nothing yet."""
    return Tally(_SCHEMA)


Ends = list[int]
"""Smallest reach of each set of feeds that figures use, epoch milliseconds."""


def ends_at(reach_ms: Mapping[Feed, int]) -> Ends:
    """Return where the windows of each set of feeds end."""
    return [min(reach_ms[feed] for feed in feeds) for feeds in _FEEDS]


def room_values(sessions: Sequence[Tally], ends_ms: Ends, facts: Sequence[Mapping[str, Any]]) -> list[Values]:
    """Return the figures of sessions in the order of ``ROOM_COLUMNS``; None is no data.

    Args:
        sessions: what is counted of each.
        ends_ms: from ``ends_at``.
        facts: what the room records say of the room of each.
    """
    return _ROOMS.values(sessions, ends_ms, facts)


def vendor_values(operations: Sequence[Tally], ends_ms: Ends) -> list[Values]:
    """Return the figures of vendor operations in the order of ``VENDOR_COLUMNS``; None is no data."""
    return _VENDORS.values(operations, ends_ms, [{}] * len(operations))
