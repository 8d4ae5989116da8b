"""``cheap_orders``: an item is paid far below its usual price, again and again. Pure.

Its memory: the number of such orders of each item at the last step, and when it last grew; so that it ends
once no more come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import CRITICAL, OK, Reading, Subject
from alerts.detectors.stepped import Seconds, Stepped, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["CHEAP_ORDERS", "CheapOrders", "CheapOrdersParams"]

_METRIC: Final = "live_item_cheap_orders"


class CheapOrdersParams(Params):
    """``orders`` of one item are too many; it is over when no more came for ``quiet_s``."""

    orders: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    quiet_s: Seconds = 300
    step_s: Seconds = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CheapOrders(Stepped):
    """Orders far below the median of their item. Memory: level, item -> [number, when it grew]."""

    params: CheapOrdersParams
    at: int

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the orders of the worst item, and name it."""
        kept: dict[str, list[int]] = subject.memory.get(self.id, [None, {}])[1]
        item = max(kept, key=lambda one: (kept[one], one), default=None)
        number = None if item is None else kept[item][0]
        return Reading(
            value=number,
            threshold=self.params.orders,
            samples=number,
            newest_ms=newest_ms(subject, ("orders",)),
            labels={} if item is None else {"item_id": item},
        )

    def observe(self, subject: Subject) -> None:
        """Look at the numbers."""
        numbers: dict[str, Any] | None = subject.values[self.at]
        if numbers is None:
            return
        before: dict[str, list[int]] = subject.memory.get(self.id, [None, {}])[1]
        now: dict[str, list[int]] = {}
        for item, number in numbers.items():
            known = before.get(item, [0, 0])
            now[item] = [number, subject.tick_ms if number > known[0] else known[1]]
        since_ms = subject.tick_ms - round(1000 * self.params.quiet_s)
        worse = any(number >= self.params.orders and at_ms > since_ms for number, at_ms in now.values())
        subject.memory[self.id] = [CRITICAL if worse else OK, now]


def _build(condition: DetectorCondition, rule: Rule) -> CheapOrders:
    params = CheapOrdersParams.model_validate(condition.params)
    return CheapOrders(
        id=f"{rule.name}/cheap_orders",
        metric=_METRIC,
        step_ms=round(params.step_s * 1000),
        params=params,
        at=ROOM_COLUMN_INDEX[_METRIC],
    )


CHEAP_ORDERS: Final = DetectorType(params=CheapOrdersParams, scope="room", build=_build, reads=(_METRIC,))
