"""Notifiers that are killed while they deliver lose nothing, and repeat a message only with its first id."""

from __future__ import annotations

import random
import re
import signal
from collections import defaultdict

import orjson
import pytest
from redis import Redis

from tests.alerts.gateway.made import alert
from tests.services.notifying import FINAL, publish, told, write_routes
from tests.services.robot import Answer, Robot, listening
from tests.services.role_process import RoleProcess

pytestmark = [pytest.mark.services, pytest.mark.slow]

ALERT = re.compile(r"\?alert=([0-9a-f]{20})")
ALERTS = 60
KILLS = 4


class _Killing:
    """Kills the notifier at work when a robot hears certain calls, before that call is answered."""

    def __init__(self, redis_url: str, calls: set[int]) -> None:
        self.notifiers: list[RoleProcess] = []
        self._redis_url = redis_url
        self._calls = calls

    def __call__(self, call: int) -> Answer | None:
        if call not in self._calls:
            return None
        with Redis.from_url(self._redis_url) as redis:
            member = redis.hget("{notifier}:owner", "member")
        assert isinstance(member, bytes)
        for notifier in self.notifiers:
            assert notifier._process
            if f"-{notifier._process.pid}-" in member.decode():
                notifier.kill()
                notifier.start()
        return None if call % 2 else (500, b"")


@pytest.mark.timeout(120)
async def test_killed_while_delivering(settings, producer, role_environment, tmp_path):
    """Every other call that is cut off was taken by the robot all the same."""
    calls = set(random.Random(5).sample(range(2, ALERTS), KILLS))
    killing = _Killing(settings.redis_url, calls)
    robot = Robot(fault=killing, messages=10_000)
    with listening(robot):
        url = robot.url("dingtalk+http", "/robot/send?access_token=t")
        routes = write_routes(tmp_path, [{"name": "chat", "url": url, "per_minute": 600}])
        fields = {"routes_file": routes, "notify_lease_s": 1, "notify_pause_s": 0.1}
        one, two = (RoleProcess("notifier", role_environment, tmp_path, **fields) for _ in range(2))
        killing.notifiers = [one, two]
        async with one, two:
            alerts = [alert(n, severity="critical" if n % 7 == 0 else "warning") for n in range(ALERTS)]
            await publish(settings, producer, *alerts[: ALERTS // 2])
            await told(settings, ALERTS // 4, 90)
            await publish(settings, producer, *alerts[ALERTS // 2 :])
            records = await told(settings, ALERTS, 90)

    assert len(robot.posts) > max(calls), "all kills came about"
    messages: dict[str, set[str]] = defaultdict(set)
    tellers: dict[str, set[str]] = defaultdict(set)
    for post in robot.posts:
        text = orjson.loads(post.body)["markdown"]["text"]
        messages[post.message_id].add(text)
        for found in ALERT.findall(text):
            tellers[found].add(post.message_id)
    assert all(len(texts) == 1 for texts in messages.values())
    assert {name: len(ids) for name, ids in tellers.items()} == {one["id"]: 1 for one in alerts}
    assert len(robot.posts) - len(messages) <= KILLS
    final = [record for record in records if record["status"] in FINAL]
    assert {record["alert_id"]: record["message_id"] for record in final} == {
        name: next(iter(ids)) for name, ids in tellers.items()
    }


@pytest.mark.timeout(120)
async def test_one_that_was_frozen_and_replaced_writes_nothing_and_waits(
    settings, producer, role_environment, tmp_path
):
    robot = Robot(messages=10_000)
    with listening(robot):
        url = robot.url("dingtalk+http", "/robot/send?access_token=t")
        routes = write_routes(tmp_path, [{"name": "chat", "url": url, "per_minute": 600}])
        fields = {"routes_file": routes, "notify_lease_s": 1}
        frozen, other = (RoleProcess("notifier", role_environment, tmp_path, **fields) for _ in range(2))
        async with frozen:
            await frozen.says("notify.began")
            async with other:
                frozen.signal(signal.SIGSTOP)
                await other.says("notify.began")
                await publish(settings, producer, alert(1))
                await told(settings, 1, 60)
                frozen.signal(signal.SIGCONT)
                await frozen.says("notify.replaced")
                await publish(settings, producer, alert(2))
                await told(settings, 2, 60)
                other.signal(signal.SIGTERM)
                assert await other.ended(15) == 0
            await publish(settings, producer, alert(3))
            records = await told(settings, 3, 60)
    assert len(robot.posts) == 3
    assert {record["status"] for record in records} == {"sent"}
