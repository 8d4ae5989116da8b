"""Where a condition could breach: found for all rows of a subject at once, so that the rest can be left out.

A sieve may say yes too often, never too seldom: at every place where the condition's level is a breach, its
sieve says yes. A kind of condition without a sieve is asked everywhere. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.clock import Clock
from alerts.backtest.rows import RoomRows, Rows, figure, numbers_of
from alerts.detectors.above_own import AboveOwn
from alerts.detectors.cheap_orders import CheapOrders
from alerts.detectors.complaints import Complaints
from alerts.detectors.conversion import Conversion
from alerts.detectors.drift import Drift
from alerts.detectors.forecast import Forecast
from alerts.detectors.not_started import NotStarted
from alerts.detectors.own_median import OwnMedian
from alerts.detectors.pay_through import PayThrough
from alerts.detectors.reading import INFO, Condition, Subject
from alerts.detectors.refunds import Refunds
from alerts.detectors.retention import Retention
from alerts.detectors.silence import FEED, Silence
from alerts.detectors.sold_out import SoldOut
from alerts.detectors.spike import Spike
from alerts.detectors.surged import Surged
from alerts.detectors.threshold import Figure, Side, Threshold
from alerts.detectors.words import Words
from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS

__all__ = ["Follower", "Life", "Sieved", "any_of", "sieved"]

_MS: Final = 1_000.0
_FAR_MS: Final = 2**60
"""An instant long after anything."""
_ROUNDING_MS: Final = 1.0
"""Detectors round instants to a millisecond; a sieve must not be that much stricter."""


class Life:
    """One subject from its first row to its last, along the clock of its partition.

    Args:
        clock: the records of its partition.
        rows: its rows, each at a position of the clock.
        at: the position of each row, rising.

    Attributes:
        places: the position of each row, rising.
        row: the row that holds at each position; null before the first.
    """

    def __init__(self, clock: Clock, rows: Rows, at: pa.Array) -> None:
        self.clock = clock
        self.rows = rows
        self.at = at
        self.places: list[int] = at.to_pylist()
        held = np.repeat(np.arange(-1, len(rows)), np.diff([0, *self.places, len(clock)]))
        self.row: pa.Array = pa.array(held, mask=held < 0)
        self._columns = ROOM_COLUMNS if isinstance(rows, RoomRows) else VENDOR_COLUMNS
        self._figures: dict[int, pa.Array] = {}
        self._known_ends: dict[int, tuple[float, float]] = {}
        self._states: dict[str, pa.Array] = {}

    def figure(self, place: int) -> pa.Array:
        """Return a figure of each row; null is no data."""
        if place not in self._figures:
            self._figures[place] = figure(self.rows.columns, self._columns[place].name)
        return self._figures[place]

    def most(self, place: int) -> float:
        """Return the largest value of a figure; minus infinity where it has no data."""
        return self._ends(place)[1]

    def least(self, place: int) -> float:
        """Return the smallest value of a figure; infinity where it has no data."""
        return self._ends(place)[0]

    def _ends(self, place: int) -> tuple[float, float]:
        if place not in self._known_ends:
            least, most = math.inf, -math.inf
            for column in numbers_of(self.rows.columns, self._columns[place].name):
                ends = pc.min_max(column).as_py()
                if ends["min"] is not None:
                    least, most = min(least, float(ends["min"])), max(most, float(ends["max"]))
            self._known_ends[place] = least, most
        return self._known_ends[place]

    def held(self, of_rows: pa.Array) -> pa.Array:
        """Return what holds at each position, from what holds in each row."""
        return of_rows.take(self.row)

    def state(self, name: str) -> pa.Array:
        """Return whether each row is of a state of the room; no row of a vendor is."""
        if name not in self._states:
            told = self.rows.columns.get("state")
            self._states[name] = (
                _never(len(self.rows)) if told is None else pc.equal(told.combine_chunks(), name)
            )
        return self._states[name]

    @cached_property
    def hits(self) -> pa.Array:
        """Return the text of each row's hits of the word lists; null for none."""
        told = self.rows.columns.get("hits")
        if told is None:
            return pa.nulls(len(self.rows), pa.string())
        return pc.cast(told.combine_chunks(), pa.string())

    @cached_property
    def texts(self) -> tuple[pa.Array, list[str | None]]:
        """Return which facts hold in each row, by number, and the text of each number."""
        told = self.rows.columns.get("facts")
        if not isinstance(self.rows, RoomRows) or told is None:
            return pa.array(np.zeros(len(self.rows), np.int32)), [None]
        found = told.combine_chunks()
        found = (pc.fill_null_forward(found) if found.null_count else found).dictionary_encode()
        texts = found.dictionary.to_pylist()
        return pc.fill_null(found.indices, len(texts)), [*texts, None] if found.null_count else texts

    def facts(self, told: Callable[[Mapping[str, Any]], bool]) -> pa.Array:
        """Return of each row whether the facts that hold there are such."""
        if not isinstance(self.rows, RoomRows):
            return _never(len(self.rows))
        numbers, texts = self.texts
        return pa.array([told(self.rows.facts(text) or {}) for text in texts], pa.bool_()).take(numbers)

    @cached_property
    def starts_ms(self) -> pa.Array:
        """Return of each row when its room should begin; null where it is not planned, or not known."""
        if not isinstance(self.rows, RoomRows) or not pc.any(self.state("planned")).as_py():
            return pa.nulls(len(self.rows), pa.float64())
        texts = self.rows.columns["facts"].combine_chunks().dictionary_encode()
        starts = [(self.rows.facts(text) or {}).get("starts_at_ms") for text in texts.dictionary.to_pylist()]
        known = pa.array([start if isinstance(start, int) else None for start in starts], pa.float64())
        return pc.if_else(self.state("planned"), known.take(texts.indices), pa.scalar(None, pa.float64()))


Follower = Callable[[Subject, Mapping[int, float]], bool]
"""Tells, after a step of a detector, whether it may breach before the next one; given the largest value of
each of its figures until then."""


@dataclass(frozen=True, slots=True)
class Sieved:
    """Where a condition could breach.

    Attributes:
        rows: rows that could, while they hold.
        positions: positions at which it could.
        follower: asked after each step of the detector instead.
        follows: places of the figures whose largest value the follower is given.
    """

    rows: pa.Array | None = None
    positions: pa.Array | None = None
    follower: Follower | None = None
    follows: tuple[int, ...] = field(default=())


def sieved(condition: Condition, life: Life) -> Sieved | None:
    """Return where a condition could breach in a life; None when its kind has no sieve."""
    sieve = _SIEVES.get(type(condition))
    return None if sieve is None else sieve(condition, life)


def _threshold(condition: Threshold, life: Life) -> Sieved:
    beyond = [_beyond(condition, each, life) for each in condition.figures if _ever(condition, each, life)]
    return Sieved(rows=reduce(pc.or_, beyond) if beyond else None)


def _ever(condition: Threshold, one: Figure, life: Life) -> bool:
    """Return whether a figure is beyond the mildest bound of a side at all; nearly none ever is."""
    most, least = life.most(one.at), life.least(one.at)
    return any(
        (most > _mildest(side) if side.sign > 0 else least < -_mildest(side))
        or (condition.confidence is not None and side.sign < 0)
        for side in condition.sides
    )


def _mildest(side: Side) -> float:
    return min(side.info, side.warning, side.critical)


def _beyond(condition: Threshold, one: Figure, life: Life) -> pa.Array:
    """Return the rows whose figure lies beyond the mildest bound of a side, with samples enough."""
    values = life.figure(one.at)
    found = [_side(condition, side.sign, _mildest(side), values) for side in condition.sides]
    beyond = reduce(pc.or_, found)
    if condition.min_samples and one.samples_at:
        counts = [pc.fill_null(life.figure(at), 0.0) for at in one.samples_at]
        beyond = pc.and_(beyond, pc.greater_equal(reduce(pc.add, counts), float(condition.min_samples)))
    return pc.fill_null(beyond, fill_value=False)


def _side(condition: Threshold, sign: int, bound: float, values: pa.Array) -> pa.Array:
    if (
        condition.confidence is not None and sign < 0
    ):  # the interval's end may lie beyond it, far from the value
        return pc.is_valid(values)
    return pc.greater(values, bound) if sign > 0 else pc.less(values, -bound)


def _silence(condition: Silence, life: Life) -> Sieved:
    newest_ms = pc.multiply(life.figure(condition.newest_at), _MS)
    newest_ms = pc.if_else(life.state("live"), newest_ms, pa.scalar(None, pa.float64()))
    reach_ms = pc.cast(life.clock.reach_ms(FEED), pa.float64())
    silent_ms = pc.subtract(reach_ms, life.held(newest_ms))
    params = condition.params
    interval_ms = pc.multiply(pc.fill_null(life.figure(condition.interval_at), 0.0), _MS)
    slow_ms = pc.multiply(interval_ms, params.warning_intervals)
    limit_ms = life.held(pc.subtract(pc.max_element_wise(slow_ms, params.warning_s * _MS), _ROUNDING_MS))
    return Sieved(positions=pc.fill_null(pc.greater_equal(silent_ms, limit_ms), fill_value=False))


def _not_started(condition: NotStarted, life: Life) -> Sieved:
    tick_ms = pc.cast(life.clock.tick_ms, pa.float64())
    late_ms = pc.subtract(tick_ms, life.held(life.starts_ms))
    limit_ms = condition.params.late_s * _MS - _ROUNDING_MS
    return Sieved(positions=pc.fill_null(pc.greater_equal(late_ms, limit_ms), fill_value=False))


def _stepped(condition: Condition, life: Life) -> Sieved:  # noqa: ARG001 - only its memory counts
    def may_breach(subject: Subject, largest: Mapping[int, float]) -> bool:  # noqa: ARG001
        return (condition.level(subject) or 0) >= INFO

    return Sieved(follower=may_breach)


def _spike(condition: Spike, life: Life) -> Sieved:  # noqa: ARG001 - its figure is looked at step by step
    """Ask about the largest figure as if there were no mark: more is worse, and a mark only widens bounds."""
    unmarked = Subject("", None, values=[None] * len(ROOM_COLUMNS), tick_ms=_FAR_MS)

    def may_breach(subject: Subject, largest: Mapping[int, float]) -> bool:
        unmarked.memory, unmarked.values[condition.at] = subject.memory, largest[condition.at]
        return (condition.level(unmarked) or 0) >= INFO

    return Sieved(follower=may_breach, follows=(condition.at,))


def _own_median(condition: OwnMedian, life: Life) -> Sieved:
    """Its median is never above the largest figure of the whole life."""
    share = condition.params.share
    bound = share * max(0.0, *(life.most(each.at) for each in condition.figures))
    below = [
        pc.less(life.figure(each.at), bound) for each in condition.figures if life.least(each.at) < bound
    ]
    if not below:
        return Sieved()
    return Sieved(rows=pc.fill_null(reduce(pc.or_kleene, below), fill_value=False))


def _above(at: int, bound: float, life: Life) -> Sieved:
    if life.most(at) <= bound and life.least(at) >= -bound:
        return Sieved()
    return Sieved(rows=pc.fill_null(pc.greater(pc.abs(life.figure(at)), bound), fill_value=False))


def _above_own(condition: AboveOwn, life: Life) -> Sieved:
    return _above(condition.at, condition.params.warning, life)


def _complaints(condition: Complaints, life: Life) -> Sieved:
    return _above(condition.at, condition.params.warning, life)


def _drift(condition: Drift, life: Life) -> Sieved:
    return _above(condition.at, condition.params.warning, life)


def _refunds(condition: Refunds, life: Life) -> Sieved:
    return _above(condition.refunded_at, condition.params.least - 0.5, life)


def _sold_out(condition: SoldOut, life: Life) -> Sieved:  # noqa: ARG001 - it looks at facts alone
    return Sieved(rows=life.facts(lambda facts: facts.get("item_stock") == 0))


def _words(condition: Words, life: Life) -> Sieved:
    """After hits everything counts for a while; with one in a title, as long as the title stands."""
    texts = life.hits
    grave = pc.fill_null(pc.match_substring_regex(texts, "warning|critical"), fill_value=False)
    until_ms = pc.add(life.clock.tick_ms.take(life.at), round(_MS * condition.params.window_s))
    until_ms = pc.fill_null_forward(pc.if_else(grave, until_ms, pa.scalar(None, pa.int64())))
    fresh = pc.less_equal(life.clock.tick_ms, life.held(until_ms))
    in_titles = texts.filter(pc.match_substring(texts, "_title")).to_pylist()
    titles = {hit["text"] for text in in_titles for hit in orjson.loads(text)}
    standing = life.facts(lambda facts: bool(titles & {facts.get("title"), facts.get("item_title")}))
    return Sieved(rows=standing, positions=pc.fill_null(fresh, fill_value=False))


def _surged(condition: Surged, life: Life) -> Sieved:  # noqa: ARG001 - only its memory counts
    """Ask without the room's facts: a planned end only keeps things quiet."""
    plain = Subject("", None)

    def may_breach(subject: Subject, largest: Mapping[int, float]) -> bool:  # noqa: ARG001
        plain.memory = subject.memory
        return (condition.level(plain) or 0) >= INFO

    return Sieved(follower=may_breach)


def _never(size: int) -> pa.Array:
    return pa.array(np.zeros(size, np.bool_))


_SIEVES: Final[Mapping[type, Callable[[Any, Life], Sieved]]] = {
    AboveOwn: _above_own,
    CheapOrders: _stepped,
    Complaints: _complaints,
    Conversion: _stepped,
    Drift: _drift,
    Forecast: _stepped,
    NotStarted: _not_started,
    OwnMedian: _own_median,
    PayThrough: _stepped,
    Refunds: _refunds,
    Retention: _stepped,
    Silence: _silence,
    SoldOut: _sold_out,
    Surged: _surged,
    Words: _words,
    Spike: _spike,
    Threshold: _threshold,
}


def any_of(masks: Iterable[pa.Array | None]) -> pa.Array | None:
    """Return where any of the masks is true; None when there is none."""
    known = [mask for mask in masks if mask is not None]
    return reduce(pc.or_, known) if known else None
