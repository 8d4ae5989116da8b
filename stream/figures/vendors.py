"""How the vendors answer: payment, danmaku gateway, coupons."""

from __future__ import annotations

from typing import Final

from stream.cells import FeedFigures, Fresh, Group, Registers
from stream.figures.view import Formula, View, ratio
from stream.model import VendorCall

__all__ = ["CALLS", "FIGURES", "FORMULAS"]

CALLS: Final = Group("vendors", ("ok", "timeout", "error"))
_CELL: Final = CALLS.index


def _add(fresh: Fresh, call: VendorCall, _registers: Registers, _user: int, _append_ms: int) -> None:
    fresh.row[_CELL[call.outcome]] += 1


def _calls(view: View, _label: str | None, window: str | None) -> int:
    return sum(view.sum(CALLS, outcome, window) or 0 for outcome in CALLS.cells)


def _share(outcome: str) -> Formula:
    def formula(view: View, label: str | None, window: str | None) -> float | None:
        return ratio(view.sum(CALLS, outcome, window), _calls(view, label, window))

    return formula


FIGURES: Final = (FeedFigures("vendors", (CALLS,), _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_vendor_error_ratio": _share("error"),
    "live_vendor_timeout_ratio": _share("timeout"),
    "live_vendor_calls": _calls,
}
