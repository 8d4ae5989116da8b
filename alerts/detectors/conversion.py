"""``conversion``: fewer of those who click an item pay than this room has had so far.

A sequential test (CUSUM, after Page): each step compares the payments with those that the clicks so far
should have brought by now, by the room's own share of clicks that are paid. Clicks count only as far as they
had time to be paid, by the room's own time from click to payment. Evidence is the logarithm of a Bayes
factor: how much likelier the payments of the run are with a part of the room's own share than with all of it,
that share being known no better than the payments before tell (a gamma distribution). It grows with the
number of payments that should have come, so few clicks never raise an alert: they take longer. How much is
needed follows from the stated rate of false alarms and from how many clicks an hour the room brings, for
every click is a chance to be wrong. Items sell differently (``ItemShares``): clicks on one that sells less
count for less.

Pure, streaming, a fixed number of figures a room. While the room's own share is unknown: no data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import itemgetter, mul, sub
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from pydantic import Field

from alerts.detectors.catalogue import DetectorType, Params
from alerts.detectors.item_shares import ItemShares
from alerts.detectors.reading import BETWEEN, CRITICAL, OK, WARNING, Reading, Subject
from stream.catalogue import ROOM_COLUMN_INDEX, column

if TYPE_CHECKING:
    from alerts.ruleset import DetectorCondition, Rule

__all__ = ["CONVERSION", "Conversion", "ConversionParams", "matured", "weights_of"]

_METRIC: Final = "live_conversion_ratio"
_CLICKS: Final = "live_clicks_total"
_ORDERS: Final = "live_orders_total"
_CLICKERS: Final = "live_clickers"
_HORIZON_S: Final = 600.0
"""Clicks older than this have been paid or never will be: the 99th percentile of the default lag."""
_LEVEL_AT: Final = 0
"""Place of the level in the packed memory."""
_GAP_STEPS: Final = 6
"""After a longer hole (a pause), or with steps of another length, nothing is compared across it."""
_SLOWER: Final = (0.4, 2.5)
"""The test is done with lags so much shorter and longer as well, and the least evidence counts: after a burst
of clicks, buyers who are quicker or take their time are not a drop."""
_SURELY: Final = 0.5
"""Of that, in logarithms, where the lag is the room's own."""
_LAG_MEDIAN: Final = "live_click_to_paid_median_seconds"
_LAG_P90: Final = "live_click_to_paid_p90_seconds"
_LAG_WINDOW: Final = "15m"
_LAG_MEMORY_S: Final = 900.0
"""Time constant of the room's own lag: the window that it is told of."""
_LAG_GRAIN_S: Final = 5.0
"""Lags are told in whole steps of 10 s: half of one is added, and they are rounded to this."""
_LAG_RATIO: Final = 1.2
"""Least 90th percentile, in medians."""
_NEEDED_LEAST: Final = 3.0
"""Evidence that is asked for in any case: 20 to 1."""
_CAP: Final = 1.5
"""Evidence is kept up to this multiple of what is needed, so that recovery shows in bounded time."""

_Seconds = Annotated[float, Field(ge=1, le=7_200, allow_inf_nan=False)]
_Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class ConversionParams(Params):
    """How large a drop, how sure, and how long from a click to its payment.

    Attributes:
        warning: drop of the share against the room's own that is told; ``critical`` likewise.
        tested: share that the test is sharpest for, as a multiple of the room's own.
        false_alarm_h: hours of a room per false alarm, at least, if buyers decide by themselves.
        baseline_paid: payments that must have been seen before the room's own share is known.
        baseline_s: time constant of the room's own share; a drop that lasts as long becomes the new normal.
        lag_median_s: click to payment; with ``lag_p90_s`` it makes a log-normal distribution. A room's own
            lag takes its place as it becomes known.
        step_s: time between two steps.
    """

    warning: _Share = 0.3
    critical: _Share = 0.6
    tested: _Share = 0.5
    false_alarm_h: Annotated[float, Field(ge=0.01, le=100_000, allow_inf_nan=False)] = 100
    baseline_paid: Annotated[int, Field(ge=1, le=100_000)] = 30
    baseline_s: _Seconds = 3_600
    lag_median_s: _Seconds = 40
    lag_p90_s: _Seconds = 150
    step_s: _Seconds = 10


class _Memory(msgspec.Struct, array_like=True):
    """Counters at the last step, the latest clicks, the suspicious run, the room's own share.

    Attributes:
        level: what the evidence says; None while the room's own share is unknown.
        recent: clicks of each step, newest first; as long as the lag distribution.
        evidence: log of the Bayes factor of the present run; 0 = nothing suspicious.
        run_paid: payments since the run began; ``run_due`` the clicks that had time to be paid.
        own_paid: payments before the run, fading; ``own_due`` likewise.
        gathered: evidence by each lag, the least of which counts.
        dues: clicks of the run that were due, by each lag.
        seen: clicks so far, fading; ``seen_steps`` the steps that brought them.
        needed: evidence that the stated rate asks for.
        lag: median and 90th percentile of the room's own time from click to payment, seconds.
        slots: place in ``items`` of what was on air in each step, newest first.
        items: packed ``ItemShares``.
        own_late: clicks before the run that buyers quicker than assumed may have paid already.
        assumed: how far the lag is still the assumed one, from 1 to 0 when it is wholly the room's own.
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
    gathered: list[float] = []
    dues: list[float] = []
    seen: float = 0.0
    seen_steps: float = 0.0
    needed: float = 0.0
    lag: list[float] = []
    slots: list[int] = []
    items: list[list[Any]] = []
    own_late: float = 0.0
    assumed: float = 1.0

    @property
    def own_clicks(self) -> float:
        """Clicks behind ``own_paid``: all that may have been due, lest quick buyers pass for many."""
        return self.own_due + self.own_late * self.assumed


@dataclass(frozen=True, slots=True)
class Conversion:
    """The clicks and payments of a room."""

    id: str
    params: ConversionParams
    min_samples: int
    clicks_at: int
    paid_at: int
    clickers_at: int
    lags_at: tuple[int, int]
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
        own = memory.own_paid / memory.own_clicks
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
        if clicks is None or paid is None or (memory is not None and memory.step == step):
            return
        if (
            memory is None
            or not 0 < step - memory.step <= _GAP_STEPS
            or clicks < memory.clicks
            or paid < memory.paid
        ):
            own = (0.0, 0.0) if memory is None else (memory.own_paid, memory.own_due)
            memory = _Memory(
                None, step, clicks, paid, [], own_paid=own[0], own_due=own[1],
                lag=[] if memory is None else memory.lag, items=[] if memory is None else memory.items,
            )  # fmt: skip
        else:
            self._learn(memory, subject, step, clicks, paid)
        memory.level = self._level(memory)
        subject.memory[self.id] = msgspec.to_builtins(memory)

    def _level(self, memory: _Memory) -> int | None:
        if not self._known(memory):
            return None
        if memory.evidence < memory.needed or memory.run_due < self.min_samples or not memory.needed:
            return OK if memory.evidence <= memory.needed / 2 else BETWEEN
        drop = 1 - memory.run_paid / (memory.run_due * memory.own_paid / memory.own_clicks)
        if drop < self.params.warning:
            return BETWEEN
        return CRITICAL if drop >= self.params.critical else WARNING

    def _known(self, memory: _Memory) -> bool:
        """Return whether the room's own share is known; where nobody tells of clicks it never is."""
        return memory.own_paid >= self.params.baseline_paid and memory.own_due > 0

    def _memory(self, subject: Subject) -> _Memory | None:
        kept = subject.memory.get(self.id)
        return None if kept is None else _Memory(*kept)

    def _learn(self, memory: _Memory, subject: Subject, step: int, clicks: int, paid: int) -> None:
        steps, new_clicks, new_paid = step - memory.step, clicks - memory.clicks, paid - memory.paid
        self._learn_lag(memory, subject, steps)
        lags = weights_of(memory.lag[0], memory.lag[1], self.params.step_s, assumed=memory.assumed)
        items = ItemShares(memory.items)
        slot = items.slot(str(subject.facts.get("item_id") or ""), memory.slots)
        memory.recent = ([new_clicks] + [0] * (steps - 1) + memory.recent)[: len(lags[0])]
        memory.slots = ([slot] * steps + memory.slots)[: len(lags[0])]
        due = items.learn(memory.recent, memory.slots, lags[0], new_paid)
        surely = items.lowered(memory.recent, memory.slots)
        fade = math.exp(-steps * self.params.step_s / self.params.baseline_s)
        memory.seen, memory.seen_steps = memory.seen * fade + new_clicks, memory.seen_steps * fade + steps
        memory.step, memory.clicks, memory.paid = step, clicks, paid
        if self._known(memory):
            self._gather(memory, new_paid, [sum(map(mul, surely, weights)) for weights in lags])
        memory.run_paid, memory.run_due = memory.run_paid + new_paid, memory.run_due + due
        memory.run_steps += 1
        run_s = memory.run_steps * self.params.step_s
        if memory.evidence == 0:
            _take_as_own(memory, items, fade=math.exp(-run_s / self.params.baseline_s))
            memory.own_late = _late(memory.recent, lags)
        elif run_s > self.params.baseline_s:
            _take_as_own(memory, items, fade=0.0)
            memory.own_late = _late(memory.recent, lags)
        memory.items = items.packed()

    def _learn_lag(self, memory: _Memory, subject: Subject, steps: int) -> None:
        """Move the room's own lag towards what its payers of the last quarter of an hour took."""
        if not memory.lag:
            memory.lag = [self.params.lag_median_s, self.params.lag_p90_s]
        told = [subject.values[at] for at in self.lags_at]
        if told[0] is None or told[1] is None:
            return
        median = max(_LAG_GRAIN_S, told[0] + _LAG_GRAIN_S)
        wanted = (median, max(_LAG_RATIO * median, told[1] + _LAG_GRAIN_S))
        rate = 1 - math.exp(-steps * self.params.step_s / _LAG_MEMORY_S)
        memory.lag = [old + rate * (new - old) for old, new in zip(memory.lag, wanted, strict=True)]
        memory.assumed *= 1 - rate

    def _gather(self, memory: _Memory, paid: int, dues: list[float]) -> None:
        """Add what a step says for a drop, by each lag."""
        before = memory.dues or [0.0] * len(dues)
        after = [old + new for old, new in zip(before, dues, strict=True)]
        memory.needed = self._needed(memory)
        gathered = []
        for old, new, evidence in zip(before, after, memory.gathered or before, strict=True):
            gain = self._factor(memory, memory.run_paid + paid, new)
            gain -= self._factor(memory, memory.run_paid, old)
            gathered.append(min(max(0.0, evidence + gain), _CAP * memory.needed))
        memory.dues, memory.gathered, memory.evidence = after, gathered, min(gathered)

    def _factor(self, memory: _Memory, paid: float, due: float) -> float:
        """Return the log of the Bayes factor of so many payments where so many clicks were due."""
        tested = self.params.tested
        known = memory.own_clicks
        growth = math.log((known + due) / (known + tested * due))
        return paid * math.log(tested) + (memory.own_paid + paid) * growth

    def _needed(self, memory: _Memory) -> float:
        """Return the evidence for the stated rate: a CUSUM errs every e^h / (information of a click)."""
        tested = self.params.tested
        information = memory.own_paid / memory.own_clicks * (tested - 1 - math.log(tested))
        an_hour = memory.seen / max(1.0, memory.seen_steps) * 3_600 / self.params.step_s
        return max(_NEEDED_LEAST, math.log(1 + self.params.false_alarm_h * an_hour * information))

    def _clicks_per_person(self, subject: Subject, memory: _Memory) -> float:
        """Return clicks per person of the last five minutes, 1 or more: shares are told per person."""
        clickers = subject.values[self.clickers_at]
        return max(1.0, sum(memory.recent) / clickers) if clickers else 1.0


def weights_of(
    median_s: float, p90_s: float, step_s: float, *, assumed: float = 1.0
) -> tuple[tuple[float, ...], ...]:
    """Return which part of a step's clicks is due in that step and in each one after it, by each lag.

    Args:
        median_s: of the time from click to payment.
        p90_s: its 90th percentile.
        step_s: length of a step.
        assumed: how far the lag is assumed and not the room's own, 0 to 1.

    Returns:
        For the lag itself, then for it made shorter and longer; the parts of each sum to 1.
    """
    median = max(_LAG_GRAIN_S, _LAG_GRAIN_S * round(median_s / _LAG_GRAIN_S))
    p90 = max(_LAG_RATIO * median, _LAG_GRAIN_S * round(p90_s / _LAG_GRAIN_S))
    return _weights(median, p90, step_s, round(_SURELY + (1 - _SURELY) * assumed, 1))


@lru_cache(4_096)
def _weights(median_s: float, p90_s: float, step_s: float, power: float) -> tuple[tuple[float, ...], ...]:
    return tuple(matured(median_s, p90_s, step_s, slower=slower**power) for slower in (1.0, *_SLOWER))


def matured(median_s: float, p90_s: float, step_s: float, *, slower: float) -> tuple[float, ...]:
    """Return which part of a step's clicks is due in that step and in each one after it; the sum is 1.

    Args:
        median_s: of the time from click to payment, a log-normal distribution.
        p90_s: its 90th percentile.
        step_s: length of a step.
        slower: the lag is taken this many times as long.
    """
    sigma = math.log(p90_s / median_s) / NormalDist().inv_cdf(0.9)
    lag = NormalDist(math.log(median_s * slower), sigma)
    steps = max(1, math.ceil(_HORIZON_S / step_s))
    reached = [0.0, *(lag.cdf(math.log(step * step_s)) for step in range(1, steps + 1))]
    return tuple((late - early) / reached[-1] for early, late in pairwise(reached))


def _late(recent: list[int], lags: tuple[tuple[float, ...], ...]) -> float:
    """Return the clicks that are due by the shortest lag and not by the room's own."""
    quicker = max(lags, key=itemgetter(0))
    due = accumulate(map(sub, quicker, lags[0]))
    return max(0.0, float(sum(map(mul, recent, due))))


def _take_as_own(memory: _Memory, items: ItemShares, *, fade: float) -> None:
    """Make the run part of what is normal for the room, the older part fading, and begin a new run."""
    memory.own_paid = memory.own_paid * fade + memory.run_paid
    memory.own_due = memory.own_due * fade + memory.run_due
    memory.evidence = memory.run_paid = memory.run_due = 0.0
    memory.gathered, memory.dues = [], []
    items.take_as_own(fade)
    memory.run_steps = 0


def _build(condition: DetectorCondition, rule: Rule) -> Conversion:
    params = ConversionParams.model_validate(condition.params)
    return Conversion(
        id=f"{rule.name}/conversion",
        params=params,
        step_ms=round(params.step_s * 1000),
        min_samples=rule.min_samples,
        clicks_at=ROOM_COLUMN_INDEX[column(_CLICKS).name],
        paid_at=ROOM_COLUMN_INDEX[column(_ORDERS, label_value="paid").name],
        clickers_at=ROOM_COLUMN_INDEX[column(_CLICKERS, window="5m").name],
        lags_at=(
            ROOM_COLUMN_INDEX[column(_LAG_MEDIAN, window=_LAG_WINDOW).name],
            ROOM_COLUMN_INDEX[column(_LAG_P90, window=_LAG_WINDOW).name],
        ),
    )


CONVERSION: Final = DetectorType(
    params=ConversionParams,
    scope="room",
    build=_build,
    reads=(_METRIC, _CLICKS, _ORDERS, _CLICKERS, _LAG_MEDIAN, _LAG_P90),
    counts_samples=True,
)
