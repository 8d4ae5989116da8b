"""The incidents stage as a function of its log."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detectors.monitor import Limits, limits_of
from alerts.incidents import Incidents, Kept, Policy
from alerts.incidents import stage as stage_module
from alerts.incidents.monitor import GRACE_MS
from alerts.model import episode_id, parse_alert
from alerts.routing import load as load_routes
from alerts.rulecheck import load
from alerts.stages import Output, Record
from tests.alerts.journal import T0, Journal, fresh, merged, play, without_repeats

R1 = episode_id("stutter", "r1", T0)
CONTRACT_FIELDS = """
    id change at_ms started_at_ms room_id subject rule rule_version kind severity severity_max state value
    expected threshold samples confidence window_s labels summary advice contributions runbook_url evidence
    incident_id reason latency_ms
"""


def outcomes(stage: Incidents, records: list[Record]) -> list[dict[str, Any]]:
    made = [output for record in records for output in stage.apply(record)]
    return [orjson.loads(output.value) for output in made if output.log == "outcomes"]


def test_a_firing_transition_begins_an_episode_with_every_field_of_the_contract():
    log = Journal()
    log.transition(1_000)
    (alert,) = play(fresh(), log.records)
    assert list(alert) == CONTRACT_FIELDS.split()
    assert alert["id"] == R1
    assert (alert["change"], alert["state"], alert["at_ms"]) == (1, "firing", T0 + 1_000)
    assert alert["latency_ms"] == 100
    assert alert["severity"] == alert["severity_max"] == "warning"


def test_severity_moves_make_changes_and_keep_the_worst():
    log = Journal()
    log.transition(1_000)
    log.transition(2_000, "severity", severity="critical", value=0.09)
    log.transition(3_000, "severity", severity="warning", value=0.03)
    _, rose, fell = play(fresh(), log.records)
    assert (rose["severity"], rose["severity_max"], rose["value"]) == ("critical", "critical", 0.09)
    assert (fell["severity"], fell["severity_max"]) == ("warning", "critical")
    assert rose["latency_ms"] == fell["latency_ms"] == 100
    assert (rose["reason"], fell["reason"]) == ("severity_rose", "severity_fell")


@pytest.mark.parametrize("reason", ["recovered", "room_ended"])
def test_the_rules_stage_ends_an_episode(reason: str):
    log = Journal()
    log.transition(1_000)
    log.transition(2_000, "resolved", reason=reason)
    stage = fresh()
    assert [(alert["change"], alert["state"], alert["reason"]) for alert in play(stage, log.records)] == [
        (1, "firing", None),
        (2, "resolved", reason),
    ]


def test_a_second_firing_of_an_open_episode_opens_no_second_one():
    log = Journal()
    log.transition(1_000)
    log.transition(2_000, started_at_ms=T0 + 1_000)
    stage = fresh()
    assert len(play(stage, log.records)) == 1
    assert stage.passed_over["same_severity"] == 1


def test_an_acknowledgement_names_its_owner_and_is_answered():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "ack", R1, verdict="real")
    stage = fresh()
    (outcome,) = outcomes(stage, log.records)
    assert outcome["status"] == "done"
    alert = outcome["alert"]
    assert (alert["state"], alert["owner"], alert["verdict"], alert["change"]) == (
        "acknowledged",
        "li",
        "real",
        2,
    )


def test_an_acknowledgement_expires_by_the_clock_of_the_log():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "ack", R1, for_s=60)
    log.beat(61_900)
    log.beat(62_000)
    alerts = play(fresh(), log.records)
    assert [(alert["state"], alert["at_ms"] - T0) for alert in alerts] == [
        ("firing", 1_000),
        ("acknowledged", 2_000),
        ("firing", 62_000),
    ]
    assert alerts[-1]["reason"] == "ack_expired"


def test_an_acknowledgement_holds_an_hour_unless_told_otherwise():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "ack", R1)
    stage = fresh()
    play(stage, log.records)
    assert stage.written().acks == {R1: T0 + 2_000 + 3_600_000}


def test_an_acknowledgement_ends_with_a_rise_but_not_with_a_fall():
    log = Journal()
    log.transition(1_000, severity="critical")
    log.command(2_000, "ack", R1)
    log.transition(3_000, "severity", severity="warning")
    log.transition(4_000, "severity", severity="critical")
    log.beat(10_000_000)
    states = [alert["state"] for alert in play(fresh(), log.records)]
    assert states == ["firing", "acknowledged", "acknowledged", "firing"]


def test_after_a_manual_resolve_nothing_comes_until_the_recover_bound_held():
    log = Journal()
    log.transition(1_000)
    log.command(2_000, "resolve", R1, verdict="false_alarm")
    log.transition(3_000, "severity", severity="critical")
    log.transition(4_000, "resolved")
    log.transition(5_000, started_at_ms=T0 + 4_500)
    alerts = play(fresh(), log.records)
    assert [(alert["id"], alert["state"], alert["reason"]) for alert in alerts] == [
        (R1, "firing", None),
        (R1, "resolved", "manual"),
        (episode_id("stutter", "r1", T0 + 4_500), "firing", None),
    ]
    assert alerts[1]["verdict"] == "false_alarm"


def test_commands_that_cannot_be_obeyed_say_why():
    log = Journal()
    log.transition(1_000)
    log.transition(2_000, "resolved")
    log.command(3_000, "ack", R1)
    log.command(3_000, "resolve", R1)
    log.command(3_000, "ack", "0" * 20)
    log.command(3_000, "assign", R1)
    answers = outcomes(fresh(), log.records)
    assert [answer["code"] for answer in answers] == ["conflict", "conflict", "not_found", "conflict"]
    assert all(answer["message"] for answer in answers)


def test_a_zombies_and_a_repeated_transition_are_dropped_and_counted():
    log = Journal()
    log.beat(500, epoch=3)
    log.transition(1_000, epoch=2, position=(5, 0))
    log.transition(1_100, epoch=3, position=(5, 0))
    log.transition(1_200, "resolved", epoch=4, position=(5, 0))
    stage = fresh()
    assert [alert["state"] for alert in play(stage, log.records)] == ["firing"]
    assert stage.passed_over == {"old_epoch": 1, "seen_position": 1}


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"type":"else"}', b'{"type":"transition"}', b"\xff"])
def test_a_bad_record_is_counted_and_harms_nothing(value: bytes):
    log = Journal()
    log.add(1_000, value)
    log.transition(1_100, partition=7)
    log.transition(1_200)
    stage = fresh()
    assert len(play(stage, log.records)) == 1
    assert stage.passed_over["bad_record"] == 2


def beats(log: Journal, begin_s: int, end_s: int, *, partitions: int = 1, **given: Any) -> None:
    for second in range(begin_s, end_s):
        for partition in range(partitions):
            log.beat(second * 1_000, partition, **given)


def test_a_partition_that_falls_behind_degrades_and_recovers():
    """Ticks stand from second 40 on: bad at 46, told at 51, critical past 15 s; good from 70, over at 80."""
    log = Journal()
    beats(log, 0, 40)
    beats(log, 40, 70, tick_ms=T0 + 40_000, reach_ms={"health": T0 + 40_000})
    beats(log, 70, 90)
    alerts = play(fresh(), log.records)
    assert [(alert["at_ms"] - T0, alert["severity"], alert["state"]) for alert in alerts] == [
        (51_000, "warning", "firing"),
        (56_000, "critical", "firing"),
        (80_000, "critical", "resolved"),
    ]
    told = alerts[0]
    assert (told["subject"], told["room_id"], told["kind"]) == ("partition-0", None, "monitor_degraded")
    assert told["started_at_ms"] == T0 + 46_000
    assert told["latency_ms"] == 0
    assert "11.0" in told["summary"]["zh"]
    assert "11.0" in told["summary"]["en"]


def test_an_old_reach_alone_degrades_and_names_the_feed():
    log = Journal()
    beats(log, 0, 30)
    for second in range(30, 42):
        log.beat(second * 1_000, reach_ms={"orders": T0 + 30_000, "health": T0 + second * 1_000})
    (alert,) = play(fresh(), log.records)
    assert "orders" in alert["summary"]["en"]


def test_more_than_one_percent_of_dead_letters_degrades_and_recovers():
    log = Journal()
    beats(log, 0, 30)
    for second in range(30, 40):
        log.beat(second * 1_000, records_1m=1_000, dead_1m=11)
    beats(log, 40, 60)
    fired, resolved = play(fresh(), log.records)
    assert (fired["at_ms"] - T0, fired["severity"], fired["samples"]) == (35_000, "warning", 1_000)
    assert (fired["value"], fired["threshold"]) == (0.011, 0.01)
    assert "1.1%" in fired["summary"]["zh"]
    assert "11 of 1000" in fired["summary"]["en"]
    assert resolved["state"] == "resolved"


@pytest.mark.parametrize(("records", "dead"), [(1_000, 10), (8, 4), (0, 0)])
def test_a_small_share_or_a_handful_of_dead_letters_is_no_alarm(records: int, dead: int):
    log = Journal()
    for second in range(40):
        log.beat(second * 1_000, records_1m=records, dead_1m=dead)
    assert play(fresh(), log.records) == []


def test_a_silent_rules_worker_degrades_its_partition_only():
    log = Journal()
    beats(log, 0, 30, partitions=2)
    for second in range(30, 45):
        log.beat(second * 1_000, 1)
    warned, worse = play(fresh(2), log.records)
    assert warned["subject"] == worse["subject"] == "partition-0"
    assert "heartbeat" in warned["summary"]["en"]
    assert worse["severity"] == "critical"


def test_a_partition_that_never_had_a_heartbeat_degrades():
    log = Journal()
    beats(log, 0, 40)
    (alert,) = play(fresh(2), log.records)
    assert alert["subject"] == "partition-1"
    assert alert["at_ms"] == T0 + GRACE_MS + Limits().for_ms


def test_a_take_over_within_ten_seconds_cries_no_wolf():
    log = Journal()
    beats(log, 0, 30, partitions=2)
    for second in range(30, 39):
        log.beat(second * 1_000, 1)
    beats(log, 39, 80, partitions=2)
    assert play(fresh(2), log.records) == []


def test_an_hour_without_any_engine_is_forgiven_when_it_catches_up():
    log = Journal()
    beats(log, 0, 30)
    for second in range(3_600, 3_600 + GRACE_MS // 1_000 - 1):
        log.beat(second * 1_000, tick_ms=T0 + 30_000, reach_ms={"health": T0 + 30_000})
    beats(log, 3_600 + GRACE_MS // 1_000 - 1, 3_700)
    assert play(fresh(), log.records) == []


def test_bounds_of_the_watch_fit_together():
    limits = Limits()
    assert limits.warning_ms + limits.for_ms < limits.critical_ms < GRACE_MS
    assert limits.keep_ms >= limits.for_ms


def test_the_rule_set_gives_the_limits_and_their_version():
    text = """
    rules:
      - name: monitor
        kind: monitor_degraded
        any:
          - {detector: reach_age, params: {warning_s: 3, critical_s: 20}}
          - {detector: dead_letters, params: {warning_ratio: 0.2}}
        for_s: 2
        keep_firing_s: 7
    """
    assert limits_of(load(text, 4)) == Limits(3_000, 20_000, 0.2, for_ms=2_000, keep_ms=7_000, version=4)
    default = (Path(__file__).parents[2] / "deploy" / "rules" / "default.yaml").read_text()
    assert limits_of(load(default, 1)) == Limits(version=1)
    log = Journal()
    beats(log, 0, 30)
    beats(log, 30, 38, tick_ms=T0 + 30_000)
    (alert,) = play(Incidents(1, lambda _: limits_of(load(text, 4))), log.records)
    assert (alert["at_ms"] - T0, alert["threshold"], alert["rule_version"]) == (36_000, 3.0, 4)


def test_a_degraded_partition_resolved_by_hand_comes_back_only_after_it_was_well():
    log = Journal()
    beats(log, 0, 30)
    beats(log, 30, 45, tick_ms=T0 + 30_000)
    alert_id = episode_id("monitor_degraded", "partition-0", T0 + 36_000)
    log.command(45_000, "resolve", alert_id)
    beats(log, 46, 60, tick_ms=T0 + 30_000)
    beats(log, 60, 75)
    beats(log, 75, 90, tick_ms=T0 + 75_000)
    states = [(alert["state"], alert["change"]) for alert in play(fresh(), log.records)]
    assert states == [("firing", 1), ("resolved", 2), ("firing", 1)]


def test_resolved_episodes_are_known_for_35_days_and_then_forgotten():
    log = Journal()
    log.transition(1_000)
    log.transition(2_000, "resolved")
    stage = fresh()
    play(stage, log.records)
    stage.written()
    month = 35 * 24 * 3_600_000
    log.command(1_999 + month, "ack", R1)
    log.command(2_000 + month, "ack", R1)
    assert [outcome["code"] for outcome in outcomes(stage, log.records[-2:])] == ["conflict", "conflict"]
    assert stage.written().forgotten == [R1]
    log.command(2_001 + month, "ack", R1)
    assert [outcome["code"] for outcome in outcomes(stage, log.records[-1:])] == ["not_found"]


def test_resolved_episodes_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stage_module, "CLOSED_MAX", 3)
    log = Journal()
    for number in range(5):
        log.transition(number * 10, subject=f"r{number}")
        log.transition(number * 10 + 1, "resolved", subject=f"r{number}")
    stage = fresh()
    play(stage, log.records)
    written = stage.written()
    assert written.forgotten == [episode_id("stutter", f"r{number}", T0) for number in range(2)]


# -- properties over random logs


SUBJECTS = ("r1", "r2", "r3")
steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("firing", "severity", "resolved", "lost", "beat", "ack", "resolve", "assign", "silence"),
                *("unsilence", "test", "repeat", "stale", "junk"),
            ]
        ),
        st.sampled_from(SUBJECTS),
        st.sampled_from(["info", "warning", "critical"]),
        st.integers(0, 9_000),
    ),
    max_size=40,
)


POLICY = Policy.of(
    load("""
rules:
  - {name: stutter, kind: stutter, any: [{metric: live_smooth_ratio, window: 5m, compare: "<", warning: 0.9}]}
inhibit:
  - {source: {kind: feed_lost}, target: {kind: stutter}, equal: [room_id]}
group:
  - {kinds: [stutter], by: cdn, at_least: 2}
escalate:
  - {severity: warning, after_s: 5, to: lead}
  - {severity: critical, after_s: 3, to: boss}
"""),
    load_routes("mute: [{name: odd, match: {room_id: [r3]}, times: [{from: '11:33', to: '11:34'}]}]", 1),
    ZoneInfo("Asia/Shanghai"),
)


def silence_of(subject: str, now: int) -> dict[str, Any]:
    matchers = [{"label": "room_id", "op": "=~", "value": f"r1|{subject}"}]
    return {
        "matchers": matchers,
        "starts_at_ms": T0 + now + 500,
        "ends_at_ms": T0 + now + 12_000,
        "idle_s": 6,
    }


def build(script: list[tuple[str, str, str, int]]) -> list[Record]:
    """Write a log that a rules stage, people and crashes may have written."""
    log, now, started = Journal(), 0, dict.fromkeys(SUBJECTS, T0)
    for what, subject, severity, gap in script:
        now += gap
        if what == "firing":
            started[subject] = T0 + now
        if what in ("firing", "severity", "resolved"):
            log.transition(now, what, subject=subject, severity=severity, started_at_ms=started[subject])
        elif what in ("ack", "resolve", "assign", "silence", "unsilence", "test"):
            ask(log, now, what, subject, started[subject], gap)
        else:
            befall(log, now, what, subject, gap)
    return log.records


def befall(log: Journal, now: int, what: str, subject: str, gap: int) -> None:
    """Write what is neither of the rule watched nor of people."""
    if what == "lost":
        to = "resolved" if gap % 2 else "firing"
        log.transition(now, to, rule="feed", kind="feed_lost", subject=subject, room_id=subject)
    elif what == "beat":
        log.beat(now, behind_ms=gap)
    elif what == "repeat" and log.records:
        log.add(now, log.records[-1].value)
    elif what == "stale":
        log.transition(now, "firing", subject=subject, epoch=0, started_at_ms=T0 + now)
    else:
        log.add(now, b"?")


def ask(log: Journal, now: int, what: str, subject: str, started_at_ms: int, gap: int) -> None:
    """Write a command."""
    if what == "silence":
        log.command(now, what, None, body=silence_of(subject, now))
    elif what == "unsilence":
        made = [one.offset for one in log.records if b'"do":"silence"' in one.value]
        silence_id = sha256(f"c{made[gap % len(made)] if made else 0}".encode()).hexdigest()[:20]
        log.command(now, what, silence_id)
    elif what == "test":
        log.command(now, what, None, for_s=5)
    else:
        alert_id = episode_id("stutter", subject, started_at_ms)
        log.command(now, what, alert_id, for_s=20 if gap % 2 else 700, owner="wang")


def under_policy() -> Incidents:
    stage = Incidents(1, lambda _: Limits(), lambda _: POLICY)
    stage.load(Kept(), epoch=1)
    return stage


def folded(stage: Incidents, records: list[Record]) -> list[Output]:
    return [output for record in records for output in stage.apply(record)]


@pytest.mark.timeout(120)
@settings(deadline=None, max_examples=25)
@given(steps, st.data())
def test_a_replay_from_any_kept_state_gives_the_same_bytes(
    script: list[tuple[str, str, str, int]], data: st.DataObject
):
    records = build(script)
    once = folded(under_policy(), records)
    again: list[Output] = []
    kept, saved = Kept(), 0
    for _ in range(data.draw(st.integers(0, 4))):  # crash somewhere, having kept a state of some time before
        stage = under_policy()
        stage.load(kept, epoch=1)
        keep = data.draw(st.integers(saved, len(records)))
        crash = data.draw(st.integers(keep, len(records)))
        again += folded(stage, records[saved:keep])
        kept = merged(kept, stage.written())
        again += folded(stage, records[keep:crash])
        saved = keep
    stage = under_policy()
    stage.load(kept, epoch=1)
    again += folded(stage, records[saved:])
    alerts = [output for output in again if output.log == "alerts"]
    assert without_repeats(alerts) == [output.value for output in once if output.log == "alerts"]
    assert {output.value for output in again} == {output.value for output in once}


@settings(deadline=None, max_examples=40)
@given(steps)
def test_changes_count_without_holes_and_one_episode_is_open_for_each_rule_and_subject(
    script: list[tuple[str, str, str, int]],
):
    changes: dict[str, int] = {}
    open_: dict[tuple[str, str], str] = {}
    for output in folded(under_policy(), build(script)):
        if output.log != "alerts":
            continue
        alert = parse_alert(output.value)
        key = (alert.rule, alert.subject)
        assert alert.change == changes.get(alert.id, 0) + 1
        assert open_.get(key, alert.id) == alert.id
        changes[alert.id] = alert.change
        if alert.state == "resolved":
            del open_[key]
        else:
            open_[key] = alert.id
