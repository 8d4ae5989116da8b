"""What a terminal takes for open, new and repeated."""

from __future__ import annotations

import pytest

from alerts.tail.board import Board, Wanted
from tests.alerts.gateway.made import alert


def test_the_worst_and_then_the_newest_stand_first():
    board = Board()
    for change in (alert(0), alert(1, severity="critical"), alert(2), alert(3, severity="info")):
        assert board.change(change)
    assert [found["room_id"] for found in board.open()] == ["room-1", "room-2", "room-0", "room-3"]


def test_a_repeat_is_no_change():
    board = Board()
    assert board.change(alert(0))
    assert not board.change(alert(0))
    assert board.change({**alert(0), "change": 2, "state": "acknowledged"})
    assert not board.change(alert(0))
    assert [found["state"] for found in board.open()] == ["acknowledged"]


@pytest.mark.parametrize("state", ["resolved", "suppressed"])
def test_what_is_over_or_suppressed_is_not_open(state):
    board = Board()
    board.change(alert(0))
    assert board.change({**alert(0), "change": 2, "state": state})
    assert board.open() == []


def test_a_loaded_list_replaces_what_was_open():
    board = Board()
    board.change(alert(0))
    board.load([alert(1)])
    assert [found["room_id"] for found in board.open()] == ["room-1"]
    assert not board.change(alert(1))


def test_old_episodes_are_forgotten():
    board = Board()
    for number in range(3):
        board.change(alert(number))
        board.change({**alert(number), "change": 2, "state": "resolved"})
    later = alert(9)["at_ms"] + 2 * 3_600_000
    board.change({**alert(9), "change": 2, "state": "resolved", "at_ms": later})
    assert len(board._changes) == 1


def test_the_frame_asks_for_what_is_wanted():
    assert Wanted().frame(None) == {"op": "subscribe", "rooms": "*", "min_severity": "info", "locale": "zh"}
    wanted = Wanted(("r1",), ("stutter",), "warning", "en")
    frame = wanted.frame(("e", 4))
    assert (frame["rooms"], frame["kinds"], frame["resume"]) == (
        ["r1"],
        ["stutter"],
        {"epoch": "e", "offset": 4},
    )


def test_the_list_is_judged_as_the_gateway_judges():
    wanted = Wanted(("room-1",), ("stutter",), "warning")
    assert wanted.passes(alert(1))
    assert wanted.passes(alert(2, room_id=None))
    assert not wanted.passes(alert(2))
    assert not wanted.passes(alert(1, kind="sold_out"))
    assert not wanted.passes(alert(1, severity="info"))
