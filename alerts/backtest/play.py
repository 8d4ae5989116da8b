"""One room or vendor through the rules stage itself: the very fold that runs live, fed by the archive. Pure.

What cannot change anything is left out: while nothing is pending or firing, a record whose figures breach
nothing only moves the clock and the figures on. So the fold is fed where a sieve says that a condition could
breach, where a detector takes its step, where the subject or the rules change – and everything while
something is pending or firing. Before a record is fed out of turn, those that it builds on are: the subject's
newest row, the newest close of a tick, the record just before. The result is that of feeding all
(``tests/alerts/backtest`` plays both and compares).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Final
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.rows import RoomRows
from alerts.backtest.sets import Sets
from alerts.backtest.sieve import Follower, Life, Sieved, any_of, sieved
from alerts.bundles import Bundle
from alerts.held import PLANNED_MS, VENDOR_SILENT_MS
from alerts.model import Transition
from alerts.rules import RulesFold
from stream.archive.rows import NEWEST

__all__ = ["play"]

_LAST_CLOSES: Final = 3
"""Closes of a tick after which an ended subject is forgotten for certain: the first may be of the same tick,
the second of a new owner."""


def play(key: str, life: Life, sets: Sets, *, skip: bool = True) -> list[Transition]:
    """Return what the rules stage tells of a subject, positions as in a fold of the subject alone.

    Args:
        key: the subject: room id, or ``vendor/operation``.
        life: its rows and the clock of its partition.
        sets: the rules in force.
        skip: leave out what cannot change anything; False feeds every record.
    """
    if not len(life.rows):
        return []
    return list(_Player(key, life, sets, skip=skip).told())


class _Player:
    """Feeds one fold."""

    def __init__(self, key: str, life: Life, sets: Sets, *, skip: bool) -> None:
        self._key = key
        self._life = life
        self._clock = life.clock
        self._fold = RulesFold(sets.at, partition=life.clock.partition)
        self._at: list[int] = life.at.to_pylist()
        self._plan = _Plan(key, life, sets)
        self._attentive = not skip or self._plan.unsieved
        if self._attentive:
            self._plan.watched = list(range(self._at[0], len(self._clock)))
        self._fed = -1
        self._until = -1
        """Position up to which a detector may breach."""

    def told(self) -> Iterator[Transition]:
        """Feed, and yield what is told."""
        calls = self._plan.calls
        self._expect(calls)
        turn = 0
        while (turn := bisect_left(calls, self._fed + 1, turn)) < len(calls):
            yield from self._feed_with_context(calls[turn])
            while not self._at_rest:
                position = self._next_watched()
                if position is None:
                    return
                yield from self._feed_with_context(position)
            if self._is_over():
                return

    @property
    def _at_rest(self) -> bool:
        if self._attentive or self._fed < self._until:
            return False
        held = self._fold.subject(self._key)
        return held is None or not held.states

    def _is_over(self) -> bool:
        return self._fed >= self._at[-1] and self._fold.subject(self._key) is None

    def _next_watched(self) -> int | None:
        if self._is_over():
            return None
        watched = self._plan.watched
        index = bisect_left(watched, self._fed + 1)
        return watched[index] if index < len(watched) else None

    def _expect(self, calls: Sequence[int]) -> None:
        """Unpack at once what will be fed if nothing breaches."""
        positions = set(calls)
        for before, position in pairwise((-1, *calls)):
            positions.update(self._context(position, before))
        ordered = sorted(positions)
        rows = (self._row_at(position) for position in ordered)
        self._life.rows.expect([row for row in rows if row is not None])
        self._clock.heads.expect(ordered)

    def _feed_with_context(self, position: int) -> Iterator[Transition]:
        for before in self._context(position, self._fed):
            yield from self._feed(before)
        yield from self._feed(position)

    def _context(self, position: int, fed: int) -> list[int]:
        """Return what was left out since a position that was fed and must be fed before another, in order."""
        found = set()
        closes = self._clock.closes
        close = bisect_left(closes, position) - 1
        if close >= 0 and (fed < 0 or not self._plan.closes(position)):
            found |= {closes[close], position - 1}
        for each in (*found, position):  # none of them without the figures that hold there
            row = bisect_left(self._at, each)
            if row and (row == len(self._at) or self._at[row] != each):
                found.add(self._at[row - 1])
        return sorted(before for before in found if fed < before < position)

    def _feed(self, position: int) -> Iterator[Transition]:
        row = self._row_at(position)
        entry = None if row is None else self._life.rows.at(row)
        yield from self._fold.apply(*self._clock.record(position, entry))
        self._fed = position
        if position in self._plan.steps:
            self._look_ahead(self._plan.steps[position])

    def _look_ahead(self, step: int) -> None:
        """After a step of detectors: stay attentive until the next one where one of them may breach."""
        held = self._fold.subject(self._key)
        if held is not None and self._plan.may_breach(step, held):
            self._until = self._plan.next_step(step)

    def _row_at(self, position: int) -> int | None:
        row = bisect_left(self._at, position)
        return row if row < len(self._at) and self._at[row] == position else None


class _Plan:
    """Where the fold of a subject must be fed.

    Attributes:
        unsieved: a condition has no sieve, so that nothing may be left out.
        steps: position of each step of the detectors -> its number.
    """

    def __init__(self, key: str, life: Life, sets: Sets) -> None:
        self._key = key
        self._life = life
        self._sets = sets
        self._bundles = _bundles(key, life, sets)
        conditions = {
            id(condition): condition
            for bundle in self._bundles
            for watch in bundle.by_name.values()
            for condition in watch.conditions
        }
        found = [sieved(condition, life) for condition in conditions.values()]
        self.unsieved = None in found
        self._sieves: list[Sieved] = [each for each in found if each is not None]
        self._steps = self._step_positions()
        self.steps = {position: number for number, position in enumerate(self._steps)}
        self._largest = {
            place: self._largest_by_step(place)
            for place in sorted({place for sieve in self._sieves for place in sieve.follows})
        }

    @cached_property
    def calls(self) -> list[int]:
        """Return the positions at which something may happen, rising."""
        life, clock = self._life, self._life.clock
        size = len(clock)
        rows = any_of([sieve.rows for sieve in self._sieves], len(life.rows))
        held = pc.and_(self._watched, pc.fill_null(life.held(rows), fill_value=False))
        alive = pc.is_valid(life.row)
        masks = [held, *(sieve.positions for sieve in self._sieves), clock.first_closes, self._ends()]
        found = pc.and_(alive, any_of(masks, size))
        said = pc.indices_nonzero(pc.is_valid(life.hits))
        more = {*self._steps, *self._turning_rows(), *life.at.take(said).to_pylist()}
        more |= {at for at in map(clock.first_at, self._sets.switches_ms) if at < size}
        first = life.at[0].as_py()
        return sorted({*pc.indices_nonzero(found).to_pylist(), *(at for at in more if at >= first)})

    @cached_property
    def watched(self) -> list[int]:
        """Return the positions at which the subject is judged or may be, rising."""
        masks = [self._watched, *(sieve.positions for sieve in self._sieves)]
        found = pc.and_(pc.is_valid(self._life.row), any_of(masks, len(self._life.clock)))
        switches = set(map(self._life.clock.first_at, self._sets.switches_ms))
        return sorted({*pc.indices_nonzero(found).to_pylist(), *(at for at in switches if at < len(found))})

    def closes(self, position: int) -> bool:
        """Return whether a position closes its tick."""
        closes = self._life.clock.closes
        index = bisect_left(closes, position)
        return index < len(closes) and closes[index] == position

    def may_breach(self, step: int, held: object) -> bool:
        """Return whether a detector that learns may breach between a step and the next one."""
        largest = {place: by_step[step] for place, by_step in self._largest.items()}
        followers: Iterator[Follower] = (s.follower for s in self._sieves if s.follower is not None)
        return any(follower(held, largest) for follower in followers)  # type: ignore[arg-type]  # a Held is one

    def next_step(self, step: int) -> int:
        """Return the position of the step after this one, or the end."""
        return self._steps[step + 1] if step + 1 < len(self._steps) else len(self._life.clock)

    @cached_property
    def _watched(self) -> pa.Array:
        """Return, for each position, whether it judges: the subject's own rows, and closes of a tick."""
        life = self._life
        own = pc.is_valid(pc.index_in(pa.array(range(len(life.clock)), pa.int64()), value_set=life.at))
        return pc.or_(own, life.clock.last)

    def _step_positions(self) -> list[int]:
        """Return the positions at which detectors take a step, rising."""
        lengths = {step_ms for bundle in self._bundles for step_ms in bundle.observers}
        phase_ms = crc32(self._key.encode())
        masks = [self._life.clock.crossings(step_ms, phase_ms) for step_ms in sorted(lengths)]
        found = pc.and_(pc.is_valid(self._life.row), any_of(masks, len(self._life.clock)))
        steps: list[int] = pc.indices_nonzero(found).to_pylist()
        return steps

    def _largest_by_step(self, place: int) -> list[float]:
        """Return the largest value of a figure between each step, whose row counts, and the next one."""
        life = self._life
        steps = pa.array(self._steps, pa.int64())
        held = life.figure(place).take(life.row.take(steps)).to_pylist()
        after = pc.search_sorted(steps, pc.cast(life.at, pa.int64()), side="left")
        table = pa.table({"step": after, "value": life.figure(place)})
        peaks = table.group_by("step").aggregate([("value", "max")]).to_pylist()
        peak = {each["step"]: each["value_max"] for each in peaks}
        return [max(now or 0.0, peak.get(number + 1) or 0.0) for number, now in enumerate(held)]

    def _turning_rows(self) -> Sequence[int]:
        """Return where a session or another state of the room begins, and where the rows before are."""
        table = self._life.rows.table
        turns = [0]
        for name in ("session_ms", "state"):
            if name in table.column_names:
                runs = pc.run_end_encode(table[name].combine_chunks())
                turns += [end.as_py() for end in runs.run_ends][:-1]
        rows = {max(0, row) for turn in turns for row in (turn - 1, turn)}
        found: list[int] = self._life.at.take(pa.array(sorted(rows), pa.int64())).to_pylist()
        return found

    def _ends(self) -> pa.Array:
        """Return, for each position, whether it may be the one at which the subject is forgotten."""
        life, clock = self._life, self._life.clock
        if not isinstance(life.rows, RoomRows):
            newest_ms = life.rows.table[NEWEST].combine_chunks()
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
    texts = pc.unique(rows.table["facts"]).to_pylist()
    found = [bundles.room(key, rows.facts(text) or {}) for bundles in sets.bundles for text in texts]
    return list({id(bundle): bundle for bundle in found}.values())
