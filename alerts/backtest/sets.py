"""Rule sets as they apply from tick to tick. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from alerts.bundles import Bundles
from alerts.ruleset import RuleSet

__all__ = ["Sets", "always"]


@dataclass(frozen=True)
class Sets:
    """Rule sets and the tick from which each applies, rising.

    Attributes:
        applied: at least one; the first one also before its tick, as in the engine.
    """

    applied: tuple[tuple[int, RuleSet], ...]

    def at(self, tick_ms: int) -> RuleSet:
        """Return the set in force at a tick."""
        for from_ms, found in reversed(self.applied):
            if from_ms <= tick_ms:
                return found
        return self.applied[0][1]

    def within(self, from_ms: int, to_ms: int) -> Sets:
        """Return the sets in force in a range of ticks."""
        later = [one for one in self.applied if from_ms < one[0] < to_ms]
        return Sets(((from_ms, self.at(from_ms)), *later))

    @property
    def switches_ms(self) -> Sequence[int]:
        """Return the ticks at which another set comes into force."""
        return [from_ms for from_ms, _ in self.applied[1:]]

    @cached_property
    def bundles(self) -> tuple[Bundles, ...]:
        """Return the sets made ready, each once."""
        once = {id(found): found for _, found in self.applied}
        return tuple(Bundles(found) for found in once.values())


def always(ruleset: RuleSet) -> Sets:
    """Return one set that is always in force."""
    return Sets(((0, ruleset),))
