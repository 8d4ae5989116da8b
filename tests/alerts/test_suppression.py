"""What lies over episodes: inhibition, groups, silences, mute times, the ladder; as functions of the log."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from alerts.detectors.monitor import Limits
from alerts.incidents import Incidents, Kept, Policy
from alerts.incidents.groups import LINGER_MS
from alerts.model import episode_id
from alerts.routing import load as load_routes
from alerts.rulecheck import load
from tests.alerts.journal import T0, Journal, play

RULES = """
rules:
  - {name: stutter, kind: stutter, any: [{metric: live_stall_ratio, where: {probe: edge}, window: 10s,
     compare: ">", warning: 0.02}]}
inhibit:
  - {source: {kind: feed_lost}, target: {kind: stutter}, equal: [room_id]}
group:
  - {kinds: [stutter, feed_lost], by: cdn, at_least: 5}
escalate:
  - {severity: critical, after_s: 300, to: lead}
  - {severity: critical, after_s: 600, to: boss}
"""
ROUTES = """
mute:
  - {name: nights, match: {severity: [info]}, times: [{from: "20:00", to: "24:00"}]}
"""
ZONE = ZoneInfo("Asia/Shanghai")
POLICY = Policy.of(load(RULES, 1), load_routes(ROUTES, 1), ZONE)
R1 = episode_id("stutter", "r1", T0)
Shown = tuple[str, int, str, str | None]


def stage(policy: Policy = POLICY) -> Incidents:
    made = Incidents(1, lambda _: Limits(), lambda _: policy)
    made.load(Kept(), epoch=1)
    return made


def shown(alerts: list[dict[str, Any]]) -> list[Shown]:
    return [(one["subject"], one["change"], one["state"], one["reason"]) for one in alerts]


def outcomes(made: Incidents, log: Journal) -> list[dict[str, Any]]:
    told = [output for record in log.records for output in made.apply(record) if output.log == "outcomes"]
    return [orjson.loads(output.value) for output in told]


def fail(log: Journal, at_ms: int, room: str, to: str = "firing", **given: Any) -> None:
    values = {"subject": room, "room_id": room, "labels": {"cdn": "a"}, **given}
    log.transition(at_ms, to, **values)


def silence(log: Journal, at_ms: int, *matchers: tuple[str, str, str], **given: Any) -> None:
    body = {
        "matchers": [dict(zip(("label", "op", "value"), one, strict=True)) for one in matchers],
        "ends_at_ms": T0 + 3_600_000,
        **given,
    }
    log.command(at_ms, "silence", None, body=body)


# -- inhibition


def test_an_inhibited_alert_begins_suppressed_and_fires_when_its_source_is_over():
    log = Journal()
    log.transition(0, rule="feed", kind="feed_lost", labels={})
    log.transition(1_000, labels={})
    log.transition(2_000, "resolved", rule="feed", kind="feed_lost", labels={})
    assert shown(play(stage(), [log.beat(0), *log.records])) == [
        ("r1", 1, "firing", None),
        ("r1", 1, "suppressed", "inhibited"),
        ("r1", 2, "resolved", "recovered"),
        ("r1", 2, "firing", "inhibition_ended"),
    ]


def test_an_alert_that_fires_is_suppressed_when_its_source_begins_and_other_rooms_are_not():
    log = Journal()
    log.beat(0)
    log.transition(1_000, labels={})
    log.transition(1_000, subject="r2", room_id="r2", labels={})
    log.transition(2_000, rule="feed", kind="feed_lost", labels={})
    assert shown(play(stage(), log.records))[2:] == [
        ("r1", 1, "firing", None),
        ("r1", 2, "suppressed", "inhibited"),
    ]


def test_two_alerts_never_inhibit_each_other_both():
    text = RULES.replace("group:", "  - {source: {kind: stutter}, target: {kind: feed_lost}}\ngroup:")
    both = Policy.of(load(text, 1), load_routes(ROUTES, 1), ZONE)
    log = Journal()
    log.beat(0)
    log.transition(1_000, labels={})
    log.transition(2_000, rule="feed", kind="feed_lost", labels={})
    log.transition(3_000, "severity", severity="critical", labels={})
    assert [state for _, _, state, _ in shown(play(stage(both), log.records))] == [
        "firing",
        "suppressed",
        "firing",
    ]


# -- groups


def test_the_fifth_room_of_a_cdn_makes_an_incident_and_those_after_it_are_suppressed():
    log = Journal()
    log.beat(0)
    for number in range(8):
        fail(log, 1_000 + number, f"r{number}")
    fail(log, 1_100, "other", labels={"cdn": "b"})
    made = stage()
    alerts = play(made, log.records)
    first = shown(alerts)
    assert first[:5] == [(f"r{number}", 1, "firing", None) for number in range(5)]
    assert first[5:9] == [(f"r{number}", 2, "firing", "grouped") for number in range(4)]
    assert first[9:12] == [(f"r{number}", 1, "suppressed", "grouped") for number in range(5, 8)]
    assert first[12] == ("other", 1, "firing", None)
    assert alerts[-1]["incident_id"] is None
    (incident_id,) = {one["incident_id"] for one in alerts[4:12]}
    written = made.written()
    incident = orjson.loads(written.incidents[incident_id][0])
    assert (incident["by"], incident["value"], incident["members"], incident["total"]) == ("cdn", "a", 8, 8)
    assert [rank for _, _, rank in written.members] == list(range(1, 9))


def test_an_incident_ends_a_minute_after_it_became_too_small_and_who_is_left_speaks_again():
    log = Journal()
    log.beat(0)
    for number in range(7):
        fail(log, 1_000, f"r{number}")
    for number in range(4):
        fail(log, 10_000, f"r{number}", "resolved")
    log.beat(10_000 + LINGER_MS - 1)
    log.beat(10_000 + LINGER_MS + 1_000)
    made = stage()
    alerts = play(made, log.records)
    tail = alerts[-3:]
    assert shown(tail) == [
        ("r4", 2, "firing", "ungrouped"),
        ("r5", 2, "firing", "ungrouped"),
        ("r6", 2, "firing", "ungrouped"),
    ]
    assert {one["incident_id"] for one in tail} == {None}
    ((_, _, ended_ms),) = made.written().incidents.values()
    assert ended_ms == T0 + 10_000 + LINGER_MS + 1_000


def test_ten_thousand_rooms_of_two_cdns_are_two_incidents_and_ten_pages_at_most():
    log = Journal()
    log.beat(0)
    for number in range(10_000):
        fail(log, 1_000 + number, f"r{number}", labels={"cdn": "ab"[number % 2]}, severity="critical")
    made = stage()
    alerts = play(made, log.records)
    speaking = [one for one in alerts if one["state"] != "suppressed"]
    assert len({one["id"] for one in speaking}) == 10
    assert len({one["incident_id"] for one in alerts if one["state"] == "suppressed"}) == 2
    assert {value for value, _, _ in made.written().incidents.values()}
    assert len(alerts) == 10_000 + 8


# -- silences


def test_a_silence_suppresses_what_matches_now_and_later_until_its_end():
    log = Journal()
    log.beat(0)
    log.transition(1_000, labels={"cdn": "a"})
    silence(log, 2_000, ("cdn", "=~", "a|b"), ("severity", "!=", "critical"), ends_at_ms=T0 + 10_000)
    fail(log, 3_000, "r2", labels={"cdn": "b"})
    fail(log, 4_000, "r3", severity="critical")
    fail(log, 5_000, "r2", "severity", severity="critical", labels={"cdn": "b"})
    log.beat(10_000)
    assert shown(play(stage(), log.records)) == [
        ("r1", 1, "firing", None),
        ("r1", 2, "suppressed", "silenced"),
        ("r2", 1, "suppressed", "silenced"),
        ("r3", 1, "firing", None),
        ("r2", 2, "firing", "severity_rose"),
        ("r1", 3, "firing", "silence_ended"),
    ]


def test_an_acknowledged_alert_is_acknowledged_again_after_a_silence():
    log = Journal()
    log.beat(0)
    log.transition(1_000, labels={})
    log.command(2_000, "ack", R1)
    silence(log, 3_000, ("room_id", "=", "r1"), ends_at_ms=T0 + 10_000)
    log.beat(11_000)
    assert [state for _, _, state, _ in shown(play(stage(), log.records))] == [
        "firing",
        "acknowledged",
        "suppressed",
        "acknowledged",
    ]


def test_a_silence_tells_its_start_and_its_end():
    log = Journal()
    silence(log, 1_000, ("room_id", "=", "r1"), starts_at_ms=T0 + 5_000, ends_at_ms=T0 + 9_000)
    for at_ms in (4_999, 5_000, 8_999, 9_000):
        log.beat(at_ms)
    told = outcomes(stage(), log)
    assert told[0]["silence"]["state"] == "pending"
    assert [(one["notice"], one["at_ms"] - T0) for one in told[1:]] == [
        ("silence_started", 5_000),
        ("silence_ended", 9_000),
    ]
    assert told[2]["silence"]["end_reason"] == "expired"


def test_a_silence_that_hides_nothing_for_the_time_set_ends_by_itself():
    log = Journal()
    silence(log, 0, ("room_id", "=", "r1"), idle_s=60)
    log.beat(50_000)
    log.transition(55_000)
    log.beat(200_000)
    log.transition(210_000, "resolved")
    log.beat(269_000)
    log.beat(270_000)
    told = outcomes(stage(), log)
    assert [one.get("notice") for one in told] == ["silence_started", None, "silence_ended"]
    assert (told[-1]["silence"]["end_reason"], told[-1]["at_ms"] - T0) == ("unmatched", 270_000)
    assert told[-1]["silence"]["hidden"] == 1


def test_a_silence_is_ended_by_hand_once():
    log = Journal()
    log.transition(0, labels={})
    silence(log, 1_000, ("room_id", "=", "r1"))
    made = stage()
    (done,) = [one for one in outcomes(made, log) if one.get("status")]
    silence_id = done["silence"]["id"]
    assert done["silence"]["state"] == "active"
    rest = Journal()
    rest.records = list(log.records)
    rest.command(2_000, "unsilence", silence_id)
    rest.command(3_000, "unsilence", silence_id)
    rest.command(4_000, "unsilence", "none")
    log.records = rest.records[-3:]
    told = [one for one in outcomes(made, log) if one.get("status")]
    assert [one.get("code") for one in told] == [None, "conflict", "not_found"]
    assert told[0]["silence"]["ended_by"] == "li"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"matchers": []}, "1 to 20"),
        ({"matchers": [{"label": "a", "op": "=~", "value": ".*"}]}, "empty text"),
        ({"matchers": [{"label": "a", "op": "=~", "value": "("}]}, "pattern"),
        ({"matchers": [{"label": "a", "op": "~", "value": "b"}]}, "operator"),
        ({"matchers": [{"label": "a"}]}, "matchers"),
        ({"ends_at_ms": T0}, "after"),
        ({"ends_at_ms": T0 + 400 * 24 * 3_600_000}, "366 days"),
        ({"ends_at_ms": None}, "after"),
    ],
)
def test_a_silence_that_is_not_as_it_must_be_is_refused(body, says):
    log = Journal()
    silence(log, 1_000, ("room_id", "=", "r1"), **body)
    (answer,) = outcomes(stage(), log)
    assert answer["code"] == "bad_request"
    assert says in answer["message"]


# -- mute times; T0 is 2033-05-18 11:33:20 in Shanghai


def test_mute_times_hold_by_the_calendar():
    at_20 = (8 * 60 + 26) * 60_000 + 40_000
    log = Journal()
    log.beat(0)
    log.transition(1_000, severity="info", labels={})
    log.transition(1_000, subject="r2", room_id="r2", labels={})
    log.beat(at_20 - 1_000)
    log.beat(at_20)
    log.beat(at_20 + 4 * 3_600_000)
    alerts = [one for one in play(stage(), log.records) if one["subject"] == "r1"]
    assert [(state, reason) for _, _, state, reason in shown(alerts)] == [
        ("firing", None),
        ("suppressed", "muted"),
        ("firing", "mute_ended"),
    ]
    assert alerts[1]["at_ms"] == T0 + at_20


# -- the ladder


def test_who_does_not_acknowledge_in_time_is_passed_over_step_by_step():
    log = Journal()
    log.beat(0)
    log.transition(1_000, severity="critical", labels={})
    for at_ms in (300_999, 301_000, 601_000, 901_000):
        log.beat(at_ms)
    alerts = play(stage(), log.records)
    own = [one for one in alerts if one["kind"] == "stutter"]
    assert [(one["state"], one.get("escalated_to"), one["at_ms"] - T0) for one in own] == [
        ("firing", None, 1_000),
        ("escalated", "lead", 301_000),
        ("escalated", "boss", 601_000),
    ]


def test_an_acknowledgement_stops_the_ladder_and_its_end_begins_it_anew():
    log = Journal()
    log.beat(0)
    log.transition(1_000, severity="critical", labels={})
    log.command(200_000, "ack", R1, for_s=600)
    for at_ms in (400_000, 500_000, 800_000, 1_099_999, 1_100_000):
        log.beat(at_ms)
    own = [one for one in play(stage(), log.records) if one["kind"] == "stutter"]
    assert [(one["state"], one["reason"], one["at_ms"] - T0) for one in own] == [
        ("firing", None, 1_000),
        ("acknowledged", None, 200_000),
        ("acknowledged", "ack_ending", 500_000),
        ("firing", "ack_expired", 800_000),
        ("escalated", "not_acknowledged", 1_100_000),
    ]


def test_a_suppressed_alert_does_not_escalate_and_a_warning_has_no_ladder():
    log = Journal()
    log.beat(0)
    silence(log, 0, ("room_id", "=", "r1"))
    log.transition(1_000, severity="critical", labels={})
    log.transition(1_000, subject="r2", room_id="r2", labels={})
    log.beat(3_000_000)
    states = {one["state"] for one in play(stage(), log.records) if one["kind"] == "stutter"}
    assert states == {"suppressed", "firing"}


def test_an_alert_that_became_critical_has_the_whole_time_from_then_on():
    log = Journal()
    log.beat(0)
    log.transition(1_000, labels={})
    log.transition(1_000_000, "severity", severity="critical", labels={})
    log.beat(1_299_999)
    log.beat(1_300_000)
    own = [one for one in play(stage(), log.records) if one["kind"] == "stutter"]
    assert (own[-1]["state"], own[-1]["at_ms"] - T0) == ("escalated", 1_300_000)


# -- owners, tests, policies


def test_an_assigned_alert_has_its_owner_and_keeps_its_state():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "assign", R1, owner="wang")
    log.command(3_000, "assign", R1)
    made = stage()
    assigned, refused = outcomes(made, log)
    assert (assigned["alert"]["owner"], assigned["alert"]["state"]) == ("wang", "firing")
    assert refused["code"] == "bad_request"


def test_a_test_alert_is_marked_goes_the_whole_way_and_ends_by_itself():
    log = Journal()
    log.beat(0)
    log.command(1_000, "test", None, body={"kind": "stutter", "severity": "critical", "labels": {"cdn": "a"}})
    log.beat(61_000)
    began, ended = [one for one in play(stage(), log.records) if one["rule"] == "test"]
    assert (began["labels"], began["severity"], began["state"]) == (
        {"cdn": "a", "test": "true"},
        "critical",
        "firing",
    )
    assert "测试" in began["summary"]["zh"]
    assert (ended["state"], ended["reason"], ended["at_ms"] - T0) == ("resolved", "test_ended", 61_000)


def test_every_command_stands_in_the_audit():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "ack", R1, comment="看看")
    log.command(3_000, "resolve", "none")
    log.command(4_000, "rules_changed", None, comment="version 2")
    made = stage()
    outcomes(made, log)
    entries = [orjson.loads(value) for _, value in sorted(made.written().audit.items())]
    assert [(one["do"], one["by"], one["origin"], one["status"], one["code"]) for one in entries] == [
        ("ack", "li", "127.0.0.1", "done", None),
        ("resolve", "li", "127.0.0.1", "error", "not_found"),
        ("rules_changed", "li", "127.0.0.1", "done", None),
    ]


def test_a_new_rule_set_is_looked_at_from_its_instant_on():
    plain = Policy.of(load(RULES.split("inhibit", maxsplit=1)[0], 1), load_routes(ROUTES, 1), ZONE)
    made = Incidents(1, lambda _: Limits(), lambda at_ms: plain if at_ms < T0 + 10_000 else POLICY_2)
    made.load(Kept(), epoch=1)
    log = Journal()
    log.beat(0)
    log.transition(1_000, rule="feed", kind="feed_lost", labels={})
    log.transition(1_000, labels={})
    log.beat(9_500)
    log.beat(10_500)
    assert shown(play(made, log.records))[2:] == [("r1", 2, "suppressed", "inhibited")]


POLICY_2 = Policy.of(load(RULES, 2), load_routes(ROUTES, 1), ZONE)
