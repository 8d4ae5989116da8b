"""Filling the feeds before a drain: whole record batches, lz4, all partitions in step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from stream.settings import Settings
from tests.bench.ingest.mix import Slice

__all__ = ["BATCH_BYTES_MAX", "batches", "producer", "send"]

BATCH_BYTES_MAX: Final = 256 * 1024
"""Uncompressed bytes of a record batch; a slice that needs more becomes several."""
_IN_FLIGHT: Final = 400
"""Batches that may wait for the broker."""


def producer(settings: Settings) -> AIOKafkaProducer:
    """Return a producer that sends what it is given, as it is given."""
    return AIOKafkaProducer(
        **settings.kafka_options(),
        acks=1,
        compression_type="lz4",
        max_batch_size=BATCH_BYTES_MAX,
        linger_ms=0,
    )


def batches(client: AIOKafkaProducer, records: Iterable[tuple[bytes, bytes]]) -> Iterator[Any]:
    """Pack records of one feed and partition into as few batches as they need."""
    batch, now_ms = client.create_batch(), time.time_ns() // 1_000_000
    for key, value in records:
        if batch.append(timestamp=now_ms, key=key, value=value) is None:
            yield batch
            batch = client.create_batch()
            batch.append(timestamp=now_ms, key=key, value=value)
    yield batch


async def send(settings: Settings, slices: Iterable[Slice]) -> float:
    """Send slices as fast as the broker takes them; return the seconds that it took."""
    began = time.monotonic()
    client = producer(settings)
    await client.start()
    try:
        waiting: list[Any] = []
        for some in slices:
            for (feed, partition), records in some.items():
                topic = settings.topic(feed)
                waiting += [
                    await client.send_batch(batch, topic, partition=partition)
                    for batch in batches(client, records)
                ]
            if len(waiting) > _IN_FLIGHT:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await client.stop()
    return time.monotonic() - began
