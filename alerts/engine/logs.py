"""Kafka without a group: read what is missing from a log, see where logs end, send what stages write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from typing import Final, Self, cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from alerts.stages import Output, Record
from alerts.telemetry import Telemetry
from stream.errors import StageError
from stream.settings import Settings

__all__ = ["KafkaLogs", "KafkaOutbox"]

_POLL_MS: Final = 500
_FOLLOW_MS: Final = 200
_BATCH: Final = 500
_REQUEST_BYTES: Final = 512 * 1024
"""Most bytes that a send puts into one request: the client has one under way for each log, and of the 16 KiB
that are its default a thousand alerts would wait for sixty answers one after the other."""


class KafkaLogs:
    """Reads logs outside of any group; use as an async context.

    Args:
        settings: where the broker is.
        patience_s: how long a broker that is away, or a read without progress, is waited for; seconds.
    """

    def __init__(self, settings: Settings, *, patience_s: float) -> None:
        self._settings = settings
        self._patience_s = patience_s
        self._asker = self._consumer()

    async def __aenter__(self) -> Self:
        await self._asker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._asker.stop()

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record of a log will have."""
        part = TopicPartition(topic, partition)
        return (await self.ends([part]))[part]

    async def ends(self, parts: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return for each log the offset that its next record will have.

        Raises:
            StageError: the broker did not say in time.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                return cast("Mapping[TopicPartition, int]", await self._asker.end_offsets(list(parts)))
        except (KafkaError, TimeoutError) as error:
            raise StageError(f"the broker does not tell where the logs end: {error!r}") from error

    async def read(
        self, topic: str, partition: int, *, first: int, last: int
    ) -> AsyncGenerator[list[Record], None]:
        """Yield the records ``first`` to ``last`` that still exist, in order, in batches.

        Raises:
            StageError: no record came for as long as the patience, though they must exist.
        """
        part = TopicPartition(topic, partition)
        try:
            async with self._from(part, first) as (consumer, begin):
                at = begin
                while at <= last:
                    records = await self._next(consumer, part)
                    at = records[-1].offset + 1
                    yield [record for record in records if record.offset <= last]
        except (KafkaError, TimeoutError) as error:
            raise StageError(
                f"{topic}-{partition} cannot be read from {first} to {last}: {error!r}"
            ) from error

    async def follow(self, topic: str, partition: int, *, first: int) -> AsyncGenerator[list[Record], None]:
        """Yield the records from ``first`` on, in order, for ever; an empty list when nothing comes.

        Raises:
            StageError: the broker does not answer.
        """
        part = TopicPartition(topic, partition)
        try:
            async with self._from(part, first) as (consumer, _):
                while True:
                    found = await consumer.getmany(part, timeout_ms=_FOLLOW_MS, max_records=_BATCH)
                    yield [_record(record) for record in found.get(part, ())]
        except (KafkaError, TimeoutError) as error:
            raise StageError(f"{topic}-{partition} cannot be followed from {first}: {error!r}") from error

    @contextlib.asynccontextmanager
    async def _from(self, part: TopicPartition, first: int) -> AsyncIterator[tuple[AIOKafkaConsumer, int]]:
        """Give a consumer of the records from an offset on that still exist, and the offset of the first."""
        consumer = self._consumer()
        try:
            async with asyncio.timeout(self._patience_s):
                await consumer.start()
                consumer.assign([part])
                at = max(first, (await consumer.beginning_offsets([part]))[part])
            consumer.seek(part, at)
            yield consumer, at
        finally:
            await consumer.stop()

    async def _next(self, consumer: AIOKafkaConsumer, part: TopicPartition) -> list[Record]:
        async with asyncio.timeout(self._patience_s):
            while True:
                found = await consumer.getmany(part, timeout_ms=_POLL_MS, max_records=_BATCH)
                if records := found.get(part):
                    return [_record(record) for record in records]

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._settings.kafka_options(), enable_auto_commit=False, auto_offset_reset="earliest"
        )


def _record(record: ConsumerRecord[bytes, bytes]) -> Record:
    return Record(record.offset, record.timestamp, record.value or b"")


class KafkaOutbox:
    """Sends what stages write, in order, to all replicas; use as an async context.

    A send that fails ends the process: were it tried again behind later records, readers would take it for
    one that they have seen. The client itself tries again for as long as the patience.
    """

    def __init__(self, settings: Settings, *, patience_s: float, telemetry: Telemetry) -> None:
        self._settings = settings
        self._patience_s = patience_s
        self._telemetry = telemetry
        self._producer = AIOKafkaProducer(
            **settings.kafka_options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=_REQUEST_BYTES,
            # Longer than the patience: the client never drops a record to go on with later ones.
            request_timeout_ms=int(2_000 * patience_s),
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, outputs: Sequence[Output]) -> dict[str, int]:
        """Send in order and wait until all replicas have all of it; return log -> highest offset.

        Raises:
            StageError: the broker refused a record, or did not take it in time.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                sent: list[Awaitable[object]] = [
                    await self._producer.send(
                        self._settings.topic(output.log), output.value, key=output.key, partition=0
                    )
                    for output in outputs
                ]
                answers = await asyncio.gather(*sent)
        except (KafkaError, TimeoutError) as error:
            raise StageError(f"the broker does not take what a stage writes: {error!r}") from error
        highest: dict[str, int] = {}
        for output, answer in zip(outputs, answers, strict=True):
            self._telemetry.outputs.labels(output.log).inc()
            highest[output.log] = max(highest.get(output.log, -1), answer.offset)  # type: ignore[attr-defined] # untyped client
        return highest
