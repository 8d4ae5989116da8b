"""The life of engine processes: start, take-over, zombie, outage of the store, end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from redis.asyncio import Redis

from alerts.engine.logs import KafkaLogs
from alerts.store.rule_sets import RuleSetStore
from deploy.local.valkey import Valkey
from stream.settings import Settings
from stream.store import connect
from tests.services.engine_process import EngineProcess
from tests.services.windows_log import RULES, record_windows
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(120)]

ReadAll = Callable[[str], Awaitable[list[Any]]]
OWNERS = ("{p0}:rules:owner", "{p1}:rules:owner", "{incidents}:owner")


async def members(redis: Redis) -> list[bytes | str | None]:
    """Return who owns each fold."""
    return [await redis.hget(owner, "member") for owner in OWNERS]


async def epochs(redis: Redis) -> list[int]:
    return [int(await redis.hget(owner, "epoch") or 0) for owner in OWNERS]


async def beating(redis: Redis, engine: EngineProcess) -> None:
    """Wait until every fold is owned and the incidents stage has folded something."""

    async def owned() -> bool:
        assert engine.status() is None, engine.told()
        offset = await redis.hget("{incidents}:owner", "offset")
        return all(await members(redis)) and offset is not None

    await until(owned, 30, what="every fold to be owned")


async def test_the_first_rule_set_is_kept_and_the_end_is_quick(
    settings: Settings, role_environment: dict[str, str], tmp_path: Path
):
    async with (
        connect(settings) as redis,
        EngineProcess(role_environment, tmp_path) as engine,
    ):
        await beating(redis, engine)
        kept = await RuleSetStore(redis).current()
        assert kept
        assert (kept.version, kept.yaml, kept.from_ms) == (1, RULES, 0)
        engine.signal(signal.SIGTERM)
        began = time.monotonic()
        assert await engine.ended(10) == 0, engine.told()
        print(f"stopped after {time.monotonic() - began:.2f} s")  # noqa: T201 - a figure, shown with -s
    assert "Traceback" not in engine.told()


async def test_another_engine_takes_over_from_a_killed_one(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
):
    async with (
        connect(settings) as redis,
        EngineProcess(role_environment, tmp_path, "one") as one,
        EngineProcess(role_environment, tmp_path, "two") as two,
    ):
        await until(lambda: "engine.assigned" in one.told() and "engine.assigned" in two.told(), 30)
        await beating(redis, one)
        await until(lambda: _both_own(redis), 30, what="both engines to own something")
        last = await record_windows(settings, producer, ticks=200, rooms=3, seed=1)
        one.kill()
        began = time.monotonic()

        async def taken_over() -> bool:
            return len(set(await members(redis))) == 1 and await _offsets(redis) == last

        await until(taken_over, 30, what="the other engine to fold everything")
        print(f"taken over after {time.monotonic() - began:.2f} s")  # noqa: T201 - as above
        assert two.status() is None
    seen = [orjson.loads(record.value) for record in await read_all("transitions")]
    positions = [(r["partition"], r["position"]) for r in seen if r["type"] == "transition"]
    assert len(positions) > 10


async def _both_own(redis: Redis) -> bool:
    return len(set(await members(redis))) == 2


async def test_a_zombie_changes_nothing(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
):
    async with (
        connect(settings) as redis,
        EngineProcess(role_environment, tmp_path, "zombie") as zombie,
    ):
        await beating(redis, zombie)
        old = (await members(redis))[0]
        zombie.signal(signal.SIGSTOP)
        async with EngineProcess(role_environment, tmp_path, "heir") as heir:
            await until(lambda: _nothing_of(redis, old), 30, what="the heir to own everything")
            taken = await epochs(redis)
            last = await record_windows(settings, producer, ticks=200, rooms=3, seed=2)
            zombie.signal(signal.SIGCONT)
            await until(lambda: zombie.told().count("engine.assigned") > 1, 30, what="the zombie to rejoin")
            assert heir.status() is None
            assert zombie.status() is None
            await until(lambda: _all_folded(redis, last), 30, what="everything to be folded")
            assert all(now >= then for now, then in zip(await epochs(redis), taken, strict=True))
            await until(lambda: _several_alerts(read_all), 30, what="the incidents stage to keep what came")
    highest: dict[int, int] = {}
    late = 0
    for record in (orjson.loads(record.value) for record in await read_all("transitions")):
        late += record["epoch"] < highest.get(record["partition"], 0)
        highest[record["partition"]] = max(record["epoch"], highest.get(record["partition"], 0))
    assert late <= settings.partitions  # what was on its way when it froze; the incidents stage drops it
    changes: dict[str, int] = {}
    for alert in (orjson.loads(record.value) for record in await read_all("alerts")):
        assert alert["change"] == changes.get(alert["id"], 0) + 1
        changes[alert["id"]] = alert["change"]


async def _nothing_of(redis: Redis, member: bytes | str | None) -> bool:
    owners = await members(redis)
    return all(owners) and member not in owners


async def _several_alerts(read_all: ReadAll) -> bool:
    return len({orjson.loads(record.value)["id"] for record in await read_all("alerts")}) > 5


async def _all_folded(redis: Redis, last: list[int]) -> bool:
    return await _offsets(redis) == last


async def _offsets(redis: Redis) -> list[int]:
    kept = [await redis.hget(f"{{p{number}}}:rules:owner", "offset") for number in range(2)]
    return [int(offset or -1) for offset in kept]


async def test_a_store_away_for_a_moment_is_waited_for_and_a_longer_one_ends_the_process(
    settings: Settings,
    store: Valkey,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    tmp_path: Path,
):
    async with (
        connect(settings) as redis,
        EngineProcess(role_environment, tmp_path, engine_patience_s=3) as engine,
    ):
        await beating(redis, engine)
        try:
            await store.stop()
            await asyncio.sleep(1)
        finally:
            await store.start()
        last = await record_windows(settings, producer, ticks=50, rooms=2, seed=3)

        async def caught_up() -> bool:
            assert engine.status() is None, engine.told()
            return await _offsets(redis) == last

        await until(caught_up, 20, what="the engine to go on")
        try:
            await store.stop()
            assert await engine.ended(20) == 1
        finally:
            await store.start()
        assert "the store did not answer the" in engine.told()


async def test_a_log_is_read_from_where_retention_left_it(settings: Settings, producer: AIOKafkaProducer):
    topic = settings.topic("transitions")
    for number in range(30):
        await producer.send_and_wait(topic, str(number).encode())
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=12)})
    await admin.close()
    async with KafkaLogs(settings, patience_s=10) as logs:
        found = [batch async for batch in logs.read(topic, 0, first=5, last=20)]
        assert [record.offset for batch in found for record in batch] == list(range(12, 21))
        assert await logs.end(topic, 0) == 30
        assert [batch async for batch in logs.read(topic, 0, first=2, last=8)] == []


async def test_a_rules_file_that_is_missing_is_one_sentence(role_environment: dict[str, str], tmp_path: Path):
    engine = EngineProcess(role_environment, tmp_path)
    (tmp_path / "rules.yaml").unlink()
    async with engine:
        assert await engine.ended(20) == 1
    assert "ROOMWATCH_RULES_FILE" in engine.told()
    assert "Traceback" not in engine.told()
