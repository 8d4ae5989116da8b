"""How much of a session's live time a critical alert on picture or feed was open."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.detectors.monitor import Limits
from alerts.held import pack, unpack_meta
from alerts.incidents import Incidents, Kept
from alerts.incidents.faults import ENDED_KEEP_MS, FAULT_KINDS
from alerts.model import Alert, episode_id, parse_alert, parse_transitions_record
from alerts.rules import RulesFold
from alerts.session import SessionChange
from alerts.stages import Record
from alerts.tally import Tally, unpack
from tests.alerts.journal import T0, Journal, fresh, merged, play
from tests.alerts.windowed import Player, pings, room


def tallies(stage: Incidents, kept: Kept = Kept()) -> dict[str, Tally]:  # noqa: B008 - never changed
    """Return what the store holds after the stage was kept, counted up to its clock."""
    after = merged(kept, stage.written())
    now_ms = orjson.loads(after.pulses["clock"])["now_ms"]
    return {room_id: unpack(packed).at(now_ms) for room_id, packed in after.faults.items()}


def told(log: Journal) -> tuple[int, int]:
    """Return live time and time at fault of room r1 in seconds."""
    stage = fresh()
    play(stage, log.records)
    tally = tallies(stage)["r1"]
    return tally.live_ms // 1_000, tally.fault_ms // 1_000


def test_time_with_an_open_critical_alert_counts_against_live_time():
    log = Journal()
    log.session(0, "live")
    log.transition(10_000)
    log.transition(20_000, "severity", severity="critical")
    log.transition(50_000, "severity", severity="warning")
    log.transition(60_000, "resolved")
    log.beat(120_000)
    assert told(log) == (120, 30)


def test_alerts_that_overlap_count_once():
    """The stutter from 10 to 40, the feed from 30 to 60: 50 s of 100."""
    log = Journal()
    log.session(0, "live")
    log.transition(10_000, severity="critical")
    log.transition(30_000, rule="feed", kind="feed_lost", severity="critical")
    log.transition(40_000, "resolved", severity="critical")
    log.transition(60_000, "resolved", rule="feed", kind="feed_lost", severity="critical")
    log.beat(100_000)
    assert told(log) == (100, 50)


def test_a_pause_is_no_live_time():
    log = Journal()
    log.session(0, "live")
    log.transition(10_000, severity="critical")
    log.session(20_000, "paused")
    log.session(80_000, "live")
    log.transition(90_000, "resolved", severity="critical")
    log.beat(100_000)
    assert told(log) == (40, 20)


def test_a_session_that_ends_while_an_alert_is_open_stays_as_it_was():
    log = Journal()
    log.session(0, "live")
    log.transition(10_000, severity="critical")
    log.session(30_000, "ended")
    log.transition(40_000, "resolved", severity="critical", reason="room_ended")
    log.beat(100_000)
    assert told(log) == (30, 20)


def test_the_next_session_begins_at_nothing():
    log = Journal()
    log.session(0, "live")
    log.transition(0, severity="critical")
    log.transition(30_000, "resolved", severity="critical")
    log.session(30_000, "ended")
    log.session(40_000, "live", session_ms=T0 + 40_000)
    log.beat(50_000)
    stage = fresh()
    play(stage, log.records)
    tally = tallies(stage)["r1"]
    assert (tally.session_ms, tally.ratio) == (T0 + 40_000, 0.0)


def test_only_measured_quality_counts_and_silence_hides_no_fault():
    log = Journal()
    log.session(0, "live")
    log.transition(0, rule="complaints", kind="viewer_complaints", severity="critical")
    log.command(0, "test", None, body={"kind": "stutter", "severity": "critical", "room_id": "r1"})
    log.beat(50_000)
    assert told(log) == (50, 0)
    silence = {"matchers": [{"label": "room_id", "op": "=", "value": "r1"}], "ends_at_ms": T0 + 900_000}
    log.command(50_000, "silence", None, body=silence)
    log.transition(60_000, severity="critical")
    log.beat(100_000)
    assert told(log) == (100, 40)
    assert "viewer_complaints" not in FAULT_KINDS


def test_an_alert_resolved_by_hand_is_open_no_more():
    log = Journal()
    log.session(0, "live")
    log.transition(10_000, severity="critical")
    log.command(30_000, "resolve", episode_id("stutter", "r1", T0))
    log.beat(40_000)
    assert told(log) == (40, 20)


def test_a_session_that_ended_is_forgotten_and_a_live_one_never():
    log = Journal()
    log.session(0, "live")
    log.session(0, "live", "r2")
    log.session(5_000, "ended")
    log.beat(4_999 + ENDED_KEEP_MS)
    stage = fresh()
    play(stage, log.records)
    kept = merged(Kept(), stage.written())
    assert set(kept.faults) == {"r1", "r2"}
    log.beat(6_000 + ENDED_KEEP_MS)
    play(stage, log.records[-1:])
    assert set(merged(kept, stage.written()).faults) == {"r2"}


def test_a_session_that_was_live_before_this_was_kept_counts_from_when_it_is_told():
    """The store of an older version has open alerts and no tallies."""
    log = Journal()
    log.transition(10_000, severity="critical")
    stage = fresh()
    play(stage, log.records)
    older = merged(Kept(), stage.written())
    stage = Incidents(1, lambda _: Limits())
    stage.load(Kept(older.open, older.acks, older.pulses, older.closed, older.holds), epoch=2)
    log.session(60_000, "live")
    log.beat(100_000)
    play(stage, log.records[1:])
    tally = tallies(stage)["r1"]
    assert (tally.live_ms, tally.fault_ms) == (40_000, 40_000)


# -- random histories against a slow recount

ROOMS = ("r1", "r2")
KINDS = ("stutter", "feed_lost", "viewer_complaints")
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ("live", "paused", "ended", "next", "firing", "severity", "resolved", "close", "beat")
        ),
        st.sampled_from(ROOMS),
        st.sampled_from(KINDS),
        st.sampled_from(("warning", "critical")),
        st.integers(0, 4_000),
    ),
    max_size=40,
)
Script = list[tuple[str, str, str, str, int]]


def build(script: Script) -> list[Record]:
    """Write a log; sessions and alerts come in any order, as after lost records."""
    log, now, session_ms = Journal(), 0, dict.fromkeys(ROOMS, T0)
    for what, room_id, kind, severity, gap in script:
        now += gap
        alert = {"rule": kind, "kind": kind, "subject": room_id, "room_id": room_id, "severity": severity}
        if what == "next":
            session_ms[room_id] = T0 + now
        if what in ("live", "paused", "ended", "next"):
            state = "live" if what == "next" else what
            log.session(now, state, room_id, session_ms=session_ms[room_id])
        elif what == "close":
            log.command(now, "resolve", episode_id(kind, room_id, T0))
        elif what == "beat":
            log.beat(now)
        else:
            log.transition(now, what, **alert)
    log.beat(now + 1_000)
    return log.records


def recount(records: list[Record]) -> dict[str, tuple[int | None, int, int]]:
    """Return room -> start, live time and fault time of its newest session, from what everybody can read."""
    stage, newest, sessions, counted = (
        fresh(),
        dict[str, Alert](),
        dict[str, SessionChange](),
        dict[str, tuple[int | None, int, int]](),
    )
    before_ms = 0
    for record in records:
        for room_id, session in sessions.items():
            start_ms, live_ms, fault_ms = counted[room_id]
            if session.state == "live":
                more_ms = record.append_ms - before_ms
                bad = any(is_fault(alert, room_id) for alert in newest.values())
                counted[room_id] = start_ms, live_ms + more_ms, fault_ms + bad * more_ms
        before_ms = record.append_ms
        for output in stage.apply(record):
            if output.log == "alerts":
                alert = parse_alert(output.value)
                newest[alert.id] = alert
        told = parse_transitions_record(record.value)
        if isinstance(told, SessionChange):
            known = counted.get(told.room_id)
            if told.state != "ended" and (known is None or known[0] != told.session_ms):
                counted[told.room_id] = told.session_ms, 0, 0
            if told.room_id in counted:
                sessions[told.room_id] = told
    return counted


def is_fault(alert: Alert, room_id: str) -> bool:
    wanted = (room_id, "critical")
    return (
        (alert.room_id, alert.severity) == wanted and alert.kind in FAULT_KINDS and alert.state != "resolved"
    )


@settings(deadline=None, max_examples=60)
@given(steps, st.data())
def test_any_history_with_any_restarts_counts_as_a_slow_recount_does(script: Script, data: st.DataObject):
    records = build(script)
    kept, stage = Kept(), fresh()
    for begin in range(0, len(records), 8):
        some = records[begin : begin + 8]
        keep = data.draw(st.integers(0, len(some)))
        play(stage, some[:keep])
        kept = merged(kept, stage.written())
        play(stage, some[keep:])  # and the process dies
        stage = Incidents(1, lambda _: Limits())
        stage.load(kept, epoch=2)
        play(stage, some[keep:])
    found = tallies(stage, kept)
    assert {
        room_id: (tally.session_ms, tally.live_ms, tally.fault_ms) for room_id, tally in found.items()
    } == recount(records)


# -- what the rules stage tells of sessions


def turns(player: Player, second: float, *entries: object, **given_: object) -> list[tuple[str, str]]:
    player.tick(second, *entries, **given_)  # type: ignore[arg-type] # as the player takes them
    return [(turn.room_id, turn.state) for turn in player.fold.turns.told]


def test_a_session_is_told_when_it_begins_pauses_goes_on_and_ends():
    player = Player()
    assert turns(player, 0, room("r2", state="planned", session_ms=None), room()) == [("r1", "live")]
    assert turns(player, 1, room("r2"), room(state="paused")) == [("r1", "paused"), ("r2", "live")]
    assert turns(player, 2, room(), room("r2")) == [("r1", "live")]
    assert turns(player, 3, room(state="ended")) == [("r1", "ended")]
    assert turns(player, 4, room(session_ms=T0 + 4_000)) == [("r1", "live")]
    assert turns(player, 5) == []


def test_positions_of_sessions_follow_those_of_alerts():
    player = Player()
    for second in range(5):
        player.tick(second, room(columns=pings(stall=0.2)))
    (told,) = player.tick(5, room(columns=pings(stall=0.2), state="paused"))
    (turn,) = player.fold.turns.told
    assert (told.position, turn.position) == ((5, 0), (5, 1))
    assert (turn.partition, turn.epoch, turn.session_ms) == (3, 2, room().session_ms)


def test_a_room_that_a_new_owner_of_the_partition_does_not_know_has_ended():
    player = Player()
    player.tick(0, room(), room("r2"))
    player.epoch = 2
    assert turns(player, 1, room()) == [("r2", "ended")]


def test_sessions_are_told_once_by_a_program_that_finds_the_state_of_one_that_told_none():
    player = Player()
    player.tick(0, room(), room("r2", state="paused"), room("r3", state="planned"))
    fields = {name: value for name, value in player.fold.changed().items() if value is not None}
    meta = unpack_meta(fields["meta"])
    for sessions, expected in ((False, [("r1", "live"), ("r2", "paused")]), (True, [])):
        meta.sessions = sessions
        player.fold = RulesFold(lambda _: player.ruleset, partition=3, epoch=2)
        player.fold.load(fields | {"meta": pack(meta)})
        assert turns(player, 1) == expected
        assert turns(player, 2) == []


def test_nothing_is_told_of_a_record_that_is_dropped():
    player = Player()
    record = player.record(0, room())
    player.play(record)
    player.play(record)
    assert player.fold.turns.told == []
