"""Owning one partition: claim it, bring it into memory, fold, flush, tell; again after every fence.

The consumers put records into the owner's queues; everything else happens in ``run``, one step after the
other: so what is flushed is always the state between two steps. Folding is done in slices of ``SLICE_S``,
between which heartbeats and polls get their turn. While the store or the broker is away nothing is folded,
the queues fill up to their bound, and the feeds are paused: nothing is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalStateError, KafkaError
from redis.asyncio import Redis

from stream.alignment import QUEUE_MAX, Alignment
from stream.batches import Read
from stream.codec import Decoder
from stream.errors import FencedError, StoreError
from stream.folding import Folder
from stream.ingest_settings import IngestSettings
from stream.model import FEEDS, Feed
from stream.partition import Partition
from stream.runtime import Clock
from stream.store.flush import Flusher
from stream.store.loading import load
from stream.store.partition import Claim, PartitionStore
from stream.telemetry import IngestTelemetry
from stream.users import UserHasher
from stream.window_log import WindowLog

__all__ = ["Owner", "Tools"]

SLICE_S: Final = 0.02
"""Longest stretch of folding without a turn for others, seconds: heartbeats must not starve."""
_TICK_MS: Final = 1_000
_CLAIM_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0)
"""Waits between claims; the last one repeats."""
_SEND_BACKOFF_S: Final = 0.5

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tools:
    """What every owner of a process shares."""

    settings: IngestSettings
    redis: Redis
    store: PartitionStore
    producer: AIOKafkaProducer
    users: UserHasher
    decoders: dict[Feed, Decoder]
    telemetry: IngestTelemetry
    clock: Clock


class Owner:
    """Owns one partition for as long as it is assigned to this process.

    Args:
        number: the partition.
        tools: what the process shares.
        member: our name in the group.
        generation: group generation of the assignment.
        start: seeks the feeds to offsets, lets them flow, and returns where they begin.
        hold_back: pauses a feed of the partition or lets it go on.
    """

    def __init__(
        self,
        number: int,
        tools: Tools,
        *,
        member: str,
        generation: int,
        start: Callable[[int, dict[str, int]], Awaitable[dict[Feed, int]]],
        hold_back: Callable[[Feed, int, bool], None],
    ) -> None:
        self.number = number
        self._tools = tools
        self._member = member
        self._generation = generation
        self._start = start
        self._hold_back = hold_back
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._owned: _Owned | None = None
        self._task: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()

    def receive(self, read: Read) -> None:
        """Take in what was read; a feed whose queue is full is held back."""
        owned = self._owned
        if owned is None:
            return
        queue = owned.alignment.queues[read.feed]
        queue.put(read.records)
        if read.end_ms is not None:
            queue.saw_end(read.end_ms)
        if len(queue) > QUEUE_MAX:
            self._hold_back(read.feed, self.number, True)
            owned.held.add(read.feed)
        self._tools.telemetry.lag.labels(self.number, read.feed).set(read.lag)
        self._wake.set()

    def stop(self) -> None:
        """Ask for a last flush and the end; ``finished`` tells when it is done."""
        self._stopping.set()
        self._wake.set()

    def abandon(self) -> None:
        """End at once: what was not flushed is left to the next owner."""
        if self._task is not None:
            self._task.cancel()

    def kept_offsets(self) -> dict[Feed, int]:
        """Return feed -> offset of the next record, as the store has them."""
        owned = self._owned
        return {} if owned is None else cast("dict[Feed, int]", owned.claim.numbers("offset:"))

    async def run(self) -> None:
        """Own the partition until asked to stop."""
        attempt = 0
        self._task = asyncio.current_task()
        try:
            while not self._stopping.is_set():
                try:
                    owned = await self._claim()
                    attempt = 0
                    await self._work(owned)
                except FencedError as error:
                    _log.warning("ingest.fenced", partition=self.number, reason=str(error))
                except IllegalStateError:
                    _log.info("ingest.unassigned", partition=self.number)
                self._forget()
                wait_s = _CLAIM_BACKOFF_S[min(attempt, len(_CLAIM_BACKOFF_S) - 1)]
                attempt += 1
                await _unless(self._stopping, wait_s)
        finally:
            self._forget()
            self.finished.set()

    def _forget(self) -> None:
        self._owned = None
        self._tools.telemetry.epoch.labels(self.number).set(0)

    async def _claim(self) -> _Owned:
        tools = self._tools
        try:
            claim = await tools.store.claim(self.number, member=self._member, generation=self._generation)
            owned = _Owned(tools, claim)
            await owned.load()
        except FencedError:
            tools.telemetry.claims.labels("refused").inc()
            raise
        except StoreError as error:
            tools.telemetry.claims.labels("lost").inc()
            raise FencedError(str(error)) from error
        tools.telemetry.claims.labels("granted").inc()
        tools.telemetry.epoch.labels(self.number).set(claim.epoch)
        _log.info(
            "ingest.claimed", partition=self.number, epoch=claim.epoch, rooms=len(owned.partition.rooms)
        )
        self._owned = owned
        owned.folder.offsets |= await self._start(self.number, claim.numbers("offset:"))
        return owned

    async def _work(self, owned: _Owned) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if owned.fold():
                self._let_go_on(owned)
                await asyncio.sleep(0)
            else:
                await _unless(self._wake, owned.idle_s())
            if owned.due():
                await owned.flush()
        if owned.ready:
            await owned.flush()
        await self._tools.store.release(owned.claim)

    def _let_go_on(self, owned: _Owned) -> None:
        for feed in list(owned.held):
            if len(owned.alignment.queues[feed]) < QUEUE_MAX // 2:
                owned.held.discard(feed)
                self._hold_back(feed, self.number, False)


class _Owned:
    """The memory of one ownership; forgotten as a whole when it ends."""

    def __init__(self, tools: Tools, claim: Claim) -> None:
        settings = tools.settings
        self._tools = tools
        self.claim = claim
        self.partition = Partition(
            tools.users, lateness_ms=settings.lateness_ms, settle_ms=settings.settle_ms
        )
        self.alignment = Alignment(settle_ms=settings.settle_ms, align_ms=settings.align_ms)
        self.folder = Folder(
            claim.partition,
            self.partition,
            self.alignment,
            decoders=tools.decoders,
            topics={feed: settings.topic(feed) for feed in FEEDS},
        )
        self.held: set[Feed] = set()
        self._flusher: Flusher
        self._log = WindowLog(claim.partition, claim.epoch)
        self._tick_ms = int(claim.fields.get("tick_ms", 0))
        self._closed_ms = 0
        self._flushed_s = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether the reach of every feed is known."""
        return min(self.alignment.reach_ms().values()) > 0

    async def load(self) -> None:
        """Bring the partition into memory."""
        now = await load(self._tools.redis, self.claim, self.partition, self.alignment)
        self._flusher = Flusher(self.claim.partition, self.partition, now)

    def fold(self) -> bool:
        """Fold for one slice; tell whether there was anything to fold."""
        end_s = time.monotonic() + SLICE_S
        folded = False
        while time.monotonic() < end_s and self.folder.step():
            folded = True
        return folded

    def idle_s(self) -> float:
        """Return how long to wait for records at most, seconds."""
        if self.folder.changed:
            return max(0.0, self._tools.settings.flush_ms / 1_000 - (time.monotonic() - self._flushed_s))
        return (_TICK_MS - self._tools.clock.now_ms() % _TICK_MS) / 1_000 + 0.001

    def due(self) -> bool:
        """Tell whether it is time for a flush; there is none before every feed was read once."""
        if not self.ready:
            return False
        waited_ms = (time.monotonic() - self._flushed_s) * 1_000
        return (self.folder.changed and waited_ms >= self._tools.settings.flush_ms) or self._closing()

    async def flush(self) -> None:
        """Send the dead letters, write everything since the last flush, then tell of it."""
        await self._bury()
        closing, reach = self._closing(), self.alignment.reach_ms()
        self._tick_ms = max(self._tick_ms, self._tools.clock.now_ms() // _TICK_MS * _TICK_MS)
        self.partition.expire_waiting(reach["rooms"])
        self._count_folded()
        made = self._flusher.flush(reach, critical=self.folder.take_critical(), closing=closing)
        self._flushed_s = time.monotonic()
        with self._tools.telemetry.flush.time():
            await self._tools.store.apply(self.claim, made.writes, self._fields(reach))
        if closing:
            self._closed_ms = self._tick_ms
            self._tell_telemetry(reach)
        records = self._log.records(
            tick_ms=self._tick_ms, reach_ms=reach, rooms=made.rooms, vendors=made.vendors, last=closing
        )
        await self._send(list(records))

    def _closing(self) -> bool:
        return self._tools.clock.now_ms() // _TICK_MS * _TICK_MS > self._closed_ms

    def _fields(self, reach: dict[Feed, int]) -> dict[str, str]:
        late = self.partition.late
        fields = {f"offset:{feed}": offset for feed, offset in self.folder.offsets.items()}
        fields |= {f"append:{feed}": append for feed, append in self.folder.appended.items()}
        fields |= {f"reach:{feed}": instant for feed, instant in reach.items()}
        fields |= {f"highest:{feed}": rule.highest_ms for feed, rule in late.items()}
        fields |= {f"count:{name}": number for name, number in self.partition.counts.items()}
        fields["tick_ms"] = self._tick_ms
        return {name: str(value) for name, value in fields.items()}

    async def _bury(self) -> None:
        """Send the dead letters until the broker has all; only then may a flush pass them."""
        settings = self._tools.settings
        topic = settings.topic("deadletter")
        while self.folder.dead:
            try:
                sent = [
                    await self._tools.producer.send(
                        topic, letter.value, letter.key, partition=letter.partition, headers=letter.headers()
                    )
                    for letter in self.folder.dead
                ]
                await asyncio.gather(*sent)
            except (KafkaError, OSError) as error:
                _log.warning("ingest.dead_letters_waiting", number=len(self.folder.dead), reason=repr(error))
                await asyncio.sleep(_SEND_BACKOFF_S)
            else:
                for letter in self.folder.dead:
                    feed = settings.feed_topics()[letter.topic]
                    self._tools.telemetry.dead_letters.labels(feed, letter.reason).inc()
                self.folder.dead.clear()

    async def _send(self, records: list[bytes]) -> None:
        topic, number = self._tools.settings.topic("windows"), self.claim.partition
        try:
            sent = [
                await self._tools.producer.send(topic, raw, str(number).encode(), partition=number)
                for raw in records
            ]
            await asyncio.gather(*sent)
        except (KafkaError, OSError) as error:
            _log.warning("ingest.windows_not_sent", partition=number, reason=repr(error))
            self._flusher.tell_all_again()

    def _count_folded(self) -> None:
        for feed, number in self.folder.folded.items():
            self._tools.telemetry.events.labels(feed).inc(number)

    def _tell_telemetry(self, reach: dict[Feed, int]) -> None:
        telemetry, number = self._tools.telemetry, self.claim.partition
        age_ms = self._tools.clock.now_ms() - min(reach.values())
        telemetry.reach_age.labels(number).set(age_ms / 1_000)
        telemetry.rooms.labels(number).set(len(self.partition.rooms))
        for feed, queue in self.alignment.queues.items():
            telemetry.queue.labels(number, feed).set(len(queue))
            telemetry.unknown_fields.labels(feed).set(self._tools.decoders[feed].unknown)
        for name, count in self.partition.counts.items():
            telemetry.counted.labels(*name.split(":")).set(count)


async def _unless(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
