"""All that is counted, and how figures come of it.

A new metric is an entry in ``stream.catalogue``, cells in the module of its subject, and a formula there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS, Column
from stream.cells import FeedFigures, Group
from stream.figures import commerce, interaction, quality, traffic, vendors
from stream.figures.view import Formula, Subject, View
from stream.model import Feed

__all__ = ["FEED_FIGURES", "FORMULAS", "GROUPS", "room_values", "vendor_values"]

_MODULES: Final = (traffic, interaction, commerce, quality, vendors)

FEED_FIGURES: Final[dict[Feed, FeedFigures]] = {f.feed: f for module in _MODULES for f in module.FIGURES}
"""How each feed is counted; ``rooms`` and ``marks`` change what a room is and add to nothing."""

GROUPS: Final[dict[str, Group]] = {g.name: g for f in FEED_FIGURES.values() for g in f.groups}
FORMULAS: Final[dict[str, Formula]] = {
    name: formula for module in _MODULES for name, formula in module.FORMULAS.items()
}


def _plan(columns: tuple[Column, ...]) -> tuple[tuple[Column, Formula], ...]:
    return tuple((column, FORMULAS[column.metric.name]) for column in columns)


_ROOM_PLAN: Final = _plan(ROOM_COLUMNS)
_VENDOR_PLAN: Final = _plan(VENDOR_COLUMNS)


def room_values(session: Subject, reach_ms: Mapping[Feed, int]) -> list[Any]:
    """Return a session's figures in the order of ``ROOM_COLUMNS``; None is no data."""
    return _values(_ROOM_PLAN, session, reach_ms)


def vendor_values(operation: Subject, reach_ms: Mapping[Feed, int]) -> list[Any]:
    """Return a vendor operation's figures in the order of ``VENDOR_COLUMNS``; None is no data."""
    return _values(_VENDOR_PLAN, operation, reach_ms)


def _values(
    plan: tuple[tuple[Column, Formula], ...], subject: Subject, reach_ms: Mapping[Feed, int]
) -> list[Any]:
    view = View(subject, reach_ms)
    values = []
    for column, formula in plan:
        view.turn_to(column.metric)
        values.append(formula(view, column.label_value, column.window))
    return values
