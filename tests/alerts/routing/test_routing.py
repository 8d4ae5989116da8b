"""Routes: what is checked, who is on duty, who gets an alert."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.matching import Matcher, matches, values_of
from alerts.routing import check, load, plan
from alerts.routing.calendar import active_mutes, on_duty, shift_began

ZONE = ZoneInfo("Asia/Shanghai")
TEXT = """
people:
  - {name: primary, mobile: "13000000000"}
  - {name: backup, mobile: "13000000001"}
  - {name: boss, mail: boss@example.com}
teams:
  - {name: lead, members: [boss]}
rosters:
  - name: duty
    weekly:
      - {days: [mon, tue], from: 09:00, to: 21:00, primary: primary, backup: backup}
      - {days: [mon], from: 21:00, to: 09:00, primary: backup}
    overrides:
      - {date: 2026-11-10, primary: backup, backup: primary}
receivers:
  - {name: chat, url: "env:CHAT", fallback: mail}
  - {name: mail, url: "mailto://example.com"}
mute:
  - {name: nights, match: {severity: [info]}, times: [{from: "23:00", to: "07:00"}]}
  - {name: feast, match: {category: [food]}, times: [{dates: [2026-10-01]}]}
routes:
  - {match: {kind: [monitor_degraded]}, to: [mail], continue: true}
  - {match: {severity: [critical], category: [beauty]}, to: [chat, mail], mention: [duty]}
  - {match: {hours: [{from: "09:00", to: "18:00"}]}, to: [chat]}
"""
ROUTES = load(TEXT, 3)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


def alert(**given):
    labels = {"category": "beauty", **given.pop("labels", {})}
    return {
        "severity": "critical",
        "kind": "stutter",
        "rule": "stutter",
        "room_id": "r1",
        "labels": labels,
    } | given


CIRCLE = [("z", "a"), ("a", "b"), ("b", "c"), ("c", "a")]


def told(record, when: str) -> dict[str, list[str]]:
    found = plan(ROUTES, record, at_ms=at(when), zone=ZONE)
    return {target.receiver: [person.name for person in target.mentions] for target in found.targets}


@pytest.mark.parametrize(
    ("when", "duty"),
    [
        ("2026-11-09 09:00", ("primary", "backup")),  # a Monday
        ("2026-11-09 08:59", None),
        ("2026-11-09 21:00", ("backup", None)),
        ("2026-11-10 03:00", ("backup", "primary")),  # the override holds from midnight
        ("2026-11-17 03:00", ("backup", None)),  # Monday's night shift, on Tuesday
        ("2026-11-11 12:00", None),
    ],
)
def test_who_is_on_duty(when, duty):
    assert on_duty(ROUTES.rosters["duty"], datetime.fromisoformat(when)) == duty


@pytest.mark.parametrize(
    ("when", "began"),
    [
        ("2026-11-09 20:59:59", "2026-11-09 09:00"),
        ("2026-11-17 03:00", "2026-11-16 21:00"),
        ("2026-11-10 12:00", "2026-11-10 00:00"),
        ("2026-11-11 12:00", None),
    ],
)
def test_when_the_shift_began(when, began):
    found = shift_began(ROUTES.rosters["duty"], datetime.fromisoformat(when))
    assert found == (None if began is None else datetime.fromisoformat(began))


def test_the_first_route_that_matches_decides_and_mentions_who_is_on_duty():
    assert told(alert(), "2026-11-09 10:00") == {"chat": ["primary"], "mail": ["primary"]}
    assert told(alert(severity="warning"), "2026-11-09 10:00") == {"chat": []}
    assert told(alert(severity="warning"), "2026-11-09 20:00") == {}


def test_a_route_that_continues_adds_to_the_next():
    record = alert(kind="monitor_degraded", severity="warning", room_id=None)
    assert told(record, "2026-11-09 10:00") == {"mail": [], "chat": []}


def test_an_escalation_is_told_to_the_team_in_the_routes_own_places():
    record = alert(state="escalated", escalated_to="lead")
    assert told(record, "2026-11-09 10:00") == {"chat": ["primary", "boss"], "mail": ["primary", "boss"]}
    assert told(alert(state="escalated", escalated_to="duty"), "2026-11-09 10:00")["chat"] == [
        "primary",
        "backup",
    ]
    away = plan(
        ROUTES, alert(state="escalated", escalated_to="nobody"), at_ms=at("2026-11-09 10:00"), zone=ZONE
    )
    assert away.unknown == ("nobody",)
    alone = alert(severity="warning", state="escalated", escalated_to="mail")
    assert told(alone, "2026-11-09 20:00") == {"mail": []}


def test_mute_times_hold_past_midnight_and_on_days():
    assert active_mutes(ROUTES, datetime.fromisoformat("2026-11-09 06:59")) == (0,)
    assert active_mutes(ROUTES, datetime.fromisoformat("2026-11-09 07:00")) == ()
    assert active_mutes(ROUTES, datetime.fromisoformat("2026-10-01 12:00")) == (1,)
    found = plan(ROUTES, alert(severity="info"), at_ms=at("2026-11-09 23:30"), zone=ZONE)
    assert found.muted_by == ("nights",)


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("routes: [{to: [nowhere]}]", "routes[0].to[0]", "no 'nowhere'"),
        ("teams: [{name: a, members: [b]}]", "teams[0].members[0]", "none is defined"),
        ("people: [{name: a}, {name: a}]", "people[1].name", "another entry"),
        ("routes: [{match: {kind: [loud]}, to: [x]}]", "routes[0].match.kind[0]", "stutter"),
        ("receivers: [{name: a, url: x, fallback: a}]", "receivers[0].fallback", "no other receiver"),
        (
            "receivers: [" + ", ".join(f"{{name: {a}, url: x, fallback: {b}}}" for a, b in CIRCLE) + "]",
            "receivers[1].fallback",
            "a > b > c > a",
        ),
        (
            "receivers: [{name: a, url: 'action+https://x', fallback: b}, {name: b, url: x}]",
            "receivers[0].fallback",
            "an action",
        ),
        (
            "receivers: [{name: a, url: 'action+https://x'}, {name: b, url: x, fallback: a}]",
            "receivers[1].fallback",
            "an action",
        ),
        ("receivers: [{name: a, adress: x, url: x}]", "receivers[0].adress", "url"),
        ("rosters: [{name: d, weekly: [{from: '25:00', primary: p}]}]", "rosters[0].weekly[0].from", "25:00"),
        ("rosters: [{name: d, weekly: [{primary: p}]}]", "rosters[0].weekly[0].primary", "no person"),
        ("mute: [{name: n, match: {hours: [{}]}, times: [{}]}]", "mute[0].match.hours", "times of"),
        ("mute: [{name: n}]", "mute[0].times", "is missing"),
        ("mute: [{name: n, times: [{day: [mon]}]}]", "mute[0].times[0].day", "days, from"),
        ("routes: {}", "routes", "tuple"),
        ("- a", "", "valid dictionary"),
        ("routes: [", "", "not YAML"),
    ],
)
def test_a_fault_tells_where_what_and_what_is_allowed(text, path, says):
    routes, faults = check(text)
    assert routes is None
    assert [fault.path for fault in faults] == [path]
    assert says in str(faults[0])
    assert any("一" <= character <= "鿿" for character in faults[0].problem.zh)


def test_every_fault_is_told_at_once_with_its_line():
    _, faults = check("people:\n  - {nam: a}\nroutes:\n  - {to: []}\n")
    assert [(fault.path, fault.line) for fault in faults] == [
        ("people[0].name", 2),
        ("people[0].nam", 2),
        ("routes[0].to", 4),
    ]


def test_the_shipped_set_is_right_and_so_is_the_one_in_its_comments():
    text = (Path(__file__).parents[3] / "deploy" / "routes" / "default.yaml").read_text()
    assert load(text).routes == ()
    shown = (
        text.replace(": []\n", ":\n")
        .replace("  # - ", "  - ")
        .replace("  #   ", "    ")
        .replace("  #     ", "      ")
    )
    assert len(load(shown).routes) == 3


def test_matchers_are_anchored_and_a_missing_label_is_empty():
    values = values_of(alert(severity="warning", room_id=None))
    assert matches([Matcher("severity", "=~", "warn.*"), Matcher("cdn", "=", "")], values)
    assert not matches([Matcher("severity", "=~", "warn")], values)
    assert matches([Matcher("cdn", "!=", "a"), Matcher("room_id", "=", "")], values)
    with pytest.raises(ValueError, match="pattern"):
        Matcher("kind", "=~", "(")


def test_a_pattern_that_others_choke_on_takes_linear_time():
    assert not matches([Matcher("title", "=~", "(a|a)*(a|a)*(a|a)*b")], {"title": "a" * 5_000})
