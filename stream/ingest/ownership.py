"""The memory of one ownership of a partition, and its way out: dead letters, flush, windows.

Forgotten when the ownership ends, but for what a last flush has left: if the partition comes back with the
next assignment and the store says that nobody wrote in between, it need not be read again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from stream.alignment import Alignment
from stream.codec import Decoder
from stream.folding import Folder
from stream.ingest.settings import IngestSettings
from stream.model import CRITICAL_FEEDS, FEEDS, Feed
from stream.partition import Partition
from stream.runtime import Clock
from stream.store.flush import Flush, Flusher
from stream.store.loading import load, load_progress
from stream.store.packing import cell_names
from stream.store.partition import Claim, PartitionStore
from stream.telemetry import IngestTelemetry
from stream.users import UserHasher
from stream.window_log import WindowLog
from stream.words import WordsFile

__all__ = ["Left", "Ownership", "Tools"]

_SLICE_S: Final = 0.02
"""Longest stretch of folding without a turn for others, seconds: heartbeats must not starve."""
_TICK_MS: Final = 1_000
_FLUSH_PAUSE: Final = 2
"""Folding gets at least this many times as long as a flush took: a heavy flush comes less often."""
_BEHIND_PAUSE: Final = 10
"""The same while we are behind: then nobody waits for the newest events, and flushes only take time away."""
_BEHIND_MS: Final = 1_000
"""Reach older than this is behind."""
_PAUSE_MAX_S: Final = 0.5
"""Longest pause without a backlog."""
_BACKLOG_MS: Final = 5_000
"""Reach of a critical feed older than this is a backlog that is being caught up with."""
_BACKLOG_TICK_MS: Final = 3_000
"""Ticks are so far apart while there is one: nobody waits for figures of long ago, and telling of every room
each second would take most of the time. A partition without a tick for 5 s would be taken for degraded."""
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
    words: WordsFile
    telemetry: IngestTelemetry
    clock: Clock
    flushing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a flush is worked out: one after the other each is done sooner than all of them at once."""


@dataclass(frozen=True, slots=True)
class Left:
    """What an ownership leaves after its last flush: nothing else than the store has.

    Attributes:
        claim: as it was then.
        partition: what is known of it.
        flusher: of the partition.
    """

    claim: Claim
    partition: Partition
    flusher: Flusher


class Ownership:
    """The memory of one ownership.

    Args:
        tools: what the process shares.
        claim: our ownership.
        left: what we left of the partition, if we were the owner before.
    """

    def __init__(self, tools: Tools, claim: Claim, left: Left | None = None) -> None:
        settings = tools.settings
        self._tools = tools
        self.claim = claim
        self._left = left if left is not None and claim.follows(left.claim) else None
        self.partition = (
            self._left.partition
            if self._left
            else Partition(
                tools.users,
                lateness_ms=settings.lateness_ms,
                settle_ms=settings.settle_ms,
                whole=settings.catalogue == "whole",
            )
        )
        self.partition.words = tools.words.words
        self._topics = {feed: settings.topic(feed) for feed in FEEDS}
        self.alignment = Alignment(settle_ms=settings.settle_ms, align_ms=settings.align_ms)
        self.folder = Folder(
            claim.partition,
            self.partition,
            self.alignment,
            decoders=tools.decoders,
            topics=self._topics,
        )
        self.held: set[Feed] = set()
        self._flusher: Flusher
        self._log = WindowLog(claim.partition, claim.epoch)
        self._tick_ms = int(claim.fields.get("tick_ms", 0))
        self._closed_ms = 0
        self._flushed_s = time.monotonic()
        self._pause_s = settings.flush_ms / 1_000
        self._backlog = False

    @property
    def ready(self) -> bool:
        """Whether the reach of every feed is known."""
        return min(self.alignment.reach_ms().values()) > 0

    async def load(self) -> None:
        """Bring the partition into memory."""
        load_progress(self.claim, self.partition, self.alignment)
        if self._left:
            self._flusher, self._left = self._left.flusher, None
            self._flusher.tell_all_again()  # readers of an epoch know what was said in it
        else:
            now = await load(self._tools.redis, self.claim, self.partition)
            self._flusher = Flusher(self.claim.partition, self.partition, now, self._topics)

    def leave(self) -> Left:
        """Return what is left after the last flush; nothing may be folded any more."""
        return Left(self.claim, self.partition, self._flusher)

    def fold(self) -> bool:
        """Fold for one slice; tell whether there was anything to fold."""
        end_s = time.monotonic() + _SLICE_S
        folded = False
        while time.monotonic() < end_s and self.folder.step():
            folded = True
        return folded

    def idle_s(self) -> float:
        """Return how long to wait for records at most, seconds."""
        if self.folder.changed:
            return max(0.0, self._flushed_s + self._pause_s - time.monotonic())
        return (_TICK_MS - self._tools.clock.now_ms() % _TICK_MS) / 1_000 + 0.001

    def due(self) -> bool:
        """Tell whether it is time for a flush; there is none before every feed was read once."""
        if not self.ready:
            return False
        waited = time.monotonic() >= self._flushed_s + self._pause_s
        return (self.folder.changed and waited) or self._closing()

    async def flush(self) -> None:
        """Send the dead letters, write everything since the last flush, then tell of it."""
        await self._bury()
        async with self._tools.flushing:
            began_s = time.monotonic()
            closing, reach = self._closing(), self.alignment.reach_ms()
            self._tick_ms = max(self._tick_ms, self._tools.clock.now_ms() // _TICK_MS * _TICK_MS)
            self.partition.expire_waiting(min(reach.values()))
            self._count_folded()
            made = Flush()
            for part in self._flusher.flush(reach, critical=self.folder.take_critical(), closing=closing):
                made = part
                await asyncio.sleep(0)
        with self._tools.telemetry.flush.time():
            await self._tools.store.apply(self.claim, made.writes, self._fields(reach))
        self._flushed_s = time.monotonic()
        self._pause_s = self._next_pause_s(reach, self._flushed_s - began_s)
        if closing:
            self.partition.words = self._tools.words.words
            self._closed_ms = self._tick_ms
            self._tell_telemetry(reach)
        folded, dead = self.folder.shares.until(self._tick_ms)
        records = self._log.records(
            tick_ms=self._tick_ms,
            reach_ms=reach,
            rooms=made.rooms,
            vendors=made.vendors,
            records_1m=folded,
            dead_1m=dead,
            last=closing,
        )
        await self._send(list(records))

    def _next_pause_s(self, reach: dict[Feed, int], flush_s: float) -> float:
        """Return how long to fold until the next flush, given how long the last one took."""
        now_ms = self._tools.clock.now_ms()
        times = _FLUSH_PAUSE if now_ms - min(reach.values()) <= _BEHIND_MS else _BEHIND_PAUSE
        self._backlog = now_ms - min(reach[feed] for feed in CRITICAL_FEEDS) > _BACKLOG_MS
        longest_s = _BACKLOG_TICK_MS / 1_000 if self._backlog else _PAUSE_MAX_S
        return max(self._tools.settings.flush_ms / 1_000, min(times * flush_s, longest_s))

    def _closing(self) -> bool:
        tick_ms = self._tools.clock.now_ms() // _TICK_MS * _TICK_MS
        return tick_ms >= self._closed_ms + (_BACKLOG_TICK_MS if self._backlog else _TICK_MS)

    def _fields(self, reach: dict[Feed, int]) -> dict[str, str]:
        late = self.partition.late
        fields = {f"offset:{feed}": offset for feed, offset in self.folder.offsets.items()}
        fields |= {f"append:{feed}": append for feed, append in self.folder.appended.items()}
        fields |= {f"reach:{feed}": instant for feed, instant in reach.items()}
        fields |= {f"highest:{feed}": rule.highest_ms for feed, rule in late.items()}
        fields |= {f"count:{name}": number for name, number in self.partition.counts.items()}
        fields["tick_ms"] = self._tick_ms
        told = {name: str(value) for name, value in fields.items()}
        if self.claim.fields.get("cells") != cell_names():
            told["cells"] = cell_names()
        return told

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
