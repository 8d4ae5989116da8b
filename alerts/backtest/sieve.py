"""Where a condition could breach: found for all rows of a subject at once, so that the rest can be left out.

A sieve may say yes too often, never too seldom: at every place where the condition's level is a breach, its
sieve says yes. A kind of condition without a sieve is asked everywhere. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.clock import Clock
from alerts.backtest.rows import RoomRows, Rows, figure
from alerts.detectors.conversion import Conversion
from alerts.detectors.not_started import NotStarted
from alerts.detectors.reading import INFO, Condition, Subject
from alerts.detectors.silence import FEED, Silence
from alerts.detectors.spike import Spike
from alerts.detectors.threshold import Figure, Threshold
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
        row: the row that holds at each position; null before the first.
    """

    def __init__(self, clock: Clock, rows: Rows, at: pa.Array) -> None:
        self.clock = clock
        self.rows = rows
        self.at = at
        numbers = pa.array(range(len(rows)), pa.int64())
        self.row: pa.Array = pc.fill_null_forward(pc.scatter(numbers, at, max_index=len(clock) - 1))
        self._columns = ROOM_COLUMNS if isinstance(rows, RoomRows) else VENDOR_COLUMNS
        self._figures: dict[int, pa.Array] = {}

    def figure(self, place: int) -> pa.Array:
        """Return a figure of each row; null is no data."""
        if place not in self._figures:
            self._figures[place] = figure(self.rows.table, self._columns[place].name)
        return self._figures[place]

    def held(self, of_rows: pa.Array) -> pa.Array:
        """Return what holds at each position, from what holds in each row."""
        return of_rows.take(self.row)

    def state(self, name: str) -> pa.Array:
        """Return whether each row is of a state of the room; no row of a vendor is."""
        table = self.rows.table
        if "state" not in table.column_names:
            return pa.array([False] * len(table))
        return pc.equal(table["state"].combine_chunks(), name)

    @cached_property
    def starts_ms(self) -> pa.Array:
        """Return of each row when its room should begin; null where it is not planned, or not known."""
        table = self.rows.table
        if not isinstance(self.rows, RoomRows) or not pc.any(self.state("planned")).as_py():
            return pa.nulls(len(table), pa.float64())
        texts = table["facts"].combine_chunks().dictionary_encode()
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
    beyond = [_beyond(condition, each, life) for each in condition.figures]
    return Sieved(rows=reduce(pc.or_, beyond))


def _beyond(condition: Threshold, one: Figure, life: Life) -> pa.Array:
    """Return the rows whose figure lies beyond the mildest bound of a side, with samples enough."""
    values = life.figure(one.at)
    found = [
        _side(condition, side.sign, min(side.info, side.warning, side.critical), values)
        for side in condition.sides
    ]
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
    limit_ms = condition.params.warning_s * _MS - _ROUNDING_MS
    return Sieved(positions=pc.fill_null(pc.greater_equal(silent_ms, limit_ms), fill_value=False))


def _not_started(condition: NotStarted, life: Life) -> Sieved:
    tick_ms = pc.cast(life.clock.tick_ms, pa.float64())
    late_ms = pc.subtract(tick_ms, life.held(life.starts_ms))
    limit_ms = condition.params.late_s * _MS - _ROUNDING_MS
    return Sieved(positions=pc.fill_null(pc.greater_equal(late_ms, limit_ms), fill_value=False))


def _conversion(condition: Conversion, life: Life) -> Sieved:  # noqa: ARG001 - only its memory counts
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


_SIEVES: Final[Mapping[type, Callable[[Any, Life], Sieved]]] = {
    Conversion: _conversion,
    NotStarted: _not_started,
    Silence: _silence,
    Spike: _spike,
    Threshold: _threshold,
}


def any_of(masks: Sequence[pa.Array | None], size: int) -> pa.Array:
    """Return where any of the masks is true; false everywhere when there is none."""
    known = [mask for mask in masks if mask is not None]
    return reduce(pc.or_, known) if known else pa.array([False] * size)
