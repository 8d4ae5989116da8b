"""The fold: one stage over one partition of one log, so that a repeat after a crash is byte-identical.

Written once, used by every stage. Before the first record it claims the partition in the store and takes
over state and offset; records up to that offset are passed over, those missing after it are read from the
log. What comes out is sent first, then the state is kept with the offset of its last record, in one fenced
call. Refused there, it drops its memory and claims again for as long as the partition is assigned here.

Delivery through Faust costs some 200 µs a record and, beside a busy fold, takes turns with it: a storm of a
thousand transitions a second waits there. So a fold that finds more than ``BEHIND_MAX`` records of its log
not yet delivered reads them itself, up to the end and beyond, until delivery has caught up with it.

A store or a broker that is away for longer than the patience given ends the process with a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog
from redis.exceptions import RedisError

from alerts.inbox import Inbox
from alerts.stages import Output, Record, Stage
from alerts.store.folds import Claim, Command
from alerts.telemetry import Telemetry
from stream.errors import FencedError, StageError
from stream.store import AWAY

__all__ = [
    "BEAT_S",
    "BEHIND_MAX",
    "UNSAVED_MAX",
    "Fold",
    "Job",
    "LogReader",
    "Outbox",
    "Owner",
]

UNSAVED_MAX: Final = 512
"""Records after which what came out is sent, and a settled state kept, even in the middle of a batch."""
SLICE_S: Final = 0.05
"""Time after which they are too, seconds: who waits behind a long batch waits no longer than that."""
BEHIND_MAX: Final = 64
"""Records that the log may hold beyond the one delivered before the fold reads them itself."""
BEAT_S: Final = 1.0
"""Time between signs of life and lease renewals, seconds."""
_BACKOFF_S: Final = (0.1, 3.0)
"""First and longest pause between attempts; jitter of half of it keeps processes apart."""

T = TypeVar("T")


class Owner(Protocol):
    """The owner record of a fold; ``alerts.store.folds.FoldStore`` is the real one."""

    async def claim(self, generation: int) -> Claim:
        """Take the fold over, or raise FencedError."""
        ...

    async def apply(self, claim: Claim, *, offset: int, output: int, commands: Sequence[Command]) -> Claim:
        """Keep a state with its offset, or raise FencedError."""
        ...

    async def renew(self, claim: Claim) -> None:
        """Prolong the lease, or raise FencedError."""
        ...


class LogReader(Protocol):
    """Reads a log outside of any group."""

    async def end(self, topic: str, partition: int) -> int:
        """Return the offset that the next record will have."""
        ...

    def read(
        self, topic: str, partition: int, *, first: int, last: int
    ) -> AsyncGenerator[list[Record], None]:
        """Yield the records ``first`` to ``last`` that still exist, in order, in batches."""
        ...

    def follow(self, topic: str, partition: int, *, first: int) -> AsyncGenerator[list[Record], None]:
        """Yield the records from ``first`` on, in order, for ever; an empty list when nothing comes."""
        ...


class Outbox(Protocol):
    """Sends what stages write."""

    async def send(self, outputs: Sequence[Output]) -> dict[str, int]:
        """Send in order, wait until all replicas have all of it; return log -> highest offset."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """What one fold folds, and where its state is.

    Attributes:
        stage: name of the stage, for logs and metrics.
        topic: its log, prefix included.
        partition: of the log.
        make: returns the stage, empty.
        load: reads from the store what the stage kept.
        commands: turns what a stage wrote into the store's commands.
        output: the log whose newest offset the owner record keeps.
    """

    stage: str
    topic: str
    partition: int
    make: Callable[[], Stage[Any, Any]]
    load: Callable[[], Awaitable[Any]]
    commands: Callable[[Any], list[Command]]
    output: str

    @property
    def name(self) -> str:
        """Return the log's partition as people write it."""
        return f"{self.topic}-{self.partition}"


class Fold:
    """One stage over one partition while it is assigned to this process.

    Args:
        job: what to fold.
        store: its owner record.
        reader: reads what is missing.
        outbox: sends what comes out.
        generation: of the consumer group that assigned the partition.
        patience_s: how long a store that is away is waited for, seconds.
        telemetry: counters of the process.
    """

    def __init__(
        self,
        job: Job,
        *,
        store: Owner,
        reader: LogReader,
        outbox: Outbox,
        generation: int,
        patience_s: float,
        telemetry: Telemetry,
    ) -> None:
        self.job = job
        self.inbox = Inbox()
        self.seen = -1
        """Offset of the last record folded; -1 before the first."""
        self._store = store
        self._reader = reader
        self._outbox = outbox
        self._generation = generation
        self._patience_s = patience_s
        self._telemetry = telemetry
        self._log = structlog.get_logger().bind(stage=job.stage, log=job.name)
        self._claim = Claim(0, -1, -1)
        self._stage: Stage[Any, Any] = job.make()
        self._outputs: list[Output] = []
        self._written = -1
        self._unflushed = 0
        self._flush_at = 0.0
        self._beat_at = 0.0
        self._folded = telemetry.folded.labels(job.stage)

    async def run(self) -> None:
        """Fold until the inbox is closed.

        Raises:
            StageError: the store or the broker was away too long, or the log is not the one folded before.
        """
        pause_s = _BACKOFF_S[0]
        while not self.inbox.closed:
            try:
                await self._take_over()
                pause_s = _BACKOFF_S[0]
                while not self.inbox.closed:
                    await self._turn()
            except FencedError as error:
                self._telemetry.fenced.labels(self.job.stage).inc()
                self._log.warning("fold.fenced", error=str(error))
                await asyncio.sleep(_jittered(pause_s))
                pause_s = min(2 * pause_s, _BACKOFF_S[1])

    async def _take_over(self) -> None:
        self._claim = await self._patiently(lambda: self._store.claim(self._generation))
        kept = await self._patiently(self.job.load)
        end = await self._reader.end(self.job.topic, self.job.partition)
        if self._claim.offset >= end:
            raise StageError(
                f"{self.job.name} ends at offset {end}, but the store holds it folded up to"
                f" {self._claim.offset}: the topic was made anew; empty the store too, or take another topic"
                " prefix"
            )
        self._stage = self.job.make()
        self._stage.load(kept, self._claim.epoch)
        self.seen = self._claim.offset
        self.inbox.missed = True
        self._outputs, self._written = [], -1
        self._beat_at = asyncio.get_running_loop().time()
        self._log.info("fold.claimed", epoch=self._claim.epoch, offset=self.seen, behind=end - 1 - self.seen)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self.inbox.missed:
            self.inbox.missed = False
            await self._fill(await self._reader.end(self.job.topic, self.job.partition))
        if self.inbox.behind > BEHIND_MAX:
            await self._run_ahead()
        records = await self.inbox.take(within_s=self._beat_at - loop.time())
        self._flush_at = loop.time() + SLICE_S
        for record in records:
            await self._fill(record.offset)
            await self._fold(record)
        await self._flush()
        await self._maybe_beat()

    async def _fill(self, before: int) -> None:
        """Fold what the log holds between the last record seen and ``before``."""
        first, found, anew = self.seen + 1, 0, self._claim.offset < 0
        if before <= first:
            return
        read = self._reader.read(self.job.topic, self.job.partition, first=first, last=before - 1)
        async with contextlib.aclosing(read) as batches:
            async for records in batches:
                for record in records:
                    await self._fold(record)
                found += len(records)
                await self._flush()
                await self._maybe_beat()
                await asyncio.sleep(0)  # a reader with data at hand does not yield
                if self.inbox.closed:
                    return
        self._log.info("fold.caught_up", first=first, last=before - 1, records=found)
        if not anew:
            self._count_lost(first, before, found)
        self.seen = before - 1

    def _count_lost(self, first: int, before: int, found: int = 0) -> None:
        """Tell when fewer records were found from ``first`` to ``before`` than offsets."""
        if lost := before - first - found:
            self._telemetry.lost.labels(self.job.stage).inc(lost)
            self._log.warning(
                "fold.records_lost", first=first, last=before - 1, lost=lost, reason="retention"
            )

    async def _run_ahead(self) -> None:
        """Fold the log as its reader gives it until delivery has caught up."""
        first = self.seen + 1
        self.inbox.missed = False
        self._log.info("fold.runs_ahead", first=first, behind=self.inbox.behind)
        follow = self._reader.follow(self.job.topic, self.job.partition, first=first)
        async with contextlib.aclosing(follow) as batches:
            async for records in batches:
                if records:
                    self._count_lost(self.seen + 1, records[0].offset)
                for record in records:
                    await self._fold(record)
                await self._flush()
                await self._maybe_beat()
                self.inbox.pass_over(self.seen)
                await asyncio.sleep(0)  # a reader with data at hand does not yield
                if self.inbox.closed or self.inbox.delivered >= self.seen:
                    break
        self._log.info("fold.delivery_caught_up", first=first, last=self.seen)

    async def _fold(self, record: Record) -> None:
        if record.offset <= self.seen:
            return
        self._outputs += self._stage.apply(record)
        self.seen = record.offset
        self._folded.inc()
        self._unflushed += 1
        if self._unflushed >= UNSAVED_MAX or asyncio.get_running_loop().time() >= self._flush_at:
            await self._flush()

    async def _flush(self) -> None:
        self._telemetry.count_passed_over(self.job.stage, self._stage.passed_over)
        if self._outputs:
            sent = await self._outbox.send(self._outputs)
            self._written = max(self._written, sent.get(self.job.output, -1))
            self._outputs = []
        if self._stage.settled and self.seen > self._claim.offset:
            commands = self.job.commands(self._stage.written())
            self._claim = await self._patiently(
                lambda: self._store.apply(
                    self._claim, offset=self.seen, output=self._written, commands=commands
                )
            )
        self._unflushed, self._flush_at = 0, asyncio.get_running_loop().time() + SLICE_S

    async def _maybe_beat(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._beat_at:
            return
        self._beat_at = max(self._beat_at + BEAT_S, loop.time())
        await self._patiently(lambda: self._store.renew(self._claim))
        if beats := self._stage.beat():
            await self._outbox.send(beats)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what a call to the store returns, again and again while the store is away."""
        loop = asyncio.get_running_loop()
        end, pause_s = loop.time() + self._patience_s, _BACKOFF_S[0]
        while True:
            try:
                return await call()
            except AWAY as error:
                self._telemetry.store_retries.labels(self.job.stage).inc()
                if loop.time() + pause_s > end:
                    raise StageError(
                        f"the store did not answer the {self.job.stage} stage"
                        f" for {self._patience_s:g} s: {error}"
                    ) from error
            except RedisError as error:
                raise StageError(f"the store refused the {self.job.stage} stage: {error}") from error
            await asyncio.sleep(_jittered(pause_s))
            pause_s = min(2 * pause_s, _BACKOFF_S[1])


def _jittered(pause_s: float) -> float:
    return pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - keeps processes apart, no secret
