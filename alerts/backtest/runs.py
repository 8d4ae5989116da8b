"""Which rules must be played to know what several sets tell; a rule that two of them share, once. Pure.

Rules do not know of each other, so leaving some out changes nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from alerts.backtest.sets import Sets, always
from alerts.conditions import scope_of, watch
from alerts.model import Transition
from alerts.ruleset import RuleSet

__all__ = ["CANDIDATE", "Runs", "plan_runs"]

CANDIDATE: Final = "candidate"


@dataclass(frozen=True)
class Runs:
    """What is played, and what each set then tells.

    Attributes:
        played: name -> the rules to play; always those of the candidate.
        shared: name -> rules whose transitions are those of the candidate.
    """

    played: Mapping[str, Sets]
    shared: Mapping[str, frozenset[str]]

    @property
    def vendors(self) -> bool:
        """Return whether any rule watches vendors."""
        return any(scope_of(rule) == "vendor" for found in self._sets() for rule in found.rules)

    @property
    def planned(self) -> bool:
        """Return whether any rule watches rooms that have not begun."""
        rules = (rule for found in self._sets() for rule in found.rules if scope_of(rule) == "room")
        return any("planned" in watch(rule, 0).states for rule in rules)

    def told(self, name: str, told: Mapping[str, list[Transition]]) -> list[Transition]:
        """Return what a set tells, from what the runs told."""
        own = list(told.get(name, ()))
        return own + [each for each in told[CANDIDATE] if each.rule in self.shared.get(name, frozenset())]

    def _sets(self) -> Iterable[RuleSet]:
        return (found for sets in self.played.values() for _, found in sets.applied)


def plan_runs(candidate: RuleSet, others: Mapping[str, Sets], from_ms: int, to_ms: int) -> Runs:
    """Return the runs that tell what a candidate and other sets tell.

    Args:
        candidate: the set that is tried.
        others: name -> sets; one that changes within the range is played whole.
        from_ms: earliest tick of any piece.
        to_ms: end of the ticks.
    """
    played: dict[str, Sets] = {CANDIDATE: always(candidate)}
    shared: dict[str, frozenset[str]] = {}
    for name, sets in others.items():
        within = sets.within(from_ms, to_ms)
        if len(within.applied) > 1:
            played[name] = sets
            continue
        (_, only), *_ = within.applied
        alike = {rule.name for rule in only.rules if candidate.rule(rule.name) == rule}
        shared[name] = frozenset(alike)
        rest = tuple(rule for rule in only.rules if rule.name not in alike)
        if rest:
            played[name] = always(replace(only, rules=rest))
    return Runs(played, shared)
