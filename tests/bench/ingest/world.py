"""A broker, a store and ingest processes of the bench's own, on ports of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr
from redis.asyncio import Redis

from deploy.local.kafka import Kafka
from deploy.local.process import Process
from deploy.local.valkey import Valkey
from stream import topics
from stream.model import FEEDS
from stream.settings import Settings
from stream.store.keys import owner
from tests.bench.ingest.machine import OTHERS, OURS, ahead, on

__all__ = ["Offsets", "World", "ends", "ensure", "kept", "until_kept", "world"]

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_KAFKA_LOG: Final = _REPOSITORY / "deploy" / "local" / "log4j2.properties"
_LOOK_S: Final = 0.02

Offsets = dict[tuple[int, str], int]
"""Partition and feed -> offset of the next record."""


@dataclass(slots=True)
class World:
    """Broker and store, and where the processes' logs go.

    Attributes:
        kafka: the broker.
        valkey: the store.
        folder: of everything.
        partitions: of the feeds.
        first: whether what is measured runs ahead of everything else on the machine.
    """

    kafka: Kafka
    valkey: Valkey
    folder: Path
    partitions: int
    first: bool = False
    _databases: int = 0

    def settings(self, prefix: str = "") -> Settings:
        """Return the settings of a deployment with an empty store; the same prefix gives the same feeds."""
        self._databases += 1
        return Settings(
            kafka_bootstrap=self.kafka.bootstrap,
            redis_url=self.valkey.database(self._databases),
            partitions=self.partitions,
            topic_prefix=prefix,
            user_key=SecretStr("bench"),
            data_dir=self.folder,
        )

    def broker_log(self) -> list[str]:
        """Return the lines that the broker wrote."""
        assert self.kafka.process
        return self.kafka.process.log.read_text(errors="replace").splitlines()

    @contextlib.asynccontextmanager
    async def ingest(self, settings: Settings, name: str = "ingest", **more: Any) -> AsyncIterator[Process]:
        """Run ``roomwatch ingest`` on the measured core; ``more`` are further settings."""
        process = self.ingest_process(settings, name, **more)
        with on(OURS):
            process.start()
        try:
            yield process
        finally:
            await process.stop(within_s=20)

    def ahead(self, *pids: int | None) -> contextlib.AbstractContextManager[None]:
        """Let these processes, broker and store run ahead of everything else, if that is wanted."""
        if not self.first:
            return contextlib.nullcontext()
        return ahead(*pids, self.kafka.pid, self.valkey.pid)

    def ingest_process(self, settings: Settings, name: str, **more: Any) -> Process:
        """Return an ingest process that is not started yet."""
        assert settings.user_key
        given = {
            "kafka_bootstrap": settings.kafka_bootstrap,
            "redis_url": settings.redis_url,
            "partitions": settings.partitions,
            "topic_prefix": settings.topic_prefix,
            "user_key": settings.user_key.get_secret_value(),
            "data_dir": settings.data_dir,
            **more,
        }
        names = {f"ROOMWATCH_{field.upper()}": str(value) for field, value in given.items()}
        command = [sys.executable, str(_REPOSITORY / "roomwatch.py"), "ingest"]
        return Process(name, command, log=self.folder / f"{name}.log", env={**os.environ, **names})


@contextlib.asynccontextmanager
async def world(folder: Path, *, partitions: int = 4, first: bool = False) -> AsyncIterator[World]:
    """Start a broker and a store; they and this process stay off the measured core, where there are two."""
    with on(OTHERS):
        options = [f"-Dlog4j2.configurationFile={_log_settings(folder)}"]
        async with (
            Kafka(folder / "kafka", java_options=options) as kafka,
            Valkey(folder / "valkey") as valkey,
        ):
            yield World(kafka, valkey, folder, partitions, first)


def _log_settings(folder: Path) -> Path:
    """Write log settings of the broker under which its group coordinator tells what it does."""
    own = folder / "log4j2.properties"
    told = "logger.group.name = org.apache.kafka.coordinator.group\nlogger.group.level = info\n"
    own.write_text(_KAFKA_LOG.read_text() + told)
    return own


async def ensure(settings: Settings) -> None:
    """Make the topics."""
    await topics.ensure(settings)


async def ends(settings: Settings) -> Offsets:
    """Return the ends of all feeds."""
    parts = {
        TopicPartition(settings.topic(feed), number): (number, str(feed))
        for feed in FEEDS
        for number in range(settings.partitions)
    }
    client = AIOKafkaConsumer(**settings.kafka_options(), enable_auto_commit=False)
    await client.start()
    try:
        return {parts[part]: end for part, end in (await client.end_offsets(list(parts))).items()}
    finally:
        await client.stop()


async def kept(redis: Redis, partitions: int) -> Offsets:
    """Return the offsets that the store includes."""
    pipe = redis.pipeline(transaction=False)
    for number in range(partitions):
        pipe.hgetall(owner(number))
    found: Offsets = {}
    for number, fields in enumerate(await pipe.execute()):
        for name, value in fields.items():
            if name.startswith(b"offset:"):
                found[number, name.removeprefix(b"offset:").decode()] = int(value)
    return found


async def until_kept(redis: Redis, wanted: Offsets, process: Process, *, within_s: float) -> None:
    """Wait until the store includes everything up to these offsets.

    Raises:
        ServiceError: the process ended.
        TimeoutError: it takes longer than that.
    """
    partitions = 1 + max(number for number, _ in wanted)
    end_s = time.monotonic() + within_s
    while True:
        found = await kept(redis, partitions)
        if all(found.get(part, 0) >= offset for part, offset in wanted.items()):
            return
        if not process.running:
            raise process.death()
        if time.monotonic() > end_s:
            missing = sum(wanted.values()) - sum(found.values())
            raise TimeoutError(f"{missing} records are not in the store after {within_s:.0f} s")
        await asyncio.sleep(_LOOK_S)
