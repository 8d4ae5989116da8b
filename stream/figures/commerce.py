"""What is bought: orders by status, money, people who paid.

GMV is what paid goods cost their buyers, before refunds; tips (``gift``) are orders, but neither GMV nor
payers.
"""

from __future__ import annotations

from typing import Final

from stream.cells import FeedFigures, Fresh, Group, Registers
from stream.figures.traffic import VISITS
from stream.figures.view import Formula, View, ratio
from stream.model import Order

__all__ = ["FIGURES", "FORMULAS", "ORDERS"]

ORDERS: Final = Group(
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
    ("payers",),
)
_CELL: Final = ORDERS.index
_FEN: Final = 100
"""Fen in a yuan."""


def _add(fresh: Fresh, order: Order, _registers: Registers, user: int, _append_ms: int) -> None:
    row = fresh.row
    row[_CELL[order.status]] += 1
    if order.status == "refunded":
        row[_CELL["refund_fen"]] += order.amount_fen
    if order.status != "paid":
        return
    if order.kind == "gift":
        row[_CELL["gift_fen"]] += order.amount_fen
        return
    row[_CELL["paid_goods"]] += 1
    row[_CELL["gmv_fen"]] += order.amount_fen
    row[_CELL["coupon_fen"]] += order.coupon_fen or 0
    row[_CELL["giveaway_fen"]] += order.giveaway_fen or 0
    fresh.people[0].add(user)


def _yuan(cell: str) -> Formula:
    def formula(view: View, _label: str | None, _window: str | None) -> float | None:
        fen = view.total(ORDERS, cell)
        return None if fen is None else fen / _FEN

    return formula


def _by_status(view: View, status: str | None, window: str | None) -> int | None:
    assert status is not None
    return view.sum(ORDERS, status, window)


def _order_value(view: View, _label: str | None, window: str | None) -> float | None:
    value = ratio(view.sum(ORDERS, "gmv_fen", window), view.sum(ORDERS, "paid_goods", window))
    return None if value is None else value / _FEN


def _payers(view: View, _label: str | None, window: str | None) -> int | None:
    return view.people(ORDERS, "payers", window or "session")


def _conversion(view: View, _label: str | None, window: str | None) -> float | None:
    clickers = view.people(VISITS, "clickers", window or "session")
    return ratio(_payers(view, None, window) or 0, clickers)


def _failures(view: View, _label: str | None, window: str | None) -> float | None:
    failed, paid = view.sum(ORDERS, "failed", window), view.sum(ORDERS, "paid", window)
    return ratio(failed, (failed or 0) + (paid or 0))


FIGURES: Final = (FeedFigures("orders", (ORDERS,), _add, users=True),)
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
