"""Who comes, who is there, who clicks: the visits of a room."""

from __future__ import annotations

from typing import Final

import numpy as np

from stream.catalogue import WINDOWS_MS
from stream.cells import Batch, FeedFigures, Group
from stream.figures.people import count_people, people
from stream.figures.view import Figures, Formula, View

__all__ = ["EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "VISITS", "per_second"]

VISITS: Final = Group("visits", "visits", ("enter", "leave", "click", "cart", "follow", "share", "rate"))
_CELL: Final = {action: VISITS.cell(action) for action in VISITS.cells}
_STEP: Final = {"enter": 1, "leave": -1}


def _add(batch: Batch) -> None:
    second, cells, fresh = None, None, None
    for visit, user in zip(batch.events, batch.users, strict=True):
        if visit.at_ms // 1_000 != second or cells is None or fresh is None:
            second = visit.at_ms // 1_000
            fresh = batch.fresh(visit.at_ms)
            cells = fresh.cells
        action = visit.action
        cells[_CELL[action]] += 1
        if action in _STEP:
            _step(batch, _STEP[action])
        elif action == "click":
            fresh.people("clickers").add(user)


def _step(batch: Batch, step: int) -> None:
    """Count who is there by who comes and goes, and the most at once."""
    balance = batch.tally.register("balance", [0, 0])
    balance[0] += step
    balance[1] = max(balance[1], balance[0])


def per_second(cell: str) -> Formula:
    """Return the formula of a rate: the window's sum by its length."""

    def formula(view: View, _label: str | None, window: str | None) -> Figures:
        assert window is not None
        return view.window(cell, window) * 1_000 / WINDOWS_MS[window]

    return formula


def total(cell: str) -> Formula:
    """Return the formula of a counter: the sum since the session began."""
    return lambda view, _label, _window: view.total(cell)


def _viewers(view: View, _label: str | None, _window: str | None) -> Figures:
    """Return the newest `online`; without one, who entered and has not left."""
    online, balance = view.register("online", 1), view.register("balance", 0)
    return np.where(np.isnan(online), np.maximum(balance, 0), online)


def _peak(view: View, _label: str | None, _window: str | None) -> Figures:
    online, balance = view.register("online", 2), view.register("balance", 1)
    return np.where(np.isnan(online), balance, online)


def _clickers(view: View, _label: str | None, window: str | None) -> Figures:
    return count_people(view, "clickers", window, seen=_CELL["click"])


GROUPS: Final = (VISITS,)
EXTRAS: Final = (people("clickers"),)
JOINT: Final = {}
FIGURES: Final = (FeedFigures("visits", _add, users=True),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_viewers": _viewers,
    "live_viewers_peak": _peak,
    "live_enters_total": total(_CELL["enter"]),
    "live_enters_per_second": per_second(_CELL["enter"]),
    "live_clicks_total": total(_CELL["click"]),
    "live_clickers": _clickers,
}
