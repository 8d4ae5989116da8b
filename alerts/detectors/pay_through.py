"""``pay_through``: fewer of the orders that are placed get paid than this room is used to. Pure.

Sees a gateway that hangs, which fails nothing. The room's own share fades with time and learns nothing while
the present one is in breach.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, Share, Stepped, newest_ms
from alerts.detectors.threshold import wilson_upper
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["PAY_THROUGH", "PayThrough", "PayThroughParams"]

_METRIC: Final = "live_pay_through_ratio"
_ORDERS: Final = "live_pay_through_orders"
_WINDOW_S: Final = 120
"""Orders created one to three minutes ago are looked at; so samples do not overlap."""


class PayThroughParams(Params):
    """How far below the room's own share.

    Attributes:
        share: share of the room's own below which it is told; ``recover_share`` ends it.
        own_orders: orders that must have been seen before the room's own share is known.
        own_s: time constant of the room's own share.
        confidence: the upper end of the share's interval at this confidence is compared.
        step_s: time between two looks.
    """

    RISING = ("share", "recover_share")

    share: Share = 0.5
    recover_share: Share = 0.75
    own_orders: Annotated[int, Field(ge=1, le=100_000)] = 40
    own_s: Seconds = 1_800
    confidence: Share = 0.95
    step_s: Seconds = 10


class _Memory(msgspec.Struct, array_like=True):
    """Level, share and orders of the last look; paid and all orders that are the room's own, fading."""

    level: int | None = None
    ratio: float = 0.0
    orders: int = 0
    own_paid: float = 0.0
    own_orders: float = 0.0
    learnt_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PayThrough(Stepped):
    """The orders of a room that were placed a moment ago."""

    params: PayThroughParams
    min_samples: int
    at: int
    orders_at: int
    z: float

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the share, the room's own and the bound."""
        kept = subject.memory.get(self.id)
        memory = _Memory() if kept is None else _Memory(*kept)
        own = memory.own_paid / memory.own_orders if memory.own_orders else None
        return Reading(
            value=memory.ratio if memory.orders else None,
            expected=own,
            threshold=None if own is None else own * self.params.share,
            samples=memory.orders,
            confidence=self.params.confidence,
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, ("orders",)),
            reason="pay_through",
        )

    def observe(self, subject: Subject) -> None:
        """Look at the share; learn from it every two minutes unless it is low."""
        ratio, orders = subject.values[self.at], subject.values[self.orders_at]
        kept = subject.memory.get(self.id)
        memory = _Memory() if kept is None else _Memory(*kept)
        if ratio is None or not orders:
            if kept is not None and memory.level is not None:
                memory.level = None
                subject.memory[self.id] = msgspec.to_builtins(memory)
            return
        memory.ratio, memory.orders = ratio, orders
        memory.level = self._level(memory)
        if memory.level in (None, OK) and subject.tick_ms - memory.learnt_ms >= 1000 * _WINDOW_S:
            fade = math.exp(-_WINDOW_S / self.params.own_s)
            memory.own_paid = memory.own_paid * fade + ratio * orders
            memory.own_orders = memory.own_orders * fade + orders
            memory.learnt_ms = subject.tick_ms
        subject.memory[self.id] = msgspec.to_builtins(memory)

    def _level(self, memory: _Memory) -> int | None:
        if memory.own_orders < self.params.own_orders or not memory.own_paid:
            return None
        if memory.orders < self.min_samples:
            return None
        own = memory.own_paid / memory.own_orders
        if wilson_upper(memory.ratio, memory.orders, self.z) < own * self.params.share:
            return WARNING
        return OK if memory.ratio >= own * self.params.recover_share else BETWEEN


def _build(condition: DetectorCondition, rule: Rule) -> PayThrough:
    params = PayThroughParams.model_validate(condition.params)
    return PayThrough(
        id=f"{rule.name}/pay_through",
        metric=_METRIC,
        step_ms=round(params.step_s * 1000),
        params=params,
        min_samples=rule.min_samples,
        at=ROOM_COLUMN_INDEX[column(_METRIC, window="5m").name],
        orders_at=ROOM_COLUMN_INDEX[column(_ORDERS, window="5m").name],
        z=NormalDist().inv_cdf(params.confidence),
    )


PAY_THROUGH: Final = DetectorType(
    params=PayThroughParams, scope="room", build=_build, reads=(_METRIC, _ORDERS), counts_samples=True
)
