"""`roomwatch shadow` on the real broker: the logs from an instant on, reports meanwhile and at the end."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from alerts.model import encode
from alerts.rulecheck import load
from alerts.rules import RulesFold
from alerts.shadow.beside import Beside
from alerts.shadow.command import Telling, serve
from alerts.windows import parse_windows
from stream.errors import ServiceError
from stream.settings import Settings
from tests.services.windows_log import RULES, TICK0, record_windows, windows
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

CANDIDATE = RULES.replace("for_s: 3", "for_s: 9")
TICKS = 200


async def _live(settings: Settings, producer: AIOKafkaProducer) -> int:
    """Write windows, and what the rules stage tells of them; return how many alerts fired."""
    await record_windows(settings, producer, ticks=TICKS, rooms=3, seed=5)
    in_force, topic, fired = load(RULES, 1), settings.topic("transitions"), 0
    for partition in range(settings.partitions):
        fold = RulesFold(lambda _: in_force, partition=partition, epoch=1)
        for offset, value in enumerate(windows(partition, TICKS, rooms=3, seed=5)):
            for told in fold.apply(offset, 0, parse_windows(value)):
                fired += told.to == "firing"
                await producer.send(topic, encode(told.to_record()), partition=0)
        await producer.send_and_wait(topic, encode(fold.heartbeat().to_record()), partition=0)
    return fired


async def _shadow(settings: Settings, rules: str, capsysbinary: Any) -> list[dict[str, Any]]:
    """Return the reports of a shadow that is ended once it has caught up."""
    beside = Beside(load(rules, 2), partitions=settings.partitions, since_ms=TICK0)
    stop, told = asyncio.Event(), Telling(every_s=0.1, as_json=True, for_s=None)
    running = asyncio.create_task(serve(settings, beside, told, since_ms=TICK0, stop=stop))
    last_ms = TICK0 + 1_000 * (TICKS - 1)
    await until(lambda: beside.until_ms == last_ms or running.done(), 60, what="the shadow to catch up")
    await asyncio.sleep(0)
    stop.set()
    await running
    return [orjson.loads(line) for line in capsysbinary.readouterr().out.splitlines()]


async def test_another_set_differs_and_the_same_does_not(
    settings: Settings, producer: AIOKafkaProducer, read_all: Any, capsysbinary: Any
):
    fired = await _live(settings, producer)
    before = len(await read_all("transitions"))

    *_, same = await _shadow(settings, RULES, capsysbinary)
    assert same["final"]
    assert same["counts"]["same"] == same["counts"]["against"] == fired
    assert same["extent"]["rooms"] == 3 * settings.partitions

    *_, other = await _shadow(settings, CANDIDATE, capsysbinary)
    assert other["counts"]["against"] == fired
    assert other["counts"]["moved"] > 0
    assert other["counts"]["gone"] > 0
    assert {each["change"] for each in other["alerts"]} == {"moved"}
    assert all(note["zh"] and note["en"] for note in other["notes"])

    assert len(await read_all("transitions")) == before, "nobody is told"
    assert await read_all("alerts") == []


async def test_without_the_logs_it_says_what_is_missing(settings: Settings):
    beside = Beside(load(RULES), partitions=1, since_ms=TICK0)
    for wrong, words in (
        ({"topic_prefix": "nowhere-"}, "are ingest and engine running"),
        ({"kafka_bootstrap": "127.0.0.1:1"}, "no Kafka at 127.0.0.1:1"),
    ):
        nowhere = settings.model_copy(update=wrong)
        with pytest.raises(ServiceError, match=words):
            await serve(nowhere, beside, Telling(1, as_json=True, for_s=1), since_ms=0, stop=asyncio.Event())
