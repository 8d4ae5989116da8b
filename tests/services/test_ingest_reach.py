"""The reach of a feed never passes a record that is still to be read, and advances while the feed is idle."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.ingest.batches import FeedReader
from stream.model import Feed
from tests.waiting import until

pytestmark = pytest.mark.services


@pytest.fixture
async def reader(settings):
    client = AIOKafkaConsumer(
        **settings.kafka_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=20,
    )
    await client.start()
    feeds: dict[str, Feed] = {settings.topic("likes"): "likes", settings.topic("danmaku"): "danmaku"}
    parts = [TopicPartition(topic, 0) for topic in feeds]
    client.assign(parts)
    found = FeedReader(client, feeds)
    found.hold(parts)
    yield found
    await client.stop()


async def test_no_record_is_appended_before_a_reach_that_was_told(settings, producer, reader):
    """Records come at random moments; each append time is at or after every reach told before it."""
    chance = random.Random(4)
    await reader.start(0, {})
    reach, read, done = {"likes": 0, "danmaku": 0}, 0, asyncio.Event()

    async def sending():
        for _ in range(150):
            feed = chance.choice(("likes", "danmaku"))
            await producer.send_and_wait(settings.topic(feed), b"x", partition=0)
            await asyncio.sleep(chance.random() * 0.02)
        done.set()

    task = asyncio.create_task(sending())
    while not done.is_set() or read < 150:
        for found in await reader.poll():
            assert all(record[2] >= reach[found.feed] for record in found.records)
            read += len(found.records)
            if found.records:
                reach[found.feed] = max(reach[found.feed], found.records[-1][2])
            if found.end_ms is not None:
                reach[found.feed] = max(reach[found.feed], found.end_ms)
    await task
    before = dict(reach)

    async def advanced():
        for found in await reader.poll():
            reach[found.feed] = max(reach[found.feed], found.end_ms or 0)
        return all(reach[feed] > before[feed] for feed in reach)

    await until(advanced)


async def test_a_partition_that_is_not_ready_gives_nothing(settings, producer, reader):
    await producer.send_and_wait(settings.topic("likes"), b"x", partition=0)
    for _ in range(5):
        assert await reader.poll() == []
    await reader.start(0, {"likes": 0})
    assert await until(lambda: read_some(reader)) == [(b"x", None)]


async def read_some(reader):
    return [record[:2] for found in await reader.poll() for record in found.records]


async def test_a_feed_that_is_held_back_gives_nothing_until_it_goes_on(settings, producer, reader):
    await reader.start(0, {})
    reader.hold_back("likes", 0, hold=True)
    reader.hold_back("likes", 5, hold=True)
    await producer.send_and_wait(settings.topic("likes"), b"x", partition=0)
    for _ in range(5):
        assert await read_some(reader) == []
    reader.hold_back("likes", 0, hold=False)
    assert await until(lambda: read_some(reader)) == [(b"x", None)]
