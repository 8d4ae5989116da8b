"""``complaints``: more viewers than usual say that something does not work. Pure.

What is usual grows with the chat: eight times as many lines bring eight times as many who did not get the
item. Its memory: samples taken, the fading means of complaining viewers and of lines, each clipped at the
bound, so that a storm of complaints does not become normal at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Multiple, Number, Seconds, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["COMPLAINTS", "Complaints", "ComplaintsParams"]

_METRIC: Final = "live_complaining_users"
_LINES: Final = "live_danmaku_per_second"
_WINDOW_S: Final = 60
_IN_BREACH: Final = 0.1
"""Weight of a sample beyond the bound: an alert must not become the normal while it lasts."""
_OPEN: Final = 2.0
"""Standard errors by which the mean is taken high."""
_RECOVERED: Final = 0.6
"""Share of the bound below which it is over."""


class ComplaintsParams(Params):
    """``warning`` people a minute, or ``multiple`` of the room's own normal, whichever is more.

    Attributes:
        warning: people a minute that are always let pass.
        multiple: of the room's own normal.
        z: spreads of chance above the normal that are let pass as well.
        memory_s: time constant of that mean.
        ready_s: how long the room must be known.
        step_s: time between two samples; a minute, so that they do not overlap.
    """

    warning: Number = 5
    multiple: Multiple = 3
    z: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 5
    memory_s: Seconds = 1_800
    ready_s: Seconds = 180
    step_s: Seconds = 60


@dataclass(frozen=True, slots=True)
class Complaints:
    """Distinct complaining viewers of the last minute."""

    id: str
    params: ComplaintsParams
    at: int
    lines_at: int
    step_ms: int
    metric: str = _METRIC
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level now; None without a figure or before the room is known."""
        value, kept = subject.values[self.at], subject.memory.get(self.id)
        if value is None or kept is None or kept[0] * self.params.step_s < self.params.ready_s:
            return None
        bound = self._bound(self._usual(subject))
        if value > bound:
            return WARNING
        return OK if value <= bound * _RECOVERED else BETWEEN

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - there is no most
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the people, what is usual, and the bound."""
        value, usual = subject.values[self.at], self._usual(subject)
        return Reading(
            value=value,
            expected=usual,
            threshold=self._bound(usual),
            samples=value,
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, ("danmaku",)),
        )

    def observe(self, subject: Subject) -> None:
        """Fold a sample into the mean."""
        value = subject.values[self.at]
        if value is None or subject.tick_ms - (subject.session_ms or 0) < 1000 * _WINDOW_S:
            return
        taken, people, lines = subject.memory.get(self.id, (0, 0.0, 0.0))
        weight = max(1 - math.exp(-self.params.step_s / self.params.memory_s), 1 / (taken + 1))
        bound = self._bound(self._usual(subject))
        if taken and value > bound:
            weight *= _IN_BREACH
        sample = min(float(value), bound) if taken else float(value)
        lines += weight * (self._lines(subject) - lines)
        subject.memory[self.id] = [taken + 1, people + weight * (sample - people), lines]

    def _lines(self, subject: Subject) -> float:
        """Return the lines of the last minute that do not complain."""
        people = float(subject.values[self.at] or 0.0)
        return max(0.0, float(subject.values[self.lines_at] or 0.0) * _WINDOW_S - people)

    def _usual(self, subject: Subject) -> float:
        """Return the people to expect among so many lines, taken high by what few samples leave open."""
        taken, people, lines = subject.memory.get(self.id, (0, 0.0, 0.0))
        if not taken:
            return 0.0
        people += _OPEN * math.sqrt(max(people, 1 / taken) / min(taken, self.params.memory_s / _WINDOW_S))
        return float(people * max(1.0, self._lines(subject) / max(lines, 1.0)))

    def _bound(self, usual: float) -> float:
        chance = usual + self.params.z * math.sqrt(usual)
        return max(self.params.warning, self.params.multiple * usual, chance)


def _build(condition: DetectorCondition, rule: Rule) -> Complaints:
    params = ComplaintsParams.model_validate(condition.params)
    return Complaints(
        id=f"{rule.name}/complaints",
        params=params,
        at=ROOM_COLUMN_INDEX[column(_METRIC, window="1m").name],
        lines_at=ROOM_COLUMN_INDEX[column(_LINES, window="1m").name],
        step_ms=round(params.step_s * 1000),
    )


COMPLAINTS: Final = DetectorType(params=ComplaintsParams, scope="room", build=_build, reads=(_METRIC, _LINES))
