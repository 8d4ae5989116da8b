"""Record batches, read whole, give what the library's own consumer gives, from every offset of any log."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import OrderedDict

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, codec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import CorruptRecordException
from structlog.testing import capture_logs

from stream.ingest import record_batches
from stream.ingest.record_batches import RecordReader
from tests.waiting import until

pytestmark = pytest.mark.services

CODECS = [None, "gzip", "lz4", "zstd", *(["snappy"] if codec.has_snappy() else [])]
SIZES = (1, 3, 25, 2, 30)
"""Records of the batches of a log; some larger than a list, some much smaller."""


@pytest.fixture(autouse=True)
def small_lists(monkeypatch):
    monkeypatch.setattr(record_batches, "_SLICE", 10)
    monkeypatch.setattr(record_batches, "_SLICES", 2)


@pytest.fixture
async def make_topic(kafka):
    """Return the coroutine function that makes a topic of one partition."""
    async with admin_of(kafka) as admin:
        made = []

        async def make(**config):
            name = f"batches-{uuid.uuid4().hex[:12]}"
            made.append(name)
            await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config)])

            async def led():
                (found,) = await admin.describe_topics([name])
                return not found["error_code"] and found["partitions"][0]["leader"] >= 0

            await until(led)
            return TopicPartition(name, 0)

        yield make
        await admin.delete_topics(made)


@contextlib.asynccontextmanager
async def admin_of(kafka):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def consumer(kafka, part, **options):
    client = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=20,
        **options,
    )
    await client.start()
    try:
        client.assign([part])
        client.seek(part, 0)
        yield client
    finally:
        await client.stop()


@contextlib.asynccontextmanager
async def sender(kafka, **options):
    client = AIOKafkaProducer(bootstrap_servers=kafka, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def send(client, part, sizes=SIZES, *, keys=None):
    """Send batches of so many records: with and without key, value and headers, times up and down."""
    number, now_ms = 0, time.time_ns() // 1_000_000
    for size in sizes:
        batch = client.create_batch()
        for _ in range(size):
            number += 1
            batch.append(
                key=None if number % 7 == 3 and not keys else b"key-%d" % (number % (keys or 5)),
                value=None if number % 11 == 5 and not keys else b"value-%d" % number * (number % 4),
                timestamp=now_ms - number % 5 * 1_000,
            )
        await (await client.send_batch(batch, part.topic, partition=0))


async def read(client, take, part, start, end):
    """Return all from an offset until the position is at the end, also when the last batch gives nothing."""
    client.seek(part, start)
    found = []
    async with asyncio.timeout(30):
        while await client.position(part) < end:
            for records in (await take()).values():
                found += records
    return found


def singly(client):
    async def take():
        got = await client.getmany(timeout_ms=50)
        return {
            part: [(record.value, record.key, record.timestamp, record.offset) for record in records]
            for part, records in got.items()
        }

    return take


async def check_every_start(kafka, part, *, by_batch=True, **options):
    """Assert that both ways of reading agree from every offset; return what there is from the first."""
    async with consumer(kafka, part, **options) as stock, consumer(kafka, part, **options) as ours:
        reader = RecordReader(ours)
        assert reader.by_batch is by_batch
        first = (await stock.beginning_offsets([part]))[part]
        end = (await stock.end_offsets([part]))[part]
        whole = await read(stock, singly(stock), part, first, end)
        for start in range(first, end):
            wanted = await read(stock, singly(stock), part, start, end)
            found = await read(ours, lambda: reader.take(50), part, start, end)
            assert found == wanted
            assert await ours.position(part) == await stock.position(part)
            assert ours.highwater(part) == stock.highwater(part)
        return whole


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("clock", ["LogAppendTime", "CreateTime"])
async def test_every_codec_and_clock_from_every_start(kafka, make_topic, compression, clock):
    part = await make_topic(**{"message.timestamp.type": clock})
    async with sender(kafka, compression_type=compression) as client:
        await send(client, part)
    whole = await check_every_start(kafka, part)
    assert [record[3] for record in whole] == list(range(sum(SIZES)))
    times = [record[2] for record in whole]
    assert (times == sorted(times)) is (clock == "LogAppendTime")


async def test_records_with_headers(kafka, make_topic):
    part = await make_topic()
    async with sender(kafka, compression_type="lz4") as client:
        for number in range(15):
            headers = [("trace", b"%d" % number)] * (number % 3)
            await client.send(part.topic, b"v%d" % number, partition=0, headers=headers)
    assert len(await check_every_start(kafka, part)) == 15


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_a_compacted_topic_whose_offsets_have_holes(kafka, make_topic):
    """The cleaner of the broker leaves batches without some, and some without their last, records."""
    part = await make_topic(**{
        "cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "100",
    })  # fmt: skip
    async with (
        sender(kafka, compression_type="lz4") as client,
        consumer(kafka, part) as stock,
        admin_of(kafka) as admin,
    ):

        async def left():
            end = (await stock.end_offsets([part]))[part]
            return end, [record[3] for record in await read(stock, singly(stock), part, 0, end)]

        async def compacted():
            await client.send_and_wait(part.topic, b"last", b"key-0", partition=0)  # rolls the segment
            end, offsets = await left()
            return len(offsets) < end - 20

        async def at_rest():
            return await left() == await left()

        await send(client, part, keys=9)
        await until(compacted, 90, what="holes in the log")
        await admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, part.topic, {"cleanup.policy": "delete"})]
        )
        await until(at_rest)
    await check_every_start(kafka, part)


async def filled_by_transactions(kafka, part):
    """Commit one, abort one, commit one, and send one record without."""
    async with sender(kafka, transactional_id=part.topic, compression_type="lz4") as client:
        for number, fate in enumerate((client.commit_transaction, client.abort_transaction) * 2):
            await client.begin_transaction()
            for count in range(12):
                await client.send(part.topic, b"%d of %d" % (count, number), b"key", partition=0)
            await client.flush()
            await fate()
    async with sender(kafka) as client:
        await client.send_and_wait(part.topic, b"alone", partition=0)


async def test_transactions_and_their_control_batches(kafka, make_topic):
    part = await make_topic()
    await filled_by_transactions(kafka, part)
    assert len(await check_every_start(kafka, part)) == 4 * 12 + 1


async def test_a_consumer_of_committed_records_reads_one_by_one(kafka, make_topic):
    part = await make_topic()
    await filled_by_transactions(kafka, part)
    whole = await check_every_start(kafka, part, by_batch=False, isolation_level="read_committed")
    assert len(whole) == 2 * 12 + 1


async def test_a_corrupt_batch_is_refused_as_the_library_refuses_it(broker, make_topic):
    """A byte on the broker's disk is another one: both raise, again and again, and do not move."""
    part, kafka = await make_topic(), broker.bootstrap
    async with sender(kafka) as client:
        await send(client, part, (4, 4))
        await client.send_and_wait(part.topic, b"to be spoilt", partition=0)
        await send(client, part, (4,))
    (log,) = broker._dir.glob(f"log/{part.topic}-0/*.log")
    raw = log.read_bytes()
    with log.open("r+b") as file:
        file.seek(raw.index(b"to be spoilt"))
        file.write(b"T")
    async with consumer(kafka, part) as stock, consumer(kafka, part) as ours:
        reader = RecordReader(ours)
        for client, take in ((stock, singly(stock)), (ours, lambda: reader.take(50))):
            for _ in range(2):
                with pytest.raises(CorruptRecordException, match="Invalid CRC"):
                    await read(client, take, part, 0, 13)
                assert await client.position(part) == 0
    whole = await check_every_start(kafka, part, check_crcs=False)
    assert whole[8][0] == b"To be spoilt"


class OtherDict(OrderedDict):
    """Where another version of the library might keep what it fetched."""


@pytest.mark.parametrize("difference", ["dict", "fields", "records"])
async def test_a_library_of_another_shape_is_read_one_by_one(kafka, make_topic, monkeypatch, difference):
    part = await make_topic()
    async with sender(kafka) as client:
        await send(client, part, (5, 5))
    async with consumer(kafka, part) as client:
        if difference == "dict":
            client._fetcher._records = OtherDict()
        elif difference == "fields":
            monkeypatch.delattr(record_batches._RecordBatches, "__init__")
        else:
            monkeypatch.setattr(
                record_batches, "_slices", lambda batch: [list(map(len, ()))] if batch else []
            )
        with capture_logs() as logs:
            reader = RecordReader(client)
        assert [line["event"] for line in logs] == ["ingest.reads_record_by_record"]
        assert not reader.by_batch
        found = await read(client, lambda: reader.take(50), part, 3, 10)
        assert [record[3] for record in found] == list(range(3, 10))
        ((told, standing),) = await reader.standings()
        assert (told, standing.position, standing.highwater) == (part, 10, 10)
        assert standing.timestamp
        assert reader.drained(part)


async def test_a_consumer_that_converts_values_is_read_one_by_one(kafka, make_topic):
    part = await make_topic()
    async with sender(kafka) as client:
        await client.send_and_wait(part.topic, b"12", partition=0)
    async with consumer(kafka, part, value_deserializer=int) as client:
        reader = RecordReader(client)
        assert not reader.by_batch
        found = await read(client, lambda: reader.take(50), part, 0, 1)
        assert found[0][0] == 12
