"""The notifier's logs: it reads on in ``live.alerts`` and ``live.outcomes``, and writes ``live.deliveries``.

Which notifier is at work is decided by the lease in the store, not by the group: a consumer assigns itself
the one partition, and commits to the group ``roomwatch-notifier`` only so that lag tools see how far it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from alerts.notify.model import Delivery, encode
from alerts.stages import Record
from stream.errors import ServiceError, StageError
from stream.settings import Settings

__all__ = ["DeliveryLog", "SourceLog"]

_ANSWER_S: Final = 30.0
"""Longest wait for the broker."""
_POLL_MS: Final = 200
_BATCH_RECORDS: Final = 500

_log = structlog.get_logger()


class SourceLog:
    """Reads a topic of one partition from an offset on; use as an async context.

    Args:
        settings: where it is.
        topic: ``alerts`` or ``outcomes``.
        offset: of the last record that was taken in; -1 for none.
        since_ms: without an offset, records appended before are passed over; epoch milliseconds.
    """

    def __init__(self, settings: Settings, topic: str, *, offset: int, since_ms: int) -> None:
        self._part = TopicPartition(settings.topic(topic), 0)
        self.begin = offset + 1
        """Offset of the first record that it reads, once it is open."""
        self._offset = offset
        self._since_ms = since_ms
        self._consumer = AIOKafkaConsumer(
            **settings.kafka_options(),
            group_id=settings.group("notifier"),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._consumer.start()
                self._consumer.assign([self._part])
                await self._seek()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._consumer.stop()
            raise ServiceError(f"{self._part.topic} cannot be read: {error!r}") from error
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self) -> list[Record]:
        """Return the next records, possibly none."""
        found = await self._consumer.getmany(self._part, timeout_ms=_POLL_MS, max_records=_BATCH_RECORDS)
        records = found.get(self._part, [])
        return [Record(record.offset, record.timestamp, record.value or b"") for record in records]

    async def note(self, offset: int) -> None:
        """Tell lag tools how far it is; that nobody hears it does no harm."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._consumer.commit({self._part: offset + 1})
        except (KafkaError, OSError, TimeoutError) as error:
            _log.warning("notify.not_committed", error=repr(error))

    def lag(self, offset: int) -> int:
        """Return how many records come after an offset, as far as is known."""
        highwater = self._consumer.highwater(self._part)
        return 0 if highwater is None else max(0, highwater - 1 - offset)

    async def _seek(self) -> None:
        first = (await self._consumer.beginning_offsets([self._part]))[self._part]
        end = (await self._consumer.end_offsets([self._part]))[self._part]
        if self._offset >= end:
            raise StageError(
                f"{self._part.topic} ends at offset {end}, but the store holds it told up to {self._offset}:"
                " the topic was made anew; empty the store too, or take another topic prefix"
            )
        start = self._offset + 1
        if self._offset < 0:
            found = (await self._consumer.offsets_for_times({self._part: self._since_ms})).get(self._part)
            start = end if found is None else found.offset
        elif start < first:
            _log.warning("notify.records_lost", first=start, last=first - 1, reason="retention")
        self.begin = max(start, first)
        self._consumer.seek(self._part, self.begin)


class DeliveryLog:
    """Writes ``live.deliveries``; use as an async context."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("deliveries")
        self._producer = AIOKafkaProducer(
            **settings.kafka_options(),
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(2_000 * _ANSWER_S),
        )

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._producer.stop()
            raise ServiceError(f"{self._topic} cannot be written: {error!r}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Write records, in order, and wait until all replicas have them.

        Raises:
            StageError: the broker did not take them in time.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                sent: list[Awaitable[object]] = [
                    await self._producer.send(
                        self._topic, encode(record), key=record.alert_id.encode(), partition=0
                    )
                    for record in deliveries
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            raise StageError(f"the broker does not take delivery records: {error!r}") from error
