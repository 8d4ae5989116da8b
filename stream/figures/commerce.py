"""What is bought: orders by status, money, people who paid.

GMV is what paid goods cost their buyers, before refunds; tips (``gift``) are orders, but neither GMV nor
payers.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from stream.cells import Batch, FeedFigures, Fresh, Group
from stream.figures.people import count_people, people
from stream.figures.traffic import VISITS, total
from stream.figures.view import Figures, Formula, View, ratio
from stream.model import Order

__all__ = ["EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "ORDERS"]

ORDERS: Final = Group(
    "orders",
    "orders",
    (
        "created",
        "paid",
        "cancelled",
        "refunded",
        "failed",
        "paid_goods",
        "gmv_fen",
        "refund_fen",
        "coupon_fen",
        "giveaway_fen",
        "gift_fen",
    ),
)
_CELL: Final = {cell: ORDERS.cell(cell) for cell in ORDERS.cells}
_CLICK: Final = VISITS.cell("click")
_FEN: Final = 100
"""Fen in a yuan."""


def _add(batch: Batch) -> None:
    for order, user in zip(batch.events, batch.users, strict=True):
        fresh = batch.fresh(order.at_ms)
        fresh.cells[_CELL[order.status]] += 1
        if order.status == "refunded":
            fresh.cells[_CELL["refund_fen"]] += order.amount_fen
        elif order.status == "paid":
            _add_paid(fresh, order, user, whole=batch.whole)


def _add_paid(fresh: Fresh, order: Order, user: int, *, whole: bool) -> None:
    cells = fresh.cells
    if order.kind == "gift":
        cells[_CELL["gift_fen"]] += order.amount_fen
        return
    cells[_CELL["paid_goods"]] += 1
    cells[_CELL["gmv_fen"]] += order.amount_fen
    if order.coupon_fen:
        cells[_CELL["coupon_fen"]] += order.coupon_fen
    if order.giveaway_fen:
        cells[_CELL["giveaway_fen"]] += order.giveaway_fen
    if whole:
        fresh.people("payers").add(user)


def _yuan(cell: str) -> Formula:
    return lambda view, _label, _window: view.total(_CELL[cell]) / _FEN


def _by_status(view: View, status: str | None, window: str | None) -> Figures:
    assert status is not None
    return view.total(_CELL[status]) if window is None else view.window(_CELL[status], window)


def _order_value(view: View, _label: str | None, window: str | None) -> Figures:
    return ratio(view.sum(_CELL["gmv_fen"], window), view.sum(_CELL["paid_goods"], window)) / _FEN


def _payers(view: View, _label: str | None, window: str | None) -> Figures:
    return count_people(view, "payers", window, seen=_CELL["paid"])


def _conversion(view: View, _label: str | None, window: str | None) -> Figures:
    clickers = count_people(view, "clickers", window, seen=_CLICK)
    return ratio(np.nan_to_num(_payers(view, None, window)), clickers)


def _failures(view: View, _label: str | None, window: str | None) -> Figures:
    failed, paid = view.sum(_CELL["failed"], window), view.sum(_CELL["paid"], window)
    return ratio(failed, failed + paid)


GROUPS: Final = (ORDERS,)
EXTRAS: Final = (people("payers"),)
JOINT: Final = {}
FIGURES: Final = (FeedFigures("orders", _add, users=True),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_orders_total": _by_status,
    "live_gmv_yuan_total": _yuan("gmv_fen"),
    "live_refund_yuan_total": _yuan("refund_fen"),
    "live_order_value_yuan": _order_value,
    "live_conversion_ratio": _conversion,
    "live_payment_failure_ratio": _failures,
    "live_payers": _payers,
    "live_orders_in_window": _by_status,
}
