"""``live.windows`` and ``live.transitions`` from an instant on, without a group: nothing is committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from stream.errors import ServiceError
from stream.settings import Settings

__all__ = ["Feed", "feed"]

_FETCH_BYTES: Final = 2 * 1024 * 1024
_RECORDS: Final = 200
"""Records of one turn: some hundred milliseconds of judging large ones."""
_POLL_MS: Final = 200
_ANSWER_S: Final = 15.0

_log = structlog.get_logger()


class Feed:
    """The two logs.

    Args:
        consumer: with both assigned and sought.
        windows: name of the topic of the windows.
    """

    def __init__(self, consumer: AIOKafkaConsumer, windows: str) -> None:
        self._consumer = consumer
        self._windows = windows

    async def next(self) -> list[tuple[int | None, ConsumerRecord[bytes, bytes]]]:
        """Return what has come, perhaps nothing: partition of ``live.windows``, or None for a transition.

        Raises:
            ServiceError: the broker refuses.
        """
        try:
            found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_RECORDS)
        except OffsetOutOfRangeError as error:
            gone = list(error.args[0]) if error.args else []
            _log.warning("shadow.records_lost", partitions=[part.partition for part in gone])
            await self._consumer.seek_to_beginning(*gone)
            return []
        except KafkaError as error:
            raise ServiceError(f"the logs cannot be read: {error!r}") from error
        await asyncio.sleep(0)  # getmany does not yield while it has something
        return [
            (part.partition if part.topic == self._windows else None, record)
            for part, records in found.items()
            for record in records
        ]


@contextlib.asynccontextmanager
async def feed(settings: Settings, from_ms: int) -> AsyncIterator[Feed]:
    """Give the logs from an instant on.

    Args:
        settings: where they are.
        from_ms: append time to begin at, epoch milliseconds; later where nothing so old is kept.

    Raises:
        ServiceError: there is no broker, or no such logs on it.
    """
    windows, transitions = settings.topic("windows"), settings.topic("transitions")
    parts = [TopicPartition(windows, number) for number in range(settings.partitions)]
    parts.append(TopicPartition(transitions, 0))
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        async with asyncio.timeout(_ANSWER_S):
            await consumer.start()
            known = await consumer.topics()
            if missing := {windows, transitions} - known:
                raise ServiceError(f"no {', '.join(sorted(missing))}: are ingest and engine running?")
            consumer.assign(parts)
            offsets = await consumer.offsets_for_times(dict.fromkeys(parts, from_ms))
            ends = await consumer.end_offsets(parts)
        for part in parts:
            at = offsets.get(part)
            consumer.seek(part, ends[part] if at is None else at.offset)
        yield Feed(consumer, windows)
    except (KafkaError, OSError, TimeoutError) as error:
        raise ServiceError(f"no Kafka at {settings.kafka_bootstrap}: {error!r}") from error
    finally:
        with contextlib.suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(_ANSWER_S):
                await consumer.stop()
