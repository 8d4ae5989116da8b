"""Silences, acknowledgements that end, new owners: who is told, in which words, once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from alerts.matching import Matcher
from alerts.model import BadRecord
from alerts.notify.model import Item, Target, notice_record
from alerts.notify.notices import NOTICE_MARK, began, parse_notice
from alerts.notify.posts import post
from alerts.routing import concerned, load, plan
from tests.alerts.journal import T0, Journal, fresh
from tests.alerts.notified import NOW_MS, PUBLIC_URL, WORDS, Played, alert, chat

ZONE = ZoneInfo("Asia/Shanghai")
NOON = int(datetime(2026, 11, 9, 12, tzinfo=ZONE).timestamp() * 1_000)
SILENCE: dict[str, Any] = {
    "id": "5" * 20,
    "matchers": [{"label": "room_id", "op": "=", "value": "room-1"}],
    "starts_at_ms": NOW_MS,
    "ends_at_ms": NOW_MS + 3_600_000,
    "comment": "换推流",
    "by": "wang",
    "created_at_ms": NOW_MS,
    "idle_s": 86_400,
    "state": "active",
    "matched_at_ms": NOW_MS,
    "hidden": 0,
    "ended_at_ms": None,
    "end_reason": None,
    "ended_by": None,
    "offset": 1,
}
ENDED = {"state": "ended", "ended_at_ms": NOW_MS + 9_000, "end_reason": "unmatched", "hidden": 3}
STARTED = notice_record("silence_started", NOW_MS, SILENCE)
OVER = notice_record("silence_ended", NOW_MS + 9_000, SILENCE | ENDED)


def _told(played: Played, notice: dict[str, Any], *to: str) -> None:
    played.keep(played.desk.take_silence(notice, [Target(name) for name in to], now_ms=played.now_ms))


def test_a_silence_is_told_when_it_begins_and_when_it_ends_each_once():
    played = Played(chat(), chat("other"))
    _told(played, STARTED, "chat")
    _told(played, STARTED, "chat")
    assert [one.items[0].occasion for one in played.play(until_ms=NOW_MS)] == ["silence_started"]
    played.crash()
    _told(played, STARTED, "chat")
    _told(played, OVER, "other")
    for name in ("chat", "other"):  # the end is told to those who knew of the start, too
        assert [one.items[0].occasion for one in played.play(until_ms=NOW_MS, name=name)] == ["silence_ended"]
    assert [(r.alert_id, r.change, r.channel, r.status) for r in played.records] == [
        (SILENCE["id"], 1, "chat", "sent"),
        (SILENCE["id"], 2, "chat", "sent"),
        (SILENCE["id"], 2, "other", "sent"),
    ]
    assert len({record.id for record in played.records}) == 3


def test_a_silence_that_concerns_nobody_is_recorded():
    played = Played(chat())
    _told(played, STARTED)
    assert [(r.status, r.reason, r.occasion) for r in played.records] == [
        ("unrouted", "no_route", "silence_started")
    ]


def test_machines_and_those_who_do_not_want_it_hear_of_no_silence():
    quiet = chat("quiet", send_notices=False)
    played = Played(quiet, chat("am", kind="alertmanager"), chat("hook", kind="action", do="scale_out"))
    _told(played, STARTED, "quiet", "am", "hook")
    assert [played.begin(name) for name in ("quiet", "am", "hook")] == [None, None, None]


def test_an_end_that_waited_with_its_start_is_told_once():
    played = Played(chat())
    _told(played, STARTED, "chat")
    _told(played, OVER, "chat")
    (message,) = played.play(until_ms=NOW_MS)
    assert message.items[0].occasion == "silence_ended"
    assert [record.status for record in played.records] == ["superseded", "sent"]


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh", ("静默结束", "room_id=room-1", "wang：换推流", "自动结束", "共隐藏 3 条")),
        ("en", ("silence ended", "room_id=room-1", "By wang: 换推流", "hidden nothing", "hidden 3 alerts")),
    ],
)
def test_the_words_of_a_silence(locale, words):
    title, body = WORDS.one(_item(OVER), "m" * 20, locale=locale, bytes_max=20_000)
    for word in (*words, f"{PUBLIC_URL}/?silence={SILENCE['id']}", "m" * 20):
        assert word in f"{title}\n{body}"
    title, body = WORDS.one(_item(STARTED), "m" * 20, locale=locale, bytes_max=20_000)
    assert words[-1] not in body


def test_silences_and_alerts_share_a_digest_that_counts_them():
    items = [_item(OVER), Item("i", "chat", alert(1), "firing", NOW_MS)]
    title, body = WORDS.many(items, "m" * 20, total=2, locale="zh")
    assert title.startswith("2 条")
    assert "静默通知 1 条" in body
    assert "警告 1 条" in body
    assert f"/?silence={SILENCE['id']}" in body


def test_a_long_comment_is_cut_and_the_link_stays():
    long = notice_record("silence_started", NOW_MS, SILENCE | {"comment": "很长" * 2_000})
    title, body = WORDS.one(_item(long), "m" * 20, locale="zh", bytes_max=800)
    assert len(orjson.dumps(f"{title}{title}{body}")) < 900
    assert f"/?silence={SILENCE['id']}" in body


def test_a_webhook_gets_silences_beside_alerts():
    hook = chat(kind="webhook")
    played = Played(hook)
    _told(played, STARTED, "chat")
    (message,) = played.play(until_ms=NOW_MS)
    body = orjson.loads(post(hook, message, now_ms=NOW_MS, public_url="").body)
    assert body["alerts"] == []
    assert [(one["notice"], one["silence"]["id"]) for one in body["notices"]] == [
        ("silence_started", SILENCE["id"])
    ]


def test_what_the_incidents_stage_says_is_what_the_notifier_reads():
    journal, stage = Journal(), fresh()
    body = {"matchers": SILENCE["matchers"], "ends_at_ms": T0 + 60_000}
    journal.command(0, "silence", None, body=body)
    journal.beat(60_000)
    outputs = [one for record in journal.records for one in stage.apply(record) if one.log == "outcomes"]
    notices = [parse_notice(one.value) for one in outputs if NOTICE_MARK in one.value]
    assert [(one["state"], one["change"], began(one)) for one in notices] == [
        ("silence_started", 1, True),
        ("silence_ended", 2, True),
    ]
    assert notices[1]["silence"]["end_reason"] == "expired"


def test_one_taken_back_before_it_held_never_began():
    assert not began(notice_record("silence_ended", 1, SILENCE | ENDED | {"matched_at_ms": None}))


@pytest.mark.parametrize("value", [b"[]", b"{", b'{"type":"notice","notice":"x"}'])
def test_what_is_no_notice_is_refused(value):
    with pytest.raises(BadRecord):
        parse_notice(value)


ROUTES = """
people: [{name: wang, mobile: "13000000000"}, {name: li}]
receivers: [{name: a, url: "log://"}, {name: b, url: "log://"}, {name: c, url: "log://"}]
routes:
  - {match: {severity: [critical], category: [beauty]}, to: [a], mention: [li], continue: true}
  - {match: {room_id: [r1, r2]}, to: [b]}
  - {match: {hours: [{from: "09:00", to: "18:00"}]}, to: [c]}
"""


@pytest.mark.parametrize(
    ("matchers", "receivers"),
    [
        ((("room_id", "=", "r1"),), ["a", "b"]),  # the second route takes all of r1
        ((("room_id", "=", "r9"),), ["a", "c"]),
        ((("category", "=", "food"),), ["b", "c"]),
        ((("category", "!=", "beauty"), ("room_id", "=~", "r[1-9]")), ["b", "c"]),
        ((("severity", "=", "info"), ("room_id", "=~", "x.*")), ["c"]),
        ((("title", "=~", "夜场.*"),), ["a", "b", "c"]),
    ],
)
def test_a_silence_concerns_those_who_would_have_been_told(matchers, receivers):
    found = concerned(load(ROUTES), [Matcher(*one) for one in matchers], by="wang", at_ms=NOON, zone=ZONE)
    assert [target.receiver for target in found] == receivers
    assert {person.name for target in found for person in target.mentions} == {"wang"}


def test_outside_its_hours_a_route_is_not_concerned():
    matcher = [Matcher("room_id", "=", "r9")]
    found = concerned(load(ROUTES), matcher, by="nobody", at_ms=NOON + 8 * 3_600_000, zone=ZONE)
    assert [(target.receiver, target.mentions) for target in found] == [("a", ())]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            [("firing", None), ("acknowledged", None), ("acknowledged", "ack_ending")],
            ["firing", "ack_ending"],
        ),
        (
            [
                ("firing", None),
                ("acknowledged", None),
                ("acknowledged", "ack_ending"),
                ("firing", "ack_expired"),
            ],
            ["firing", "ack_ending", "ack_expired"],
        ),
        ([("suppressed", "silenced"), ("acknowledged", "ack_ending")], ["ack_ending"]),
        ([("firing", None), ("acknowledged", "assigned")], ["firing", "assigned"]),
        ([("firing", None), ("suppressed", "assigned")], ["firing"]),
    ],
)
def test_which_words_to_the_owner_are_told(changes, told):
    played, machine = Played(chat()), Played(chat("am", kind="alertmanager"))
    found = []
    for number, (state, reason) in enumerate(changes, start=1):
        one = alert(1, change=number, state=state, reason=reason, owner="wang")
        played.take(one, one)
        machine.take(one, to=("am",))
        found += [item.occasion for message in played.play(until_ms=NOW_MS) for item in message.items]
    assert found == told
    occasions = [i.occasion for m in machine.play(until_ms=NOW_MS, name="am") for i in m.items]
    assert not {"ack_ending", "assigned"} & set(occasions)


def test_the_owner_is_mentioned_when_it_concerns_him():
    record = alert(1, room_id="r1", state="acknowledged", reason="ack_ending", owner="wang")
    found = plan(load(ROUTES), record, at_ms=NOON, zone=ZONE)
    assert [[person.name for person in target.mentions] for target in found.targets] == [["wang"]]
    for other in ({"reason": None}, {"owner": "nobody"}):
        found = plan(load(ROUTES), record | other, at_ms=NOON, zone=ZONE)
        assert [target.mentions for target in found.targets] == [()]


@pytest.mark.parametrize(("locale", "said"), [("zh", "认领即将到期"), ("en", "acknowledgement ends soon")])
def test_the_words_to_an_owner(locale, said):
    item = Item("i", "chat", alert(1, reason="ack_ending", owner="wang"), "ack_ending", NOW_MS)
    title, body = WORDS.one(item, "m" * 20, locale=locale, bytes_max=20_000)
    assert said in title
    assert "wang" in body
    assert "2025-10-09 16:58:26" in body  # five minutes after the reminder
    assert f"/runbooks/stutter?lang={locale}" in body
    assert f"/?alert={alert(1)['id']}" in body


def _item(notice: dict[str, Any]) -> Item:
    return Item("i", "chat", notice, notice["state"], NOW_MS)
