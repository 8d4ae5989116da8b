"""What reading alone costs: the feeds are drained and nothing is done with the records.

Two ways: aiokafka's `getmany`, an object for each record; and whole record batches, as the ingest reads them,
a tuple for each record. The second is the yardstick of the ingest and its peers: "plain aiokafka by record
batch doing nothing". The topics hold the mix of the ingest's bench, compressed with lz4; each drain is a
process of its own, on its own core where there are two. Such a process is

    ROOMWATCH_KAFKA_BOOTSTRAP=… python -m tests.bench.reading --way batches

and it drains the feeds that are there, once, and prints the figures as one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from stream.ingest.record_batches import RecordReader
from stream.ingest.role import FETCH
from stream.model import FEEDS
from stream.settings import Settings
from tests.bench.ingest.machine import OURS, alone, conditions, on
from tests.bench.ingest.mix import Mix
from tests.bench.ingest.preload import send
from tests.bench.ingest.world import ensure, world

__all__ = ["WAYS", "drain", "drained", "run"]

EVENTS: Final = 2_000_000
ROUNDS: Final = 3
"""Drains of each way; the best one is told, for others use the machine too."""
_ROOMS: Final = 1_000
_PER_S: Final = 50_000
_WAIT_MS: Final = 20

Take = Callable[[], Awaitable[int]]
"""Takes some records and tells how many."""


def _by_record(consumer: AIOKafkaConsumer) -> Take:
    async def take() -> int:
        return sum(map(len, (await consumer.getmany(timeout_ms=_WAIT_MS)).values()))

    return take


def _by_batch(consumer: AIOKafkaConsumer) -> Take:
    reader = RecordReader(consumer)
    assert reader.by_batch

    async def take() -> int:
        return sum(map(len, (await reader.take(_WAIT_MS)).values()))

    return take


WAYS: Final = {"getmany": _by_record, "batches": _by_batch}
"""Way of reading -> what takes records from a consumer."""


async def drain(settings: Settings, way: str) -> dict[str, float]:
    """Read all feeds from their beginning to where they end now.

    Returns:
        ``records``, ``seconds`` from the first request on, ``cpu_us`` of this process per record.
    """
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=_WAIT_MS,
        **FETCH,
    )
    await consumer.start()
    try:
        parts = [
            TopicPartition(settings.topic(feed), number)
            for feed in FEEDS
            for number in range(settings.partitions)
        ]
        starts, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        take = WAYS[way](consumer)
        consumer.assign(parts)
        for part in parts:
            consumer.seek(part, starts[part])
        return await _timed(take, sum(ends[part] - starts[part] for part in parts))
    finally:
        await consumer.stop()


async def _timed(take: Take, records: int) -> dict[str, float]:
    left, began_s, used_s = records, time.perf_counter(), time.process_time()
    while left > 0:
        left -= await take()
        await asyncio.sleep(0)
    used_s, took_s = time.process_time() - used_s, time.perf_counter() - began_s
    return {"records": records, "seconds": took_s, "cpu_us": used_s / records * 1e6}


async def drained(settings: Settings, way: str) -> dict[str, float]:
    """Drain in a process of its own, on the core that is measured; return its figures.

    Raises:
        RuntimeError: the process failed; holds what it wrote.
    """
    names = {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
        "ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix,
    }
    async with alone():
        with on(OURS):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.bench.reading", "--way", way,
                env={**os.environ, **names}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        told, wrong = await process.communicate()
    if process.returncode:
        raise RuntimeError(wrong.decode(errors="replace"))
    found: dict[str, float] = json.loads(told)
    return found


async def _measure(folder: Path, console: Console) -> dict[str, dict[str, float]]:
    async with world(folder) as made:
        settings = made.settings()
        await ensure(settings)
        start_ms = time.time_ns() // 1_000_000
        mix = Mix(seed=1, rooms=_ROOMS, partitions=settings.partitions, start_ms=start_ms, per_s=_PER_S)
        took_s = await send(settings, mix.slices(EVENTS))
        console.print(
            f"{mix.number} records of {_ROOMS} rooms preloaded in {took_s:.0f} s, lz4: {conditions()}"
        )
        found = [(way, await drained(settings, way)) for _ in range(ROUNDS) for way in WAYS]
        return {
            way: min((figures for name, figures in found if name == way), key=lambda seen: seen["cpu_us"])
            for way in WAYS
        }


def run() -> dict[str, Any]:
    """Preload, drain in turn, print."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        found = asyncio.run(_measure(Path(folder), console))
    table = Table("way", "records/s", "CPU µs per record")
    for way, figures in found.items():
        rate = figures["records"] / figures["seconds"]
        table.add_row(way, f"{rate:,.0f}", f"{figures['cpu_us']:.2f}")
    console.print(table, f"best of {ROUNDS} drains each")
    return found


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m tests.bench.reading", description=__doc__)
    _parser.add_argument("--way", choices=sorted(WAYS), required=True)
    print(json.dumps(uvloop.run(drain(Settings(), _parser.parse_args().way))))  # noqa: T201 - the figures
