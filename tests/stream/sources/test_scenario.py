from pathlib import Path

import pytest

from stream.errors import SettingsError
from stream.sources.plan import Plan
from stream.sources.scenario import MAGNITUDES, Incident, load, parse

SHIPPED = sorted((Path(__file__).parents[3] / "deploy" / "scenarios").glob("*.yaml"))

FAULTS = {
    "x: [": "scenario: not YAML: while parsing a flow node",
    "- a": "scenario: holds list; it must be a mapping with the key rooms",
    "": "scenario: holds NoneType; it must be a mapping",
    "rooms: []": "scenario: rooms []: allowed is one group or more",
    "rooms: {count: 1}": "scenario: rooms: allowed is a list",
    "rooms: [{count: 0}]": "scenario: rooms.0.count 0: allowed is greater than or equal to 1",
    "rooms: [{cuont: 1}]": "scenario: rooms.0.cuont: unknown key; allowed are count, category, viewers",
    "rooms: [{starts_s: [5, 1]}]": "scenario: rooms.0: starts_s: the range must rise",
    "rooms: [{pauses: [{at: 1}]}]": "rooms.0.pauses.0.at: unknown key; allowed are at_s, for_s",
    "speed: fast": "scenario: speed 'fast': allowed is a valid number",
    "room_prefix: a b": "scenario: room_prefix 'a b': String should match pattern",
    "incidents: [{kind: stuter, at_s: 1, for_s: 2}]": "incidents.0.kind 'stuter': allowed is 'stutter'",
    "incidents: [{kind: stutter, for_s: 2}]": "scenario: incidents.0.at_s: Field required",
    "incidents: [{kind: stutter, at_s: 1, for_s: 2, room: 1}]": "incidents.0.room 1: allowed is 0 to 0",
    "incidents: [{kind: stutter, at_s: 1, for_s: 2, room: any}]": "incidents.0.room 'any': allowed is a",
    "incidents: [{kind: stutter, at_s: 1, for_s: 2, magnitude: 3}]": "magnitude 3 of stutter: allowed is",
    "incidents: [{kind: stutter, at_s: 1, for_s: 2, every_s: 1}]": "every_s 1: allowed is for_s (2) or more",
    "{duration_s: 9, incidents: [{kind: stutter, at_s: 9, for_s: 2}]}": "at_s 9: allowed is below",
}


@pytest.mark.parametrize(("text", "told"), FAULTS.items())
def test_a_fault_tells_where_what_and_what_is_allowed(text, told):
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert told in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError, match=r"speed .*rooms\.0\.count .*rooms\.0\.viewers"):
        parse("{speed: 0, rooms: [{count: 0, viewers: 0}]}")


def test_an_unreadable_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"cannot read scenario .*none\.yaml"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_good(path):
    kinds = {incident.kind for incident in load(path).incidents}
    assert kinds == (set() if path.stem == "calm" else set(MAGNITUDES))


def test_six_keeps_the_lag_of_people_and_leaves_two_rooms_calm():
    """At another speed payments would not follow clicks as the detector of conversion expects."""
    six = load(next(path for path in SHIPPED if path.stem == "six"))
    assert six.speed == 1
    assert sorted(incident.room for incident in six.incidents) == [0, 1, 2, 3, 4, 5]
    assert six.room_count() == 8


def test_the_command_line_overrides_the_file():
    found = parse("{seed: 1, speed: 2}", seed=7, speed=None)
    assert (found.seed, found.speed) == (7, 2)


@pytest.mark.parametrize(("count", "categories"), [(1, "a"), (3, "aab"), (5, "aabaa")])
def test_a_number_of_rooms_repeats_the_groups(count, categories):
    found = parse("rooms: [{count: 2, category: a}, {category: b}]", room_count=count)
    assert "".join(group.category for group in found.rooms) == categories
    assert found.room_count() == count


def test_an_earlier_end_leaves_out_what_comes_later():
    found = parse("{duration_s: 99, incidents: [{kind: stutter, at_s: 50, for_s: 2}]}", end_s=20)
    assert (found.duration_s, len(found.incidents)) == (20, 1)
    assert list(Plan(found, 0).labels()) == []


def test_fewer_rooms_than_an_incident_needs_is_a_fault():
    text = "{rooms: [{count: 3}], incidents: [{kind: stutter, room: 2, at_s: 1, for_s: 1}]}"
    assert parse(text).incidents == (Incident(kind="stutter", room=2, at_s=1, for_s=1),)
    with pytest.raises(SettingsError, match="room 2: allowed is 0 to 1"):
        parse(text, room_count=2)
