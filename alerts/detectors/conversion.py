"""``conversion``: fewer of those who click an item pay than this room has had so far.

A sequential test (CUSUM of the log-likelihood ratio of Poisson counts, after Page): each step compares the
payments with those that the clicks so far should have brought by now, by the room's own share of clicks that
are paid. Clicks count only as far as they had time to be paid. Evidence grows with the number of payments
that should have come, so few clicks never raise an alert: they take longer.

Pure, streaming, a fixed number of figures a room. While the room's own share is unknown: no data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import mul
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["CONVERSION", "Conversion", "ConversionParams", "matured"]

_METRIC: Final = "live_conversion_ratio"
_CLICKS: Final = "live_clicks_total"
_ORDERS: Final = "live_orders_total"
_CLICKERS: Final = "live_clickers"
_HORIZON_S: Final = 600.0
"""Clicks older than this have been paid or never will be: the 99th percentile of the default lag."""
_LEVEL_AT: Final = 0
"""Place of the level in the packed memory."""
_GAP_STEPS: Final = 6
"""After a longer hole (a pause) clicks and payments are not compared across it."""
_SLOWER: Final = (0.4, 2.5)
"""The test counts only on payments that would be due with lags so much shorter and longer as well: after a
burst of clicks, buyers who are quicker or take their time are not a drop."""
_CAP: Final = 1.5
"""Evidence is kept up to this multiple of what is needed, so that recovery shows in bounded time."""

_Seconds = Annotated[float, Field(ge=1, le=7_200, allow_inf_nan=False)]
_Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class ConversionParams(Params):
    """How large a drop, how sure, and how long from a click to its payment.

    Attributes:
        warning: drop of the share against the room's own that is told; ``critical`` likewise.
        tested: share that the test is sharpest for, as a multiple of the room's own.
        evidence: log-likelihood ratio that must be reached; docs/rules.md gives the false alarms measured.
        baseline_paid: payments that must have been seen before the room's own share is known.
        baseline_s: time constant of the room's own share; a drop that lasts as long becomes the new normal.
        lag_median_s: click to payment; with ``lag_p90_s`` it makes a log-normal distribution.
        step_s: time between two steps.
    """

    warning: _Share = 0.3
    critical: _Share = 0.6
    tested: _Share = 0.5
    evidence: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 7
    baseline_paid: Annotated[int, Field(ge=1, le=100_000)] = 30
    baseline_s: _Seconds = 1_800
    lag_median_s: _Seconds = 40
    lag_p90_s: _Seconds = 150
    step_s: _Seconds = 10


class _Memory(msgspec.Struct, array_like=True):
    """Counters at the last step, the latest clicks, the suspicious run, the room's own share.

    Attributes:
        level: what the evidence says; None while the room's own share is unknown.
        recent: clicks of each step, newest first; as long as the lag distribution.
        evidence: log-likelihood ratio of the present run; 0 = nothing suspicious.
        run_paid: payments since the run began; ``run_due`` the clicks that had time to be paid.
        own_paid: payments before the run, fading; ``own_due`` likewise.
    """

    level: int | None
    step: int
    clicks: int
    paid: int
    recent: list[int]
    evidence: float = 0.0
    run_paid: float = 0.0
    run_due: float = 0.0
    run_steps: int = 0
    own_paid: float = 0.0
    own_due: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """The clicks and payments of a room."""

    id: str
    params: ConversionParams
    min_samples: int
    weights: tuple[float, ...]
    other_weights: tuple[tuple[float, ...], ...]
    clicks_at: int
    paid_at: int
    clickers_at: int
    metric: str = _METRIC
    step_ms: int = 10_000
    labels: Mapping[str, str] = field(default_factory=dict)

    def level(self, subject: Subject) -> int | None:
        """Return the level of the drop as of the last step; None while the room's own share is unknown."""
        kept = subject.memory.get(self.id)
        return None if kept is None else kept[_LEVEL_AT]

    def total(self, subject: Subject) -> bool:  # noqa: ARG002 - the evidence is the wait
        """Return False."""
        return False

    def read(self, subject: Subject, level: int) -> Reading:
        """Return the share since the drop began and the room's own, per person who clicked."""
        memory = self._memory(subject)
        if memory is None or not memory.own_due or not memory.run_due:
            return Reading(expected=None)
        own = memory.own_paid / memory.own_due
        scale = self._clicks_per_person(subject, memory)
        drop = self.params.critical if level == CRITICAL else self.params.warning
        return Reading(
            value=min(1.0, memory.run_paid / memory.run_due * scale),
            expected=min(1.0, own * scale),
            threshold=min(1.0, own * (1 - drop) * scale),
            samples=round(memory.run_due / scale),
            confidence=round(1 - math.exp(-memory.evidence), 6),
            window_s=round(memory.run_steps * self.params.step_s),
            newest_ms=max(subject.newest_ms.get("visits", 0), subject.newest_ms.get("orders", 0)),
            reason="sequential_test",
        )

    def observe(self, subject: Subject) -> None:
        """Fold the step's clicks and payments into the test."""
        step = subject.tick_ms // self.step_ms
        clicks, paid = subject.values[self.clicks_at], subject.values[self.paid_at]
        memory = self._memory(subject)
        if clicks is None or paid is None:
            return
        if memory is None or step - memory.step > _GAP_STEPS or clicks < memory.clicks or paid < memory.paid:
            own = (0.0, 0.0) if memory is None else (memory.own_paid, memory.own_due)
            memory = _Memory(
                None, step, clicks, paid, [0] * len(self.weights), own_paid=own[0], own_due=own[1]
            )
        else:
            self._learn(memory, step, clicks, paid)
        memory.level = self._level(memory)
        subject.memory[self.id] = msgspec.to_builtins(memory)

    def _level(self, memory: _Memory) -> int | None:
        if not self._known(memory):
            return None
        if memory.evidence < self.params.evidence or memory.run_due < self.min_samples:
            return OK if memory.evidence <= self.params.evidence / 2 else BETWEEN
        drop = 1 - memory.run_paid / (memory.run_due * memory.own_paid / memory.own_due)
        if drop < self.params.warning:
            return BETWEEN
        return CRITICAL if drop >= self.params.critical else WARNING

    def _known(self, memory: _Memory) -> bool:
        """Return whether the room's own share is known; where nobody tells of clicks it never is."""
        return memory.own_paid >= self.params.baseline_paid and memory.own_due > 0

    def _memory(self, subject: Subject) -> _Memory | None:
        kept = subject.memory.get(self.id)
        return None if kept is None else _Memory(*kept)

    def _learn(self, memory: _Memory, step: int, clicks: int, paid: int) -> None:
        new = [clicks - memory.clicks] + [0] * (step - memory.step - 1)
        memory.recent = (new + memory.recent)[: len(self.weights)]
        due = sum(map(mul, memory.recent, self.weights))
        surely_due = min(due, *(sum(map(mul, memory.recent, weights)) for weights in self.other_weights))
        new_paid = paid - memory.paid
        memory.step, memory.clicks, memory.paid = step, clicks, paid
        if self._known(memory):
            memory.evidence = self._evidence(memory, new_paid, surely_due)
        memory.run_paid, memory.run_due = memory.run_paid + new_paid, memory.run_due + due
        memory.run_steps += 1
        run_s = memory.run_steps * self.params.step_s
        if memory.evidence == 0:
            _take_as_own(memory, fade=math.exp(-run_s / self.params.baseline_s))
        elif run_s > self.params.baseline_s:
            _take_as_own(memory, fade=0.0)

    def _evidence(self, memory: _Memory, paid: int, due: float) -> float:
        """Return the evidence after a step that brought payments where the due clicks led to expect some.

        The room's own share is taken one standard error low, for it is an estimate too.
        """
        share = memory.own_paid / memory.own_due * (1 - 1 / math.sqrt(memory.own_paid))
        tested = self.params.tested
        gain = paid * math.log(tested) + (1 - tested) * share * due
        return min(max(0.0, memory.evidence + gain), _CAP * self.params.evidence)

    def _clicks_per_person(self, subject: Subject, memory: _Memory) -> float:
        """Return clicks per person of the last five minutes, 1 or more: shares are told per person."""
        clickers = subject.values[self.clickers_at]
        return max(1.0, sum(memory.recent) / clickers) if clickers else 1.0


def matured(params: ConversionParams, *, slower: float) -> tuple[float, ...]:
    """Return which part of a step's clicks is due in that step and in each one after it; the sum is 1.

    Args:
        params: give the lag between click and payment.
        slower: the lag is taken this many times as long.
    """
    sigma = math.log(params.lag_p90_s / params.lag_median_s) / NormalDist().inv_cdf(0.9)
    lag = NormalDist(math.log(params.lag_median_s * slower), sigma)
    steps = max(1, math.ceil(_HORIZON_S / params.step_s))
    reached = [0.0, *(lag.cdf(math.log(step * params.step_s)) for step in range(1, steps + 1))]
    return tuple((late - early) / reached[-1] for early, late in pairwise(reached))


def _take_as_own(memory: _Memory, *, fade: float) -> None:
    """Make the run part of what is normal for the room, the older part fading, and begin a new run."""
    memory.own_paid = memory.own_paid * fade + memory.run_paid
    memory.own_due = memory.own_due * fade + memory.run_due
    memory.evidence = memory.run_paid = memory.run_due = 0.0
    memory.run_steps = 0


def _build(condition: DetectorCondition, rule: Rule) -> Conversion:
    params = ConversionParams.model_validate(condition.params)
    return Conversion(
        id=f"{rule.name}/conversion",
        params=params,
        step_ms=round(params.step_s * 1000),
        min_samples=rule.min_samples,
        weights=matured(params, slower=1.0),
        other_weights=tuple(matured(params, slower=slower) for slower in _SLOWER),
        clicks_at=ROOM_COLUMN_INDEX[column(_CLICKS).name],
        paid_at=ROOM_COLUMN_INDEX[column(_ORDERS, label_value="paid").name],
        clickers_at=ROOM_COLUMN_INDEX[column(_CLICKERS, window="5m").name],
    )


CONVERSION: Final = DetectorType(
    params=ConversionParams,
    scope="room",
    build=_build,
    reads=(_METRIC, _CLICKS, _ORDERS, _CLICKERS),
    counts_samples=True,
)
