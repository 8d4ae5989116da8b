"""On a real Redis Cluster of three nodes: counted once, a partition in a slot, also while these move."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import httpx
import orjson
import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from stream.store import FiguresReader, connect
from tests.services.cluster import Cluster
from tests.services.ingesting import Mess, check, check_dead_letters, everything_kept, running, send
from tests.system import System, alerts_over_websocket
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(180 * PATIENCE)]
SHORT = {"session_timeout_ms": 1_000}


@pytest.fixture
async def cluster(tmp_path):
    """Return a cluster of three nodes, empty."""
    async with Cluster(tmp_path / "cluster") as nodes:
        yield nodes


@pytest.fixture
def settings(settings, cluster):
    """Return the settings of a fresh deployment that keeps its state in the cluster."""
    return settings.model_copy(update={"redis_url": cluster.url, "redis_cluster": True})


async def test_the_counts_equal_the_recount_and_each_partition_lies_in_one_slot(
    settings, producer, read_all, cluster
):
    async with running(settings):
        await send(producer, settings, Mess(41, settings).records(800), pause_every=20)
        await everything_kept(settings)
    wanted = await check(settings, read_all)
    await check_dead_letters(settings, read_all, wanted)
    slots: dict[bytes, set[int]] = {}
    for number, node in enumerate(cluster.nodes):
        async with Redis.from_url(node.url) as redis:
            async for key in redis.scan_iter():
                slots.setdefault(key.partition(b":")[0], set()).add(key_slot(key))
                assert await cluster.holder(key_slot(key)) == number
    assert {b"{p0}", b"{p1}"} < slots.keys()
    assert all(len(found) == 1 for tag, found in slots.items() if tag.startswith(b"{"))


async def test_slots_that_move_while_they_are_written_lose_and_double_nothing(
    settings, producer, read_all, cluster
):
    chance = random.Random(42)
    moved: Counter[int] = Counter()
    async with running(settings, **SHORT):
        sending = asyncio.create_task(
            send(producer, settings, Mess(42, settings).records(1_500), pause_every=4)
        )
        await until(lambda: all_flushed(settings), 60)
        for _ in range(6):
            partition = chance.randrange(settings.partitions)
            slot = key_slot(f"{{p{partition}}}".encode())
            away = [number for number in range(3) if number != await cluster.holder(slot)]
            moved[partition] += await cluster.move(slot, chance.choice(away))
        await sending
        await everything_kept(settings)
    assert all(moved[partition] for partition in range(settings.partitions))
    await check(settings, read_all)


async def all_flushed(settings):
    async with connect(settings) as redis:
        return all(status.tick_ms for status in await FiguresReader(redis, settings.partitions).partitions())


async def test_a_node_that_dies_and_comes_back_loses_and_doubles_nothing(
    settings, producer, read_all, cluster
):
    async with running(settings, **SHORT):
        sending = asyncio.create_task(
            send(producer, settings, Mess(43, settings).records(1_500), pause_every=4)
        )
        await until(lambda: all_flushed(settings), 60)
        for partition in range(settings.partitions):
            node = cluster.nodes[await cluster.holder(key_slot(f"{{p{partition}}}".encode()))]
            await node.kill()
            await asyncio.sleep(0.5)
            await node.start()
            await until(cluster.whole, 60, what="a whole cluster")
        await sending
        await everything_kept(settings)
    await check(settings, read_all)


async def test_an_alert_is_pushed_and_shown_from_a_cluster(settings, producer, tmp_path, monkeypatch):
    """Every role works on it: a stutter goes from the feed through the cluster to a socket and a scrape."""
    monkeypatch.setenv("ROOMWATCH_REDIS_CLUSTER", "true")

    async def stutter():
        while True:
            at_ms = time.time_ns() // 1_000_000
            ping = {"room_id": "r1", "at_ms": at_ms, "probe": "edge", "node": "n1"}
            ping |= {"interval_ms": 500, "stall_ms": 250, "fps": 25}
            await producer.send_and_wait(settings.topic("health"), orjson.dumps(ping), b"r1")
            await asyncio.sleep(0.5)

    async with System(settings, tmp_path).running("ingest", "engine", "gateway", "exporter") as system:
        await system.ready()
        sending = asyncio.create_task(stutter())
        frames = await alerts_over_websocket(system.gateway_port, enough=bool, deadline_s=60 * PATIENCE)
        system.check()
        assert (frames[0]["alert"]["kind"], frames[0]["alert"]["room_id"]) == ("stutter", "r1")
        async with httpx.AsyncClient() as client:
            base = f"http://127.0.0.1:{system.gateway_port}/api/v1"
            listed = (await client.get(f"{base}/alerts?state=firing")).json()
            assert [alert["id"] for alert in listed["items"]] == [frames[0]["alert"]["id"]]
            shown = await client.get(f"{base}/alerts/{frames[0]['alert']['id']}")
            assert shown.json()["timeline"]

            async def scraped():
                page = await client.get(f"http://127.0.0.1:{system.exporter_port}/metrics", timeout=30)
                return 'live_alert_state{room_id="r1",rule="stutter"} 2' in page.text

            await until(scraped, 30, what="the alert's state on the page")
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
