"""All that is counted, and how figures come of it.

A new metric is an entry in ``stream.catalogue``, cells in the module of its subject, and a formula there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream.catalogue import METRICS, ROOM_COLUMNS, VENDOR_COLUMNS, Column
from stream.cells import FeedFigures, Group
from stream.figures import commerce, interaction, quality, traffic, vendors
from stream.figures.view import Formula, Subject, View
from stream.model import Feed

__all__ = ["FEED_FIGURES", "FORMULAS", "GROUPS", "ends_at", "room_values", "vendor_values"]

_MODULES: Final = (traffic, interaction, commerce, quality, vendors)

FEED_FIGURES: Final[dict[Feed, FeedFigures]] = {f.feed: f for module in _MODULES for f in module.FIGURES}
"""How each feed is counted; ``rooms`` and ``marks`` change what a room is and add to nothing."""

GROUPS: Final[dict[str, Group]] = {g.name: g for f in FEED_FIGURES.values() for g in f.groups}
FORMULAS: Final[dict[str, Formula]] = {
    name: formula for module in _MODULES for name, formula in module.FORMULAS.items()
}


Plan = tuple[tuple[Column, Formula, int], ...]
"""Column, its formula, and the number of its set of feeds."""

_FEEDS: Final = tuple(dict.fromkeys(metric.feeds for metric in METRICS if metric.name in FORMULAS))
"""The sets of feeds that figures use."""


def _plan(columns: tuple[Column, ...]) -> Plan:
    return tuple((c, FORMULAS[c.metric.name], _FEEDS.index(c.metric.feeds)) for c in columns)


_ROOM_PLAN: Final = _plan(ROOM_COLUMNS)
_VENDOR_PLAN: Final = _plan(VENDOR_COLUMNS)


def ends_at(reach_ms: Mapping[Feed, int]) -> tuple[int, ...]:
    """Return the smallest reach of each set of feeds that figures use, for the two functions below."""
    return tuple(min(reach_ms[feed] for feed in feeds) for feeds in _FEEDS)


def room_values(session: Subject, ends_ms: tuple[int, ...]) -> list[Any]:
    """Return a session's figures in the order of ``ROOM_COLUMNS``; None is no data."""
    return _values(_ROOM_PLAN, session, ends_ms)


def vendor_values(operation: Subject, ends_ms: tuple[int, ...]) -> list[Any]:
    """Return a vendor operation's figures in the order of ``VENDOR_COLUMNS``; None is no data."""
    return _values(_VENDOR_PLAN, operation, ends_ms)


def _values(plan: Plan, subject: Subject, ends_ms: tuple[int, ...]) -> list[Any]:
    view = View(subject)
    values = []
    for column, formula, feeds in plan:
        view.end_ms = ends_ms[feeds]
        values.append(formula(view, column.label_value, column.window))
    return values
