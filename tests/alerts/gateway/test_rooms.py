"""Rooms in their order, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.gateway import rooms
from alerts.gateway.filters import Scope
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.store import RoomFigures
from tests.alerts.gateway.made import alert


def _room(
    room_id: str, viewers: float | None = None, session_ms: int | None = 1, **facts: Any
) -> RoomFigures:
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    values[ROOM_COLUMN_INDEX["live_viewers"]] = viewers
    return RoomFigures(0, room_id, session_ms, "live", facts, values, {}, None)


def test_pages_give_every_room_once_worst_first():
    all_rooms = [_room(f"r{n}", viewers=n % 7, session_ms=n % 3) for n in range(50)]
    alerts = [alert(n, room_id=f"r{n}", severity="critical" if n % 2 else "info") for n in range(5)]
    ranked = rooms.worst_first(all_rooms, alerts)
    seen: list[str] = []
    cursor = None
    while True:
        items, cursor = rooms.page(ranked, limit=7, cursor=cursor)
        seen += [item["room_id"] for item in items]
        if cursor is None:
            break
    assert seen == [room.room_id for _, room, _ in ranked]
    assert sorted(seen) == sorted(room.room_id for room in all_rooms)
    assert set(seen[:2]) == {"r1", "r3"}
    assert set(seen[2:5]) == {"r0", "r2", "r4"}


def test_a_page_goes_on_after_rooms_that_are_gone():
    before = rooms.worst_first([_room("a", 3), _room("b", 2), _room("c", 1)], [])
    _, cursor = rooms.page(before, limit=2, cursor=None)
    after = rooms.worst_first([_room("a", 3), _room("c", 1)], [])
    assert [item["room_id"] for item in rooms.page(after, limit=2, cursor=cursor)[0]] == ["c"]


@pytest.mark.parametrize("cursor", ["", "!", "é", "bnVsbA", "W10", "WzEsMl0"])
def test_a_cursor_that_is_none_is_refused(cursor):
    with pytest.raises(ValueError, match="cursor"):
        rooms.page([], limit=1, cursor=cursor)


def test_a_room_that_never_pinged_stands_last():
    ranked = rooms.worst_first([_room("planned", None, None), _room("live", 0)], [])
    assert [room.room_id for _, room, _ in ranked] == ["live", "planned"]


def test_a_tokens_limits_hold():
    known = [_room("a", category="food"), _room("b", category="beauty"), _room("c")]
    assert [room.room_id for room in rooms.visible(known, Scope(categories=frozenset({"food"})))] == ["a"]
    assert [room.room_id for room in rooms.visible(known, Scope(rooms=frozenset({"c"})))] == ["c"]
    assert len(rooms.visible(known, Scope())) == 3


def test_figures_are_named_as_the_columns():
    described = rooms.describe(_room("a", 12), [])
    assert described["figures"]["live_viewers"] == 12
    assert set(described["figures"]) == {column.name for column in ROOM_COLUMNS}
    assert (described["severity"], described["open_alerts"]) == (None, 0)
