"""A producer of its own process that offers the mix at a steady rate, and notes when the broker took what.

Each slice is sent when its event time is over. For a measured rate everything is made before the first record
is due, and the broker's answers tell offset and append time of every batch (``LogAppendTime``, on the one
clock of the machine). With nowhere to tell it, the producer makes records as they are due, from now on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from deploy.local.process import Process
from stream.settings import Settings
from tests.bench.ingest.mix import Mix, Slice
from tests.bench.ingest.preload import batches, producer

__all__ = ["OFFERING", "process"]

_LINGER_MS: Final = 20
_MAKING_S: Final = 25e-6
"""Time to make one record, twice what it takes alone: how far ahead the first is due."""
OFFERING: Final = "offering"
"""Last line of the log when everything is made and offered as it is due."""

Batch = tuple[str, int, Any]
"""Feed, partition, and the batch."""


def process(settings: Settings, log: Path, numbers: dict[str, int], *, out: Path | None = None) -> Process:
    """Return the producer's process, not started.

    Args:
        settings: of the deployment.
        log: of the process.
        numbers: the options: ``rooms``, ``seed``, ``per_s``, ``seconds``, ``linger_ms``, ``orders_before``.
        out: file that takes what was sent; None = nothing is told, and nothing made ahead.
    """
    options = [f"--{name.replace('_', '-')}={number}" for name, number in numbers.items()]
    if out is not None:
        options.append(f"--out={out}")
    names = {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
        "ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix,
    }
    command = [sys.executable, "-m", "tests.bench.ingest.offered", *options]
    return Process("producer", command, log=log, env={**os.environ, **names})


async def _offer(settings: Settings, given: argparse.Namespace) -> None:
    ahead_s = given.per_s * given.seconds * _MAKING_S if given.out else 0
    begin_ms = time.time_ns() // 1_000_000 + 1_000 + int(ahead_s * 1_000)
    mix = Mix(
        seed=given.seed,
        rooms=given.rooms,
        partitions=settings.partitions,
        start_ms=begin_ms,
        per_s=given.per_s,
        slice_ms=given.linger_ms,
        orders_before=given.orders_before,
    )
    client = producer(settings)
    await client.start()
    try:
        announced = await _sent(client, settings, _packed(client, mix.announcements()))
        slices = (_packed(client, some) for some in mix.slices(given.per_s * given.seconds))
        if given.out is None:
            await _pace(client, settings, slices, begin_ms, given.linger_ms)
            return
        made = list(slices)
        print(OFFERING, flush=True)  # noqa: T201 - read by who started us
        taken, behind_ms = await _pace(client, settings, made, begin_ms, given.linger_ms)
        told = await _told(announced + taken)
        given.out.write_text(json.dumps({"begin_ms": begin_ms, "behind_ms": behind_ms, "batches": told}))
    finally:
        await client.stop()


def _packed(client: AIOKafkaProducer, some: Slice) -> list[Batch]:
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
    client: AIOKafkaProducer, settings: Settings, slices: Iterable[list[Batch]], begin_ms: int, linger_ms: int
) -> tuple[list[tuple[Batch, Any]], int]:
    """Send each slice when it is due; return the batches' futures and the worst delay of our own."""
    taken, behind_ms = [], 0
    for number, made in enumerate(slices, 1):
        late_ms = time.time_ns() // 1_000_000 - (begin_ms + number * linger_ms)
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
    parser.add_argument("--linger-ms", type=int, default=_LINGER_MS)
    parser.add_argument("--orders-before", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asyncio.run(_offer(Settings(), parser.parse_args()))


if __name__ == "__main__":
    _main()
