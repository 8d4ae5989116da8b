"""``live.alerts`` as the gateway reads it: its newest end for everyone, older records for those who catch up.

One consumer follows the end and feeds the hub. Clients that need records which are no longer in memory share
a bounded number of further consumers. None of them joins a group: every gateway reads all, nothing is
committed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from alerts.gateway.hub import Hub
from alerts.gateway.records import Episodes, Record
from alerts.gateway.settings import GatewaySettings
from alerts.gateway.store import EpochStore
from alerts.gateway.telemetry import GatewayMetrics
from alerts.model import BadRecord
from stream.errors import ServiceError, StoreError
from stream.runtime import Clock
from stream.settings import Settings

__all__ = ["AlertLog", "Batch", "LogGone", "make_consumer"]

_ANSWER_S: Final = 10.0
"""Longest wait for the broker's answer to a question about offsets."""
_LOAD_S: Final = 60.0
"""Longest time to read the newest records into memory."""
_POLL_MS: Final = 500
_SLICE_RECORDS: Final = 64
"""Records handed to clients before sockets may be served: about 128 KiB for each client."""
_FETCH_BYTES: Final = 2 * 1024 * 1024
_CATCH_UP_RECORDS: Final = 1_000
_CATCH_UP_EPISODES: Final = 2_000
_CATCH_UP_CONSUMERS: Final = 4
"""Most consumers that serve older records; more clients take turns."""
_NOTE_S: Final = 1.0
"""Pause after the store did not take the newest offset."""

_log = structlog.get_logger()


class LogGone(Exception):  # noqa: N818 - an outcome, not a failure
    """The records asked for are no longer, or not yet, in the log."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records from the log, and the offset to go on from."""

    records: list[Record]
    next: int


def make_consumer(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer without a group that never moves by itself."""
    return AIOKafkaConsumer(
        **settings.kafka_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=200,
        max_partition_fetch_bytes=_FETCH_BYTES,
        **options,
    )


class AlertLog:
    """Reads the log for one gateway.

    Args:
        settings: where it is.
        hub: gets every record.
        epochs: the epoch that all gateways share.
        metrics: counts.
        clock: the time.
        on_new_life: called when the log was replaced; every client must come anew.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        hub: Hub,
        epochs: EpochStore,
        *,
        metrics: GatewayMetrics,
        clock: Clock,
        on_new_life: Callable[[], None],
    ) -> None:
        self.epoch = ""
        """The token of this life of the log; empty while it is read anew."""
        self._settings = settings
        self._hub = hub
        self._epochs = epochs
        self._metrics = metrics
        self._clock = clock
        self._on_new_life = on_new_life
        self._episodes = Episodes()
        self._part = TopicPartition(settings.topic("alerts"), 0)
        self._consumer = make_consumer(settings)
        self._idle: list[AIOKafkaConsumer] = []
        self._turns = asyncio.Semaphore(_CATCH_UP_CONSUMERS)
        self._sent = asyncio.Event()
        self._other_life = False

    async def start(self) -> None:
        """Connect and read the newest records into memory.

        Raises:
            ServiceError: the broker does not answer.
            StoreError: the store does not answer.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._away(error) from error
        self._consumer.assign([self._part])
        await self._load()
        self._metrics.watch_lag(self._lag)

    async def follow(self) -> None:
        """Hand every new record to the hub, for ever."""
        while True:
            if self._other_life:
                await self._begin_anew("the store has another epoch")
            try:
                batches = await self._consumer.getmany(self._part, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError:
                await self._begin_anew("the log ends below what was read")
                continue
            for raw in batches.values():
                for begin in range(0, len(raw), _SLICE_RECORDS):
                    await self._publish(raw[begin : begin + _SLICE_RECORDS])

    async def keep_epoch(self) -> None:
        """Keep the highest offset sent in the store, and notice when another gateway saw the log replaced."""
        while True:
            await self._sent.wait()
            self._sent.clear()
            try:
                same = await self._epochs.note(self.epoch, self._hub.end)
            except StoreError:
                self._sent.set()
                await self._clock.sleep(_NOTE_S)
                continue
            self._other_life = not same

    async def first(self) -> int:
        """Return the lowest offset that the log still has, one past the newest when it has none.

        Raises:
            ServiceError: the broker does not answer.
        """
        return await self._ask(self._consumer.beginning_offsets)

    async def end(self) -> int:
        """Return the offset of the newest record that the broker has, -1 when none.

        Raises:
            ServiceError: the broker does not answer.
        """
        return await self._ask(self._consumer.end_offsets) - 1

    def new_reading(self) -> Episodes:
        """Return what a client that catches up needs to read records from the log."""
        return Episodes(_CATCH_UP_EPISODES)

    async def read(self, offset: int, episodes: Episodes) -> Batch:
        """Return records from an offset on, from the log; waits for its turn.

        Raises:
            LogGone: the log does not have that offset.
            ServiceError: the broker does not answer.
        """
        async with self._borrowed() as consumer:
            if await consumer.position(self._part) != offset:
                consumer.seek(self._part, offset)
            found = await consumer.getmany(
                self._part, timeout_ms=int(_ANSWER_S * 1_000), max_records=_CATCH_UP_RECORDS
            )
            raw = found.get(self._part, [])
            if not raw:
                raise ServiceError(f"{self._part.topic} gives no record at offset {offset}")
        return Batch(self._decode(raw, episodes), raw[-1].offset + 1)

    async def stop(self) -> None:
        """Disconnect."""
        for consumer in (self._consumer, *self._idle):
            await consumer.stop()

    @contextlib.asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[AIOKafkaConsumer]:
        """Lend a consumer; one that failed is not lent again."""
        async with self._turns:
            consumer = self._idle.pop() if self._idle else await self._another()
            try:
                yield consumer
            except OffsetOutOfRangeError as error:
                await consumer.stop()
                raise LogGone from error
            except (KafkaError, TimeoutError) as error:
                await consumer.stop()
                raise self._away(error) from error
            except BaseException:
                await consumer.stop()
                raise
            self._idle.append(consumer)

    async def _another(self) -> AIOKafkaConsumer:
        consumer = make_consumer(self._settings)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await consumer.stop()
            raise self._away(error) from error
        consumer.assign([self._part])
        consumer.seek(self._part, 0)
        return consumer

    async def _load(self) -> None:
        first, end = await self.first(), await self.end()
        epoch = await self._epochs.claim(end)
        self._consumer.seek(self._part, max(first, end + 1 - self._settings.gateway_records_held))
        try:
            async with asyncio.timeout(_LOAD_S):
                await self._hold_until(end)
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._away(error) from error
        self._hub.hold([], end=end)
        self._measure()
        self.epoch = epoch
        _log.info("log.loaded", epoch=self.epoch, first=self._hub.first, end=self._hub.end)

    async def _hold_until(self, end: int) -> None:
        while await self._consumer.position(self._part) <= end:
            batches = await self._consumer.getmany(self._part, timeout_ms=_POLL_MS)
            for raw in batches.values():
                self._hub.hold(self._decode(raw, self._episodes), end=raw[-1].offset)
                await asyncio.sleep(0)

    async def _begin_anew(self, why: str) -> None:
        _log.warning("log.replaced", why=why, epoch=self.epoch, read=self._hub.end)
        self.epoch, self._other_life = "", False
        self._on_new_life()
        self._episodes = Episodes()
        self._hub.clear()
        await self._load()

    async def _publish(self, raw: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        records = self._decode(raw, self._episodes)
        for _ in self._hub.publish(records, end=raw[-1].offset):
            await asyncio.sleep(0)
        self._sent.set()
        now_ms = self._clock.now_ms()
        for record in records:
            self._metrics.push.observe(max(0, now_ms - record.at_ms) / 1_000)
        self._measure()
        await asyncio.sleep(0)

    def _measure(self) -> None:
        self._metrics.offset.set(self._hub.end)
        self._metrics.held.set(self._hub.bytes_held)

    def _decode(self, raw: Sequence[ConsumerRecord[bytes, bytes]], episodes: Episodes) -> list[Record]:
        records: list[Record] = []
        for record in raw:
            try:
                records.append(episodes.read(record.offset, record.value or b""))
            except BadRecord as error:
                self._metrics.bad_records.inc()
                _log.warning("log.bad_record", error=str(error))
        return records

    async def _ask(self, question: Any) -> int:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return int((await question([self._part]))[self._part])
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> ServiceError:
        return ServiceError(f"{self._part.topic} cannot be read: {str(error) or type(error).__name__}")

    def _lag(self) -> float:
        highwater = self._consumer.highwater(self._part)
        return 0.0 if highwater is None else float(max(0, highwater - 1 - self._hub.end))
