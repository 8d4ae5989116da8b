"""Which rooms were silent for too long, and when the next one may be."""

from __future__ import annotations

import pytest

from stream.alignment import FAR_MS
from stream.sessions import SILENCE_MS, Room
from stream.silences import Silences


@pytest.fixture
def rooms():
    return {name: Room(name) for name in "abc"}


def speak(room, at_ms):
    """Let a record of the room come; the first one opens its session."""
    room.newest_ms["health"] = at_ms
    room.ping(at_ms, at_ms)


def watched(rooms, **spoke_ms):
    silences = Silences(rooms)
    for name, at_ms in spoke_ms.items():
        speak(rooms[name], at_ms)
        silences.watch(rooms[name])
    return silences


def over(silences, at_ms):
    """Return the rooms that are over, each ended as it is given."""
    found = []
    for room in silences.over(at_ms):
        room.end_by_silence(0)
        found.append(room.room_id)
    return found


def test_the_earliest_room_is_told_and_only_up_to_the_horizon(rooms):
    silences = watched(rooms, b=2_000, a=1_000)
    assert silences.first_ms(SILENCE_MS + 999) == FAR_MS
    assert silences.first_ms(SILENCE_MS + 1_000) == SILENCE_MS + 1_000
    assert silences.first_ms(FAR_MS) == SILENCE_MS + 1_000


def test_a_room_that_spoke_again_is_put_off(rooms):
    silences = watched(rooms, a=1_000, b=2_000)
    speak(rooms["a"], 5_000)
    assert silences.first_ms(FAR_MS) == SILENCE_MS + 2_000
    assert over(silences, SILENCE_MS + 4_999) == ["b"]
    assert over(silences, SILENCE_MS + 5_000) == ["a"]
    assert silences.first_ms(FAR_MS) == FAR_MS


def test_rooms_that_ended_otherwise_or_are_forgotten_are_passed_over(rooms):
    silences = watched(rooms, a=1_000, b=2_000, c=3_000)
    rooms["a"].end_by_silence(0)
    del rooms["b"]
    assert over(silences, FAR_MS - 1) == ["c"]
