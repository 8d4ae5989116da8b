"""A silence's start and end and a word to an owner reach a chat once, across restarts of the notifier."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.alerts.gateway.made import alert
from tests.services.gateway import gateway, publish
from tests.services.notifying import deliveries, notifier, told
from tests.services.robot import Robot, listening
from tests.services.stage_at_work import stage_at_work

pytestmark = pytest.mark.services

ROUTES = """
people: [{name: wang, mobile: "13000000000"}]
receivers: [{name: chat, url: "URL"}]
routes: [{to: [chat]}]
"""


async def _notices(settings: Any) -> list[bytes]:
    """Return what the incidents stage said of silences so far."""
    part = TopicPartition(settings.topic("outcomes"), 0)
    consumer = AIOKafkaConsumer(**settings.kafka_options(), enable_auto_commit=False)
    await consumer.start()
    consumer.assign([part])
    await consumer.seek_to_beginning(part)
    end = (await consumer.end_offsets([part]))[part]
    found: list[bytes] = []
    while await consumer.position(part) < end:
        batch = await consumer.getmany(part, timeout_ms=200)
        found += [record.value for record in batch.get(part, []) if b'"type":"notice"' in record.value]
    await consumer.stop()
    return found


async def test_silences_and_reminders_are_told_once(settings, producer, tmp_path):
    robot = Robot(messages=600)
    routes = tmp_path / "routes.yaml"
    with listening(robot):
        routes.write_text(ROUTES.replace("URL", robot.url("dingtalk+http", "/r?access_token=t")))
        async with gateway(settings) as gate, stage_at_work(settings, producer):
            async with (
                notifier(settings, routes),
                httpx.AsyncClient(base_url=gate.http, timeout=20) as http,
            ):
                body = {
                    "matchers": [{"label": "room_id", "op": "=", "value": "r1"}],
                    "ends_at_ms": int(time.time() * 1_000) + 3_600_000,
                    "comment": "换推流",
                }
                made = (await http.post("/api/v1/silences", json=body)).json()
                await told(settings, 1)
                await http.delete(f"/api/v1/silences/{made['id']}")
                await told(settings, 2)
                shown = (await http.get(f"/api/v1/silences/{made['id']}")).json()
            for value in await _notices(settings):  # the stage says it again, as after a crash
                await producer.send_and_wait(settings.topic("outcomes"), value, partition=0)
            async with notifier(settings, routes):
                steps = [("firing", None), ("acknowledged", None), ("acknowledged", "ack_ending")]
                for number, (state, reason) in enumerate([*steps, ("firing", "ack_expired")], start=1):
                    owned = {"owner": "wang"} if number > 1 else {}
                    one = alert(1, change=number, state=state, reason=reason, **owned)
                    await publish(settings, producer, one)
                    if reason or number == 1:
                        await deliveries(settings, partial(_has, number))
    titles = [orjson.loads(post.body)["markdown"]["title"] for post in robot.posts]
    wanted = ["静默开始", "静默结束", "警告", "认领即将到期", "认领已到期"]
    assert len(titles) == len(wanted)
    assert all(word in title for word, title in zip(wanted, titles, strict=True))
    mentioned = [orjson.loads(post.body)["at"]["atMobiles"] for post in robot.posts]
    assert mentioned[2:] == [[], ["13000000000"], ["13000000000"]]
    assert [(r["occasion"], r["status"]) for r in shown["deliveries"]] == [
        ("silence_started", "sent"),
        ("silence_ended", "sent"),
    ]


def _has(change: int, found: list[dict[str, Any]]) -> bool:
    return any(r["alert_id"] == alert(1)["id"] and r["change"] == change for r in found)
