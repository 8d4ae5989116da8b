"""What is bought: orders by status, money, people who paid.

GMV is what paid goods cost their buyers, before refunds; tips (``gift``) are orders, but neither GMV nor
payers, nor do they come from a source.

Pay-through follows an order from ``created`` to ``paid``. Both count at the second in which ``created`` was
appended, because that is what is remembered of an order; so an order is looked at whenever it is paid.
"""

from __future__ import annotations

from typing import Final

from stream.cells import Batch, FeedFigures, Fresh, Group
from stream.figures.expression import Expression, Open, added, known, ratio, smaller
from stream.figures.items import add_paid
from stream.figures.labels import amounts_of
from stream.figures.lag import PAID
from stream.figures.people import PANE_MS, count_people, people
from stream.figures.traffic import ONLINE, VISITS, mean_viewers, total
from stream.figures.view import Formula, View
from stream.model import Order
from stream.panes import COARSE_MS, DUE_WINDOW
from stream.tally import Tally

__all__ = ["DUE_CELLS", "EXTRAS", "FIGURES", "FORMULAS", "GROUPS", "JOINT", "ORDERS"]

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
DUE: Final = Group("due", "orders", ("created", "paid"))
"""Orders by the second in which their ``created`` was appended: all, and those that were paid."""
DUE_CELLS: Final = (DUE.cell("created"), DUE.cell("paid"))
_CELL: Final = {cell: ORDERS.cell(cell) for cell in ORDERS.cells}
_CLICK: Final = VISITS.cell("click")
_ENTER: Final = VISITS.cell("enter")
_FROM: Final = "orders_from"
"""Amounts by source: paid orders of goods, and what they cost, fen."""
_FEN: Final = 100
"""Fen in a yuan."""


def _add(batch: Batch) -> None:
    for order, user, appended_ms, paired_ms in zip(
        batch.events, batch.users, batch.appended_ms, batch.paired_ms, strict=True
    ):
        fresh = batch.fresh(order.at_ms)
        fresh.cells[_CELL[order.status]] += 1
        if order.status == "refunded":
            fresh.cells[_CELL["refund_fen"]] += order.amount_fen
        elif order.status == "created":
            _add_due(batch.fresh(appended_ms), paid=paired_ms is not None)
        elif order.status == "paid":
            if paired_ms is not None:
                batch.fresh(paired_ms).cells[DUE_CELLS[1]] += 1
            _add_paid(batch, fresh, order, user)


def _add_due(fresh: Fresh, *, paid: bool) -> None:
    """Count an order that was created; its payment may have been logged before."""
    fresh.cells[DUE_CELLS[0]] += 1
    if paid:
        fresh.cells[DUE_CELLS[1]] += 1


def _add_paid(batch: Batch, fresh: Fresh, order: Order, user: int) -> None:
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
    _add_source(batch.tally, order)
    if batch.whole:
        batch.fresh(order.at_ms // PANE_MS * PANE_MS).people("payers").add(user)
        batch.fresh(order.at_ms // COARSE_MS * COARSE_MS).people(PAID.name).add(user)
        add_paid(batch.tally, order, user)


def _add_source(tally: Tally, order: Order) -> None:
    amounts = amounts_of(tally, _FROM, order.source, 2)
    amounts[0] += 1
    amounts[1] += order.amount_fen


def _yuan(cell: str) -> Formula:
    return lambda view, _label, _window: view.total(_CELL[cell]) / _FEN


def _by_status(view: View, status: str | None, window: str | None) -> Expression:
    assert status is not None
    return view.total(_CELL[status]) if window is None else view.window(_CELL[status], window)


def _order_value(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(view.sum(_CELL["gmv_fen"], window), view.sum(_CELL["paid_goods"], window)) / _FEN


def _payers(view: View, _label: str | None, window: str | None) -> Expression:
    return count_people(view, "payers", window, seen=_CELL["paid"])


def _clickers(view: View, window: str | None) -> Expression:
    return count_people(view, "clickers", window, seen=_CLICK)


def _visitors(view: View, window: str | None) -> Expression:
    return count_people(view, "visitors", window, seen=_ENTER)


def _click_ratio(view: View, _label: str | None, window: str | None) -> Expression:
    assert window is not None
    there = _visitors(view, window) if window == "session" else mean_viewers(view, window)
    return ratio(_clickers(view, window), there)


def _conversion(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(known(_payers(view, None, window)), _clickers(view, window))


def _viewer_conversion(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(known(_payers(view, None, window)), _visitors(view, window))


def _due(view: View, _label: str | None, _window: str | None) -> Expression:
    return view.window(DUE_CELLS[0], DUE_WINDOW)


def _pay_through(view: View, _label: str | None, _window: str | None) -> Expression:
    """Return paid by created; an order that came too late to be in a window may have been paid in time."""
    return smaller(ratio(view.window(DUE_CELLS[1], DUE_WINDOW), _due(view, None, None)), 1)


def _failures(view: View, _label: str | None, window: str | None) -> Expression:
    failed, paid = view.sum(_CELL["failed"], window), view.sum(_CELL["paid"], window)
    return ratio(failed, failed + paid)


def _refunds(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(view.sum(_CELL["refunded"], window), view.sum(_CELL["paid"], window))


def _gpm(view: View, _label: str | None, window: str | None) -> Expression:
    gmv_fen = known(view.sum(_CELL["gmv_fen"], window))
    return ratio(gmv_fen, view.sum(_ENTER, window)) * 1_000 / _FEN


def _uv_value(view: View, _label: str | None, window: str | None) -> Expression:
    return ratio(view.total(_CELL["gmv_fen"]), _visitors(view, window)) / _FEN


def _return_on(fact: str, *signs: tuple[str, int]) -> Formula:
    """Return the formula of money earned by money spent: cells to add or take away, by a room's fact."""

    def formula(view: View, _label: str | None, _window: str | None) -> Expression:
        earned = added(sign * view.total(_CELL[cell]) for cell, sign in signs)
        return ratio(earned, view.fact(fact))

    return formula


GROUPS: Final = (ORDERS, DUE)
EXTRAS: Final = (people("payers"),)
JOINT: Final = {
    ("visits", "health"): ONLINE,
    ("visits", "orders"): (_ENTER, _CELL["gmv_fen"]),
}
FIGURES: Final = (FeedFigures("orders", _add),)
FORMULAS: Final[dict[str, Formula]] = {
    "live_carts_total": total(VISITS.cell("cart")),
    "live_orders_total": _by_status,
    "live_gmv_yuan_total": _yuan("gmv_fen"),
    "live_refund_yuan_total": _yuan("refund_fen"),
    "live_coupon_yuan_total": _yuan("coupon_fen"),
    "live_giveaway_yuan_total": _yuan("giveaway_fen"),
    "live_gift_yuan_total": _yuan("gift_fen"),
    "live_source_orders_total": lambda _view, _label, _window: Open(_FROM, 0),
    "live_source_gmv_yuan_total": lambda _view, _label, _window: Open(_FROM, 1, _FEN),
    "live_order_value_yuan": _order_value,
    "live_click_ratio": _click_ratio,
    "live_conversion_ratio": _conversion,
    "live_viewer_conversion_ratio": _viewer_conversion,
    "live_pay_through_ratio": _pay_through,
    "live_payment_failure_ratio": _failures,
    "live_refund_ratio": _refunds,
    "live_gpm_yuan": _gpm,
    "live_uv_value_yuan": _uv_value,
    "live_roi_ratio": _return_on("ad_spend_fen", ("gmv_fen", 1)),
    "live_net_roi_ratio": _return_on("ad_spend_fen", ("gmv_fen", 1), ("refund_fen", -1)),
    "live_return_on_cost_ratio": _return_on("cost_fen", ("gmv_fen", 1), ("refund_fen", -1), ("gift_fen", 1)),
    "live_payers": _payers,
    "live_orders_in_window": _by_status,
    "live_pay_through_orders": _due,
}
