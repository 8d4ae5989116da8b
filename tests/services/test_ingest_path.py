"""The way of one event: feed, store, ``live.windows``; and how the role starts and ends."""

from __future__ import annotations

import asyncio
import signal
import time

import orjson
import pytest

from stream.catalogue import ROOM_COLUMN_INDEX
from stream.errors import SettingsError, StoreError
from stream.ingest import IngestSettings, ingest
from stream.store import FiguresReader, connect
from stream.store.partition import PartitionStore
from tests.services.ingesting import Mess, check, everything_kept, running, send, start_process
from tests.waiting import until

pytestmark = pytest.mark.services


def now_ms():
    return time.time_ns() // 1_000_000


async def put(producer, settings, feed, **fields):
    await producer.send_and_wait(settings.topic(feed), orjson.dumps(fields), fields["room_id"].encode())


async def test_events_reach_the_store_and_the_windows(settings, producer, read_all):
    now = now_ms()
    await put(producer, settings, "rooms", room_id="r1", at_ms=now - 5_000, state="live", title="一号")
    for user in range(5):
        await put(producer, settings, "likes", room_id="r1", user_id=f"u{user}", at_ms=now, count=3)
    ping = {"probe": "edge", "node": "n", "interval_ms": 1_000, "stall_ms": 100, "fps": 25}
    await put(producer, settings, "health", room_id="r1", at_ms=now, **ping)
    async with running(settings), connect(settings) as redis:
        reader = FiguresReader(redis, settings.partitions)

        async def counted():
            room = await reader.room("r1")
            stalled = room and value(room, 'live_stall_ratio{probe="edge",window="10s"}')
            return room if stalled and value(room, "live_likes_total") == 15 else None

        room = await until(counted)
        assert (room.session_ms, room.state, room.facts["title"]) == (now - 5_000, "live", "一号")
        assert value(room, 'live_stall_ratio{probe="edge",window="10s"}') == pytest.approx(0.1)
        status = (await reader.partitions())[room.partition]
        assert status.tick_ms % 1_000 == 0
        assert abs(min(status.reach_ms.values()) - now_ms()) < 10_000
    assert any(orjson.loads(record.value)["rooms"] for record in await read_all("windows"))


def value(room, column):
    return room.values[ROOM_COLUMN_INDEX[column]]


async def test_a_store_made_for_other_partitions_is_refused(settings):
    async with running(settings):
        pass
    other = IngestSettings(
        **{**settings.model_dump(), "partitions": 3, "topic_prefix": settings.topic_prefix + "other."}
    )
    with pytest.raises(SettingsError, match="the store was made for 2"):
        await ingest(other, asyncio.Event())


@pytest.mark.slow
async def test_a_signal_ends_the_process_and_the_next_one_goes_on(
    settings, producer, read_all, role_environment, tmp_path
):
    log = tmp_path / "ingest.log"
    mess = list(Mess(31, settings).records(400))
    await send(producer, settings, mess[:300])
    process = await start_process(role_environment, log)
    await everything_kept(settings)
    await send(producer, settings, mess[300:])
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0, log.read_text()[-3_000:]
    assert time.monotonic() - asked < 10
    async with connect(settings) as redis:
        assert await redis.hget("{p0}:owner", "lease_until_ms") == b"0"
    async with running(settings):
        await everything_kept(settings)
    await check(settings, read_all)


async def test_a_lease_that_cannot_be_given_back_runs_out(settings, monkeypatch):
    """The store is gone just when the partitions are given back: that is no reason to fail."""
    tried = []

    async def lost(_, claim):
        tried.append(claim.partition)
        raise StoreError("the store does not answer")

    monkeypatch.setattr(PartitionStore, "release", lost)
    async with running(settings), connect(settings) as redis:
        reader = FiguresReader(redis, settings.partitions)

        async def flushed():
            return all(status.tick_ms for status in await reader.partitions())

        await until(flushed)
    assert sorted(tried) == [0, 1]
