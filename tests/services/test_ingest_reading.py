"""The reader of the feeds: bounded pieces, others' turns, feeds that are held back, seeks in the middle."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.ingest.batches import FeedReader
from stream.ingest.role import FETCH
from stream.model import Feed
from tests.waiting import until

pytestmark = pytest.mark.services

MANY = 60_000
"""About twice what one fetch brings."""


class OtherDict(OrderedDict):
    """Where another version of the library might keep what it fetched: records are read one by one then."""


@pytest.fixture(params=["by_batch", "one_by_one"])
async def reader(request, settings):
    client = AIOKafkaConsumer(
        **settings.kafka_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=20,
        **FETCH,
    )
    await client.start()
    if request.param == "one_by_one":
        client._fetcher._records = OtherDict()
    feeds: dict[str, Feed] = {settings.topic("likes"): "likes", settings.topic("danmaku"): "danmaku"}
    parts = [TopicPartition(topic, 0) for topic in feeds]
    client.assign(parts)
    found = FeedReader(client, feeds)
    found.hold(parts)
    yield found
    await client.stop()


@pytest.fixture(autouse=True)
async def preloaded(settings, producer):
    """Fill likes with so many records."""
    batches = [producer.create_batch()]
    for number in range(MANY):
        value = b"%06d" % number
        while batches[-1].append(key=b"r1", value=value, timestamp=None) is None:
            batches.append(producer.create_batch())
    for batch in batches:
        await producer.send_batch(batch, settings.topic("likes"), partition=0)
    await producer.flush()


class Taken:
    """What was read so far: offsets by feed, each expected to follow the one before."""

    def __init__(self, reader):
        self.reader = reader
        self.next = {"likes": 0, "danmaku": 0}
        self.pieces = []

    async def poll(self):
        """Poll once; tell how many records of likes came."""
        likes = 0
        for read in await self.reader.poll():
            for value, _, _, offset in read.records:
                assert offset == self.next[read.feed]
                assert read.feed != "likes" or value == b"%06d" % offset
                self.next[read.feed] += 1
            likes += len(read.records) if read.feed == "likes" else 0
            assert read.lag or self.next[read.feed] == offset_of_end(self.reader, read)
        self.pieces.append(likes)
        return likes


def offset_of_end(reader, read):
    topic = next(topic for topic, feed in reader.topics.items() if feed == read.feed)
    return reader.consumer.highwater(TopicPartition(topic, read.partition))


async def test_a_backlog_comes_in_bounded_pieces_and_others_get_their_turn(reader):
    """However much was fetched: between two polls whoever waits for the loop gets it."""
    taken, turns, done = Taken(reader), [0], False

    async def other():
        while not done:
            turns[0] += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await reader.start(0, {"likes": 0, "danmaku": 0})
    while taken.next["likes"] < MANY:
        before = turns[0]
        await taken.poll()
        assert turns[0] > before
    done = True
    await task
    assert max(taken.pieces) <= 4_000


async def test_a_feed_held_back_gives_what_was_fetched_and_then_the_others_go_on(settings, producer, reader):
    """Nothing is lost or repeated, nothing new of it is fetched, and it keeps nobody from being fetched."""
    taken = Taken(reader)
    await reader.start(0, {"likes": 0, "danmaku": 0})
    await until(taken.poll)
    reader.hold_back("likes", 0, hold=True)
    while await taken.poll():
        reader.hold_back("likes", 0, hold=True)
    stood = taken.next["likes"]
    assert stood < MANY
    for number in range(1, 4):
        await producer.send_and_wait(settings.topic("danmaku"), b"x", partition=0)
        await until(partial(seen, taken, "danmaku", number))
    assert taken.next["likes"] == stood
    reader.hold_back("likes", 0, hold=False)
    await until(partial(seen, taken, "likes", MANY))


async def seen(taken, feed, number):
    await taken.poll()
    return taken.next[feed] >= number


async def test_a_feed_that_goes_on_before_its_fetch_was_taken_is_never_paused(reader):
    taken = Taken(reader)
    await reader.start(0, {"likes": 0, "danmaku": 0})
    await until(taken.poll)
    reader.hold_back("likes", 0, hold=True)
    reader.hold_back("likes", 0, hold=False)
    await until(partial(seen, taken, "likes", MANY))


async def test_what_was_fetched_before_a_seek_is_dropped(reader):
    """A new claim begins where the store says, whatever lies in memory, and a hold of before is forgotten."""
    taken = Taken(reader)
    await reader.start(0, {"likes": 0, "danmaku": 0})
    await until(taken.poll)
    reader.hold_back("likes", 0, hold=True)
    taken.next["likes"] = 7
    await reader.start(0, {"likes": 7, "danmaku": 0})
    await until(partial(seen, taken, "likes", MANY))
