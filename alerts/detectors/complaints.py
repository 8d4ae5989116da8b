"""``complaints``: more viewers than usual say that something does not work. Pure.

Its memory: samples taken and their fading mean, each clipped at the bound, so that a storm of complaints does
not become normal at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Multiple, Number, Seconds, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["COMPLAINTS", "Complaints", "ComplaintsParams"]

_METRIC: Final = "live_complaining_users"
_WINDOW_S: Final = 60
_RECOVERED: Final = 0.6
"""Share of the bound below which it is over."""


class ComplaintsParams(Params):
    """``warning`` people a minute, or ``multiple`` of the room's own mean, whichever is more.

    Attributes:
        warning: people a minute that are always let pass.
        multiple: of the room's own mean.
        memory_s: time constant of that mean.
        ready_s: how long the room must be known.
        step_s: time between two samples; a minute, so that they do not overlap.
    """

    warning: Number = 5
    multiple: Multiple = 3
    memory_s: Seconds = 1_800
    ready_s: Seconds = 180
    step_s: Seconds = 60


@dataclass(frozen=True, slots=True)
class Complaints:
    """Distinct complaining viewers of the last minute."""

    id: str
    params: ComplaintsParams
    at: int
    step_ms: int
    metric: str = _METRIC
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level now; None without a figure or before the room is known."""
        value, kept = subject.values[self.at], subject.memory.get(self.id)
        if value is None or kept is None or kept[0] * self.params.step_s < self.params.ready_s:
            return None
        bound = self._bound(kept[1])
        if value > bound:
            return WARNING
        return OK if value <= bound * _RECOVERED else BETWEEN

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - there is no most
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the people, what is usual, and the bound."""
        value, kept = subject.values[self.at], subject.memory.get(self.id)
        usual = None if kept is None else kept[1]
        return Reading(
            value=value,
            expected=usual,
            threshold=self._bound(usual or 0.0),
            samples=value,
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, ("danmaku",)),
        )

    def observe(self, subject: Subject) -> None:
        """Fold a sample into the mean."""
        value = subject.values[self.at]
        if value is None:
            return
        taken, usual = subject.memory.get(self.id, (0, 0.0))
        weight = max(1 - math.exp(-self.params.step_s / self.params.memory_s), 1 / (taken + 1))
        sample = min(float(value), self._bound(usual))
        subject.memory[self.id] = [taken + 1, usual + weight * (sample - usual)]

    def _bound(self, usual: float) -> float:
        return max(self.params.warning, self.params.multiple * usual)


def _build(condition: DetectorCondition, rule: Rule) -> Complaints:
    params = ComplaintsParams.model_validate(condition.params)
    return Complaints(
        id=f"{rule.name}/complaints",
        params=params,
        at=ROOM_COLUMN_INDEX[column(_METRIC, window="1m").name],
        step_ms=round(params.step_s * 1000),
    )


COMPLAINTS: Final = DetectorType(params=ComplaintsParams, scope="room", build=_build, reads=(_METRIC,))
