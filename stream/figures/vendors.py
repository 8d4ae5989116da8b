"""How the vendors answer: payment, danmaku gateway, coupons."""

from __future__ import annotations

from typing import Final

from stream.cells import Batch, FeedFigures, Group
from stream.figures.view import Figures, Formula, View, ratio

__all__ = ["CALLS", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT"]

CALLS: Final = Group("vendors", "vendors", ("ok", "timeout", "error"))
_CELL: Final = {outcome: CALLS.cell(outcome) for outcome in CALLS.cells}


def _add(batch: Batch) -> None:
    for call in batch.events:
        batch.fresh(call.at_ms).cells[_CELL[call.outcome]] += 1


def _calls(view: View, _label: str | None, window: str | None) -> Figures:
    ok, timeout, error = (view.sum(cell, window) for cell in _CELL.values())
    return ok + timeout + error


def _share(outcome: str) -> Formula:
    def formula(view: View, label: str | None, window: str | None) -> Figures:
        return ratio(view.sum(_CELL[outcome], window), _calls(view, label, window))

    return formula


GROUPS: Final = (CALLS,)
EXTRAS: Final = ()
JOINT: Final = {}
FIGURES: Final = (FeedFigures("vendors", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_vendor_error_ratio": _share("error"),
    "live_vendor_timeout_ratio": _share("timeout"),
    "live_vendor_calls": _calls,
}
