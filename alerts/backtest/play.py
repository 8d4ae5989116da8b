"""One room or vendor through the rules stage itself: the very fold that runs live, fed by the archive. Pure.

What cannot change anything is left out, and the result is that of feeding all (``tests/alerts/backtest``
plays both and compares). The fold is fed

- where the subject or the rules change (``Plan.fed``);
- where a rule that has no alert is in breach: asked where its sieve says that it could be;
- where a rule that fires changes its state: the decision that live takes is tried at each row;
- at every row while something is pending.

At the steps of detectors the fold only learns. Before a record is fed out of turn, those that it builds on
are: the subject's newest row, the newest close of a tick, the record just before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from alerts.backtest.plan import NONE, Plan
from alerts.backtest.said import Said
from alerts.backtest.sets import Sets
from alerts.backtest.sieve import Life
from alerts.held import Held, changes
from alerts.model import Transition
from alerts.rules import RulesFold

__all__ = ["play"]

_NEVER: Final = 2**62
"""A position after all others."""


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
        self._fold = RulesFold(sets.at, partition=life.clock.partition, ready=sets.ready)
        self._plan = Plan(key, life, sets)
        self._whole = not skip or self._plan.unsieved
        self._said = Said(life)
        self._fed = -1
        """Position of the newest record that the fold knows."""
        self._seen = -1
        """Position up to which nothing more is to be fed."""
        self._row = -1
        """The row whose figures the fold holds."""

    def told(self) -> Iterator[Transition]:
        """Feed, and yield what is told."""
        if self._whole:
            first = self._life.places[0]
            for position in (*self._context(first), *range(first, len(self._clock))):
                yield from self._feed(position)
            return
        while (position := self._next()) < _NEVER:
            for before in self._context(position):
                yield from self._feed(before)
            yield from self._feed(position)

    def _next(self) -> int:
        """Return the next position to feed; learn at the steps before it."""
        plan = self._plan
        while True:
            held = self._fold.subject(self._key)
            if held is None:  # not there yet, or forgotten: its next row is its first
                return _after(self._life.places, self._seen)
            firing = NONE
            if held.states:
                firing = frozenset(name for name, state in held.states.items() if state.severity)
            if len(firing) < len(held.states) or plan.may_breach(self._seen, firing):
                return _after(plan.judged, self._seen)
            step, call = _after(plan.steps, self._seen), _after(plan.fed, self._seen)
            position = self._breach(held, firing, min(step + 1, call))
            if position is not None or call <= step:
                return call if position is None else position
            self._learn(held, step)

    def _breach(self, held: Held, firing: frozenset[str], end: int) -> int | None:
        """Return the first position before ``end`` at which a rule's state changes; None when none does."""
        asked = self._plan.asked(firing)
        where = self._plan.judged if firing else asked
        index = bisect_right(where, self._seen)
        while index < len(where) and (position := where[index]) < end:
            names = [*firing, *(self._plan.rules_at(position, firing) if asked else ())]
            if names and self._changes(held, names, position):
                return position
            index += 1
        return None

    def _changes(self, held: Held, names: list[str], position: int) -> bool:
        """Return whether judging at a position would change the state of one of these rules."""
        self._hold(held, position)
        held.tick_ms, held.reach_ms = self._clock.time(position)
        for watch in held.bundle.by_state.get(held.state, ()):
            if watch.rule.name in names and changes(held, watch):
                return True
        return False

    def _hold(self, held: Held, position: int) -> None:
        """Give the fold's subject the figures that hold at a position."""
        row = int(self._plan.row[position])
        if row != self._row:
            rows = self._life.rows
            held.values, held.newest_ms = rows.values(row), rows.newest_ms(row)
            self._row = row

    def _learn(self, held: Held, step: int) -> None:
        """Let detectors learn at a close that changes nothing else."""
        self._hold(held, step)
        self._fold.learn(held, *self._clock.time(step))
        self._fed = self._seen = step
        self._plan.look_ahead(step, held)

    def _context(self, position: int) -> list[int]:
        """Return what was left out since a position that was fed and must be fed before another, in order."""
        fed = self._fed
        anew = fed < 0 or self._fold.subject(self._key) is None
        found = set()
        closes = self._clock.closes
        close = bisect_left(closes, position)
        is_close = close < len(closes) and closes[close] == position
        if close and (anew or not is_close):
            found |= {closes[close - 1], position - 1}
        for each in (*found, position):  # none of them without the figures that hold there
            if (row := self._plan.row[each]) >= 0:
                found.add(self._life.places[row])
        return sorted(before for before in found if fed < before < position)

    def _feed(self, position: int) -> list[Transition]:
        row = int(self._plan.row[position])
        own = row >= 0 and self._life.places[row] == position
        entry = self._life.rows.at(row) if own else None
        held = self._fold.subject(self._key)
        if held is not None and not self._whole:
            self._said.until(held, position)
            if not own:  # it may have been given later ones, to see what they would change
                self._hold(held, position)
        told = self._fold.apply(*self._clock.record(position, entry))
        self._row = row
        self._fed = self._seen = position
        held = self._fold.subject(self._key)
        self._said.passed(position)
        if held is not None and not self._whole:
            self._plan.look_ahead(position, held)
        return told


def _after(positions: list[int], position: int) -> int:
    """Return the first of rising positions after another; ``_NEVER`` without one."""
    index = bisect_right(positions, position)
    return positions[index] if index < len(positions) else _NEVER
