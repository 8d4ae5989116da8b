"""``retention``: fewer of those who enter stay for a minute than this room has kept so far.

A sequential test (CUSUM of the log-likelihood ratio of a share, after Page). Each viewer who entered long
enough ago is one sample: stayed, or left before. How much evidence is needed follows from the stated rate of
false alarms and from how many samples an hour the room brings, for every sample is a chance to be wrong.

Pure, streaming, a fixed number of figures a room. While the room's own share is unknown: no data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from alerts.detectors.stepped import Seconds, Share, Stepped, newest_ms
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["RETENTION", "Retention", "RetentionParams"]

_METRIC: Final = "live_retention_ratio"
_ENTERED: Final = "live_retention_entered"
_LEFT: Final = "live_retention_left"
_AFTER: Final = "1m"
_EXTREME: Final = 0.02
"""A share is taken no nearer to 0 or 1: no test could tell less from chance in a broadcast's time."""
_CAP: Final = 1.5
"""Evidence is kept up to this multiple of what is needed, so that recovery shows in bounded time."""
_GAP_STEPS: Final = 6
"""After a longer hole (a pause), or with steps of another length, nothing is compared across it."""


class RetentionParams(Params):
    """How large a drop, how sure.

    Attributes:
        warning: drop against the room's own share that is told; ``critical`` likewise.
        false_alarm_h: hours of a room per false alarm, at least, if viewers decide by themselves.
        spread: by how much shares differ beyond chance (variance ratio): evidence is divided by it.
        own_entered: viewers that must have been seen before the room's own share is known.
        own_s: time constant of the room's own share; a drop that lasts as long becomes the new normal.
        step_s: time between two steps.
    """

    warning: Share = 1 / 3
    critical: Share = 0.6
    false_alarm_h: Annotated[float, Field(ge=1, le=100_000, allow_inf_nan=False)] = 100
    spread: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2
    own_entered: Annotated[int, Field(ge=10, le=1_000_000)] = 200
    own_s: Seconds = 1_800
    step_s: Seconds = 10


class _Memory(msgspec.Struct, array_like=True):
    """Counters at the last step, the suspicious run, the room's own share.

    Attributes:
        level: what the evidence says; None while the room's own share is unknown.
        evidence: log-likelihood ratio of the present run; 0 = nothing suspicious.
        run_stayed: viewers of the run who stayed; ``run_entered`` all of them.
        own_stayed: viewers before the run, fading; ``own_entered`` likewise.
        seen_steps: steps so far, with a time constant of ``own_s``; ``seen`` viewers in them.
    """

    level: int | None
    step: int
    entered: int
    left: int
    evidence: float = 0.0
    needed: float = 0.0
    run_stayed: float = 0.0
    run_entered: float = 0.0
    run_steps: int = 0
    own_stayed: float = 0.0
    own_entered: float = 0.0
    seen: float = 0.0
    seen_steps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(Stepped):
    """Who entered a room, and who of them left within a minute."""

    params: RetentionParams
    min_samples: int
    entered_at: int
    left_at: int

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the share since the drop began and the room's own."""
        kept = subject.memory.get(self.id)
        memory = None if kept is None else _Memory(*kept)
        if memory is None or not memory.own_entered or not memory.run_entered:
            return Reading()
        own = memory.own_stayed / memory.own_entered
        drop = self.params.critical if level == CRITICAL else self.params.warning
        return Reading(
            value=memory.run_stayed / memory.run_entered,
            expected=own,
            threshold=own * (1 - drop),
            samples=round(memory.run_entered),
            confidence=round(1 - math.exp(-memory.evidence), 6),
            window_s=round(memory.run_steps * self.params.step_s),
            newest_ms=newest_ms(subject, ("visits",)),
            reason="sequential_test",
        )

    def observe(self, subject: Subject) -> None:
        """Fold the step's viewers into the test."""
        entered, left = subject.values[self.entered_at], subject.values[self.left_at]
        if entered is None or left is None:
            return
        step = subject.tick_ms // self.step_ms
        kept = subject.memory.get(self.id)
        memory = None if kept is None else _Memory(*kept)
        if memory is None:
            memory = _Memory(None, step, entered, left)
        elif not 0 <= step - memory.step <= _GAP_STEPS or entered < memory.entered or left < memory.left:
            own = (memory.own_stayed, memory.own_entered)
            memory = _Memory(None, step, entered, left, own_stayed=own[0], own_entered=own[1])
        else:
            self._learn(memory, step, entered, left)
        memory.level = self._level(memory)
        subject.memory[self.id] = msgspec.to_builtins(memory)

    def _learn(self, memory: _Memory, step: int, entered: int, left: int) -> None:
        came, gone = entered - memory.entered, min(left - memory.left, entered - memory.entered)
        fade = math.exp(-(step - memory.step) * self.params.step_s / self.params.own_s)
        memory.seen = memory.seen * fade + came
        memory.seen_steps = memory.seen_steps * fade + step - memory.step
        memory.step, memory.entered, memory.left = step, entered, left
        if memory.own_entered >= self.params.own_entered:
            self._gather(memory, came - gone, gone)
        memory.run_stayed, memory.run_entered = memory.run_stayed + came - gone, memory.run_entered + came
        memory.run_steps += 1
        run_s = memory.run_steps * self.params.step_s
        if memory.evidence == 0:
            _take_as_own(memory, fade=math.exp(-run_s / self.params.own_s))
        elif run_s > self.params.own_s:
            _take_as_own(memory, fade=0.0)

    def _gather(self, memory: _Memory, stayed: int, left: int) -> None:
        """Add the evidence of a step; the room's own share is taken one standard error low."""
        own = memory.own_stayed / memory.own_entered
        own -= math.sqrt(own * (1 - own) / memory.own_entered)
        own = min(1 - _EXTREME, max(2 * _EXTREME, own))
        tested = max(_EXTREME, own * (1 - self.params.warning))
        gain = stayed * math.log(tested / own) + left * math.log((1 - tested) / (1 - own))
        memory.needed = self._needed(memory, own, tested)
        evidence = memory.evidence + gain / self.params.spread
        memory.evidence = min(max(0.0, evidence), _CAP * memory.needed)

    def _needed(self, memory: _Memory, own: float, tested: float) -> float:
        """Return the evidence for the stated rate: a CUSUM errs every e^h / (information of a sample)."""
        information = own * math.log(own / tested) + (1 - own) * math.log((1 - own) / (1 - tested))
        an_hour = memory.seen / max(1.0, memory.seen_steps) * 3_600 / self.params.step_s
        samples = self.params.false_alarm_h * an_hour * information / self.params.spread
        return max(3.0, math.log(1 + samples))

    def _level(self, memory: _Memory) -> int | None:
        if memory.own_entered < self.params.own_entered:
            return None
        if memory.evidence < memory.needed or memory.run_entered < self.min_samples or not memory.needed:
            return OK if memory.evidence <= memory.needed / 2 else BETWEEN
        drop = 1 - memory.run_stayed / memory.run_entered / (memory.own_stayed / memory.own_entered)
        if drop < self.params.warning:
            return BETWEEN
        return CRITICAL if drop >= self.params.critical else WARNING


def _take_as_own(memory: _Memory, *, fade: float) -> None:
    """Make the run part of what is normal for the room, the older part fading, and begin a new run."""
    memory.own_stayed = memory.own_stayed * fade + memory.run_stayed
    memory.own_entered = memory.own_entered * fade + memory.run_entered
    memory.evidence = memory.run_stayed = memory.run_entered = 0.0
    memory.run_steps = 0


def _build(condition: DetectorCondition, rule: Rule) -> Retention:
    params = RetentionParams.model_validate(condition.params)
    entered, left = (
        ROOM_COLUMN_INDEX[column(name, label_value=_AFTER, window="session").name]
        for name in (_ENTERED, _LEFT)
    )
    return Retention(
        id=f"{rule.name}/retention",
        metric=_METRIC,
        step_ms=round(params.step_s * 1000),
        params=params,
        min_samples=rule.min_samples,
        entered_at=entered,
        left_at=left,
    )


RETENTION: Final = DetectorType(
    params=RetentionParams,
    scope="room",
    build=_build,
    reads=(_ENTERED, _LEFT),
    counts_samples=True,
)
