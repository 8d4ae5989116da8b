"""Rooms as the HTTP interface gives them: figures by name, worst first. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from alerts.gateway.filters import Scope
from alerts.model import SEVERITIES, SEVERITY_RANK
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.store.values import RoomFigures

__all__ = ["Rank", "describe", "page", "visible", "worst_first"]

_VIEWERS: Final = ROOM_COLUMN_INDEX["live_viewers"]
_NAMES: Final = tuple(column.name for column in ROOM_COLUMNS)

Rank = tuple[int, float, int, str]
"""Sort key, smallest first: severity (worst is smallest), viewers (most), start of session (earliest), id."""
AlertRecord = Mapping[str, Any]


def visible(rooms: Iterable[RoomFigures], scope: Scope) -> list[RoomFigures]:
    """Return the rooms within a token's limits."""
    return [room for room in rooms if scope.sees(room.room_id, room.facts.get("category"))]


def worst_first(
    rooms: Iterable[RoomFigures], alerts: Iterable[AlertRecord]
) -> list[tuple[Rank, RoomFigures, list[AlertRecord]]]:
    """Return rooms with their open alerts, worst first."""
    by_room: dict[str, list[AlertRecord]] = {}
    for alert in alerts:
        by_room.setdefault(alert["room_id"] or "", []).append(alert)
    ranked = [
        (_rank(room, by_room.get(room.room_id, [])), room, by_room.get(room.room_id, [])) for room in rooms
    ]
    return sorted(ranked, key=lambda entry: entry[0])


def page(
    ranked: Sequence[tuple[Rank, RoomFigures, list[AlertRecord]]], *, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Return one page and the cursor of the next.

    Raises:
        ValueError: the cursor is not one that this function returned.
    """
    after = None if cursor is None else _parse(cursor)
    rest = [entry for entry in ranked if after is None or entry[0] > after]
    found = rest[:limit]
    items = [describe(room, alerts) for _, room, alerts in found]
    return items, _cursor(found[-1][0]) if len(rest) > limit else None


def describe(room: RoomFigures, alerts: Sequence[AlertRecord]) -> dict[str, Any]:
    """Return a room with its figures by column name."""
    worst = _worst(alerts)
    return {
        "room_id": room.room_id,
        "state": room.state,
        "session_ms": room.session_ms,
        "ended_reason": room.ended_reason,
        "facts": room.facts,
        "severity": None if worst < 0 else SEVERITIES[worst],
        "open_alerts": len(alerts),
        "figures": dict(zip(_NAMES, room.values, strict=False)),
        "newest_ms": room.newest_ms,
    }


def _worst(alerts: Sequence[AlertRecord]) -> int:
    return max((SEVERITY_RANK[alert["severity"]] for alert in alerts), default=-1)


def _rank(room: RoomFigures, alerts: Sequence[AlertRecord]) -> Rank:
    viewers = room.values[_VIEWERS] if len(room.values) > _VIEWERS else None
    started = room.session_ms if room.session_ms is not None else 2**53
    return -_worst(alerts), -float(viewers or 0), started, room.room_id


def _cursor(rank: Rank) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(rank)).decode().rstrip("=")


def _parse(cursor: str) -> Rank:
    try:
        severity, viewers, started, room_id = orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
        return int(severity), float(viewers), int(started), str(room_id)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError(f"{cursor!r} is no cursor of this list") from error
