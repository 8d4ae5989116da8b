"""The notifier against servers with a robot's manners, over a real log and a real store."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import re
from collections import Counter
from hashlib import sha256

import orjson
import pytest

from alerts.notify.role import serve
from alerts.notify.settings import NotifierSettings
from alerts.store.deliveries import DeliveriesReader
from alerts.store.rule_sets import ROUTES_TAG, RuleSetStore
from stream.errors import SettingsError, StageError
from stream.settings import Settings
from stream.store import connect
from tests.alerts.gateway.made import alert
from tests.services.notifying import FastClock, deliveries, notifier, publish, routes_text, told, write_routes
from tests.services.robot import Robot, Taker, listening
from tests.waiting import until

pytestmark = [
    pytest.mark.services,
    # apprise's mail plugin imports a module that Python 3.13 no longer has; it brings its own there
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

ALERT = re.compile(r"\?alert=([0-9a-f]{20})")
BUSY = (200, b'{"errcode":-1,"errmsg":"system busy"}')


def _ids(robot: Robot) -> Counter[str]:
    """Return how often each alert stands in the messages that a robot took."""
    texts = [orjson.loads(post.body)["markdown"]["text"] for post in robot.taken]
    return Counter(found for text in texts for found in ALERT.findall(text))


async def test_500_alerts_reach_a_robot_that_takes_20_a_minute(settings, producer, tmp_path):
    """A second of the test is a minute: each is sent, digested or in the fallback, as the records say."""
    clock = FastClock(60)

    def fault(call: int) -> tuple[int, bytes] | None:
        return {2: BUSY, 4: (502, b"bad gateway"), 5: BUSY}.get(call)

    robot, spare = Robot(now_ms=clock.now_ms, fault=fault), Robot(now_ms=clock.now_ms)
    with listening(robot), listening(spare):
        routes = write_routes(
            tmp_path,
            [
                {
                    "name": "chat",
                    "url": robot.url("dingtalk+http", "/robot/send?access_token=t"),
                    "fallback": "spare",
                },
                {"name": "spare", "url": spare.url("dingtalk+http", "/robot/send?access_token=t")},
            ],
        )
        alerts = [alert(n, severity="critical" if n % 10 == 0 else "warning") for n in range(500)]
        async with notifier(settings, routes, clock=clock, notify_begin_s=3_600):
            await publish(settings, producer, *alerts[:10])
            await told(settings, 10)
            await publish(settings, producer, *alerts[10:])
            records = await told(settings, 500)
    assert robot.refused == spare.refused == []
    assert sum((_ids(robot) + _ids(spare)).values()) == 500
    for one in alerts:
        (record,) = (r for r in records if r["alert_id"] == one["id"] and r["status"] in ("sent", "digested"))
        teller = {"chat": robot, "spare": spare}[record["channel"]]
        assert _ids(teller)[one["id"]] == 1
    statuses = Counter(record["status"] for record in records)
    assert statuses["sent"] >= 10
    assert statuses["digested"] >= 450
    assert len(robot.posts) < 40


async def test_a_robot_that_fails_hands_over_to_the_fallback(settings, producer, tmp_path):
    robot, mail = Robot(fault=lambda _: BUSY, messages=600), Taker()
    with listening(robot), listening(mail):
        routes = write_routes(
            tmp_path,
            [
                {"name": "chat", "url": robot.url("dingtalk+http", "/r?access_token=t"), "fallback": "mail"},
                {"name": "mail", "url": mail.url("json")},
            ],
        )
        async with notifier(settings, routes, notify_pause_s=0.05, notify_attempts=2):
            await publish(settings, producer, alert(1))
            records = await told(settings, 1)
    assert [(r["channel"], r["status"], r["fallback_of"]) for r in records] == [
        ("chat", "failed", None),
        ("mail", "sent", "chat"),
    ]
    assert (records[0]["code"], records[0]["attempts"], records[0]["reason"]) == ("-1", 2, "error_inside")
    assert len({post.message_id for post in robot.posts}) == 1
    (post,) = mail.posts
    assert alert(1)["id"] in post.json()["message"]
    async with connect(settings) as redis:
        assert await DeliveriesReader(redis).of(alert(1)["id"]) == records
        assert await DeliveriesReader(redis).of("none") == []


async def test_apprise_that_fails_and_a_server_that_is_away_are_failures(settings, producer, tmp_path):
    broken = Taker(answer=lambda _: (500, b""))
    with listening(broken):
        gone = Taker()
        with listening(gone):
            pass
        routes = write_routes(
            tmp_path,
            [
                {"name": "a", "url": broken.url("json")},
                {"name": "b", "url": gone.url("webhook+http")},
                {"name": "c", "url": "nosuchscheme://x"},
            ],
            [{"to": ["a", "b", "c"]}],
        )
        async with notifier(settings, routes, notify_pause_s=0.05, notify_attempts=2):
            await publish(settings, producer, alert(1))

            records = await deliveries(settings, lambda found: len(found) == 3)
    assert {(r["channel"], r["status"], r["reason"]) for r in records} == {
        ("a", "failed", "apprise"),
        ("b", "failed", "unreachable"),
        ("c", "failed", "bad_address"),
    }


async def test_an_action_is_posted_signed_and_undone_at_the_end(settings, producer, tmp_path):
    hook = Taker()
    with listening(hook):
        receivers = [
            {
                "name": "real",
                "url": hook.url("action+http"),
                "options": {"do": "switch_vendor", "target": "{cdn}", "dry_run": False, "secret": "made-up"},
            },
            {"name": "dry", "url": hook.url("action+http"), "options": {"do": "scale_out"}},
        ]
        routes = write_routes(tmp_path, receivers, [{"to": ["real", "dry"]}])
        async with notifier(settings, routes):
            await publish(settings, producer, alert(1))
            await told(settings, 1)
            await until(lambda: len(hook.posts) == 1)
            await publish(settings, producer, alert(1, change=2, state="resolved"))
            await until(lambda: len(hook.posts) == 2)

            records = await deliveries(settings, lambda found: len(found) == 4)
    asked = [post.json() for post in hook.posts]
    assert [(one["do"], one["target"], one["undo"]) for one in asked] == [
        ("switch_vendor", "cdn-a", False),
        ("switch_vendor", "cdn-a", True),
    ]
    for post in hook.posts:
        stamped = post.headers["roomwatch-timestamp"].encode() + b"." + post.body
        signed = hmac.new(b"made-up", stamped, sha256).hexdigest()
        assert post.headers["roomwatch-signature"] == f"v1={signed}"
    assert Counter((r["channel"], r["status"]) for r in records) == {
        ("real", "sent"): 2,
        ("dry", "dry_run"): 2,
    }


async def test_changed_routes_are_used_and_wrong_ones_are_not(settings, producer, tmp_path):
    first, second = Taker(), Taker()
    with listening(first), listening(second):
        routes = write_routes(tmp_path, [{"name": "a", "url": first.url("webhook+http")}])
        async with notifier(settings, routes):
            await publish(settings, producer, alert(1))
            await told(settings, 1)
            await _put_routes(settings, _ROUND)
            await publish(settings, producer, alert(2))
            await told(settings, 2)
            await _put_routes(settings, routes_text([{"name": "b", "url": second.url("webhook+http")}]))
            numbers = itertools.count(3)

            async def arrives() -> bool:
                number = next(numbers)
                await publish(settings, producer, alert(number))
                await told(settings, number)
                return bool(second.posts)

            await until(arrives, 40)
        await _put_routes(settings, _ROUND)
        before = len(second.posts)
        async with notifier(settings, routes):
            await publish(settings, producer, alert(900))
            await until(lambda: len(second.posts) > before)
    assert [post.json()["alerts"][0]["id"] for post in first.posts][:2] == [alert(1)["id"], alert(2)["id"]]


_ROUND = routes_text(
    [{"name": "a", "url": "log://", "fallback": "b"}, {"name": "b", "url": "log://", "fallback": "a"}]
)


async def _put_routes(settings: Settings, text: str) -> None:
    async with connect(settings) as redis:
        store = RuleSetStore(redis, ROUTES_TAG)
        base = await store.current()
        assert base
        assert await store.put(text, base=base, author="t", comment="", origin="", now_ms=base.from_ms + 1)


async def test_routes_of_which_none_can_be_used_end_it_with_a_sentence(settings):
    async with connect(settings) as redis:
        await RuleSetStore(redis, ROUTES_TAG).begin(_ROUND)
    own = NotifierSettings(**settings.model_dump())
    with pytest.raises(SettingsError, match="goes round: a > b > a"):
        await serve(own, asyncio.Event())


async def test_a_receiver_without_its_variable_leaves_it_to_the_fallback(settings, producer, tmp_path):
    hook = Taker()
    with listening(hook):
        receivers = [
            {"name": "a", "url": "env:NOT_SET_ANYWHERE", "fallback": "b"},
            {"name": "b", "url": hook.url("webhook+http")},
        ]
        async with notifier(settings, write_routes(tmp_path, receivers)):
            await publish(settings, producer, alert(1))
            records = await told(settings, 1)
    assert [(r["channel"], r["status"], r["reason"]) for r in records] == [
        ("a", "failed", "bad_receiver"),
        ("b", "sent", None),
    ]


async def test_a_log_that_was_made_anew_is_refused(settings, tmp_path):
    routes = write_routes(tmp_path, [{"name": "a", "url": "log://"}])
    async with connect(settings) as redis:
        await redis.hset("{notifier}:owner", "offset", "99")
    own = NotifierSettings(**{**settings.model_dump(), "routes_file": routes})
    with pytest.raises(StageError, match="ends at offset 0, but the store holds it told up to 99"):
        await serve(own, asyncio.Event())


async def test_a_first_notifier_tells_nothing_old(settings, producer, tmp_path):
    hook = Taker()
    with listening(hook):
        routes = write_routes(tmp_path, [{"name": "a", "url": hook.url("webhook+http")}])
        await publish(settings, producer, alert(1))
        async with notifier(settings, routes, notify_begin_s=0):
            await until(lambda: _began(settings))
            await publish(settings, producer, alert(2), {"no": "alert"}, alert(3))
            await told(settings, 2)
    found = [one["id"] for post in hook.posts for one in post.json()["alerts"]]
    assert found == [alert(2)["id"], alert(3)["id"]]


async def _began(settings: Settings) -> bool:
    async with connect(settings) as redis:
        return await redis.hget("{notifier}:owner", "offset") is not None
