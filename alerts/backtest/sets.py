"""Rule sets as they apply from tick to tick. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    _ready: dict[int, Bundles] = field(default_factory=dict, repr=False, compare=False)
    """Sets made ready, by identity; whoever is cut from these has the same."""

    def __reduce__(self) -> tuple[type[Sets], tuple[object]]:
        """Leave out what another process makes ready by itself."""
        return Sets, (self.applied,)

    def at(self, tick_ms: int) -> RuleSet:
        """Return the set in force at a tick."""
        for from_ms, found in reversed(self.applied):
            if from_ms <= tick_ms:
                return found
        return self.applied[0][1]

    def within(self, from_ms: int, to_ms: int) -> Sets:
        """Return the sets in force in a range of ticks."""
        later = [one for one in self.applied if from_ms < one[0] < to_ms]
        return Sets(((from_ms, self.at(from_ms)), *later), self._ready)

    @property
    def switches_ms(self) -> Sequence[int]:
        """Return the ticks at which another set comes into force."""
        return [from_ms for from_ms, _ in self.applied[1:]]

    def ready(self, ruleset: RuleSet) -> Bundles:
        """Return one of the sets made ready; whoever plays it plays with the same."""
        if id(ruleset) not in self._ready:
            self._ready[id(ruleset)] = Bundles(ruleset)
        return self._ready[id(ruleset)]

    @property
    def bundles(self) -> tuple[Bundles, ...]:
        """Return the sets made ready, each once."""
        once = {id(found): found for _, found in self.applied}
        return tuple(self.ready(found) for found in once.values())


def always(ruleset: RuleSet) -> Sets:
    """Return one set that is always in force."""
    return Sets(((0, ruleset),))
