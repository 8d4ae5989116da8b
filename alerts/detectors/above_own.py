"""``above_own``: a share stands out from what this room is used to. Pure.

Chat repeats itself: on the real rooms that the surge detector is scored on, in half of the minutes with 100
lines and more, four of ten lines are said five times or more in that minute. So a fixed bound alone would
never be silent there. Its memory: samples taken and their fading mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, Share, newest_ms
from stream.catalogue import METRIC_BY_NAME, ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["ABOVE_OWN", "AboveOwn", "AboveOwnParams"]

_METRICS: Final = ("live_suspect_ratio", "live_danmaku_repeat_ratio", "live_interaction_concentration")
_EVENTS: Final = "live_interaction_events"
_WINDOW_S: Final = 60
_RECOVERED: Final = 0.8
"""Share of the bound below which it is over."""


class AboveOwnParams(Params):
    """The larger of ``warning`` and the room's own mean plus ``margin``.

    Attributes:
        warning: share that is always let pass.
        margin: what is let pass above the room's own mean; the bound never comes nearer to 1 than half way.
        memory_s: time constant of that mean.
        ready_s: how long the room must be known.
        step_s: time between two samples; a minute, so that they do not overlap.
    """

    warning: Share = 0.3
    margin: Share = 0.4
    memory_s: Seconds = 1_800
    ready_s: Seconds = 180
    step_s: Seconds = 60


@dataclass(frozen=True, slots=True)
class AboveOwn:
    """A share of the interaction of the last minute."""

    id: str
    metric: str
    params: AboveOwnParams
    min_samples: int
    at: int
    events_at: int
    step_ms: int
    feeds: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level now; None without a figure or before the room is known; few events are calm."""
        value, kept = subject.values[self.at], subject.memory.get(self.id)
        events = subject.values[self.events_at]
        if value is None or events is None:
            return None
        if events < self.min_samples:
            return OK
        if kept is None or kept[0] * self.params.step_s < self.params.ready_s:
            return None
        bound = self._bound(kept[1])
        if value > bound:
            return WARNING
        return OK if value <= bound * _RECOVERED else BETWEEN

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - a room may repeat itself wholly
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:  # noqa: ARG002 - there is one bound
        """Return the share, the room's own and the bound."""
        kept = subject.memory.get(self.id)
        return Reading(
            value=subject.values[self.at],
            expected=None if kept is None else kept[1],
            threshold=self._bound(0.0 if kept is None else kept[1]),
            samples=subject.values[self.events_at],
            window_s=_WINDOW_S,
            newest_ms=newest_ms(subject, self.feeds),
        )

    def observe(self, subject: Subject) -> None:
        """Fold a sample into the mean."""
        value = subject.values[self.at]
        if value is None or subject.tick_ms - (subject.session_ms or 0) < 1000 * _WINDOW_S:
            return
        taken, own = subject.memory.get(self.id, (0, 0.0))
        weight = max(1 - math.exp(-self.params.step_s / self.params.memory_s), 1 / (taken + 1))
        subject.memory[self.id] = [taken + 1, own + weight * (value - own)]

    def _bound(self, own: float) -> float:
        return max(self.params.warning, min(own + self.params.margin, (1 + own) / 2))


def _build(condition: DetectorCondition, rule: Rule) -> AboveOwn:
    name = condition.metric or ""
    params = AboveOwnParams.model_validate(condition.params)
    return AboveOwn(
        id=f"{rule.name}/above_own/{name}",
        metric=name,
        params=params,
        min_samples=rule.min_samples,
        at=ROOM_COLUMN_INDEX[column(name, window="1m").name],
        events_at=ROOM_COLUMN_INDEX[column(_EVENTS, window="1m").name],
        step_ms=round(params.step_s * 1000),
        feeds=METRIC_BY_NAME[name].feeds,
    )


ABOVE_OWN: Final = DetectorType(
    params=AboveOwnParams, scope="room", build=_build, metrics=_METRICS, reads=(_EVENTS,), counts_samples=True
)
