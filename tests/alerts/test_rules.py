"""The fold of a partition: when alerts begin, move and end, and that a restart changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.held import pack, unpack_meta
from alerts.model import Transition, encode, episode_id, parse_transitions_record
from alerts.rulecheck import load
from alerts.rules import RulesFold
from stream.catalogue import ROOM_COLUMNS
from stream.columns import RELEASED
from stream.errors import StageError
from tests.alerts.windowed import STUTTER, T0, Player, pings, room, vendor

GOOD, BAD, AWFUL = (pings(stall=ratio) for ratio in (0.0, 0.03, 0.2))


def test_a_breach_is_told_after_for_and_ends_after_keep_firing() -> None:
    """Told once for its beginning and once for its end.

    second  0    1 ........ 6        20          30
    stall   ok   breach              ok
                 started    firing   recovering  resolved
    """
    player = Player()
    for second in range(40):
        player.tick(
            second, room(columns=BAD if 1 <= second < 20 else GOOD, newest_ms={"health": T0 + 1000 * second})
        )
    assert player.story() == [(6, "firing", "warning"), (30, "resolved", "warning")]
    begun, ended = player.told
    assert begun.started_at_ms == ended.started_at_ms == T0 + 1_000
    assert begun.alert_id == episode_id("stutter", "r1", T0 + 1_000)
    assert begun.due_ms == T0 + 6_000
    assert (begun.value, begun.threshold, begun.samples, begun.window_s) == (0.03, 0.02, 5, 10)
    assert (begun.partition, begun.epoch, begun.position, begun.rule_version) == (3, 2, (6, 0), 1)
    assert (begun.reason, ended.reason) == (None, "recovered")
    assert parse_transitions_record(encode(begun.to_record())) == begun


def test_severity_climbs_after_its_own_for_and_falls_after_keep_firing() -> None:
    player = Player()
    for second in range(45):
        columns = AWFUL if 8 <= second < 20 else BAD
        player.tick(second, room(columns=columns))
    assert player.story() == [
        (5, "firing", "warning"),
        (13, "severity", "critical"),
        (30, "severity", "warning"),
    ]


def test_a_total_breach_does_not_wait_for_for() -> None:
    player = Player()
    player.tick(0, room(columns=GOOD))
    player.tick(1, room(columns=pings(stall=1.0), newest_ms={"health": T0 + 900}))
    assert player.story() == [(1, "firing", "critical")]
    assert player.told[0].due_ms == T0 + 900


def test_a_short_breach_is_not_told() -> None:
    player = Player()
    for second in range(30):
        player.tick(second, room(columns=BAD if second % 6 < 5 else GOOD))
    assert player.told == []


def test_between_recover_and_warning_an_open_alert_stays() -> None:
    player = Player()
    for second in range(60):
        player.tick(second, room(columns=BAD if second < 10 else pings(stall=0.015)))
    assert player.story() == [(5, "firing", "warning")]


def test_timers_run_on_for_rooms_that_a_tick_does_not_carry() -> None:
    player = Player()
    player.tick(0, room(columns=BAD))
    for second in range(1, 8):
        player.tick(second)
    assert player.story() == [(5, "firing", "warning")]


def test_a_record_within_the_second_is_judged_at_once() -> None:
    player = Player()
    player.tick(0, room(columns=GOOD))
    player.tick(0.4, room(columns=pings(stall=1.0)), last=False)
    assert player.story() == [(0, "firing", "critical")]


def test_no_data_holds_the_alert_open_for_ever() -> None:
    player = Player()
    for second in range(200):
        player.tick(second, room(columns=BAD if second < 10 else {}))
    assert player.story() == [(5, "firing", "warning")]


def test_too_few_pings_are_no_data() -> None:
    player = Player()
    for second in range(20):
        player.tick(second, room(columns=pings(stall=0.5, count=2)))
    assert player.told == []


def test_a_pending_breach_without_data_is_forgotten_in_the_end() -> None:
    player = Player()
    player.tick(0, room(columns=BAD))
    for second in range(1, 100):
        player.tick(second, room())
    for second in range(100, 104):
        player.tick(second, room(columns=BAD))
    assert player.told == []


@pytest.mark.parametrize(("interval_s", "window_s"), [(2, 10), (3.3, 10), (5, 60), (20, 60), (30, 300)])
def test_the_window_follows_the_ping_interval(interval_s: float, window_s: int) -> None:
    player = Player()
    player.tick(0, room(columns=pings(stall=1.0, interval_s=interval_s)))
    assert player.told[0].window_s == window_s


def test_the_end_of_the_room_ends_its_alerts() -> None:
    player = Player()
    for second in range(7):
        player.tick(second, room(columns=BAD, facts={"title": "夜场"}))
    player.tick(7, room(columns=BAD, state="ended"))
    for second in range(8, 20):
        player.tick(second)
    assert player.story() == [(5, "firing", "warning"), (7, "resolved", "warning")]
    assert player.told[1].reason == "room_ended"
    assert player.told[1].summary.zh == "「夜场」直播已结束，卡顿告警随之关闭。"
    assert [name for name in player.fold.changed() if name != "meta"] != []
    assert player.fold.changed().keys() == {"meta"}


def test_a_new_session_ends_the_old_ones_alerts_and_begins_with_a_new_id() -> None:
    player = Player()
    for second in range(20):
        player.tick(second, room(columns=AWFUL, session_ms=T0 + (7_000 if second >= 7 else 0)))
    assert player.story() == [
        (5, "firing", "critical"),
        (7, "resolved", "critical"),
        (13, "firing", "critical"),
    ]
    assert len({told.alert_id for told in player.told}) == 2


def test_overrides_hold_for_the_rooms_that_match_and_follow_their_facts() -> None:
    player = Player()
    for second in range(20):
        facts = {"category": "beauty"} if second < 3 else None
        columns = pings(stall=0.028)
        player.tick(second, room("r1", columns, facts=facts), room("r2", columns))
    assert [(told.subject, told.tick_ms - T0) for told in player.told] == [("r2", 5_000)]
    player.tick(20, room("r1", pings(stall=0.028), facts={"category": "food"}))
    for second in range(21, 26):
        player.tick(second)
    assert player.told[-1].subject == "r1"


PAUSE = """
rules:
  - {name: spike, kind: traffic_spike, for_s: 2,
     any: [{metric: live_viewers, compare: ">", warning: 100}]}
  - {name: stutter, kind: stutter, for_s: 2,
     any: [{metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">", warning: 0.02}]}
"""


def test_a_paused_room_raises_nothing_of_traffic() -> None:
    player = Player(PAUSE)
    for second in range(10):
        player.tick(second, room(columns={"live_viewers": 500, **BAD}, state="paused"))
    assert [told.rule for told in player.told] == ["stutter"]


def test_a_pause_neither_ends_nor_moves_an_alert_of_traffic() -> None:
    player = Player(PAUSE)
    for second in range(60):
        viewers = 500 if second < 5 else 0
        player.tick(
            second, room(columns={"live_viewers": viewers}, state="paused" if 5 <= second < 40 else "live")
        )
    assert player.story() == [(2, "firing", "warning"), (50, "resolved", "warning")]


VENDORS = """
rules:
  - {name: slow, kind: vendor_slow, for_s: 2, min_samples: 20,
     any: [{metric: live_vendor_timeout_ratio, window: 1m, compare: ">", warning: 0.02, recover: 0.01}]}
"""


def test_a_vendor_is_a_subject_of_its_own_and_is_forgotten_when_silent() -> None:
    player = Player(VENDORS)
    columns = {'live_vendor_timeout_ratio{window="1m"}': 0.1, 'live_vendor_calls{window="1m"}': 40}
    for second in range(4):
        player.tick(second, vendors=[vendor(columns, newest_ms=T0 + 1000 * second)])
    told = player.told[0]
    assert (told.subject, told.room_id, told.due_ms) == ("pay/charge", None, T0 + 2_000)
    assert told.labels == {"vendor": "pay", "operation": "charge"}
    assert (
        told.summary.zh == "供应商 pay 的 charge 接口异常：近 1 分钟供应商超时率 10%，超过 2%（40 次调用）。"
    )
    player.tick(1_000)
    assert player.told[-1].reason == "room_ended"


def test_lower_epochs_and_seen_records_are_dropped() -> None:
    player = Player()
    first = player.record(0, room(columns=pings(stall=1.0)))
    assert len(player.play(first)) == 1
    player.epoch, player._seq = 2, 0
    player.tick(1, room(columns=GOOD))
    player.epoch, player._seq = 1, 500
    assert player.tick(2, room("r9", columns=pings(stall=1.0))) == []
    player.epoch, player._seq = 2, 0
    assert player.tick(2, room("r9", columns=pings(stall=1.0))) == []
    assert len(player.tick(3, room("r9", columns=pings(stall=1.0)))) == 1


def test_rooms_that_a_new_owner_does_not_know_have_ended() -> None:
    player = Player()
    player.tick(0, room("r1", pings(stall=1.0)), room("r2", pings(stall=1.0)))
    player.epoch, player._seq = 2, 0
    player.tick(1, room("r2", pings(stall=1.0)), last=False)
    player.tick(1)
    assert [(told.subject, told.to) for told in player.told[2:]] == [("r1", "resolved")]


def test_an_alert_that_keeps_coming_back_is_damped_and_says_so() -> None:
    """Bad and good for 20 s each: the third episode must be good for 20 s, and then stays open."""
    player = Player()
    for second in range(200):
        player.tick(second, room(columns=BAD if second % 40 < 20 else GOOD))
    assert player.story() == [
        (5, "firing", "warning"),
        (30, "resolved", "warning"),
        (45, "firing", "warning"),
        (70, "resolved", "warning"),
        (85, "firing", "warning"),
    ]
    assert [told.reason for told in player.told if told.to == "firing"] == [None, None, "flapping"]
    assert "3 times lately" in player.told[-1].summary.en
    for second in range(200, 260):
        player.tick(second, room(columns=GOOD))
    assert player.story()[-1] == (200, "resolved", "warning")


def test_unknown_columns_stop_the_stage() -> None:
    player = Player()
    record = player.record(0)
    with pytest.raises(StageError, match="columns version 99"):
        player.play(
            type(record)(
                **{name: getattr(record, name) for name in record.__struct_fields__} | {"columns": 99}
            )
        )


def test_a_record_of_released_columns_is_understood() -> None:
    """Its values are the first ones of ours; the rest is no data."""
    player = Player(
        STUTTER
        + """
  - name: busy
    kind: capacity_risk
    any: [{metric: live_cpu_ratio, window: 1m, compare: ">", warning: 0.8}]
"""
    )
    entry = room(columns=pings(stall=1.0))
    old = len(RELEASED[1]["room"])
    call = vendor({'live_vendor_calls{window="1m"}': 40}, newest_ms=T0)
    record = player.record(
        0, replace(entry, values=entry.values[:old]), vendors=[replace(call, values=call.values[:6])]
    )
    told = player.play(replace(record, columns=1))
    assert [(each.rule, each.to) for each in told] == [("stutter", "firing")]
    held = player.fold.subject("r1")
    assert held is not None
    assert len(held.values) == len(ROOM_COLUMNS)


def test_state_of_a_program_that_kept_other_figures_is_read() -> None:
    """A detector that now reads more must not make what was kept unreadable."""
    player = Player()
    for second in range(8):
        player.tick(second, room(columns=BAD))
    fields = {name: packed for name, packed in player.fold.changed().items() if packed is not None}
    for meta in (_meta_with(fields["meta"], places=([0], [])), _meta_with(fields["meta"], places=None)):
        fold = RulesFold(lambda _: player.ruleset)
        fold.load({**fields, "meta": meta})
        told = [
            each
            for second in range(8, 30)
            for each in fold.apply(second, 0, player.record(second, room(columns=GOOD)))
        ]
        assert [(each.to, each.reason) for each in told] == [("resolved", "recovered")]


def _meta_with(packed: bytes, **changes: Any) -> bytes:
    return pack(replace(unpack_meta(packed), **changes))


def test_another_rule_set_keeps_episodes_of_its_rules_and_ends_the_others() -> None:
    player = Player(PAUSE)
    for second in range(5):
        player.tick(second, room(columns={"live_viewers": 500, **BAD}))
    player.ruleset = load(STUTTER.replace("for_s: 5", "for_s: 6"), 2)
    player.tick(5, room(columns={"live_viewers": 500, **BAD}))
    for second in range(6, 20):
        player.tick(second, room(columns=GOOD))
    assert [(told.rule, told.to, told.reason, told.rule_version) for told in player.told] == [
        ("spike", "firing", None, 1),
        ("stutter", "firing", None, 1),
        ("spike", "resolved", "rule_removed", 2),
        ("stutter", "resolved", "recovered", 2),
    ]


def test_transitions_of_a_record_are_ordered_by_subject_and_rule() -> None:
    player = Player(PAUSE)
    told: list[Transition] = []
    for second in range(3):
        rooms = [room(name, {"live_viewers": 500, **BAD}) for name in ("r2", "r1")]
        told += player.tick(second, *rooms)
    assert [(t.subject, t.rule, t.position) for t in told] == [
        ("r1", "spike", (2, 0)),
        ("r1", "stutter", (2, 1)),
        ("r2", "spike", (2, 2)),
        ("r2", "stutter", (2, 3)),
    ]


def test_the_heartbeat_tells_how_far_the_fold_is() -> None:
    player = Player()
    player.tick(0, room(columns=pings(stall=1.0)))
    beat = player.fold.heartbeat()
    assert (beat.partition, beat.epoch, beat.position, beat.tick_ms) == (3, 2, (0, 1), T0)
    assert beat.reach_ms["health"] == T0
    assert parse_transitions_record(encode(beat.to_record())) == beat


LOST = """
rules:
  - {name: lost, kind: feed_lost, keep_firing_s: 1, any: [{detector: silence, where: {probe: edge}}]}
"""


def _pinged(second: float, room_id: str = "r1") -> Any:
    newest = {'live_ping_newest_timestamp_seconds{probe="edge"}': (T0 + 1000 * second) / 1000}
    return room(room_id, pings(interval_s=1) | newest)


def test_a_silence_is_told_by_the_next_record_after_its_limit() -> None:
    """Pings of r1 end at 0.2 s, so 5 s of silence end at 5.2 s: told at 5.3 s, not at the tick of 6 s."""
    player = Player(LOST)
    player.tick(0, _pinged(0.2), _pinged(0.9, "r2"), reach_s=1)
    for second in range(1, 5):
        player.tick(second)
    player.tick(5, reach_s=5.05)
    assert player.tick(5.1, last=False, reach_s=5.1) == []
    told = player.tick(5.3, last=False, reach_s=5.3)
    assert [(t.subject, t.tick_ms - T0, t.due_ms - T0) for t in told] == [("r1", 5_000, 5_200)]
    assert player.tick(5.4, last=False, reach_s=5.4) == []


def test_a_ping_that_comes_with_the_limit_ends_the_wait() -> None:
    player = Player(LOST)
    player.tick(0, _pinged(0.2), reach_s=1)
    player.tick(5, reach_s=5.05)
    assert player.tick(5.3, _pinged(5.25), last=False, reach_s=5.3) == []
    assert player.tick(6, reach_s=6.05) == []


ALL_RULES = """
rules:
  - {name: stutter, kind: stutter, for_s: 3, keep_firing_s: 2, min_samples: 3,
     any: [{metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
            warning: 0.02, critical: 0.05, recover: 0.01, total: 1}],
     overrides: [{match: {category: beauty}, set: {for_s: 1}}]}
  - {name: lost, kind: feed_lost, keep_firing_s: 1, any: [{detector: silence, where: {probe: edge}}]}
  - {name: spike, kind: traffic_spike, for_s: 1, keep_firing_s: 2,
     any: [{detector: spike, metric: live_viewers,
            params: {ready_s: 5, step_s: 1, memory_s: 5, min_excess: 5,
                     warning: 1.5, critical: 2, recover: 1.2}}]}
  - {name: conversion, kind: conversion_drop, keep_firing_s: 1,
     any: [{detector: conversion,
            params: {false_alarm_h: 0.01, baseline_paid: 2, step_s: 5, lag_median_s: 1, lag_p90_s: 2}}]}
  - {name: slow, kind: vendor_slow, for_s: 1,
     any: [{metric: live_vendor_timeout_ratio, window: 1m, compare: ">", warning: 0.02}]}
"""
STEP = st.fixed_dictionaries(
    {
        "room": st.sampled_from(["r1", "r2"]),
        "stall": st.sampled_from([None, 0.0, 0.015, 0.03, 0.2, 1.0]),
        "viewers": st.sampled_from([None, 10, 100, 1_000]),
        "paid": st.integers(0, 3),
        "state": st.sampled_from(["live"] * 8 + ["paused", "ended"]),
        "category": st.sampled_from([None, "beauty", "food"]),
        "pinged": st.booleans(),
        "last": st.booleans(),
        "skip": st.integers(0, 4),
        "late": st.sampled_from([0, 0, 0, 8]),
        "vendor": st.booleans(),
        "owner": st.sampled_from([0] * 15 + [1]),
    }
)


def _history(steps: list[dict[str, Any]]) -> list[Any]:
    """Return the records of a made-up history of two rooms and a vendor."""
    player = Player(ALL_RULES)
    records, second, newest, clicks, paid = [], 0, 0, 0, 0
    for step in steps:
        second += step["skip"]
        newest = second if step["pinged"] else newest
        clicks, paid = clicks + 5, paid + step["paid"]
        if step["owner"]:
            player.epoch, player._seq = player.epoch + 1, 0
        columns = pings(count=4) if step["stall"] is None else pings(count=4, stall=step["stall"])
        columns |= {
            "live_viewers": step["viewers"],
            "live_clicks_total": clicks,
            'live_orders_total{status="paid"}': paid,
            'live_ping_newest_timestamp_seconds{probe="edge"}': (T0 + 1000 * newest) / 1000,
        }
        facts = {"category": step["category"]} if step["category"] else None
        entry = room(
            step["room"], columns, state=step["state"], facts=facts, newest_ms={"health": T0 + 1000 * newest}
        )
        ratio = {'live_vendor_timeout_ratio{window="1m"}': 0.1 if step["pinged"] else 0.0}
        vendors = [vendor(ratio, newest_ms=T0 + 1000 * second)] if step["vendor"] else []
        records.append(
            player.record(second, entry, vendors=vendors, last=step["last"], reach_s=second - step["late"])
        )
    return records


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=80), st.sets(st.integers(0, 79)))
def test_a_fold_that_goes_on_from_stored_state_tells_the_same(
    steps: list[dict[str, Any]], stops: set[int]
) -> None:
    """Stopped after any records and started from the fields: same transitions, same positions, same state."""
    ruleset = load(ALL_RULES, 1)
    records = _history(steps)
    straight = RulesFold(lambda _: ruleset)
    whole = [told for at, record in enumerate(records) for told in straight.apply(at, 0, record)]
    fields: dict[str, bytes] = {}
    fold, pieces = RulesFold(lambda _: ruleset), []
    for at, record in enumerate(records):
        pieces += fold.apply(at, 0, record)
        if at in stops:
            for name, packed in fold.changed().items():
                fields.pop(name, None) if packed is None else fields.update({name: packed})
            fold = RulesFold(lambda _: ruleset)
            fold.load(fields)
    assert [encode(told.to_record()) for told in pieces] == [encode(told.to_record()) for told in whole]


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=80))
def test_episodes_are_well_formed(steps: list[dict[str, Any]]) -> None:
    """At most one open per rule and subject, unique ids, each begins once and ends at most once."""
    ruleset = load(ALL_RULES, 1)
    fold = RulesFold(lambda _: ruleset)
    open_: dict[tuple[str, str], str] = {}
    ids: set[str] = set()
    last = (-1, -1)
    for at, record in enumerate(_history(steps)):
        for told in fold.apply(at, 0, record):
            key = (told.rule, told.subject)
            assert told.position > last, told.position
            last = told.position
            if told.to == "firing":
                assert key not in open_
                assert told.alert_id not in ids
                ids.add(told.alert_id)
                open_[key] = told.alert_id
            else:
                assert open_[key] == told.alert_id
            if told.to == "resolved":
                del open_[key]
