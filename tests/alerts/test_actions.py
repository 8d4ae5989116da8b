"""What a rule asks for: named by the rule, carried by the alert, undone as it was asked for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from alerts.actions import action_of
from alerts.notify.posts import post
from alerts.ruleset import Action
from tests.alerts.journal import Journal, fresh, play
from tests.alerts.notified import NOW_MS, Played, alert, chat
from tests.alerts.windowed import STUTTER, Player, pings, room

SWITCH = {"do": "switch_vendor", "target": "cdn-a"}
RULES = STUTTER.replace(
    "    min_samples: 3", '    min_samples: 3\n    action: {do: switch_vendor, target: "{cdn}"}'
)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("{cdn}", "a"),
        ("{room_id}@{cdn}", "r1@a"),
        ("standby", "standby"),
        ("{vendor}", None),
        ("x-{region}", None),
    ],
)
def test_a_target_is_named_whole_or_nothing_is_asked_for(target, wanted):
    action = Action(do="switch_vendor", target=target)
    found = action_of(action, {"cdn": "a"}, room_id="r1", subject="r1")
    assert found == (wanted and {"do": "switch_vendor", "target": wanted})


def test_a_rule_asks_when_it_fires_and_not_when_it_ends():
    player = Player(RULES)
    for second in range(40):
        stall = 0.03 if second < 10 else 0.0
        player.tick(second, room(columns=pings(stall=stall), facts={"cdn": "a"}))
    assert [(told.to, told.action) for told in player.told] == [
        ("firing", {"do": "switch_vendor", "target": "a"}),
        ("resolved", None),
    ]
    assert "action" not in player.told[1].to_record()


def test_the_alert_keeps_what_was_asked_for_first():
    journal = Journal()
    for at_ms, to, given in (
        (0, "firing", {"action": SWITCH}),
        (1_000, "severity", {"severity": "critical", "action": {**SWITCH, "target": "cdn-b"}}),
        (2_000, "resolved", {}),
    ):
        journal.transition(at_ms, to, **given)
    assert [one["action"] for one in play(fresh(), journal.records)] == [SWITCH] * 3


def test_what_was_done_is_undone_though_the_facts_changed():
    """The receiver names the target by the room's CDN; the switch gives the room another one."""
    hook = chat("hook", kind="action", do="switch_vendor", target="{cdn}")
    asked = _asked(hook, alert(1), alert(1, change=2, state="resolved", labels={"cdn": "cdn-b"}))
    assert [(one["target"], one["undo"]) for one in asked] == [("cdn-a", False), ("cdn-a", True)]


def test_what_the_alert_asks_for_goes_before_what_the_receiver_does():
    hook = chat("hook", kind="action", do="scale_out", target="all")
    asked = _asked(hook, alert(1, action=SWITCH), alert(1, change=2, state="resolved", action=SWITCH))
    assert [(one["do"], one["target"], one["undo"]) for one in asked] == [
        ("switch_vendor", "cdn-a", False),
        ("switch_vendor", "cdn-a", True),
    ]


@pytest.mark.parametrize(
    ("do", "target", "labels"), [("", "", {"cdn": "a"}), ("scale_out", "{vendor}", {"cdn": "a"})]
)
def test_where_nothing_can_be_asked_for_that_is_recorded_and_nothing_is_undone(do, target, labels):
    played = Played(chat("hook", kind="action", do=do, target=target))
    played.take(alert(1, labels=labels), alert(1, change=2, state="resolved", labels=labels), to=("hook",))
    assert played.begin("hook") is None
    assert [(r.change, r.status, r.reason) for r in played.records] == [(1, "failed", "no_action")]


def test_a_test_alert_switches_nothing():
    played = Played(chat("hook", kind="action", do="scale_out"))
    labels = {"test": "true"}
    for one in (alert(1, labels=labels), alert(1, change=2, state="resolved", labels=labels)):
        played.take(one, to=("hook",))
        list(played.play(until_ms=NOW_MS, name="hook"))
    assert [(r.status, r.action) for r in played.records] == [
        ("dry_run", {"do": "scale_out", "target": "", "undo": False}),
        ("dry_run", {"do": "scale_out", "target": "", "undo": True}),
    ]


def _asked(hook: Any, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    played = Played(hook)
    for one in changes:
        played.take(one, to=("hook",))
        list(played.play(until_ms=NOW_MS, name="hook"))
        played.crash()
    return [orjson.loads(post(hook, one, now_ms=0, public_url="").body) for _, one in played.sent]
