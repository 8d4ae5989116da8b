"""aiokafka as everybody uses it, record by record, doing nothing with them."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer

from tests.bench.peers.meter import Meter, asked

_AT_ONCE: Final = 2_000


async def _read() -> None:
    given = asked()
    meter = Meter(given.most, given.out, "aiokafka")
    consumer = AIOKafkaConsumer(
        *given.topics,
        bootstrap_servers=given.bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    meter.begin()
    while True:
        for records in (await consumer.getmany(timeout_ms=1_000, max_records=_AT_ONCE)).values():
            meter.count(len(records))
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(_read())
