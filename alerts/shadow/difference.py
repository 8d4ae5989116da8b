"""What two rule sets told as time goes on, and how that differs. Pure; memory is bounded.

Both sides come in as they are read, in any order between them; what is said goes up to an instant that both
have reached. Alerts that are over for ten minutes on both sides are compared for good and only counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from alerts.backtest.compare import Comparison, compare
from alerts.backtest.episodes import Episode, grow
from alerts.model import Transition

__all__ = ["SETTLED_MS", "Difference"]

SETTLED_MS: Final = 600_000
"""Alerts of a room and kind that have been over so long cannot meet those to come any more."""
_KEPT_MAX: Final = 1_000
"""Differences that are told one by one; of older ones only the numbers are left."""
_ENDED_MAX: Final = 20_000
"""Episodes of one side that are held at most; beyond it those that began first are dropped and counted."""
_FOREVER_MS: Final = 2**62
_PARTS: Final = ("same", "moved", "added", "gone")


class Difference:
    """Compares a candidate with the set in force.

    Args:
        since_ms: alerts that neither set told of since then do not count.
    """

    def __init__(self, since_ms: int) -> None:
        self._since_ms = since_ms
        self._candidate: dict[str, Episode] = {}
        self._against: dict[str, Episode] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._open_ms: Counter[str] = Counter()
        self._kept: deque[dict[str, Any]] = deque(maxlen=_KEPT_MAX)
        self.dropped = 0

    def candidate_told(self, told: Iterable[Transition]) -> None:
        """Take what the candidate tells."""
        self._take(self._candidate, told)

    def against_told(self, told: Iterable[Transition]) -> None:
        """Take what the set in force told; a repeat changes nothing."""
        self._take(self._against, told)

    def settle(self, until_ms: int) -> list[dict[str, Any]]:
        """Compare for good what is long over; return the differences among it.

        Args:
            until_ms: both sides are known up to here.
        """
        sides = (self._candidate, self._against)
        groups: dict[tuple[str, str], list[Episode]] = {}
        for one in (*self._candidate.values(), *self._against.values()):
            groups.setdefault((one.subject, one.kind), []).append(one)
        cuts = {key: _cut(every, until_ms - SETTLED_MS) for key, every in groups.items()}
        done = [
            [one for one in side.values() if _end_ms(one) < cuts[one.subject, one.kind]] for side in sides
        ]
        for side, ended in zip(sides, done, strict=True):
            for one in ended:
                del side[one.id]
        candidate, against = done
        found = self._counted(compare(against, candidate))
        new = self._count(found, until_ms)
        self._kept += new
        return new

    def report(self, until_ms: int) -> dict[str, Any]:
        """Return counts, rules and differences up to an instant, in the form of a backtest's report."""
        candidate, against = (
            [_seen(one, until_ms) for one in side.values() if one.fired_at_ms < until_ms]
            for side in (self._candidate, self._against)
        )
        counts, open_ms, kept = self._counts.copy(), self._open_ms.copy(), list(self._kept)
        kept += self._count(self._counted(compare(against, candidate)), until_ms)
        told = {
            "counts": self._totals(),
            "rules": self._rules(),
            "alerts": [one for one in kept if one["change"] != "gone"],
            "gone": [one for one in kept if one["change"] == "gone"],
        }
        self._counts, self._open_ms = counts, open_ms
        return told

    def _take(self, side: dict[str, Episode], told: Iterable[Transition]) -> None:
        for one in told:
            known = side.get(one.alert_id)
            grown = known if known is not None and one.to == "firing" else grow(known, one)
            if grown is not None:
                side[one.alert_id] = grown
        while len(side) > _ENDED_MAX:
            del side[next(iter(side))]
            self.dropped += 1

    def _counted(self, found: Comparison) -> Comparison:
        """Return the part of a comparison that lies in the time that is asked about."""
        since_ms = self._since_ms
        return Comparison(
            same=tuple(one for one in found.same if one.fired_at_ms >= since_ms),
            moved=tuple(
                (one, two) for one, two in found.moved if max(one.fired_at_ms, two.fired_at_ms) >= since_ms
            ),
            added=tuple(one for one in found.added if one.fired_at_ms >= since_ms),
            gone=tuple(one for one in found.gone if one.fired_at_ms >= since_ms),
        )

    def _count(self, found: Comparison, until_ms: int) -> list[dict[str, Any]]:
        """Add a comparison to the numbers; return its differences, by the time they were told."""
        self._counts.update((one.rule, "same") for one in found.same)
        self._counts.update((two.rule, "moved") for _, two in found.moved)
        self._counts.update((one.rule, "added") for one in found.added)
        self._counts.update((one.rule, "gone") for one in found.gone)
        for one in (*found.same, *(two for _, two in found.moved), *found.added):
            self._open_ms[one.rule] += one.lasted_ms(until_ms)
        told = [{**two.to_record(), "change": "moved", "was": one.to_record()} for one, two in found.moved]
        told += [{**one.to_record(), "change": "added"} for one in found.added]
        told += [{**one.to_record(), "change": "gone"} for one in found.gone]
        for each in told:
            end_ms = until_ms if each["ended_at_ms"] is None else each["ended_at_ms"]
            each["lasted_ms"] = max(0, end_ms - each["fired_at_ms"])
        return sorted(told, key=lambda each: (each["fired_at_ms"], each["id"]))

    def _totals(self) -> dict[str, int]:
        parts = {part: sum(n for (_, of), n in self._counts.items() if of == part) for part in _PARTS}
        same, moved, added, gone = parts.values()
        return {"candidate": same + moved + added, "against": same + moved + gone, **parts}

    def _rules(self) -> list[dict[str, Any]]:
        names = sorted({rule for rule, _ in self._counts})
        return [
            {
                "rule": rule,
                **{part: self._counts[rule, part] for part in _PARTS},
                "open_ms": self._open_ms[rule],
            }
            for rule in names
        ]


def _cut(every: Iterable[Episode], over_ms: int) -> int:
    """Return the latest instant up to ``over_ms`` at which none of these was open."""
    for one in sorted(every, key=_end_ms, reverse=True):
        if one.started_at_ms < over_ms <= _end_ms(one):
            over_ms = one.started_at_ms
    return over_ms


def _end_ms(one: Episode) -> int:
    return _FOREVER_MS if one.ended_at_ms is None else one.ended_at_ms


def _seen(one: Episode, until_ms: int) -> Episode:
    """Return an episode as it was at an instant: one that ended later is open."""
    if one.ended_at_ms is None or one.ended_at_ms < until_ms:
        return one
    return replace(one, ended_at_ms=None, reason=None)
