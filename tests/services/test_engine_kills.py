"""The engine killed at ten seeded moments: the same log gives the same transitions and the same alerts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from alerts.model import Command, encode, episode_id
from stream.settings import Settings
from tests.alerts.journal import Journal, without_repeats
from tests.services.engine_process import EngineProcess, Zygote
from tests.services.windows_log import record_windows
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(170)]

ReadAll = Callable[[str], Awaitable[list[Any]]]
KILLS = 10
SEED = 20_251_122


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Return what forks the engines of this file."""
    process = Zygote()
    yield process
    process.close()


async def folded(redis: Redis, owners: list[str]) -> int:
    """Return how many records the folds have kept."""
    kept = [await redis.hget(owner, "offset") for owner in owners]
    return sum(int(offset) + 1 for offset in kept if offset is not None)


async def run_undisturbed(engine: EngineProcess, redis: Redis, owners: list[str], total: int) -> None:
    """Let the engine fold the whole log."""
    async with engine:

        async def done() -> bool:
            assert engine.status() is None, engine.told()
            return await folded(redis, owners) == total

        await until(done, 60, what="the whole log to be folded")


async def run_killed(engine: EngineProcess, redis: Redis, owners: list[str], total: int) -> int:
    """Kill the engine whenever it has folded the next of ten seeded shares of the log; return the kills."""
    dice = random.Random(SEED)
    moments = sorted(dice.randrange(total) for _ in range(KILLS))
    kills = 0
    for moment in moments:
        async with engine:

            async def passed(moment: int = moment) -> bool:
                assert engine.status() is None, engine.told()
                return await folded(redis, owners) > moment

            await until(passed, 60, what=f"{moment} of {total} records to be folded")
            await asyncio.sleep(dice.uniform(0, 0.03))
            engine.kill()
            kills += 1
    await run_undisturbed(engine, redis, owners, total)
    return kills


def transitions(records: list[Any]) -> list[dict[str, Any]]:
    """Return transitions as the incidents stage takes them: without lower epochs and seen positions."""
    seen: dict[int, tuple[int, list[int]]] = {}
    kept = []
    for record in (orjson.loads(record.value) for record in records):
        if record["type"] == "transition":
            epoch, position = seen.get(record["partition"], (0, [-1, -1]))
            if record["epoch"] >= epoch and record["position"] > position:
                seen[record["partition"]] = (record.pop("epoch"), record["position"])
                kept.append(record)
    return sorted(kept, key=lambda record: (record["partition"], record["position"]))


async def test_the_rules_stage_killed_ten_times_says_the_same(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
    zygote: Zygote,
):
    last = await record_windows(settings, producer, ticks=2_000, rooms=4, seed=SEED)
    total = sum(offset + 1 for offset in last)
    owners = [f"{{p{partition}}}:rules:owner" for partition in range(settings.partitions)]
    async with Redis.from_url(settings.redis_url) as redis:
        await run_undisturbed(
            EngineProcess(role_environment, tmp_path, "once", engine_stages="rules", zygote=zygote),
            redis,
            owners,
            total,
        )
        once = await read_all("transitions")
        await redis.flushdb()
        killed = EngineProcess(role_environment, tmp_path, "killed", engine_stages="rules", zygote=zygote)
        assert await run_killed(killed, redis, owners, total) == KILLS
    again = (await read_all("transitions"))[len(once) :]
    assert len(transitions(once)) > 400
    assert transitions(again) == transitions(once)


def recorded_transitions() -> list[bytes]:
    """Return a seeded ``live.transitions``: transitions of 200 rooms, heartbeats, commands, repeats."""
    dice = random.Random(SEED)
    log = Journal()
    open_: dict[str, int] = {}
    for number in range(12_000):
        room = f"r{dice.randrange(200)}"
        given = {"subject": room, "room_id": room, "partition": number % 2}
        severity = dice.choice(["info", "warning", "critical"])
        what = dice.random()
        if what < 0.2:
            log.beat(number, number % 2)
        elif room not in open_:
            open_[room] = number
            log.transition(number, "firing", severity=severity, started_at_ms=number, **given)
        elif what < 0.5:
            log.transition(number, "severity", severity=severity, started_at_ms=open_[room], **given)
        elif what < 0.7:
            log.transition(number, "resolved", started_at_ms=open_.pop(room), **given)
        elif what < 0.95:
            do = dice.choice(["ack", "ack", "resolve"])
            log.command(number, do, episode_id("stutter", room, open_[room]), for_s=1)
        else:
            log.add(number, dice.choice(log.records).value)
    last = Command("last", "ack", "li", "oncall", "test", "", id="0" * 20)
    return [*(record.value for record in log.records), encode(last.to_record())]


async def test_the_incidents_stage_killed_ten_times_writes_the_same_bytes(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
    zygote: Zygote,
):
    log = recorded_transitions()
    sent = [await producer.send(settings.topic("transitions"), value) for value in log]
    await asyncio.gather(*sent)
    owners = ["{incidents}:owner"]
    async with Redis.from_url(settings.redis_url) as redis:
        await run_undisturbed(
            EngineProcess(role_environment, tmp_path, "once", engine_stages="incidents", zygote=zygote),
            redis,
            owners,
            len(log),
        )
        first = [record.value for record in await read_all("alerts")]
        answered = [record.value for record in await read_all("outcomes")]
        open_once = await redis.hgetall("{incidents}:open")
        await redis.flushdb()
        killed = EngineProcess(role_environment, tmp_path, "killed", engine_stages="incidents", zygote=zygote)
        assert await run_killed(killed, redis, owners, len(log)) == KILLS
        assert await redis.hgetall("{incidents}:open") == open_once
    again = [record.value for record in await read_all("alerts")][len(first) :]
    once = without_repeats(first)
    assert len(once) > 3_000
    assert without_repeats(again) == once
    assert set(again) == set(once)
    assert set(answered) == {record.value for record in (await read_all("outcomes"))[len(answered) :]}
