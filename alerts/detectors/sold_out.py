"""``sold_out``: the item on air has no stock left. Pure and without memory; it looks at the room's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import OK, WARNING, Reading, Subject
from alerts.detectors.stepped import newest_ms

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["SOLD_OUT", "SoldOut", "SoldOutParams"]


class SoldOutParams(Params):
    """There is nothing to set."""


@dataclass(frozen=True, slots=True)
class SoldOut:
    """The stock that the newest mark of the item on air tells."""

    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    metric: str | None = None
    step_ms: int = 0

    def level(self, subject: Subject) -> int | None:
        """Return WARNING at a stock of 0; None where the item's stock is not told."""
        if subject.facts.get("item_id") is None:
            return OK
        stock = subject.facts.get("item_stock")
        if stock is None:
            return None
        return WARNING if stock <= 0 else OK

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the stock."""
        stock = subject.facts.get("item_stock")
        return Reading(value=stock, threshold=0, newest_ms=newest_ms(subject, ("marks",)), reason="stock")

    def observe(self, subject: Subject) -> None:
        """Learn nothing."""


def _build(condition: DetectorCondition, rule: Rule) -> SoldOut:
    SoldOutParams.model_validate(condition.params)
    return SoldOut(id=f"{rule.name}/sold_out")


SOLD_OUT: Final = DetectorType(params=SoldOutParams, scope="room", build=_build)
