"""A producer of its own process that offers the mix at a steady rate, and notes when the broker took what.

Everything is made before the first record is due; then each slice is sent when its event time is over. The
broker's answers tell offset and append time of every batch (``LogAppendTime``), on the machine's one clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from stream.settings import Settings
from tests.bench.ingest.mix import Mix, Slice
from tests.bench.ingest.preload import batches, producer

__all__ = ["SLICE_MS"]

SLICE_MS: Final = 20
"""How long the producer lingers."""
_MAKING_S: Final = 12e-6
"""Time to make one record, generously: how far ahead the first is due."""

Batch = tuple[str, int, Any]
"""Feed, partition, and the batch."""


async def offer(settings: Settings, mix_of: Any, seconds: int, per_s: int, out: Path) -> None:
    """Offer the mix for so long and write what became of it."""
    begin_ms = time.time_ns() // 1_000_000 + 1_000 + int(per_s * seconds * _MAKING_S * 1_000)
    client = producer(settings)
    await client.start()
    try:
        mix: Mix = mix_of(begin_ms)
        announced = await _sent(client, settings, _made(client, mix.announcements()))
        slices = [_made(client, some) for some in mix.slices(per_s * seconds)]
        taken, behind_ms = await _pace(client, settings, slices, begin_ms)
        found = {
            "begin_ms": begin_ms,
            "behind_ms": behind_ms,
            "records": mix.number,
            "batches": await _told(announced + taken),
        }
    finally:
        await client.stop()
    out.write_text(json.dumps(found))  # noqa: ASYNC240 - nothing else runs any more


def _made(client: AIOKafkaProducer, some: Slice) -> list[Batch]:
    return [
        (feed, partition, batch)
        for (feed, partition), records in some.items()
        for batch in batches(client, records)
    ]


async def _sent(client: AIOKafkaProducer, settings: Settings, made: list[Batch]) -> list[tuple[Batch, Any]]:
    return [
        (batch, await client.send_batch(batch[2], settings.topic(batch[0]), partition=batch[1]))
        for batch in made
    ]


async def _pace(
    client: AIOKafkaProducer, settings: Settings, slices: list[list[Batch]], begin_ms: int
) -> tuple[list[tuple[Batch, Any]], int]:
    """Send each slice when it is due; return the batches' futures and the worst delay of our own."""
    taken, behind_ms = [], 0
    for number, made in enumerate(slices, 1):
        due_ms = begin_ms + number * SLICE_MS
        late_ms = time.time_ns() // 1_000_000 - due_ms
        if late_ms < 0:
            await asyncio.sleep(-late_ms / 1_000)
        behind_ms = max(behind_ms, late_ms)
        taken += await _sent(client, settings, made)
    return taken, behind_ms


async def _told(taken: list[tuple[Batch, Any]]) -> list[tuple[int, str, int, int, int]]:
    """Return partition, feed, first offset, number of records and append time of every batch."""
    found = []
    for (feed, partition, batch), future in taken:
        answer = await future
        found.append((partition, feed, answer.offset, batch.record_count(), answer.timestamp))
    return found


def _main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("rooms", "seed", "per-s", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    settings = Settings()

    def mix_of(begin_ms: int) -> Mix:
        return Mix(
            seed=given.seed,
            rooms=given.rooms,
            partitions=settings.partitions,
            start_ms=begin_ms,
            per_s=given.per_s,
            slice_ms=SLICE_MS,
        )

    asyncio.run(offer(settings, mix_of, given.seconds, given.per_s, given.out))


if __name__ == "__main__":
    _main()
