"""Filling the feeds before a drain: whole record batches, lz4, all partitions in step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from stream.settings import Settings
from tests.bench.ingest.mix import Slice

__all__ = ["BATCH_BYTES_MAX", "producer", "send", "send_slice"]

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


async def send(settings: Settings, slices: Iterable[Slice]) -> float:
    """Send slices as fast as the broker takes them; return the seconds that it took."""
    began = time.monotonic()
    client = producer(settings)
    await client.start()
    try:
        waiting: list[Any] = []
        for some in slices:
            waiting += await send_slice(client, settings, some)
            if len(waiting) > _IN_FLIGHT:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await client.stop()
    return time.monotonic() - began


async def send_slice(client: AIOKafkaProducer, settings: Settings, some: Slice) -> list[Any]:
    """Hand a slice to the producer; return the futures of its batches."""
    futures = []
    now_ms = time.time_ns() // 1_000_000
    for (feed, partition), records in some.items():
        topic = settings.topic(feed)
        batch = client.create_batch()
        for key, value in records:
            if batch.append(timestamp=now_ms, key=key, value=value) is None:
                futures.append(await client.send_batch(batch, topic, partition=partition))
                batch = client.create_batch()
                batch.append(timestamp=now_ms, key=key, value=value)
        futures.append(await client.send_batch(batch, topic, partition=partition))
    return futures
