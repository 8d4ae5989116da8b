"""The role itself: its command, its clients, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any, Final

import click
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server
from redis.exceptions import RedisError

from stream import topics
from stream.codec import Decoder
from stream.errors import ServiceError
from stream.ingest.member import Member
from stream.ingest.ownership import Tools
from stream.ingest.settings import IngestSettings
from stream.model import FEEDS
from stream.runtime import SystemClock, run
from stream.settings import load
from stream.store import connect
from stream.store.deployment import agree_on_partitions, user_key
from stream.store.partition import PartitionStore
from stream.telemetry import IngestTelemetry
from stream.users import UserHasher
from stream.words import WordsFile

__all__ = ["FETCH", "command", "ingest"]

FETCH: Final = {"max_partition_fetch_bytes": 512 * 1024, "fetch_max_bytes": 8 * 1024 * 1024}
"""What one fetch may bring, compressed: of a partition, and in all. It bounds the memory of a drain: what was
fetched of a partition is still taken when its queue is full, and a response is copied three times."""
_METADATA_AGE_MS: Final = 5_000
"""How old the group leader's knowledge of the topics may be. A broker that has just come back may say for a
moment that it knows none of them; then the leader gives nobody anything until it asks again."""
_CRITICAL_WAIT_MS: Final = 10
"""How long the broker may hold an empty fetch of the critical feeds. One or two of these and the settle time
pass before a ping is folded, for a room record may come before it; each fetch costs 1.3 ms of CPU."""
_BULK_WAIT_MS: Final = 20
"""The same of the bulk feeds: how old the reach of an idle one may be, and how long one that was held back
may wait for the idle ones until it is fetched again."""
_HEARTBEATS: Final = 20
"""Heartbeats of a session time-out: the answer to one tells a member that the group has changed, and until
then nobody owns what a dead member had. One in half a second costs nothing."""
_CLOSE_S: Final = 3.0
_GC_THRESHOLDS: Final = (500_000, 20, 20)
"""Records and events come and go by the thousand and have no cycles: looking for some after every 700 of them
took a tenth of the time."""

_log: Final = structlog.get_logger()


@click.command()
def command() -> int:
    """Fold the feeds into the windows of the store."""
    settings = load(IngestSettings)
    return run("ingest", lambda stop: ingest(settings, stop), log_level=settings.log_level)


async def ingest(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Run the ingest until the event is set.

    Raises:
        RoomwatchError: it cannot start, or cannot go on.
    """
    gc.set_threshold(*_GC_THRESHOLDS)
    await topics.ensure(settings)
    registry = CollectorRegistry()
    async with _clients(settings) as (redis, producer, critical, bulk):
        await agree_on_partitions(redis, settings)
        users = UserHasher(await user_key(redis, settings))
        tools = Tools(
            settings=settings,
            redis=redis,
            store=PartitionStore(redis, lease_ms=2 * settings.session_timeout_ms),
            producer=producer,
            users=users,
            decoders={feed: Decoder(feed, settings.partitions, users) for feed in FEEDS},
            words=WordsFile(settings.words_dir),
            telemetry=IngestTelemetry(registry),
            clock=SystemClock(),
        )
        with _metrics(settings, registry):
            await Member(tools, critical, bulk).run(stop)


@contextlib.asynccontextmanager
async def _clients(settings: IngestSettings) -> AsyncIterator[tuple[Any, ...]]:
    """Start the clients, and stop them in reverse order, each within a bound."""
    common = settings.kafka_options()
    reading = {
        **common,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "metadata_max_age_ms": _METADATA_AGE_MS,
        **FETCH,
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": settings.session_timeout_ms // _HEARTBEATS,
    }
    redis = connect(settings)
    started: list[Any] = []
    producer = AIOKafkaProducer(
        **common, acks="all", max_request_size=topics.DEAD_LETTER_BYTES_MAX, enable_idempotence=True
    )
    bulk = AIOKafkaConsumer(**reading, fetch_max_wait_ms=_BULK_WAIT_MS)
    critical = AIOKafkaConsumer(
        **reading,
        fetch_max_wait_ms=_CRITICAL_WAIT_MS,
        group_id=settings.group("ingest"),
        partition_assignment_strategy=(RangePartitionAssignor,),
    )
    try:
        for client in (producer, bulk, critical):
            await client.start()
            started.append(client)
        yield redis, producer, critical, bulk
    except KafkaError as error:
        raise ServiceError(f"no Kafka at {settings.kafka_bootstrap}: {error!r}") from error
    finally:
        for client in reversed(started):
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(_CLOSE_S):
                    await client.stop()
        with contextlib.suppress(RedisError, OSError):
            await redis.aclose()


@contextlib.contextmanager
def _metrics(settings: IngestSettings, registry: CollectorRegistry) -> Any:
    if not settings.metrics_port:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise ServiceError(
            f"ROOMWATCH_METRICS_PORT {settings.metrics_port} of {settings.metrics_host}: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
