"""Which rooms have series, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters import selection
from exporters.selection import ENDED_SHOWN_MS, LATE_SHOWN_MS, PLANNED_MAX, Selection
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.store import RoomFigures
from tests.exporters import made

NOW_MS = 1_760_000_000_000
GMV = ROOM_COLUMN_INDEX["live_gmv_yuan_total"]
VIEWERS = ROOM_COLUMN_INDEX["live_viewers"]


def _room(room_id: str, *, gmv: float = 0, **changes: Any) -> RoomFigures:
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    values[GMV], values[VIEWERS] = gmv, 5
    return made.room(room_id, now_ms=NOW_MS, **{"values": values, **changes})


def _ids(rooms: Sequence[RoomFigures]) -> list[str]:
    return [room.room_id for room in rooms]


def test_live_and_paused_rooms_are_shown_and_planned_ones_are_not():
    rooms = [_room("a"), _room("b", state="paused"), _room("c", state="planned", session_ms=None)]
    assert _ids(Selection(9).choose(rooms, now_ms=NOW_MS).rooms) == ["a", "b"]


def test_the_planned_rooms_that_begin_next_are_told_soonest_first():
    starts = {"late": -LATE_SHOWN_MS, "soon": 60_000, "now": -1_000, "someday": 86_400_000}
    rooms = [
        _room(name, state="planned", session_ms=None, facts={"starts_at_ms": NOW_MS + after_ms})
        for name, after_ms in starts.items()
    ]
    rooms += [_room("unknown", state="planned", session_ms=None, facts={}), _room("live")]
    assert _ids(Selection(9).choose(rooms, now_ms=NOW_MS).planned) == ["now", "soon", "someday"]
    many = [replace(rooms[1], room_id=f"r{number}") for number in range(PLANNED_MAX + 5)]
    assert len(Selection(9).choose(many, now_ms=NOW_MS).planned) == PLANNED_MAX


def test_an_ended_room_leaves_within_30_s_of_its_record():
    ended = _room("a", state="ended", ended_reason="ended", newest_ms={"rooms": NOW_MS})
    chooser = Selection(9)
    assert _ids(chooser.choose([ended], now_ms=NOW_MS).rooms) == ["a"]
    assert _ids(chooser.choose([ended], now_ms=NOW_MS + ENDED_SHOWN_MS).rooms) == ["a"]
    assert chooser.choose([ended], now_ms=NOW_MS + ENDED_SHOWN_MS + 1).rooms == []


def test_an_ended_room_leaves_even_when_its_end_is_told_again_and_again():
    chooser = Selection(9)
    for at_ms in range(NOW_MS, NOW_MS + 40_000, 10_000):
        ended = _room("a", state="ended", ended_reason="ended", newest_ms={"rooms": at_ms})
        shown = chooser.choose([ended], now_ms=at_ms).rooms
        assert bool(shown) is (at_ms <= NOW_MS + ENDED_SHOWN_MS)


def test_a_new_exporter_does_not_bring_back_a_room_that_ended_long_ago():
    ended = _room("a", state="ended", ended_reason="silent", newest_ms={"rooms": NOW_MS - 600_000})
    assert Selection(9).choose([ended], now_ms=NOW_MS).rooms == []


def test_a_room_that_is_live_again_is_shown_again():
    chooser = Selection(9)
    ended = _room("a", state="ended", ended_reason="ended", newest_ms={"rooms": NOW_MS})
    chooser.choose([ended], now_ms=NOW_MS)
    assert chooser.choose([ended], now_ms=NOW_MS + 50_000).rooms == []
    again = replace(ended, state="live", session_ms=NOW_MS + 50_000)
    assert _ids(chooser.choose([again], now_ms=NOW_MS + 51_000).rooms) == ["a"]


def test_places_go_to_the_oldest_sessions_and_are_kept():
    chooser = Selection(2)
    first = [_room("b", session_ms=2), _room("a", session_ms=3), _room("c", session_ms=1)]
    assert _ids(chooser.choose(first, now_ms=NOW_MS).rooms) == ["c", "b"]
    second = [*first, _room("d", session_ms=0)]
    assert _ids(chooser.choose(second, now_ms=NOW_MS).rooms) == ["c", "b"]


def test_a_free_place_is_taken():
    chooser = Selection(1)
    assert (
        chooser.choose([_room("a", session_ms=1), _room("b", session_ms=2)], now_ms=NOW_MS).not_exported == 1
    )
    later = chooser.choose([_room("b", session_ms=2)], now_ms=NOW_MS)
    assert (_ids(later.rooms), later.not_exported, later.rest) == (["b"], 0, None)


def test_a_room_that_ended_takes_no_place_from_a_live_one():
    chooser = Selection(2)
    rooms = [_room("a", session_ms=1), _room("b", session_ms=2)]
    chooser.choose(rooms, now_ms=NOW_MS)
    ended = replace(rooms[0], state="ended", newest_ms={"rooms": NOW_MS})
    later = chooser.choose([ended, rooms[1], _room("c", session_ms=3)], now_ms=NOW_MS)
    assert (_ids(later.rooms), later.not_exported) == (["b", "c", "a"], 0)


def test_the_counters_of_the_rest_are_summed_and_nothing_else():
    chosen = Selection(1).choose([_room("a", gmv=1), _room("b", gmv=10), _room("c", gmv=100)], now_ms=NOW_MS)
    assert chosen.rest is not None
    assert chosen.not_exported == 2
    assert chosen.rest[GMV] == 110
    assert chosen.rest[VIEWERS] is None


@given(st.lists(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 50), max_size=5), max_size=12))
def test_the_sum_of_the_rest_never_falls(steps: list[dict[str, int]]):
    """Rooms come, grow, get a place and end in any order."""
    chooser = Selection(1)
    totals: dict[str, int] = {}
    last = 0
    for grown in steps:
        totals = {room_id: totals.get(room_id, 0) + growth for room_id, growth in grown.items()}
        rooms = [_room(room_id, gmv=total) for room_id, total in totals.items()]
        rest = chooser.choose(rooms, now_ms=NOW_MS).rest
        if rest is not None:
            assert rest[GMV] >= last
            last = rest[GMV]


def test_figures_of_another_version_are_left_out_and_counted():
    other = _room("b", values=[1, 2, 3])
    chosen = Selection(9).choose([_room("a"), other], now_ms=NOW_MS)
    assert (_ids(chosen.rooms), chosen.unreadable) == (["a"], 1)


@pytest.mark.parametrize(
    ("total", "was", "now", "expected"),
    [
        (5, None, 3, 8),
        (5, 3, 4, 6),
        (5, 4, 3, 5),
        (5, 4, None, 5),
        ({"feed": 5}, {"feed": 1}, {"feed": 3, "search": 2}, {"feed": 7, "search": 2}),
        ({"feed": 5}, None, None, {"feed": 5}),
    ],
)
def test_growth_is_added_by_label_and_a_fall_is_not(total: Any, was: Any, now: Any, expected: Any):
    assert selection._grown(total, was, now) == expected
