"""``refunds``: more of the paid orders come back than this room has had so far. Pure and without memory.

The room's own share is that of the session before the window, as if ``prior_orders`` more had been paid and
``prior`` of them refunded: a room that has had no refund yet does not alarm at its first ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Multiple, Share, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["REFUNDS", "Refunds", "RefundsParams"]

_METRIC: Final = "live_refund_ratio"
_TOTAL: Final = "live_orders_total"
_WINDOW: Final = "live_orders_in_window"
_WINDOW_S: Final = 900


_OPEN: Final = 3.0
"""Standard errors that the room's own share is taken high."""


class RefundsParams(Params):
    """``multiple`` of the room's own share of refunds; at least ``least`` refunds in the window."""

    RISING = ("recover", "multiple")

    multiple: Multiple = 3
    recover: Multiple = 2
    least: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    prior: Share = 0.02
    prior_orders: Annotated[int, Field(ge=1, le=1_000_000)] = 50


@dataclass(frozen=True, slots=True)
class Refunds:
    """Refunds by paid orders of the last 15 minutes."""

    id: str
    params: RefundsParams
    paid_at: int
    refunded_at: int
    all_paid_at: int
    all_refunded_at: int
    metric: str = _METRIC
    labels: Mapping[str, str] = field(default_factory=dict)
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return the level now; None before the first order."""
        values = subject.values
        refunded = values[self.refunded_at]
        if refunded is None:
            return None
        if refunded < self.params.least:
            return OK
        ratio, most = self._ratio(values), self._most(values)
        if ratio > self.params.multiple * most:
            return WARNING
        return BETWEEN if ratio > self.params.recover * most else OK

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - there is no most
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the share, the room's own and the bound."""
        values = subject.values
        own = self._own(values)
        return Reading(
            value=None if values[self.refunded_at] is None else self._ratio(values),
            expected=own,
            threshold=self.params.multiple * self._most(values),
            samples=values[self.refunded_at],
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, ("orders",)),
        )

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""

    def _ratio(self, values: list[Any]) -> float:
        return float(values[self.refunded_at] / max(1, values[self.paid_at] or 0))

    def _most(self, values: list[Any]) -> float:
        """Return the room's own share taken high by what few orders leave open of it."""
        own = self._own(values)
        paid = max(0, (values[self.all_paid_at] or 0) - (values[self.paid_at] or 0))
        return own + _OPEN * math.sqrt(own / (paid + self.params.prior_orders))

    def _own(self, values: list[Any]) -> float:
        refunded = max(0, (values[self.all_refunded_at] or 0) - (values[self.refunded_at] or 0))
        paid = max(0, (values[self.all_paid_at] or 0) - (values[self.paid_at] or 0))
        prior = self.params.prior_orders
        return float((refunded + self.params.prior * prior) / (paid + prior))


def _build(condition: DetectorCondition, rule: Rule) -> Refunds:
    def place(metric: str, status: str, window: str | None = None) -> int:
        return ROOM_COLUMN_INDEX[column(metric, label_value=status, window=window).name]

    return Refunds(
        id=f"{rule.name}/refunds",
        params=RefundsParams.model_validate(condition.params),
        paid_at=place(_WINDOW, "paid", "15m"),
        refunded_at=place(_WINDOW, "refunded", "15m"),
        all_paid_at=place(_TOTAL, "paid"),
        all_refunded_at=place(_TOTAL, "refunded"),
    )


REFUNDS: Final = DetectorType(params=RefundsParams, scope="room", build=_build, reads=(_WINDOW, _TOTAL))
