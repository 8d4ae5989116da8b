"""Who owns a partition may change at any moment: processes come, go and die, and the store may forget."""

from __future__ import annotations

import asyncio
import random
import signal

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.services.ingesting import (
    Mess,
    check,
    check_dead_letters,
    everything_kept,
    running,
    send,
    start_process,
    state_of,
    store_of,
)
from tests.waiting import until

pytestmark = pytest.mark.services
SHORT = {"session_timeout_ms": 1_000}


async def owners(settings):
    async with store_of(settings) as redis:
        return [
            (await redis.hget(f"{{p{number}}}:owner", "member") or b"").decode()
            for number in range(settings.partitions)
        ]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("settings", [{"partitions": 4}], indirect=True)
async def test_two_processes_share_and_a_rebalance_doubles_nothing(
    settings, producer, read_all, role_environment, tmp_path
):
    log = tmp_path / "ingest.log"
    sending = asyncio.create_task(send(producer, settings, Mess(21, settings).records(2_000), pause_every=2))
    first = await start_process(role_environment, log, **SHORT)
    await until(lambda: all_owned(settings, 1), 30)
    second = await start_process(role_environment, log, **SHORT)
    await until(lambda: all_owned(settings, 2), 60)
    shared = set(await owners(settings))
    first.send_signal(signal.SIGKILL)
    await first.wait()
    third = await start_process(role_environment, log, **SHORT)
    await until(lambda: all_owned(settings, 2, newer_than=shared), 60)
    await sending
    await everything_kept(settings)
    for process in (second, third):
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 12) == 0, log.read_text()[-3_000:]
    wanted = await check(settings, read_all)
    await check_dead_letters(settings, read_all, wanted)


async def all_owned(settings, by, *, newer_than=frozenset()):
    """Tell whether so many own everything, one of them at least not in the set."""
    found = await owners(settings)
    return all(found) and len(set(found)) == by and set(found) - newer_than and await all_leased(settings)


async def all_leased(settings):
    """Tell whether every owner has flushed lately, so that none of them is dead."""
    async with store_of(settings) as redis:
        seconds, _ = await redis.time()
        leases = [
            int(await redis.hget(f"{{p{number}}}:owner", "lease_until_ms") or 0)
            for number in range(settings.partitions)
        ]
    return min(leases) > seconds * 1_000 + 1_000


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_paused_zombie_writes_nothing(settings, producer, read_all, role_environment, tmp_path):
    """A process that was stopped while another took over wakes up, and nothing is counted twice."""
    log = tmp_path / "ingest.log"
    mess = list(Mess(22, settings).records(2_000))
    zombie = await start_process(role_environment, log, **SHORT)
    await until(lambda: all_owned(settings, 1), 30)
    await send(producer, settings, mess[:700], pause_every=20)
    zombie.send_signal(signal.SIGSTOP)
    before = await owners(settings)
    async with running(settings, **SHORT):
        await send(producer, settings, mess[700:1_400], pause_every=20)

        async def taken():
            now = await owners(settings)
            return all(a != b for a, b in zip(before, now, strict=True))

        await until(taken, 30)
        zombie.send_signal(signal.SIGCONT)
        await send(producer, settings, mess[1_400:], pause_every=20)
        await everything_kept(settings)
        zombie.send_signal(signal.SIGKILL)
        await zombie.wait()
    await check(settings, read_all)


@pytest.mark.timeout(90)
async def test_a_store_that_lost_its_last_writes_is_counted_anew(settings, producer, read_all):
    mess = list(Mess(23, settings).records(1_200))
    async with running(settings, **SHORT), store_of(settings) as redis:
        await send(producer, settings, mess[:600])
        await everything_kept(settings)
        copy = {key: await redis.dump(key) for key in await redis.keys("{p*")}
        epochs = [(await state_of(settings, n))[1]["epoch"] for n in range(settings.partitions)]
        await send(producer, settings, mess[600:900])
        await everything_kept(settings)
        pipe = redis.pipeline(transaction=True)
        for key in await redis.keys("{p*"):
            pipe.delete(key)
        for key, raw in copy.items():
            pipe.restore(key, 0, raw)
        await pipe.execute()
        await send(producer, settings, mess[900:])
        await everything_kept(settings)
        after = [(await state_of(settings, n))[1]["epoch"] for n in range(settings.partitions)]
        assert all(int(new) > int(old) for new, old in zip(after, epochs, strict=True))
    await check(settings, read_all)


@pytest.mark.timeout(90)
async def test_a_store_that_is_slow_holds_the_feeds_back_and_loses_nothing(settings, producer, read_all):
    chance = random.Random(5)
    async with running(settings, **SHORT), store_of(settings) as redis:
        sending = asyncio.create_task(
            send(producer, settings, Mess(24, settings).records(1_500), pause_every=10)
        )
        for _ in range(5):
            await redis.execute_command("CLIENT", "PAUSE", chance.randrange(300, 1_200), "WRITE")
            await asyncio.sleep(0.8)
        await sending
        await everything_kept(settings)
    await check(settings, read_all)


async def test_offsets_that_retention_deleted_are_passed_over(settings, producer):
    """The oldest records go while nobody reads: the ingest goes on with what is left."""
    await send(producer, settings, Mess(25, settings).records(200))
    async with running(settings):
        await everything_kept(settings)
    await send(producer, settings, Mess(26, settings).records(400))
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        part = TopicPartition(settings.topic("likes"), 0)
        _, fields = await state_of(settings, 0)
        beyond = int(fields["offset:likes"]) + 5
        await admin.delete_records({part: RecordsToDelete(beyond)})
    finally:
        await admin.close()
    async with running(settings):
        await everything_kept(settings)
