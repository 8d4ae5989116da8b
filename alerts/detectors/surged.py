"""``surge``: traffic jumps or falls against what the room's own past leads to expect; see ``surge``.

Two rules, one for each direction, share what is remembered of a series. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import CRITICAL, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Number, Seconds, newest_ms
from alerts.detectors.surge import ROOM, Surge
from stream.catalogue import METRIC_BY_NAME, ROOM_COLUMN_INDEX, WINDOWS_MS, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["SURGE", "SurgeParams", "Surged"]

_METRICS: Final = (
    "live_viewers",
    "live_enters_per_second",
    "live_danmaku_per_second",
    "live_likes_per_second",
)
_MARK_MS: Final = 60_000
"""Bounds are wide for this long after a mark, milliseconds; metrics.md, section 2."""
_BACK_STEPS: Final = 30
"""For so many steps after a change, the way back to where it came from is not told as one of its own."""

_Ratio = Annotated[float, Field(ge=ROOM.min_ratio, le=1_000, allow_inf_nan=False)]


class SurgeParams(Params):
    """Which way, and how far.

    Attributes:
        direction: what is told, ``spike`` or ``drop``.
        warning: change that is told, as a ratio of the expected figure (2.5: × 2.5 or ÷ 2.5); ``critical``
            likewise.
        min_excess: least distance from the expected number of people or events (of the window, for a rate).
        step_s: time between two samples; of a rate it is at least the window, so that samples do not overlap.
        mark_widen: by how much a mark stretches the ratio beyond 1.
        before_end_s: no drop is told in this time before the planned end of the room.
    """

    direction: Literal["spike", "drop"]
    warning: _Ratio = ROOM.min_ratio
    critical: _Ratio = 5
    min_excess: Number = 30
    step_s: Seconds = 60
    mark_widen: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2
    before_end_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 600


class _Memory(msgspec.Struct, array_like=True):
    """The detector, and the last sample with what was made of it.

    Attributes:
        packed: the detector's own memory.
        step: number of the last step.
        way: 1 above what is expected, -1 below, 0 nothing worth telling.
        count: the sample, people or events of the window.
        expected: what it should have been; of a change that lasts, when it began; None before the detector
            is ready.
        confidence: 1 - p of the sample that began the change, else of this one.
        samples: seen before.
        marked: the change began soon after a mark.
        reason: what was odd.
        before: what was expected when the last change of the other way began; None without one.
        before_way: its way; ``before_step`` its step.
        back: the change is the way back of that one.
    """

    packed: bytes
    step: int
    way: int = 0
    count: float = 0.0
    expected: float | None = None
    confidence: float = 0.0
    samples: int = 0
    marked: bool = False
    reason: str = ""
    before: float | None = None
    before_way: int = 0
    before_step: int = 0
    back: bool = False


@dataclass(frozen=True, slots=True)
class Surged:
    """One series of a room, looked at in one direction."""

    id: str
    metric: str
    params: SurgeParams
    at: int
    window_s: int | None
    feeds: tuple[str, ...]
    step_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level as of the last sample; None before the room is known."""
        memory = self._memory(subject)
        if memory is None or memory.expected is None:
            return None
        sign = 1 if self.params.direction == "spike" else -1
        if (
            memory.way != sign
            or memory.back
            or sign * (memory.count - memory.expected) < self.params.min_excess
        ):
            return OK
        if sign < 0 and self._ends_soon(subject):
            return OK
        for level in (CRITICAL, WARNING):
            if sign * (memory.count - self._bound(memory, level)) >= 0:
                return level
        return OK

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - traffic has no worst value
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the sample, what was expected and the bound, all in the unit of the metric."""
        memory = self._memory(subject)
        if memory is None or memory.expected is None:
            return Reading(value=subject.values[self.at], window_s=self.window_s)
        unit_s = self.window_s or 1
        return Reading(
            value=memory.count / unit_s,
            expected=memory.expected / unit_s,
            threshold=self._bound(memory, level) / unit_s,
            samples=memory.samples,
            confidence=round(memory.confidence, 6),
            window_s=self.window_s,
            newest_ms=newest_ms(subject, self.feeds),
            reason=memory.reason or None,
        )

    def observe(self, subject: Subject) -> None:
        """Take the sample of a step: one for each stretch of that length, however the first one falls."""
        value = subject.values[self.at]
        memory = self._memory(subject)
        step = subject.tick_ms // self.step_ms
        if memory is not None and memory.step == step:
            return
        surge = Surge(ROOM) if memory is None else Surge.unpack(ROOM, memory.packed)
        count = None if value is None else float(value) * (self.window_s or 1)
        if count is None:
            return
        found = surge.step(step * self.step_ms, count)
        if memory is None:
            memory = _Memory(b"", step)
        memory.step = step
        way = {"spike": 1, "drop": -1, "none": 0}[found.direction]
        if way != memory.way or not way:
            memory.expected = None if found.lower is None else found.expected
            memory.confidence, memory.reason = found.confidence, found.reason
            memory.marked = self._marked(subject)
            if way and memory.expected is not None:
                _remember(memory, way, count)
        memory.packed, memory.way, memory.count, memory.samples = surge.pack(), way, count, found.samples
        subject.memory[self.id] = msgspec.to_builtins(memory, builtin_types=(bytes,))

    def _memory(self, subject: Subject) -> _Memory | None:
        kept = subject.memory.get(self.id)
        return None if kept is None else _Memory(*kept)

    def _bound(self, memory: _Memory, level: int) -> float:
        ratio = self.params.critical if level == CRITICAL else self.params.warning
        ratio = 1 + (ratio - 1) * (self.params.mark_widen if memory.marked else 1)
        expected = memory.expected or 0.0
        return expected * ratio if self.params.direction == "spike" else expected / ratio

    def _marked(self, subject: Subject) -> bool:
        """Tell whether a mark falls into the minute before the sample's own time, or into it."""
        return subject.tick_ms - subject.newest_ms.get("marks", 0) < _MARK_MS + self.step_ms

    def _ends_soon(self, subject: Subject) -> bool:
        ends_at_ms = subject.facts.get("ends_at_ms")
        return isinstance(ends_at_ms, int) and subject.tick_ms >= ends_at_ms - 1000 * self.params.before_end_s


def _remember(memory: _Memory, way: int, count: float) -> None:
    """Note where a change came from, and whether it leads back to where the one before it came from."""
    lately = memory.before is not None and memory.step - memory.before_step <= _BACK_STEPS
    if lately and way != memory.before_way:
        before = memory.before or 0.0
        memory.back = max(count, before) + 1 < ROOM.min_ratio * (min(count, before) + 1)
    else:
        memory.back = False
    if not memory.back:
        memory.before, memory.before_way, memory.before_step = memory.expected, way, memory.step


def _build(condition: DetectorCondition, rule: Rule) -> Surged:  # noqa: ARG001 - rules share what is learnt
    name = condition.metric or ""
    place = column(name, window=condition.window)
    params = SurgeParams.model_validate(condition.params)
    window_ms = WINDOWS_MS[condition.window] if condition.window else 0
    step_ms = max(round(params.step_s * 1000), window_ms)
    return Surged(
        id=f"surge/{place.name}/{step_ms}",
        metric=name,
        params=params,
        at=ROOM_COLUMN_INDEX[place.name],
        window_s=window_ms // 1000 or None,
        feeds=METRIC_BY_NAME[name].feeds,
        step_ms=step_ms,
    )


SURGE: Final = DetectorType(params=SurgeParams, scope="room", build=_build, metrics=_METRICS)
