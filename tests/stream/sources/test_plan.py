import itertools

import pytest

from stream.sources.plan import CALM, Effects, Plan
from stream.sources.scenario import parse

START_MS = 1_760_000_000_000


def plan(text: str) -> Plan:
    return Plan(parse(text), START_MS)


def test_rooms_are_the_same_for_the_same_seed():
    text = "rooms: [{count: 9, starts_s: [0, 99]}]"
    assert plan(text).rooms == plan(text).rooms
    assert plan(text).rooms != Plan(parse(text, seed=2), START_MS).rooms


def test_more_rooms_leave_the_first_as_they_were():
    assert plan("rooms: [{count: 9}]").rooms[3].viewers == plan("rooms: [{count: 5}]").rooms[3].viewers


#  at_s 10, for_s 5, every_s 20:   ....[10 15)....[30 35)....
@pytest.mark.parametrize(("t_s", "on"), [(9.9, 0), (10, 1), (14.9, 1), (15, 0), (29.9, 0), (30, 1), (35, 0)])
def test_an_incident_is_half_open_and_repeats(t_s, on):
    made = plan("incidents: [{kind: stutter, room: 0, at_s: 10, for_s: 5, every_s: 20, magnitude: 0.5}]")
    assert made.effects(made.rooms[0], t_s * 1_000) == (Effects(stall_ratio=0.5) if on else CALM)


def test_an_incident_leaves_other_rooms_alone():
    made = plan("{rooms: [{count: 2}], incidents: [{kind: feed_lost, room: 1, at_s: 0, for_s: 5}]}")
    assert [made.effects(room, 1_000).silent for room in made.rooms] == [False, True]


def test_labels_come_in_order_on_the_clock_and_end_with_the_plan():
    made = plan(
        "{speed: 2, duration_s: 60, incidents: ["
        "{kind: stutter, room: 0, at_s: 10, for_s: 5, every_s: 20},"
        "{kind: av_desync, room: 0, at_s: 40, for_s: 99}]}"
    )
    found = [(label.kind, label.from_ms - START_MS, label.to_ms - START_MS) for label in made.labels()]
    assert found == [
        ("stutter", 5_000, 7_500),
        ("stutter", 15_000, 17_500),
        ("av_desync", 20_000, 30_000),
        ("stutter", 25_000, 27_500),
    ]


def test_a_random_room_is_drawn_anew_and_is_the_one_that_suffers():
    made = plan("{rooms: [{count: 9}], incidents: [{kind: feed_lost, at_s: 0, for_s: 5, every_s: 10}]}")
    labels = list(itertools.islice(made.labels(), 20))
    assert len({label.room_id for label in labels}) > 3
    for label in labels:
        silent = [room for room in made.rooms if made.effects(room, label.from_ms - START_MS).silent]
        assert [room.room_id for room in silent] == [label.room_id]


def test_broadcasts_follow_each_other_after_a_rest():
    room = plan("rooms: [{starts_s: 10, lasts_s: 100, rests_s: 20}]").rooms[0]
    assert [room.begins(number) for number in range(3)] == [10_000, 130_000, 250_000]
    assert room.announced(0, 10_000) == 0
    assert room.announced(1, 130_000) == 110_000
    assert plan("rooms: [{lasts_s: 100}]").rooms[0].begins(1) is None
