"""Who comes, who is there, who clicks: the visits of a room."""

from __future__ import annotations

from typing import Final

from stream.catalogue import WINDOWS_MS
from stream.cells import FeedFigures, Fresh, Group, Registers
from stream.figures.view import Formula, View
from stream.model import Visit

__all__ = ["FIGURES", "FORMULAS", "VISITS", "per_second"]

VISITS: Final = Group("visits", ("enter", "leave", "click", "cart", "follow", "share", "rate"), ("clickers",))
_ACTION: Final = VISITS.index
_CLICK: Final = "click"
_STEP: Final = {"enter": 1, "leave": -1}


def _add(fresh: Fresh, visit: Visit, registers: Registers, user: int, _append_ms: int) -> None:
    action = visit.action
    fresh.row[_ACTION[action]] += 1
    if action == _CLICK:
        fresh.people[0].add(user)
        return
    step = _STEP.get(action)
    if step is not None:
        balance = registers.get("balance")
        if balance is None:
            balance = registers["balance"] = [0, 0]
        balance[0] += step
        balance[1] = max(balance[1], balance[0])


def per_second(group: Group, cell: str) -> Formula:
    """Return the formula of a rate: the window's sum by its length."""

    def formula(view: View, _label: str | None, window: str | None) -> float | None:
        assert window is not None
        total = view.window(group, cell, window)
        return None if total is None else total * 1_000 / WINDOWS_MS[window]

    return formula


def _viewers(view: View, _label: str | None, _window: str | None) -> int | None:
    """Return the newest `online`; without one, who entered and has not left."""
    online = view.registers.get("online")
    if online is not None:
        return online[1]
    balance = view.registers.get("balance")
    return None if balance is None else max(0, balance[0])


def _peak(view: View, _label: str | None, _window: str | None) -> int | None:
    online = view.registers.get("online")
    if online is not None:
        return online[2]
    balance = view.registers.get("balance")
    return None if balance is None else balance[1]


def _clickers(view: View, _label: str | None, window: str | None) -> int | None:
    return view.people(VISITS, "clickers", window or "session")


FIGURES: Final = (FeedFigures("visits", (VISITS,), _add, users=True),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_viewers": _viewers,
    "live_viewers_peak": _peak,
    "live_enters_total": lambda view, _l, _w: view.total(VISITS, "enter"),
    "live_enters_per_second": per_second(VISITS, "enter"),
    "live_clicks_total": lambda view, _l, _w: view.total(VISITS, "click"),
    "live_clickers": _clickers,
}
