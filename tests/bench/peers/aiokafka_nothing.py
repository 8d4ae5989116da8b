"""aiokafka that hands over whole record batches, decoded, and does nothing with them: reading alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher

from tests.bench.peers.meter import Meter, asked

_AT_ONCE: Final = 8
"""Batches of one call: without a bound it makes half a million objects, which cost thrice as much each."""


class _Batches(fetcher.PartitionRecords):  # type: ignore[misc]  # the library has no types
    """Gives each record batch as one list, instead of an object of eleven fields for each record."""

    def _unpack_records(self) -> Iterator[list[Any]]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise ValueError(f"a corrupt batch of {self._tp}")
            self.next_fetch_offset = batch.next_offset
            yield list(batch)


async def _read() -> None:
    given = asked()
    meter = Meter(given.most, given.out, "aiokafka")
    fetcher.PartitionRecords = _Batches
    consumer = AIOKafkaConsumer(
        *given.topics,
        bootstrap_servers=given.bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    meter.begin()
    while True:
        for batches in (await consumer.getmany(timeout_ms=1_000, max_records=_AT_ONCE)).values():
            meter.count(sum(map(len, batches)))
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(_read())
