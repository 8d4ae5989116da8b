"""The role `recorder`: its command, its consumer, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import click
import msgspec
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server

from exporters.archive.recorder import Recorder
from exporters.archive.settings import RecorderSettings
from exporters.archive.telemetry import RecorderTelemetry
from stream import topics
from stream.archive.columns import CURRENT, Names, NamesByVersion
from stream.archive.files import names, put, sweep
from stream.archive.reader import DESCRIPTION, Archive, Description
from stream.catalogue import COLUMNS_VERSION
from stream.errors import ArchiveError, ServiceError
from stream.runtime import run
from stream.settings import load

__all__ = ["command", "prepare", "serve"]

_CLOSE_S: Final = 3.0

_log = structlog.get_logger()


@click.command("recorder")
def command() -> int:
    """Keep live.windows by session as Parquet: for backtests, baselines and recaps."""
    settings = load(RecorderSettings)
    return run("recorder", lambda stop: serve(settings, stop), log_level=settings.log_level)


async def serve(settings: RecorderSettings, stop: asyncio.Event) -> None:
    """Record until the event is set.

    Raises:
        RoomwatchError: it cannot start, or cannot go on.
    """
    await topics.ensure(settings)
    versions = await asyncio.to_thread(prepare, settings)
    registry = CollectorRegistry()
    telemetry = RecorderTelemetry(registry)
    if settings.metrics_port:
        _show(registry, settings.metrics_host, settings.metrics_port)
    async with _consumer(settings) as consumer:
        await Recorder(settings, consumer, versions, telemetry).run(stop)


def prepare(settings: RecorderSettings) -> NamesByVersion:
    """Make the archive where there is none, tidy up after a crash, tell what columns mean.

    Raises:
        ArchiveError: it is another deployment's, or cannot be written.
    """
    folder = settings.archive
    wanted = Description(settings.partitions, settings.timezone)
    if not (folder / DESCRIPTION).exists():
        put(folder / DESCRIPTION, msgspec.json.encode(wanted))
    found = Archive(folder)
    if (found.partitions, str(found.zone)) != (wanted.partitions, wanted.timezone):
        raise ArchiveError(
            f"{folder} has {found.partitions} partitions and the time zone {found.zone}, the settings say"
            f" {wanted.partitions} and {wanted.timezone}: both are fixed for an archive's life"
        )
    if left := sweep(folder):
        _log.info("recorder.swept", files=left)
    return _versions(folder / "columns")


def _versions(folder: Path) -> NamesByVersion:
    """Return the names of every version that was ever recorded here, and note down our own."""
    kept = {int(Path(name).stem): Names.from_json((folder / name).read_bytes()) for name in names(folder)}
    if kept.get(COLUMNS_VERSION) != CURRENT:
        put(folder / f"{COLUMNS_VERSION}.json", CURRENT.to_json())
    return NamesByVersion(kept)


def _show(registry: CollectorRegistry, host: str, port: int) -> None:
    try:
        start_http_server(port, host, registry=registry)
    except OSError as error:
        raise ServiceError(f"/metrics cannot listen on {host}:{port}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def _consumer(settings: RecorderSettings) -> AsyncIterator[AIOKafkaConsumer]:
    session_ms = round(settings.recorder_session_s * 1000)
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        group_id=settings.group("recorder"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=max(100, session_ms // 5),
    )
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        await consumer.stop()
        raise ServiceError(f"no Kafka at {settings.kafka_bootstrap}: {error!r}") from error
    try:
        yield consumer
    finally:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(_CLOSE_S):
                await consumer.stop()
