"""From transitions to episodes: what was told, when, how long. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from alerts.model import SEVERITY_RANK, Kind, Severity, Transition

__all__ = ["Episode", "episodes", "grow"]


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from its firing to its end, as the rules stage tells it.

    Attributes:
        started_at_ms: tick of the first breach; names it.
        fired_at_ms: tick at which it was told.
        ended_at_ms: tick of its end; None while it is open at the end of the range.
        severity_max: the highest that it had.
        reason: why it ended.
        value, threshold: as it fired, in the unit of its metric.
        summary: the sentence that it fired with, zh and en.
    """

    id: str
    rule: str
    kind: Kind
    subject: str
    room_id: str | None
    started_at_ms: int
    fired_at_ms: int
    severity_max: Severity
    value: float | None
    threshold: float | None
    summary: dict[str, str]
    ended_at_ms: int | None = None
    reason: str | None = None

    def lasted_ms(self, until_ms: int) -> int:
        """Return how long it was told of, up to an instant."""
        end_ms = until_ms if self.ended_at_ms is None else min(self.ended_at_ms, until_ms)
        return max(0, end_ms - self.fired_at_ms)

    def to_record(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def episodes(transitions: Iterable[Transition], from_ms: int, to_ms: int) -> list[Episode]:
    """Return the episodes that were open in a range, by firing and id.

    Args:
        transitions: of whole sessions, in their order for each subject.
        from_ms: first tick.
        to_ms: end of the ticks, not part of them.
    """
    found: dict[str, Episode] = {}
    for told in transitions:
        if told.tick_ms >= to_ms:
            continue
        grown = grow(found.get(told.alert_id), told)
        if grown is not None:
            found[told.alert_id] = grown
    inside = (one for one in found.values() if one.ended_at_ms is None or one.ended_at_ms >= from_ms)
    return sorted(inside, key=lambda one: (one.fired_at_ms, one.id))


def grow(known: Episode | None, told: Transition) -> Episode | None:
    """Return an episode after one more transition of it; None while its firing is not known."""
    if told.to == "firing":
        return _begun(told)
    return None if known is None else _changed(known, told)


def _begun(told: Transition) -> Episode:
    return Episode(
        id=told.alert_id,
        rule=told.rule,
        kind=told.kind,
        subject=told.subject,
        room_id=told.room_id,
        started_at_ms=told.started_at_ms,
        fired_at_ms=told.tick_ms,
        severity_max=told.severity,
        value=told.value,
        threshold=told.threshold,
        summary=told.summary.to_record(),
    )


def _changed(known: Episode, told: Transition) -> Episode:
    highest = max(known.severity_max, told.severity, key=SEVERITY_RANK.__getitem__)
    ended_at_ms = told.tick_ms if told.to == "resolved" else known.ended_at_ms
    reason = told.reason if told.to == "resolved" else known.reason
    return replace(known, severity_max=highest, ended_at_ms=ended_at_ms, reason=reason)
