"""One cause, many rooms: alerts that share a label become one incident, of which the first five speak. Pure.

An incident begins with the member that makes its group large enough, and takes in what comes after. It
ends when it has had fewer members than that for ``LINGER_MS``; who is left then stands alone again. An alert
is part of one incident at most: of the first group in the rule set's order that is large enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from alerts.model import SEVERITY_RANK, Alert, Severity
from alerts.ruleset import Grouping

__all__ = ["LINGER_MS", "SPEAKING", "Groups", "Incident"]

SPEAKING: Final = 5
"""Members of an incident that are not suppressed; from the design."""
LINGER_MS: Final = 60_000
"""How long an incident may have too few members: rooms that come and go make no second one."""

Key = tuple[tuple[str, ...], str, str]
"""Kinds, label and its value: what a group is."""


class Incident(msgspec.Struct, frozen=True):
    """One cause with its alerts.

    Attributes:
        by: the label that its alerts share, and ``value``, its value.
        members: open alerts now; ``total`` with those that are over.
        first: ids of its first members, those that speak.
        short_ms: since when it has had too few members, None while it has enough.
        ended_at_ms: when it ended, None while it is open.
    """

    id: str
    kinds: tuple[str, ...]
    by: str
    value: str
    at_least: int
    started_at_ms: int
    at_ms: int
    severity_max: Severity
    members: int
    total: int
    first: tuple[str, ...]
    short_ms: int | None = None
    ended_at_ms: int | None = None

    @property
    def key(self) -> Key:
        """Return what it groups."""
        return self.kinds, self.by, self.value

    def to_record(self) -> dict[str, Any]:
        """Return it as the interface has it."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        record.pop("short_ms")
        return record


class Groups:
    """Candidates and incidents.

    Args:
        specs: the groupings in force.
    """

    def __init__(self, specs: tuple[Grouping, ...] = ()) -> None:
        self._specs = specs
        self._waiting: dict[Key, dict[str, tuple[int, Alert]]] = {}
        self._waits_at: dict[str, list[Key]] = {}
        self._open: dict[Key, Incident] = {}
        self._rank: dict[str, tuple[Key, int]] = {}
        self.joined: list[tuple[str, str, int]] = []
        """Incident, alert and rank of those that became members; whoever keeps them empties it."""
        self.touched: dict[str, Incident] = {}
        """Incidents that changed; likewise."""

    def load(self, kept: Mapping[str, bytes]) -> None:
        """Take over the open incidents that the store kept."""
        for value in kept.values():
            incident = msgspec.json.decode(value, type=Incident)
            self._open[incident.key] = incident

    def read_anew(self, alert: Alert, opened: int, incident_id: str | None, rank: int) -> None:
        """Take an open alert in as it was kept: as a member, or as a candidate."""
        mine = next((one for one in self._open.values() if one.id == incident_id), None)
        if mine is not None:
            self._rank[alert.id] = (mine.key, rank)
            return
        self._wait(alert, opened)

    def of(self, alert_id: str) -> tuple[str | None, int]:
        """Return the incident that an alert is part of, and its rank there."""
        key, rank = self._rank.get(alert_id, (None, 0))
        return (None, 0) if key is None else (self._open[key].id, rank)

    def regroup(self, specs: tuple[Grouping, ...]) -> None:
        """Go by other groupings; incidents stay, candidates are taken in anew by ``read_anew``."""
        self._specs = specs
        self._waiting.clear()
        self._waits_at.clear()

    def place(self, alert: Alert, opened: int, now_ms: int) -> set[str]:
        """Take an alert in as it is now; return the others that became members with it."""
        if alert.id in self._rank:
            self._update(self._rank[alert.id][0], now_ms, worst=alert.severity_max)
            return set()
        found = self._keys(alert)
        joined = next((key for key, _ in found if key in self._open), None)
        if joined is not None:
            self._join(joined, alert, now_ms)
            return set()
        self._wait(alert, opened)
        enough = next((one for one in found if len(self._waiting[one[0]]) >= one[1].at_least), None)
        return set() if enough is None else self._begin(*enough, now_ms) - {alert.id}

    def remove(self, alert: Alert, now_ms: int) -> None:
        """Forget an alert that is over."""
        self._unwait(alert.id)
        key, _ = self._rank.pop(alert.id, (None, 0))
        if key is not None:
            self._update(key, now_ms, members=-1)

    def due(self, now_ms: int) -> set[str]:
        """End the incidents that have been too small for long; return their last members."""
        over = [key for key, one in self._open.items() if one.short_ms is not None]
        left: set[str] = set()
        for key in sorted(over):
            incident = self._open[key]
            if now_ms - (incident.short_ms or 0) >= LINGER_MS:
                self.touched[incident.id] = msgspec.structs.replace(
                    incident, ended_at_ms=now_ms, at_ms=now_ms
                )
                del self._open[key]
                left |= {alert_id for alert_id, (its, _) in self._rank.items() if its == key}
        for alert_id in left:
            del self._rank[alert_id]
        return left

    def is_open(self, incident_id: str) -> bool:
        """Return whether an incident is open."""
        return any(incident.id == incident_id for incident in self._open.values())

    def _keys(self, alert: Alert) -> list[tuple[Key, Grouping]]:
        if alert.labels.get("test") == "true":
            return []
        found: list[tuple[Key, Grouping]] = []
        for spec in self._specs:
            value = (alert.room_id or "") if spec.by == "room_id" else alert.labels.get(spec.by, "")
            if value and alert.kind in spec.kinds:
                found.append(((tuple(sorted(spec.kinds)), spec.by, value), spec))
        return found

    def _begin(self, key: Key, spec: Grouping, now_ms: int) -> set[str]:
        waiting = sorted(self._waiting[key].items(), key=lambda item: (item[1][0], item[0]))
        members = [alert for _, (_, alert) in waiting]
        started_at_ms = min(alert.started_at_ms for alert in members)
        text = "|".join((*key[0], key[1], key[2], str(now_ms)))
        self._open[key] = Incident(
            id=sha256(text.encode()).hexdigest()[:20],
            kinds=key[0],
            by=key[1],
            value=key[2],
            at_least=spec.at_least,
            started_at_ms=started_at_ms,
            at_ms=now_ms,
            severity_max=members[0].severity_max,
            members=0,
            total=0,
            first=(),
        )
        for alert in members:
            self._join(key, alert, now_ms)
        return {alert.id for alert in members}

    def _join(self, key: Key, alert: Alert, now_ms: int) -> None:
        self._unwait(alert.id)
        incident = self._open[key]
        rank = incident.total + 1
        self._rank[alert.id] = (key, rank)
        self.joined.append((incident.id, alert.id, rank))
        first = (*incident.first, alert.id) if rank <= SPEAKING else incident.first
        self._open[key] = msgspec.structs.replace(incident, total=rank, first=first)
        self._update(key, now_ms, members=1, worst=alert.severity_max)

    def _update(self, key: Key, now_ms: int, *, members: int = 0, worst: Severity | None = None) -> None:
        incident = self._open[key]
        count = incident.members + members
        rose = worst is not None and SEVERITY_RANK[worst] > SEVERITY_RANK[incident.severity_max]
        short = None if count >= incident.at_least else incident.short_ms or now_ms
        if not rose and not members:
            return
        self._open[key] = self.touched[incident.id] = msgspec.structs.replace(
            incident,
            members=count,
            at_ms=now_ms,
            severity_max=worst if rose and worst is not None else incident.severity_max,
            short_ms=short,
        )

    def _wait(self, alert: Alert, opened: int) -> None:
        self._unwait(alert.id)
        places = [key for key, _ in self._keys(alert)]
        for key in places:
            self._waiting.setdefault(key, {})[alert.id] = (opened, alert)
        self._waits_at[alert.id] = places

    def _unwait(self, alert_id: str) -> None:
        for key in self._waits_at.pop(alert_id, ()):
            del self._waiting[key][alert_id]
            if not self._waiting[key]:
                del self._waiting[key]
