"""Which records a client gets: what its token lets it see, and what it asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alerts.gateway.records import Record

__all__ = ["EVERYTHING", "Filter", "Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token sees; None is no limit, and both set means either is enough.

    Alerts without a room (vendors, the monitoring itself) are seen by everyone.
    """

    rooms: frozenset[str] | None = None
    categories: frozenset[str] | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is hidden from it."""
        return self.rooms is not None or self.categories is not None

    def sees(self, room_id: str | None, category: str | None) -> bool:
        """Return whether a room, or an alert of it, is within the limits."""
        if room_id is None or not self.limited:
            return True
        in_rooms = self.rooms is not None and room_id in self.rooms
        return in_rooms or (self.categories is not None and category in self.categories)


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True)
class Filter:
    """What a client subscribed to.

    Attributes:
        scope: limits of its token.
        rooms: rooms asked for, None for all; a record without a room always passes.
        kinds: kinds asked for, None for all.
        severity_rank: least ``severity_max``, 0 for info.
        states: states asked for, None for the default: all but ``suppressed``, which is told of an episode
            that was shown before.
    """

    scope: Scope = EVERYTHING
    rooms: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    severity_rank: int = 0
    states: frozenset[str] | None = None

    def passes(self, record: Record, *, shown_after: int) -> bool:
        """Return whether the client gets the record.

        Args:
            record: the record.
            shown_after: what was shown at a higher offset than this, this client has seen; -1 for a client
                that resumed, and so knows all that came before.
        """
        if self.scope is not EVERYTHING and not self.scope.sees(record.room_id, record.category):
            return False
        if self.rooms is not None and record.room_id is not None and record.room_id not in self.rooms:
            return False
        if self.kinds is not None and record.kind not in self.kinds:
            return False
        if record.severity_rank < self.severity_rank:
            return False
        if self.states is not None:
            return record.state in self.states
        return (
            record.state != "suppressed"
            or shown_after < record.shown_from[self.severity_rank] < record.offset
        )
