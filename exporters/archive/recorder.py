"""The recorder at work: reads the partitions that the group gives it, writes the tail, puts it away.

Progress is in the names of the files, never in Kafka: whoever is given a partition goes on after the last
offset that the archive holds. While a file is written nothing is read, so memory stays bounded; the log
keeps what comes meanwhile for a day.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from exporters.archive.settings import RecorderSettings
from exporters.archive.settle import expire, merge_ended, settle
from exporters.archive.tail import Tail, newest_span
from exporters.archive.telemetry import RecorderTelemetry
from stream.archive.columns import NamesByVersion
from stream.errors import ArchiveError, StageError

__all__ = ["Recorder"]

_POLL_MS: Final = 200
_REVOKE_S: Final = 5.0
"""Longest wait for the last files before partitions are given away; what is not written is read again."""

_log = structlog.get_logger()


class _Owned:
    """One partition while it is assigned to this process.

    Attributes:
        next: offset of the record that must come next.
        sought: offset that was sought anew because a later record came.
        end_ms: newest tick on the disk; 0 before there is one.
        due_s: when the tail is written at the latest, on the loop's clock.
    """

    def __init__(self, part: TopicPartition, first: int, end_ms: int, versions: NamesByVersion) -> None:
        self.part = part
        self.next = first
        self.sought = -1
        self.tail = Tail(part.partition, versions)
        self.end_ms = end_ms
        self.due_s = 0.0


class Recorder:
    """Keeps ``live.windows`` in the archive.

    Args:
        settings: where it is, how often it is written.
        consumer: of the recorder's group, not subscribed yet.
        versions: names of the columns.
        telemetry: what it tells of itself.
    """

    def __init__(
        self,
        settings: RecorderSettings,
        consumer: AIOKafkaConsumer,
        versions: NamesByVersion,
        telemetry: RecorderTelemetry,
    ) -> None:
        self._settings = settings
        self._folder: Path = settings.archive
        self._zone = ZoneInfo(settings.timezone)
        self._consumer = consumer
        self._versions = versions
        self._telemetry = telemetry
        self._owned: dict[int, _Owned] = {}
        self._failed: BaseException | None = None
        self._stopping = threading.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Record until asked to stop, then write what is held.

        Raises:
            RoomwatchError: the archive cannot be written, or it is not that of this log.
        """
        self._consumer.subscribe([self._settings.topic("windows")], listener=_Listener(self))
        async with asyncio.TaskGroup() as group:
            settling = group.create_task(self._settle_for_ever(), name="settle")
            try:
                while not stop.is_set():
                    await self._turn()
                await self.give_up()
            finally:
                self._stopping.set()
                settling.cancel()

    async def take(self, parts: Iterable[TopicPartition]) -> None:
        """Begin with partitions: after the last offset that the archive holds of each."""
        ends = await self._consumer.end_offsets(list(parts))
        begins = await self._consumer.beginning_offsets(list(parts))
        for part in sorted(parts):
            newest = await asyncio.to_thread(newest_span, self._folder, part.partition)
            known = None if newest is None else newest.last + 1
            if known is not None and known > ends[part]:
                raise ArchiveError(
                    f"{part.topic}-{part.partition} ends at offset {ends[part]}, but {self._folder} holds it"
                    f" up to {known - 1}: the topic was made anew; put the old archive elsewhere"
                )
            first = begins[part] if known is None else max(known, begins[part])
            self._telemetry.lost.inc(0 if known is None else first - known)
            self._consumer.seek(part, first)
            end_ms = 0 if newest is None else newest.end_ms
            self._owned[part.partition] = owned = _Owned(part, first, end_ms, self._versions)
            owned.due_s = asyncio.get_running_loop().time() + self._settings.archive_flush_s
            _log.info("recorder.assigned", partition=part.partition, first=first, behind=ends[part] - first)

    async def give_up(self) -> None:
        """Write what is held of every partition, and forget them."""
        for owned in list(self._owned.values()):
            await self._flush(owned)
        self._owned.clear()

    def fail(self, error: BaseException) -> None:
        """End the process: what a rebalance runs into cannot be raised there."""
        self._failed = self._failed or error

    async def _turn(self) -> None:
        try:
            found = await self._consumer.getmany(timeout_ms=_POLL_MS)
        except KafkaError as error:
            raise StageError(f"live.windows cannot be read: {error!r}") from error
        if self._failed is not None:
            raise self._failed
        for part, records in found.items():
            owned = self._owned.get(part.partition)
            if owned is not None and (records[0].offset <= owned.next or await self._are_gone(owned)):
                self._add(owned, records)
        await asyncio.sleep(0)  # getmany does not yield while it has something
        now_s = asyncio.get_running_loop().time()
        for owned in list(self._owned.values()):
            if owned.tail.full or now_s >= owned.due_s:
                await self._flush(owned)
        self._telemetry.held.set(sum(len(owned.tail) for owned in self._owned.values()))

    async def _are_gone(self, owned: _Owned) -> bool:
        """Tell whether the records that should have come before are gone; if not, they are sought."""
        begin = (await self._consumer.beginning_offsets([owned.part]))[owned.part]
        if begin > owned.next or owned.sought == owned.next:
            return True
        owned.sought = owned.next
        self._consumer.seek(owned.part, owned.next)
        return False

    def _add(self, owned: _Owned, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        bad = owned.tail.bad
        for record in records:
            if record.offset < owned.next:
                continue
            if record.offset > owned.next:
                self._telemetry.lost.inc(record.offset - owned.next)
                _log.warning(
                    "recorder.records_lost", partition=record.partition, lost=record.offset - owned.next
                )
            owned.tail.add(record.offset, record.timestamp, record.value or b"")
            owned.next = record.offset + 1
        self._telemetry.records.inc(len(records))
        self._telemetry.bad.inc(owned.tail.bad - bad)

    async def _flush(self, owned: _Owned) -> None:
        owned.due_s = asyncio.get_running_loop().time() + self._settings.archive_flush_s
        rows = len(owned.tail)
        cut = owned.tail.cut()
        if cut is None:
            return
        with self._telemetry.writing.time():
            await asyncio.to_thread(cut.write, self._folder)
        owned.end_ms = cut.span.end_ms
        self._telemetry.rows.inc(rows)
        self._telemetry.written.labels(owned.part.partition).set(owned.end_ms / 1000)

    async def _settle_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.archive_settle_s)
            for owned in list(self._owned.values()):
                if owned.end_ms:
                    with self._telemetry.settling.time():
                        await asyncio.to_thread(self._settle, owned.part.partition, owned.end_ms)

    def _settle(self, partition: int, now_ms: int) -> None:
        """Put a partition's files where they stay; runs in a thread."""
        go = lambda: not self._stopping.is_set()  # noqa: E731 - two words
        try:
            settled = settle(self._folder, partition, self._zone, go)
            merged = merge_ended(self._folder, partition, now_ms, self._zone, go)
        except FileNotFoundError as error:
            _log.warning("recorder.settled_elsewhere", partition=partition, file=str(error.filename))
            return
        expired = expire(self._folder, now_ms, self._settings.archive_days, self._zone)
        _log.info(
            "recorder.settled", partition=partition, files=settled, merged=merged, days_deleted=len(expired)
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes assignments on; aiokafka swallows what a listener raises, so failures go round it."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - all are revoked together
        try:
            async with asyncio.timeout(_REVOKE_S):
                await self._recorder.give_up()
        except Exception as error:  # noqa: BLE001 - it ends the process
            self._recorder.fail(error)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        try:
            await self._recorder.take(set(assigned))
        except Exception as error:  # noqa: BLE001 - it ends the process
            self._recorder.fail(error)
