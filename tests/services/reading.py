"""Read what a topic holds now."""

from __future__ import annotations

import asyncio
import itertools

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream import topics
from stream.settings import Settings
from tests.waiting import PATIENCE

__all__ = ["read_topic"]


async def read_topic(
    settings: Settings, log: str, *, deadline_s: float = 30.0
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the records that a log (``"deadletter"``) has now, by partition, in order."""
    topic = next(topic for topic in topics.topics(settings) if topic.name == settings.topic(log))
    parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    client = AIOKafkaConsumer(
        **settings.kafka_options(), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await client.start()
    try:
        async with asyncio.timeout(deadline_s * PATIENCE):
            return await _read(client, parts)
    finally:
        await client.stop()


async def _read(client: AIOKafkaConsumer, parts: list[TopicPartition]) -> list[ConsumerRecord[bytes, bytes]]:
    client.assign(parts)
    ends = await client.end_offsets(parts)
    found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {part: [] for part in parts}
    for part in parts:
        while await client.position(part) < ends[part]:
            for source, records in (await client.getmany(timeout_ms=200)).items():
                found[source] += [record for record in records if record.offset < ends[source]]
    return list(itertools.chain.from_iterable(found.values()))
