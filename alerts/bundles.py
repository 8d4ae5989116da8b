"""A rule set made ready: which rules watch a room or a vendor, with its overrides resolved once.

Pure. Rooms that match the same overrides share one bundle, so memory grows with the combinations of overrides
that occur, not with the rooms (a match on ``room_id`` aside).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from alerts.conditions import Watch, figures_of, scope_of, watch
from alerts.contributions import EXPLAINED_KINDS, PAST
from alerts.detectors.conversion import Conversion
from alerts.detectors.reading import Condition, Subject
from alerts.detectors.silence import Silence
from alerts.detectors.stepped import Stepped
from alerts.detectors.surged import Surged
from alerts.ruleset import Rule, RuleSet, apply_overrides, matching_overrides
from alerts.screen import Screen
from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS

__all__ = ["Bundle", "Bundles", "resolved"]

_STATES: Final = ("planned", "live", "paused")
_STEPPED: Final = (Conversion, Stepped, Surged)
"""Conditions whose level depends on what they remember and on facts, not on the newest figures."""
Ask = Callable[[Subject], int | None]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The rules of one subject.

    Attributes:
        by_name: every rule that watches it.
        by_state: state of the room -> the rules to judge in it, in the order of the set.
        waiting: rules that a silence can decide between two ticks.
        silences: their conditions that it can.
        asks: state of the room -> the conditions whose level may change with any record.
        stepped: state of the room -> ``level`` of each condition that changes at its steps only.
        observers: conditions that learn, by the length of their steps, milliseconds; of those that share what
            they remember one.
    """

    by_name: Mapping[str, Watch]
    by_state: Mapping[str, tuple[Watch, ...]]
    waiting: tuple[Watch, ...]
    silences: tuple[Silence, ...]
    observers: Mapping[int, tuple[Condition, ...]]
    asks: Mapping[str, Screen] = field(default_factory=dict)
    stepped: Mapping[str, tuple[Ask, ...]] = field(default_factory=dict)


class Bundles:
    """The bundles of one rule set.

    Args:
        ruleset: a checked set.

    Attributes:
        room_figures: places of the room figures that any rule may read, rising.
        vendor_figures: the same for vendors.
    """

    def __init__(self, ruleset: RuleSet) -> None:
        self.ruleset = ruleset
        self._rooms = [(order, rule) for order, rule in enumerate(ruleset.rules) if scope_of(rule) == "room"]
        vendors = [(order, rule) for order, rule in enumerate(ruleset.rules) if scope_of(rule) == "vendor"]
        self.vendor = _bundle([watch(rule, order) for order, rule in vendors])
        self._watches: dict[tuple[int, tuple[int, ...]], Watch] = {}
        self._bundles: dict[tuple[tuple[int, ...], ...], Bundle] = {}
        used = {name for rule in ruleset.rules for name in figures_of(rule)}
        self.room_figures = tuple(i for i, c in enumerate(ROOM_COLUMNS) if c.name in used)
        self.vendor_figures = tuple(i for i, c in enumerate(VENDOR_COLUMNS) if c.name in used)

    def figures(self, room_id: str | None) -> tuple[int, ...]:
        """Return the places of the figures that any rule may read of a room, or of a vendor."""
        return self.vendor_figures if room_id is None else self.room_figures

    def room(self, room_id: str, facts: Mapping[str, Any]) -> Bundle:
        """Return the rules of a room, its overrides applied in their order."""
        matched = tuple(matching_overrides(rule, room_id=room_id, facts=facts) for _, rule in self._rooms)
        bundle = self._bundles.get(matched)
        if bundle is None:
            watches = [
                self._watch(order, rule, which)
                for (order, rule), which in zip(self._rooms, matched, strict=True)
            ]
            bundle = self._bundles[matched] = _bundle(watches)
        return bundle

    def _watch(self, order: int, rule: Rule, which: tuple[int, ...]) -> Watch:
        known = self._watches.get((order, which))
        if known is None:
            known = self._watches[order, which] = watch(resolved(rule, which), order)
        return known


def resolved(rule: Rule, which: tuple[int, ...]) -> Rule:
    """Return a rule with the overrides of these indices applied, the last one winning."""
    if not which:
        return rule
    written = rule.model_dump(exclude={"overrides"})
    for index in which:
        written = apply_overrides(written, rule.overrides[index].set)
    return Rule.model_validate_json(orjson.dumps(written))


def _bundle(watches: list[Watch]) -> Bundle:
    conditions = (condition for each in watches for condition in each.conditions if condition.step_ms)
    learning: list[Condition] = list({condition.id: condition for condition in conditions}.values())
    if any(each.rule.kind in EXPLAINED_KINDS for each in watches):
        learning.append(PAST)
    by_state = {
        state: tuple(
            each for each in watches if state in each.states and not (state == "paused" and each.holds_breath)
        )
        for state in _STATES
    }
    return Bundle(
        by_name={each.rule.name: each for each in watches},
        by_state=by_state,
        asks={
            state: Screen(one for each in those for one in each.conditions if not isinstance(one, _STEPPED))
            for state, those in by_state.items()
        },
        stepped={state: _stepped(those) for state, those in by_state.items()},
        waiting=tuple(each for each in watches if _silences([each])),
        silences=_silences(watches),
        observers={
            step_ms: tuple(each for each in learning if each.step_ms == step_ms)
            for step_ms in sorted({each.step_ms for each in learning})
        },
    )


def _stepped(watches: Iterable[Watch]) -> tuple[Ask, ...]:
    return tuple(one.level for each in watches for one in each.conditions if isinstance(one, _STEPPED))


def _silences(watches: list[Watch]) -> tuple[Silence, ...]:
    return tuple(one for each in watches for one in each.conditions if isinstance(one, Silence))
