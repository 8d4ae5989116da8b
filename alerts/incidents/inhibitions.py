"""Which open alerts keep which others quiet, found without looking at all of them. Pure.

A source inhibits while it is open, suppressed or not. A label that an alert lacks equals no other's, and
where two alerts would inhibit each other the older one speaks.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Final, NamedTuple

from alerts.model import Alert
from alerts.ruleset import Inhibition, Matcher

__all__ = ["Inhibitions"]

Place = tuple[int, tuple[str, ...]]
"""Index of an inhibition, and the values of its equal labels."""
_FEW: Final = 2
"""Sources of a place up to which each one matters to the targets there: one may be the target itself."""


class _Places(NamedTuple):
    """Where an alert stands: the offset that opened it, the places where it is source and target."""

    opened: int
    sources: frozenset[Place]
    targets: frozenset[Place]


_NOWHERE: Final = _Places(-1, frozenset(), frozenset())


class Inhibitions:
    """An index of sources and targets by what must be equal.

    Args:
        specs: the inhibitions in force.
    """

    def __init__(self, specs: tuple[Inhibition, ...] = ()) -> None:
        self._specs = specs
        self._sources: dict[Place, list[tuple[int, str]]] = {}
        self._targets: dict[Place, set[str]] = {}
        self._places: dict[str, _Places] = {}

    def place(self, alert: Alert, opened: int) -> set[str]:
        """Take an alert in as it is now; return the others whose inhibition may have changed."""
        before = self._places.get(alert.id, _NOWHERE)
        after = _Places(opened, self._fitting(alert, "source"), self._fitting(alert, "target"))
        if after == before:
            return set()
        self._take_out(alert.id)
        for place in after.sources:
            insort(self._sources.setdefault(place, []), (opened, alert.id))
        for place in after.targets:
            self._targets.setdefault(place, set()).add(alert.id)
        self._places[alert.id] = after
        return self._at(before.sources ^ after.sources) - {alert.id}

    def remove(self, alert_id: str) -> set[str]:
        """Forget an alert; return the others whose inhibition may have changed."""
        before = self._places.get(alert_id, _NOWHERE)
        self._take_out(alert_id)
        self._places.pop(alert_id, None)
        return self._at(before.sources) - {alert_id}

    def inhibiting(self, alert_id: str) -> str | None:
        """Return an open alert that inhibits this one, the oldest of its kind; None for none."""
        mine = self._places.get(alert_id, _NOWHERE)
        own = (mine.opened, alert_id)
        for place in sorted(mine.targets):
            for source in self._sources.get(place, ()):
                if place in mine.sources and source >= own:
                    break
                if not (own < source and mine.sources & self._places[source[1]].targets):
                    return source[1]
        return None

    def _fitting(self, alert: Alert, end: str) -> frozenset[Place]:
        found = set()
        for index, spec in enumerate(self._specs):
            if not _fits(alert, spec.source if end == "source" else spec.target):
                continue
            values = tuple(_label(alert, name) for name in spec.equal)
            if all(values):
                found.add((index, values))
        return frozenset(found)

    def _at(self, places: Iterable[Place]) -> set[str]:
        """Return the targets where a source more or less matters: with others left, nothing changes."""
        few = [place for place in places if len(self._sources.get(place, ())) <= _FEW]
        return {target for place in few for target in self._targets.get(place, ())}

    def _take_out(self, alert_id: str) -> None:
        before = self._places.get(alert_id, _NOWHERE)
        for place in before.sources:
            self._sources[place].remove((before.opened, alert_id))
            if not self._sources[place]:
                del self._sources[place]
        for place in before.targets:
            self._targets[place].discard(alert_id)
            if not self._targets[place]:
                del self._targets[place]


def _fits(alert: Alert, matcher: Matcher) -> bool:
    return (
        matcher.kind in (None, alert.kind)
        and matcher.rule in (None, alert.rule)
        and matcher.severity in (None, alert.severity)
        and alert.labels.get("test") != "true"
    )


def _label(alert: Alert, name: str) -> str:
    return (alert.room_id or "") if name == "room_id" else alert.labels.get(name, "")
