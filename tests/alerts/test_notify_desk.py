"""What waits, what goes out, and what is recorded of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from alerts.notify.budget import Budget
from alerts.notify.model import Message, Target
from alerts.notify.posts import post
from alerts.notify.retry import Patience, Verdict
from tests.alerts.notified import KEY, NOW_MS, PUBLIC_URL, Played, alert, chat

AWAY = Verdict(ok=False, reason="unreachable")
FAST = Verdict(ok=False, reason="rate_limited", code="130101", pause_ms=60_000)
WRONG = Verdict(ok=False, final=True, reason="refused", code="310000")


def _statuses(played: Played) -> Counter[tuple[str | None, str]]:
    return Counter((record.channel, record.status) for record in played.records)


def test_an_alert_goes_out_and_is_recorded():
    played = Played(chat())
    played.take(alert(1))
    (message,) = played.play(until_ms=NOW_MS)
    (record,) = played.records
    assert (record.status, record.channel, record.alert_id) == ("sent", "chat", alert(1)["id"])
    assert record.message_id == message.id
    assert (record.of, record.attempts) == (1, 1)
    assert played.kept["items"] == played.kept["messages"] == {}


def test_a_change_that_nobody_is_to_get_is_recorded_too():
    played = Played(chat())
    played.take(alert(1), to=())
    played.take(alert(2), to=("gone",))
    assert [(record.status, record.reason) for record in played.records] == [
        ("unrouted", "no_route"),
        ("unrouted", "no_channel"),
    ]


def test_a_storm_becomes_digests_that_say_how_many_and_which_critical_first():
    played = Played(chat())
    alerts = [alert(n, severity="critical" if n % 20 == 0 else "warning") for n in range(500)]
    played.take(*alerts)
    messages = list(played.play(until_ms=NOW_MS + 60_000))
    told = [item.alert["id"] for message in messages for item in message.items]
    assert sorted(told) == sorted(one["id"] for one in alerts)
    assert [item.alert["severity"] for item in messages[0].items][:25] == ["critical"] * 25
    assert messages[0].title.startswith(f"{len(messages[0].items)} 条告警（共 500 条待发）")
    assert "严重 25 条" in messages[0].body
    for item in messages[0].items:
        assert f"{PUBLIC_URL}/?alert={item.alert['id']}" in messages[0].body
        assert f"{PUBLIC_URL}/runbooks/stutter" in messages[0].body
    assert set(_statuses(played)) == {("chat", "digested")}
    assert len(messages) < 20


def test_no_message_is_larger_than_the_channel_takes():
    played = Played(chat())
    title = {"title": "「很长的直播间标题」" * 20, "cdn": "cdn-a"}
    played.take(*(alert(n, labels=title) for n in range(300)))
    for message in played.play(until_ms=NOW_MS + 600_000):
        body = post(chat(secret=KEY), message, now_ms=NOW_MS, public_url=PUBLIC_URL).body
        assert len(body) <= 20_000
    assert len(played.records) == 300


def test_a_message_too_large_by_itself_is_cut_but_keeps_its_links():
    small = chat(budget=Budget(20, 60_000, 1_600))
    played = Played(small)
    played.take(alert(1, summary={"zh": "很长" * 2_000, "en": "long" * 2_000}, reason="所以" * 500))
    (message,) = played.play(until_ms=NOW_MS)
    assert len(post(small, message, now_ms=NOW_MS, public_url=PUBLIC_URL).body) <= 1_600
    assert alert(1)["id"] in message.body
    assert "/runbooks/stutter" in message.body


def test_what_is_over_before_it_was_told_is_told_once():
    played = Played(chat(budget=Budget(1, 60_000, 20_000)))
    played.take(alert(1), to=("chat",))
    assert len(list(played.play(until_ms=NOW_MS))) == 1
    played.take(alert(2))
    played.take(alert(2, change=2, state="resolved", at_ms=alert(2)["at_ms"] + 9_000))
    (message,) = played.play(until_ms=NOW_MS + 60_000)
    assert [item.occasion for item in message.items] == ["resolved"]
    assert [(r.change, r.status, r.reason) for r in played.records[1:]] == [
        (1, "superseded", "change 2"),
        (2, "sent", None),
    ]


def test_a_robot_that_counts_by_the_second_is_called_no_more_often_and_misses_nothing():
    played = Played(chat(budget=Budget(100, 60_000, 20_000, per_second=5)))
    played.take(*(alert(n) for n in range(12)))
    list(played.play(until_ms=NOW_MS + 10_000))
    assert [at - NOW_MS for at, _ in played.sent] == [0] * 5 + [1_000] * 5 + [2_000] * 2
    assert len(played.records) == 12


def test_a_failed_attempt_is_made_again_with_the_same_id_and_words():
    played = Played(chat())
    played.take(alert(1))
    answers = iter([AWAY, AWAY, Verdict(ok=True)])
    first, *others = played.play(until_ms=NOW_MS + 60_000, answers=lambda _: next(answers))
    assert [(one.id, one.body, one.attempts) for one in others] == [
        (first.id, first.body, 2),
        (first.id, first.body, 3),
    ]
    assert [at - NOW_MS for at, _ in played.sent] == [0, 1_000, 3_000]
    assert [(record.status, record.attempts) for record in played.records] == [("sent", 3)]


def test_after_repeated_failure_the_fallback_tells_it():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1))
    assert len(list(played.play(until_ms=NOW_MS + 60_000, answers=lambda _: AWAY))) == 4
    (message,) = played.play(until_ms=NOW_MS + 60_000, name="mail")
    assert message.items[0].fallback_of == "chat"
    failed, sent = played.records
    assert (failed.channel, failed.status, failed.reason, failed.fallback) == (
        "chat", "failed", "unreachable", "mail",
    )  # fmt: skip
    assert (sent.channel, sent.status, sent.fallback_of) == ("mail", "sent", "chat")


def test_a_channel_that_failed_gets_one_attempt_until_it_works_again():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1))
    list(played.play(until_ms=NOW_MS + 60_000, answers=lambda _: AWAY))
    played.take(alert(2))
    assert len(list(played.play(until_ms=played.now_ms, answers=lambda _: AWAY))) == 1
    assert played.desk.failing("chat")
    played.take(alert(3))
    list(played.play(until_ms=played.now_ms))
    assert not played.desk.failing("chat")


def test_what_is_refused_for_good_goes_to_the_fallback_at_once():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1))
    assert len(list(played.play(until_ms=NOW_MS, answers=lambda _: WRONG))) == 1
    assert played.records[0].code == "310000"
    assert len(list(played.play(until_ms=NOW_MS, name="mail"))) == 1


def test_without_a_fallback_it_is_recorded_as_failed():
    played = Played(chat())
    played.take(alert(1))
    list(played.play(until_ms=NOW_MS + 600_000, answers=lambda _: AWAY))
    assert [(r.status, r.reason, r.fallback) for r in played.records] == [("failed", "unreachable", None)]
    assert played.kept["messages"] == {}


def test_while_a_robot_wants_to_be_left_alone_critical_ones_take_the_fallback():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1))
    list(played.play(until_ms=NOW_MS, answers=lambda _: FAST))
    played.take(alert(2, severity="critical"), alert(3))
    assert played.begin() is None
    assert played.look_ms == NOW_MS + 60_000
    assert [message.items[0].alert["id"] for message in played.play(until_ms=NOW_MS, name="mail")] == [
        alert(2, severity="critical")["id"]
    ]
    list(played.play(until_ms=NOW_MS + 120_000))
    assert _statuses(played) == {("chat", "failed"): 1, ("mail", "sent"): 1, ("chat", "sent"): 2}


def test_a_fallback_that_was_told_anyway_is_not_told_twice():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1), to=("chat", "mail"))
    list(played.play(until_ms=NOW_MS, answers=lambda _: WRONG))
    assert len(list(played.play(until_ms=NOW_MS, name="mail"))) == 1
    assert _statuses(played) == {("chat", "failed"): 1, ("mail", "sent"): 1}


def test_the_end_is_told_to_those_who_were_told_and_want_it():
    played = Played(chat(), chat("quiet", send_resolved=False), chat("other"))
    played.take(alert(1), to=("chat", "quiet"))
    for name in ("chat", "quiet"):
        list(played.play(until_ms=NOW_MS, name=name))
    played.take(alert(1, change=2, state="resolved"), to=("other",))
    assert [len(list(played.play(until_ms=NOW_MS, name=name))) for name in ("chat", "quiet", "other")] == [
        1, 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([("suppressed", "warning")], []),
        ([("suppressed", "warning"), ("firing", "warning")], ["firing"]),
        ([("firing", "warning"), ("suppressed", "warning"), ("firing", "warning")], ["firing", "again"]),
        ([("firing", "warning"), ("firing", "critical"), ("firing", "warning")], ["firing", "severity"]),
        ([("firing", "critical"), ("acknowledged", "critical")], ["firing"]),
        ([("firing", "critical"), ("acknowledged", "critical"), ("firing", "critical")], ["firing", "again"]),
        ([("firing", "critical"), ("escalated", "critical")], ["firing", "escalated"]),
        ([("suppressed", "warning"), ("resolved", "warning")], []),
        ([("firing", "warning"), ("suppressed", "warning"), ("resolved", "warning")], ["firing", "resolved"]),
    ],
)
def test_which_changes_are_told(changes, told):
    played = Played(chat())
    found = []
    for number, (state, severity) in enumerate(changes, start=1):
        one = alert(1, change=number, state=state, severity=severity)
        played.take(one, one)
        found += [item.occasion for message in played.play(until_ms=NOW_MS) for item in message.items]
    assert found == told


def test_a_repeat_of_a_record_is_dropped_even_after_the_end():
    played = Played(chat())
    for one in (alert(1), alert(1, change=2, state="resolved")):
        played.take(one)
        list(played.play(until_ms=NOW_MS))
    played.crash()
    played.take(alert(1), alert(1, change=2, state="resolved"))
    assert played.begin() is None
    played.take(alert(9_000))
    assert set(played.kept["told"]) == {alert(9_000)["id"]}


def test_an_action_is_done_once_and_undone_at_the_end():
    hook = chat("hook", kind="action", do="switch_vendor", target="{cdn}", dry_run=True)
    played = Played(hook)
    for number, state in enumerate(("firing", "acknowledged", "firing", "escalated", "resolved"), start=1):
        played.take(alert(1, change=number, state=state), to=("hook",))
        list(played.play(until_ms=NOW_MS, name="hook"))
    asked = [orjson.loads(post(hook, one, now_ms=0, public_url="").body) for _, one in played.sent]
    assert [(one["do"], one["target"], one["undo"]) for one in asked] == [
        ("switch_vendor", "cdn-a", False),
        ("switch_vendor", "cdn-a", True),
    ]
    assert [record.status for record in played.records] == ["dry_run", "dry_run"]


def test_an_action_that_was_never_asked_for_is_not_undone():
    hook = chat("hook", kind="action", do="scale_out", budget=Budget(1, 60_000, 20_000))
    played = Played(hook)
    played.take(alert(1), to=("hook",))
    list(played.play(until_ms=NOW_MS, name="hook"))
    played.take(alert(2), alert(2, change=2, state="resolved"), to=("hook",))
    assert list(played.play(until_ms=NOW_MS + 60_000, name="hook")) == []
    assert [record.status for record in played.records] == ["sent", "superseded", "superseded"]


def test_an_undo_waits_for_its_action():
    hook = chat("hook", kind="action", do="scale_out")
    played = Played(hook)
    played.take(alert(1), to=("hook",))
    message = played.begin("hook")
    assert message
    played.end(message, AWAY)
    played.take(alert(1, change=2, state="resolved"), to=("hook",))
    assert played.begin("hook") is None
    undone = [one.items[0].occasion for one in played.play(until_ms=NOW_MS + 60_000, name="hook")]
    assert undone == ["firing", "resolved"]


def test_alertmanager_sees_the_old_severity_end_when_a_new_one_begins():
    manager = chat("am", kind="alertmanager", url="http://am:9093")
    played = Played(manager)
    steps = [
        ("firing", "warning", "cdn-a"),
        ("firing", "critical", "cdn-b"),
        ("resolved", "critical", "cdn-b"),
    ]
    seen = []
    for number, (state, severity, cdn) in enumerate(steps, start=1):
        played.take(alert(1, change=number, state=state, severity=severity, labels={"cdn": cdn}), to=("am",))
        for message in played.play(until_ms=NOW_MS, name="am"):
            request = post(manager, message, now_ms=NOW_MS, public_url=PUBLIC_URL)
            seen.append([(one["labels"], one["endsAt"]) for one in orjson.loads(request.body)])
    over, still = "2025-10-09T08:53:26.200Z", "2025-10-09T09:00:00.000Z"
    labels = [[(one["severity"], one["cdn"], ends == over) for one, ends in post_] for post_ in seen]
    assert labels == [
        [("warning", "cdn-a", False)],
        [("warning", "cdn-a", True), ("critical", "cdn-a", False)],
        [("critical", "cdn-a", True)],
    ]
    assert seen[0][0][1] == still


def test_lists_are_taken_in_one_post_and_count_as_sent():
    played = Played(chat("am", kind="alertmanager", budget=Budget(600, 60_000, 1_000_000)))
    played.take(*(alert(n) for n in range(120)), to=("am",))
    (message,) = played.play(until_ms=NOW_MS, name="am")
    assert len(message.items) == 120
    assert _statuses(played) == {("am", "sent"): 120}


def test_what_waits_for_a_receiver_that_is_no_more_is_recorded():
    played = Played(chat(), chat("gone", budget=Budget(1, 60_000, 20_000)))
    played.take(alert(1), alert(2), to=("gone",))
    assert played.begin("gone")
    played._channels = (chat(),)
    played.crash()
    assert [(r.channel, r.status, r.reason) for r in played.records] == [("gone", "failed", "no_channel")] * 2
    assert played.kept["items"] == played.kept["messages"] == {}


def test_nobody_reads_of_the_end_before_the_beginning():
    played = Played(chat())
    played.take(alert(1))
    message = played.begin()
    assert message
    played.end(message, AWAY)
    played.take(alert(1, change=2, state="resolved"), alert(2))
    told = [[item.occasion for item in one.items] for one in played.play(until_ms=NOW_MS + 60_000)]
    assert told == [["firing"], ["firing"], ["resolved"]]


def test_the_end_of_what_is_under_way_does_not_take_the_fallback_before_it():
    played = Played(chat(fallback="mail"), chat("mail"))
    played.take(alert(1))
    list(played.play(until_ms=NOW_MS, answers=lambda _: FAST))
    played.take(alert(1, change=2, severity="critical"))
    assert played.begin() is None
    assert played.begin("mail") is None
    told = [[item.occasion for item in one.items] for one in played.play(until_ms=NOW_MS + 90_000)]
    assert told == [["firing"], ["severity"]]


def test_a_fallback_that_was_told_of_the_end_anyway_is_not_told_twice():
    played = Played(chat(fallback="mail"), chat("mail"))
    for one in (alert(1), alert(1, change=2, state="resolved")):
        played.take(one, to=("chat", "mail"))
        list(played.play(until_ms=NOW_MS, name="mail"))
        list(played.play(until_ms=NOW_MS, answers=lambda _: WRONG))
    assert played.begin("mail") is None
    assert _statuses(played) == {("chat", "failed"): 2, ("mail", "sent"): 2}


def test_a_fallback_of_another_kind_mentions_nobody_by_a_name_that_it_does_not_know():
    played = Played(chat(fallback="mail"), chat("mail", kind="apprise"))
    played.keep(played.desk.take(alert(1), [Target("chat", (0,), ("13000000000",))], now_ms=NOW_MS))
    (told,) = played.play(until_ms=NOW_MS, answers=lambda _: WRONG)
    assert "@13000000000" in told.body
    (told,) = played.play(until_ms=NOW_MS, name="mail")
    assert "@" not in told.body


@settings(max_examples=60, deadline=None)
@given(
    arrivals=some.lists(
        some.tuples(
            some.integers(0, 20_000), some.integers(0, 15), some.sampled_from(["info", "warning", "critical"])
        ),
        max_size=60,
    ),
    faults=some.lists(some.sampled_from([AWAY, FAST, WRONG, Verdict(ok=True)]), max_size=30),
    crashes=some.sets(some.integers(0, 60)),
    budget=some.integers(1, 8),
    a_second=some.none() | some.integers(1, 3),
)
def test_nothing_is_lost_and_no_budget_exceeded_whatever_fails_and_dies(
    arrivals, faults, crashes, budget, a_second
):
    """Alerts begin, end, begin anew; a message that goes out again has its first id and words."""
    limit = Budget(budget, 60_000, 3_000, a_second)
    played = Played(
        chat(budget=limit, fallback="mail"), chat("mail", budget=limit), patience=Patience(attempts=2)
    )
    changes = _changes([(number, severity) for _, number, severity in arrivals])
    pending, answers, turns = list(zip((one[0] for one in arrivals), changes, strict=True)), iter(faults), 0
    while pending or played.kept["items"] or played.kept["messages"]:
        if pending:
            pause_ms, change = pending.pop(0)
            played.now_ms += pause_ms
            played.take(change)
        else:
            played.now_ms += 15_000
        for name in ("chat", "mail"):
            turns += 1
            message = played.begin(name)
            if turns in crashes:
                played.crash()
            elif message is not None:
                played.end(message, next(answers, Verdict(ok=True)))
        assert turns < 2_000
    ended = {(r.alert_id, r.change) for r in played.records if r.fallback is None}
    assert ended == {(one["id"], one["change"]) for one in changes}
    for name in ("chat", "mail"):
        sent = [(at_ms, message) for at_ms, message in played.sent if message.channel == name]
        calls = [at_ms for at_ms, _ in sent]
        assert all(sum(at <= other < at + 60_000 for other in calls) <= budget for at in calls)
        assert all(sum(at <= other < at + 1_000 for other in calls) <= (a_second or budget) for at in calls)
        _in_order(message for _, message in sent)
    by_id: dict[str, set[tuple[str, str]]] = {}
    for _, message in played.sent:
        by_id.setdefault(message.id, set()).add((message.title, message.body))
    assert all(len(texts) == 1 for texts in by_id.values())


def _changes(arrivals: list[tuple[int, str]]) -> list[dict[str, Any]]:
    """Return a change for each arrival: the alert of that number begins, and ends when it comes again."""
    open_: dict[int, dict[str, Any]] = {}
    found = []
    for turn, (number, severity) in enumerate(arrivals):
        if number in open_:
            found.append({**open_.pop(number), "change": 2, "state": "resolved"})
        else:
            open_[number] = alert(100 * turn + number, severity=severity)
            found.append(open_[number])
    return found


def _in_order(messages: Iterable[Message]) -> None:
    """Check that no channel hears of an earlier change of an alert after a later one."""
    newest: dict[str, int] = {}
    for message in messages:
        for item in message.items:
            assert item.alert["change"] >= newest.get(item.alert["id"], 0)
            newest[item.alert["id"]] = item.alert["change"]


def test_each_step_of_the_ladder_is_told():
    played = Played(chat())
    found = []
    steps = [("firing", None), ("escalated", "not_acknowledged"), ("escalated", "not_acknowledged")]
    for number, (state, reason) in enumerate([*steps, ("escalated", "assigned")], start=1):
        one = alert(1, change=number, state=state, reason=reason)
        played.take(one, one)
        found += [item.occasion for message in played.play(until_ms=NOW_MS) for item in message.items]
    assert found == ["firing", "escalated", "escalated", "assigned"]
