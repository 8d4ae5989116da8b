"""The selling in one simulated room: items go on air, clicks burst, payments follow a minute or two later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Final

from stream.sources.audience import Audience, Happening, Moment, Viewer
from stream.sources.draws import lag_ms, often
from stream.sources.plan import Room
from stream.sources.texts import CATEGORIES, Goods

__all__ = ["Shop"]

_BURST: Final = 8.0
"""How many times the usual clicks an item draws when it goes on air; it decays with ``_BURST_DECAY_S``."""
_BURST_DECAY_S: Final = 20.0
_PAY_MEDIAN_MS: Final = 40_000
_PAY_P90_MS: Final = 150_000
"""From click to payment."""
_PAY_MAX_MS: Final = 900_000
_CARTING: Final = 0.2
_ABANDONING: Final = 0.06
_FAILING: Final = 0.015
_REFUNDING: Final = 0.02
_GIFTS_PER_VIEWER_S: Final = 0.000_1
_COUPONS: Final = 0.3
"""Share of orders with a coupon."""
_COUPON_FEN: Final = 1_000
_PUSHES_MS: Final = 5_000


class Shop:
    """What is on air and what is bought.

    Args:
        room: the room.
        draw: its own generator of this broadcast.
        number: which of the room's broadcasts, from 0; it keeps order ids apart.
        speed: how many seconds of the broadcast pass in one of the clock.
        now_ms: when the broadcast begins.
    """

    def __init__(self, room: Room, draw: Random, *, number: int, speed: float, now_ms: int) -> None:
        self._room = room
        self._draw = draw
        self._speed = speed
        self._number = number
        self._goods = CATEGORIES.get(room.group.category, CATEGORIES["home"]).goods
        self._index = draw.randrange(len(self._goods))
        self._stock = 0
        self._appeal = 1.0
        self._on_ms = now_ms + 3_000
        self._off_ms = self._on_ms
        self._orders = 0

    @property
    def item(self) -> Goods:
        """Return what is on air, or goes on air next."""
        return self._goods[self._index]

    def second(self, moment: Moment, audience: Audience) -> Iterator[Happening]:
        """Yield what happens in a second and what comes of it later, in no order."""
        yield from self._turn(moment.t_ms)
        if moment.t_ms % _PUSHES_MS == 0:
            yield self._call(moment.t_ms, "chat-gateway", "push", median_ms=25)
        if moment.paused:
            return
        since_s = (moment.t_ms - self._on_ms) / 1_000
        if since_s >= 0 and moment.t_ms < self._off_ms:
            burst = 0.5 + _BURST * math.exp(-since_s / _BURST_DECAY_S)
            rate = len(audience) * self._room.group.clicks_per_viewer_s * burst * moment.activity
            for _ in range(often(self._draw, rate)):
                yield from self._click(moment, audience.somebody())
        for _ in range(often(self._draw, len(audience) * _GIFTS_PER_VIEWER_S)):
            yield from self._gift(moment.t_ms, audience.somebody())

    def _turn(self, t_ms: int) -> Iterator[Happening]:
        """Take the item off when its time is over, and put the next one on."""
        if self._off_ms > self._on_ms and t_ms >= self._off_ms:
            yield t_ms, "marks", {"mark": "item_off", "item_id": self._item_id()}
            self._index = (self._index + 1) % len(self._goods)
            self._on_ms = self._off_ms = t_ms + self._draw.randrange(3_000, 10_000)
        elif self._off_ms == self._on_ms and t_ms >= self._on_ms:
            self._on_ms = t_ms
            self._off_ms = t_ms + int(self._room.group.item_s * 1_000 * self._draw.uniform(0.7, 1.3))
            self._appeal = self._draw.uniform(0.7, 1.3)
            self._stock = self._room.viewers * 10 + 100
            yield (
                t_ms,
                "marks",
                {
                    "mark": "item_on",
                    "item_id": self._item_id(),
                    "title": self.item.name,
                    "stock": self._stock,
                    "price_fen": self.item.price_fen,
                },
            )

    def _item_id(self) -> str:
        return f"i{self._room.index}x{self._index}"

    def _click(self, moment: Moment, viewer: Viewer | None) -> Iterator[Happening]:
        if viewer is None:
            return
        t_ms = moment.t_ms + self._draw.randrange(1_000)
        item_id = self._item_id()
        yield t_ms, "visits", {"user_id": viewer.user_id, "action": "click", "item_id": item_id}
        if self._draw.random() < _CARTING:
            yield t_ms + 2_000, "visits", {"user_id": viewer.user_id, "action": "cart", "item_id": item_id}
        if self._draw.random() < self._room.group.conversion * self._appeal * moment.effects.conversion:
            yield from self._order(t_ms, viewer, item_id)

    def _order(self, clicked_ms: int, viewer: Viewer, item_id: str) -> Iterator[Happening]:
        self._orders += 1
        coupon_fen = _COUPON_FEN if self._draw.random() < _COUPONS else 0
        order = {
            "user_id": viewer.user_id,
            "order_id": f"o{self._room.index}x{self._number}x{self._orders}",
            "amount_fen": self.item.price_fen - coupon_fen,
            "item_id": item_id,
            "source": viewer.source,
            **({"coupon_fen": coupon_fen} if coupon_fen else {}),
        }
        pay_ms = min(_PAY_MAX_MS, lag_ms(self._draw, median_ms=_PAY_MEDIAN_MS, p90_ms=_PAY_P90_MS))
        paid_ms = clicked_ms + max(1_000, pay_ms)
        yield clicked_ms + min(pay_ms // 2, 10_000), "orders", {**order, "status": "created"}
        if self._draw.random() < _ABANDONING:
            yield clicked_ms + _PAY_MAX_MS, "orders", {**order, "status": "cancelled"}
            return
        if self._draw.random() < _FAILING:
            yield self._call(paid_ms, "pay", "charge", median_ms=900, outcome="error")
            yield paid_ms, "orders", {**order, "status": "failed"}
            paid_ms += 15_000
        yield self._call(paid_ms, "pay", "charge", median_ms=180)
        yield paid_ms, "orders", {**order, "status": "paid"}
        if self._draw.random() < _REFUNDING:
            yield paid_ms + self._draw.randrange(300_000, 900_000), "orders", {**order, "status": "refunded"}

    def _gift(self, t_ms: int, viewer: Viewer | None) -> Iterator[Happening]:
        if viewer is None:
            return
        self._orders += 1
        gift = {
            "user_id": viewer.user_id,
            "order_id": f"g{self._room.index}x{self._number}x{self._orders}",
            "status": "paid",
            "amount_fen": self._draw.choice((100, 600, 1_800, 6_800)),
            "kind": "gift",
        }
        yield t_ms + self._draw.randrange(1_000), "orders", gift

    def _call(
        self, t_ms: int, vendor: str, operation: str, *, median_ms: float, outcome: str = "ok"
    ) -> Happening:
        latency_ms = min(1_500, lag_ms(self._draw, median_ms=median_ms, p90_ms=median_ms * 1.8))
        call = {"vendor": vendor, "operation": operation, "latency_ms": latency_ms, "outcome": outcome}
        return t_ms, "vendors", call
