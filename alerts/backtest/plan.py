"""Where the fold of one subject must be fed, where a rule need only be asked, where detectors learn. Pure.

Found for a whole life at once, column by column: a mask over the positions of the clock for each rule, from
the sieves of its conditions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.rows import RoomRows
from alerts.backtest.sets import Sets
from alerts.backtest.sieve import Follower, Life, Sieved, any_of, sieved
from alerts.bundles import Bundle
from alerts.detectors.reading import Subject
from alerts.held import PLANNED_MS, VENDOR_SILENT_MS
from stream.archive.rows import NEWEST
from stream.words.groups import PROHIBITED

__all__ = ["NONE", "Plan"]

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
NONE: Final[frozenset[str]] = frozenset()
_PROHIBITED: Final = f'"group":"({"|".join(PROHIBITED)})"'
"""What the text of hits has that a rule may judge."""
_LAST_CLOSES: Final = 3
"""Closes of a tick after which an ended subject is forgotten for certain: the first may be of the same tick,
the second of a new owner."""


@dataclass(frozen=True, slots=True)
class _Course:
    """Detectors that step together, and what tells whether one may breach before the next step.

    Attributes:
        steps: their positions, rising.
        places: position of each step -> its number.
        followers: rule, follower, and of each figure that it is given the largest by step.
    """

    steps: list[int]
    places: Mapping[int, int]
    followers: tuple[tuple[str, Follower, tuple[tuple[int, list[float]], ...]], ...]


class Plan:
    """The positions of one life that matter.

    Attributes:
        unsieved: a condition has no sieve, so that nothing may be left out.
        row: the row that holds at each position, -1 before the first.
        steps: positions at which detectors take a step, rising.
        judged: positions at which the subject is judged or may be, rising.
        fed: positions at which the fold must be fed in any case, rising.
    """

    def __init__(self, key: str, life: Life, sets: Sets) -> None:
        self._key = key
        self._life = life
        self._sets = sets
        self._bundles = _bundles(key, life, sets)
        found = [
            (name, condition, sieved(condition, life))
            for name, condition in {
                (name, id(condition)): (name, condition)
                for bundle in self._bundles
                for name, watch in bundle.by_name.items()
                for condition in watch.conditions
            }.values()
        ]
        self.unsieved = any(sieve is None for _, _, sieve in found)
        self._sieves: list[tuple[str, str, Sieved]] = [
            (name, condition.id, sieve) for name, condition, sieve in found if sieve is not None
        ]
        self._until: dict[str, int] = {}
        self._asked: dict[frozenset[str], list[int]] = {}

    @cached_property
    def row(self) -> Places:
        """Return the row that holds at each position."""
        found: Places = pc.fill_null(self._life.row, -1).to_numpy(zero_copy_only=False)
        return found

    @cached_property
    def judged(self) -> list[int]:
        """Return the positions at which the subject is judged or may be."""
        masks = [
            self._own_and_closes,
            *(_mask(s.positions) for _, _, s in self._sieves if s.positions is not None),
        ]
        found = np.logical_or.reduce(masks) & self._alive
        found[self._switches] = True
        return _positions(found)

    @cached_property
    def fed(self) -> list[int]:
        """Return the positions at which more than the figures changes: session, facts, owner, rules."""
        life, clock = self._life, self._life.clock
        found = (_mask(clock.first_closes) | _mask(self._ends())) & self._alive
        at = life.at.to_numpy(zero_copy_only=False)
        found[at[self._turning_rows()]] = True
        found[at[_mask(pc.match_substring_regex(life.hits, _PROHIBITED))]] = True
        found[self._switches] = True
        found[: at[0]] = False
        return _positions(found)

    def asked(self, firing: frozenset[str]) -> list[int]:
        """Return where one of the rules could begin to be in breach, of those that are not firing."""
        if firing not in self._asked:
            masks = [mask for name, mask in self._masks.items() if name not in firing]
            self._asked[firing] = _positions(np.logical_or.reduce(masks)) if masks else []
        return self._asked[firing]

    def rules_at(self, position: int, firing: frozenset[str]) -> list[str]:
        """Return the rules that could be in breach at a position, of those that are not firing."""
        return [name for name, mask in self._masks.items() if mask[position] and name not in firing]

    @cached_property
    def steps(self) -> list[int]:
        """Return the positions at which any detector takes a step."""
        crossed = [self._crossings(step_ms) for step_ms in self._lengths]
        return _positions(np.logical_or.reduce(crossed)) if crossed else []

    def look_ahead(self, position: int, subject: Subject) -> None:
        """After a step of detectors: see which rules may be in breach before the next one."""
        for course in self._courses:
            step = course.places.get(position)
            if step is None:
                continue
            until = course.steps[step + 1] if step + 1 < len(course.steps) else len(self._life.clock)
            for rule, follower, peaks in course.followers:
                if follower(subject, {place: by_step[step] for place, by_step in peaks}):
                    self._until[rule] = max(until, self._until.get(rule, -1))

    def may_breach(self, position: int, firing: frozenset[str]) -> bool:
        """Return whether a detector may be in breach after a position, of a rule that is not firing."""
        if not self._until:
            return False
        for rule in [rule for rule, until in self._until.items() if until <= position]:
            del self._until[rule]
        return not self._until.keys() <= firing

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({step_ms for bundle in self._bundles for step_ms in bundle.observers})

    def _crossings(self, step_ms: int) -> Mask:
        crossed = self._life.clock.crossings(step_ms, crc32(self._key.encode()))
        return _mask(crossed) & self._alive

    @cached_property
    def _courses(self) -> list[_Course]:
        """Return the courses of the detectors: with one bundle they are known, with more each may be any."""
        followed = [each for each in self._sieves if each[2].follower is not None]
        if len(self._bundles) > 1:
            return [self._course(self.steps, followed)]
        lengths = {
            condition.id: step_ms
            for bundle in self._bundles
            for step_ms, learning in bundle.observers.items()
            for condition in learning
        }
        by_length = {
            step_ms: [each for each in followed if lengths.get(each[1]) == step_ms]
            for step_ms in self._lengths
        }
        return [
            self._course(_positions(self._crossings(step_ms)), those)
            for step_ms, those in by_length.items()
            if those
        ]

    def _course(self, steps: list[int], followed: Sequence[tuple[str, str, Sieved]]) -> _Course:
        places = {place for _, _, sieve in followed for place in sieve.follows}
        peaks = {place: self._peaks(place, steps) for place in places}
        followers = tuple(
            (rule, sieve.follower, tuple((place, peaks[place]) for place in sieve.follows))
            for rule, _, sieve in followed
            if sieve.follower is not None
        )
        return _Course(steps, {position: number for number, position in enumerate(steps)}, followers)

    def _peaks(self, place: int, steps: list[int]) -> list[float]:
        """Return the largest value of a figure from the row of each step up to the next step."""
        if not steps:
            return []
        figures = pc.fill_null(self._life.figure(place), 0.0).to_numpy(zero_copy_only=False)
        rows = self.row[steps]
        peaks = np.maximum.reduceat(figures, rows)
        peaks[:-1] = np.maximum(peaks[:-1], figures[rows[1:]])  # the row that still holds at the next step
        found: list[float] = peaks.tolist()
        return found

    @cached_property
    def _masks(self) -> Mapping[str, Mask]:
        """Return, for each rule that a sieve tells of, the positions at which it could be in breach."""
        found: dict[str, Mask] = {}
        for name in dict.fromkeys(name for name, _, _ in self._sieves):
            sieves = [sieve for rule, _, sieve in self._sieves if rule == name]
            masks = [_mask(sieve.positions) for sieve in sieves if sieve.positions is not None]
            could = any_of(sieve.rows for sieve in sieves)
            if could is not None and (rows := _mask(could)).any():
                masks.append(np.append(rows, False)[self.row] & self._own_and_closes)
            if masks:
                mask = np.logical_or.reduce(masks) & self._alive
                if mask.any():
                    found[name] = mask
        return found

    @cached_property
    def _alive(self) -> Mask:
        return self.row >= 0

    @cached_property
    def _own_and_closes(self) -> Mask:
        """Return, for each position, whether it judges: the subject's own rows, and closes of a tick."""
        found = _mask(self._life.clock.last).copy()
        found[self._life.at.to_numpy(zero_copy_only=False)] = True
        return found

    @cached_property
    def _switches(self) -> list[int]:
        size = len(self._life.clock)
        return [at for at in map(self._life.clock.first_at, self._sets.switches_ms) if at < size]

    def _turning_rows(self) -> list[int]:
        """Return the rows that begin a session, another state or other facts, and those before."""
        columns = self._life.rows.columns
        turns = [0]
        known = [columns[name].combine_chunks() for name in ("session_ms", "state") if name in columns]
        for values in (*known, self._life.texts[0]):
            turns += pc.run_end_encode(values).run_ends.to_pylist()[:-1]
        return sorted({max(0, row) for turn in turns for row in (turn - 1, turn)})

    def _ends(self) -> pa.Array:
        """Return, for each position, whether it may be the one at which the subject is forgotten."""
        life, clock = self._life, self._life.clock
        if not isinstance(life.rows, RoomRows):
            newest_ms = life.rows.columns[NEWEST].combine_chunks()
            return clock.turns(pc.greater(pc.subtract(clock.tick_ms, life.held(newest_ms)), VENDOR_SILENT_MS))
        closes = pc.cumulative_sum(pc.cast(clock.last, pa.int64()))
        since = pc.subtract(closes, life.held(closes.take(life.at)))
        off_air = life.held(pc.or_(life.state("ended"), life.state("planned")))
        soon = pc.and_(pc.and_(clock.last, off_air), pc.less_equal(since, _LAST_CLOSES))
        starts_ms = life.held(life.starts_ms)
        late = pc.greater(pc.subtract(pc.cast(clock.tick_ms, pa.float64()), starts_ms), float(PLANNED_MS))
        return pc.or_(pc.fill_null(soon, fill_value=False), clock.turns(late))


def _bundles(key: str, life: Life, sets: Sets) -> list[Bundle]:
    """Return the bundles of rules that the subject has in its life."""
    rows = life.rows
    if not isinstance(rows, RoomRows):
        return [bundles.vendor for bundles in sets.bundles]
    facts = [rows.facts(text) or {} for text in life.texts[1]]
    found = [bundles.room(key, each) for bundles in sets.bundles for each in facts]
    return list({id(bundle): bundle for bundle in found}.values())


def _positions(mask: Mask) -> list[int]:
    """Return where a mask is true, rising."""
    found: list[int] = np.flatnonzero(mask).tolist()
    return found


def _mask(found: pa.Array) -> Mask:
    """Return a mask without nulls."""
    mask: Mask = pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False)
    return mask
