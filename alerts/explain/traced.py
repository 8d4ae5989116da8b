"""One rule over the rows of one subject, and what each condition said of it second by second. Pure.

The fold is the one that runs live, so that expected values and bounds are those that decided, with the memory
that the detectors had then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from alerts.backtest.sets import Sets
from alerts.backtest.sieve import Life
from alerts.detectors.reading import CRITICAL, LEVELS, WARNING, Condition
from alerts.held import Held
from alerts.model import Transition
from alerts.rules import RulesFold

__all__ = ["Point", "Trace", "of_rule", "traced"]

_NAMES: Final = {level: name for name, level in LEVELS}


@dataclass(frozen=True, slots=True)
class Point:
    """What a condition said at the close of a tick, in the unit of its metric.

    Attributes:
        at_ms: the tick.
        warning, critical: the bounds of that moment; None where there is none.
        level: the severity that it was worth by itself; None below all bounds, or without data.
    """

    at_ms: int
    value: float | None
    expected: float | None
    warning: float | None
    critical: float | None
    level: str | None

    def to_record(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Trace:
    """What one condition said over time.

    Attributes:
        id: of the condition; ``metric``, ``labels`` and ``window_s`` likewise.
        points: one for each closed tick at which the subject was known, and for each change in between.
        told: what the rule told of the subject in the range, of whichever condition.
    """

    id: str
    metric: str | None
    labels: dict[str, str]
    window_s: int | None
    points: tuple[Point, ...]
    told: tuple[Transition, ...]


def of_rule(sets: Sets, rule: str) -> Sets:
    """Return the sets with this one rule in them, where they have it."""
    return Sets(
        tuple(
            (from_ms, replace(found, rules=tuple(one for one in found.rules if one.name == rule)))
            for from_ms, found in sets.applied
        )
    )


def traced(key: str, life: Life, sets: Sets, *, rule: str, alert_id: str, from_ms: int) -> Trace | None:
    """Return what the condition behind an alert said; None when the rows know nothing of the rule.

    Args:
        key: the subject.
        life: its rows and the clock of its partition, to the end of the range.
        sets: the rules, of which the others may be missing.
        rule: its name.
        alert_id: the alert; where the rows do not raise it, the first condition with data is taken.
        from_ms: first tick that is told of; before it the detectors only learn.
    """
    fold = RulesFold(sets.at, partition=life.clock.partition)
    rows = {position: row for row, position in enumerate(life.at.to_pylist())}
    said: dict[str, list[Point]] = {}
    found: dict[str, Condition] = {}
    told: list[Transition] = []
    windows: dict[str, int | None] = {}
    leader: str | None = None
    for position in _positions(life, from_ms):
        row = rows.get(position)
        news = fold.apply(*life.clock.record(position, None if row is None else life.rows.at(row)))
        tick_ms = fold.tick_ms
        told += [one for one in news if tick_ms >= from_ms]
        held = fold.subject(key)
        if held is None or rule not in held.bundle.by_name:
            continue
        if leader is None and any(one.alert_id == alert_id for one in news):
            leader = _leader(held, rule)
        if tick_ms >= from_ms and (news or life.clock.last[position].as_py()):
            decided = {_leader(held, rule): one for one in news if one.rule == rule and one.to != "resolved"}
            for condition in held.bundle.by_name[rule].conditions:
                found[condition.id] = condition
                windows[condition.id] = condition.read(held, WARNING).window_s
                point, change = _point(held, condition), decided.get(condition.id)
                points_of = said.setdefault(condition.id, [])
                points_of += [point] if change is None else [_decided(point, change), point]
    chosen = leader if leader in said else _first(said)
    if chosen is None:
        return None
    shown = found[chosen]
    points = tuple(said[chosen])
    return Trace(chosen, shown.metric, dict(shown.labels), windows[chosen], points, tuple(told))


def _positions(life: Life, from_ms: int) -> Iterator[int]:
    """Yield where the fold is fed: before the range the subject's rows and the ends of ticks are enough."""
    clock = life.clock
    first, detailed = life.at[0].as_py(), clock.first_at(from_ms)
    before = {*life.at.to_pylist(), *clock.closes}
    yield from (position for position in sorted(before) if first <= position < detailed)
    yield from range(max(first, detailed), len(clock))


def _leader(held: Held, rule: str) -> str | None:
    """Return the condition that decides; None when the episode is over at once."""
    state = held.states.get(rule)
    return None if state is None else held.bundle.by_name[rule].conditions[state.leader].id


def _first(said: dict[str, list[Point]]) -> str | None:
    known = (name for name, points in said.items() if any(point.value is not None for point in points))
    return next(known, next(iter(said), None))


def _point(held: Held, condition: Condition) -> Point:
    level = condition.level(held)
    tick_ms = held.tick_ms
    warning = condition.read(held, WARNING)
    if level is None:
        return Point(tick_ms, None, None, _finite(warning.threshold), None, None)
    critical = condition.read(held, CRITICAL).threshold
    return Point(
        at_ms=tick_ms,
        value=_finite(warning.value),
        expected=_finite(warning.expected),
        warning=_finite(warning.threshold),
        critical=_finite(critical) if critical != warning.threshold else None,
        level=_NAMES.get(level),
    )


def _decided(point: Point, one: Transition) -> Point:
    """Return what a change said: a detector may learn from the very record that raised it."""
    bounds = {"warning": point.warning, "critical": point.critical, one.severity: one.threshold}
    return Point(point.at_ms, one.value, one.expected, bounds["warning"], bounds["critical"], one.severity)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
