"""From the feeds through a real broker into a real store and onto ``live.windows``."""

from __future__ import annotations

import asyncio
import contextlib
import time

import orjson
import pytest

from stream.catalogue import ROOM_COLUMN_INDEX
from stream.ingest import ingest
from stream.ingest.settings import IngestSettings
from stream.store import FiguresReader, connect
from tests.waiting import until

pytestmark = pytest.mark.services


@contextlib.asynccontextmanager
async def running(settings):
    stop = asyncio.Event()
    task = asyncio.create_task(ingest(IngestSettings(**settings.model_dump()), stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def test_events_reach_the_store_and_the_windows(settings, producer, read_all):
    now = time.time_ns() // 1_000_000

    async def send(feed, **fields):
        key = fields.get("vendor") or fields["room_id"]
        await producer.send_and_wait(settings.topic(feed), orjson.dumps(fields), key.encode())

    await send("rooms", room_id="r1", at_ms=now - 5_000, state="live", title="一号")
    for user in range(5):
        await send("likes", room_id="r1", user_id=f"u{user}", at_ms=now, count=3)
    await send(
        "health", room_id="r1", at_ms=now, probe="edge", node="n", interval_ms=1000, stall_ms=100, fps=25
    )
    async with running(settings), connect(settings) as redis:
        reader = FiguresReader(redis, settings.partitions)

        async def counted():
            room = await reader.room("r1")
            return room and room.values[ROOM_COLUMN_INDEX["live_likes_total"]] == 15 and room

        room = await until(counted)
        assert room.facts["title"] == "一号"
        print(room)
        print(await reader.partitions())
        for key in sorted(await redis.keys()):
            print(key, await redis.type(key))
    for record in await read_all("windows"):
        print(record.partition, record.value[:300])
