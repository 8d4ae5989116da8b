"""Which rooms have series: live ones up to the cap, and ended ones for a moment; pure, time comes in.

A room keeps its place until it is gone, so that its series never come and go; free places go to the
oldest sessions. The counters of the rooms without a place are added up as they grow, so that the sum
never falls when such a room ends or gets a place. Memory: one entry for each room in the store, and the
counters of the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exporters.table import holds_object
from stream.catalogue import ROOM_COLUMNS
from stream.store.values import RoomFigures

__all__ = ["ENDED_SHOWN_MS", "LATE_SHOWN_MS", "PLANNED_MAX", "REST", "Selected", "Selection"]

ENDED_SHOWN_MS: Final = 30_000
"""How long an ended room stays, for its last totals; the contract wants it gone within 60 s."""
LATE_SHOWN_MS: Final = 15 * 60_000
"""How long a planned room is shown that does not begin; after 5 min an alert tells of it."""
PLANNED_MAX: Final = 20
"""Planned rooms shown: what begins next, not a calendar."""
REST: Final = "(rest)"
"""The ``room_id`` of the rooms without a place; no room can have it, ids have no parentheses."""

_COUNTERS: Final = tuple(
    i for i, c in enumerate(ROOM_COLUMNS) if c.metric.exported and c.metric.type == "counter"
)

_Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Selected:
    """What a page shows of the rooms.

    Attributes:
        rooms: those with series of their own; ended ones take no live room's place.
        rest: a row like a room's with the summed counters of the others; None while all have a place.
        not_exported: live rooms without a place.
        unreadable: live rooms whose figures are of another version of the catalogue.
        planned: the rooms that are to begin next, soonest first.
    """

    rooms: list[RoomFigures]
    rest: list[Any] | None
    not_exported: int
    unreadable: int
    planned: Sequence[RoomFigures] = ()


class Selection:
    """Remembers from page to page which rooms have a place.

    Args:
        rooms_max: places.
    """

    def __init__(self, rooms_max: int) -> None:
        self._rooms_max = rooms_max
        self._placed: set[_Key] = set()
        self._ended_ms: dict[_Key, int] = {}
        self._rest_seen: dict[_Key, list[Any]] = {}
        self._rest: list[Any] = [None] * len(ROOM_COLUMNS)
        for i in _COUNTERS:
            self._rest[i] = {} if holds_object(ROOM_COLUMNS[i]) else 0

    def choose(self, rooms: Sequence[RoomFigures], *, now_ms: int) -> Selected:
        """Return what to show now, of all rooms of the store."""
        shown = [room for room in rooms if room.state in ("live", "paused", "ended")]
        shown = self._without_long_ended(shown, now_ms)
        readable = [room for room in shown if len(room.values) == len(ROOM_COLUMNS)]
        readable.sort(key=lambda room: (_key(room) not in self._placed, room.session_ms or 0, room.room_id))
        live = [room for room in readable if room.state != "ended"]
        ended = [room for room in readable if room.state == "ended"]
        placed = live[: self._rooms_max]
        spare = self._rooms_max - len(placed)
        leaving = [room for at, room in enumerate(ended) if at < spare or _key(room) in self._placed]
        self._placed = {_key(room) for room in (*placed, *leaving)}
        rest = [room for room in readable if _key(room) not in self._placed]
        self._add_rest(rest)
        return Selected(
            rooms=[*placed, *leaving],
            rest=list(self._rest) if rest else None,
            not_exported=len(live) - len(placed),
            unreadable=len(shown) - len(readable),
            planned=_planned(rooms, now_ms),
        )

    def _without_long_ended(self, rooms: list[RoomFigures], now_ms: int) -> list[RoomFigures]:
        """Leave out rooms whose end is long past by the room's record, or by when we first saw it."""
        ended = {_key(room): room for room in rooms if room.state == "ended"}
        self._ended_ms = {key: self._ended_ms.get(key, now_ms) for key in ended}
        return [
            room
            for room in rooms
            if room.state != "ended"
            or (
                now_ms - self._ended_ms[_key(room)] <= ENDED_SHOWN_MS
                and abs(now_ms - room.newest_ms.get("rooms", 0)) <= ENDED_SHOWN_MS
            )
        ]

    def _add_rest(self, rest: Sequence[RoomFigures]) -> None:
        """Add what the rooms without a place have counted since the last page."""
        seen: dict[_Key, list[Any]] = {}
        for room in rest:
            key = _key(room)
            before = self._rest_seen.get(key, [None] * len(_COUNTERS))
            seen[key] = [room.values[i] for i in _COUNTERS]
            for i, was, now in zip(_COUNTERS, before, seen[key], strict=True):
                self._rest[i] = _grown(self._rest[i], was, now)
        self._rest_seen = seen


def _planned(rooms: Iterable[RoomFigures], now_ms: int) -> list[RoomFigures]:
    """Return the rooms that are to begin next; one that did not come is left out after a while."""
    planned = [
        room
        for room in rooms
        if room.state == "planned" and (room.facts.get("starts_at_ms") or 0) > now_ms - LATE_SHOWN_MS
    ]
    planned.sort(key=lambda room: (room.facts["starts_at_ms"], room.room_id))
    return planned[:PLANNED_MAX]


def _key(room: RoomFigures) -> _Key:
    return room.room_id, room.session_ms


def _grown(total: Any, was: Any, now: Any) -> Any:
    """Return a total, or an open label's totals, with the growth of one counter."""
    if isinstance(total, dict):
        was, now = was or {}, now or {}
        return total | {label: _grown(total.get(label, 0), was.get(label), n) for label, n in now.items()}
    return total + max(0, (now or 0) - (was or 0))
