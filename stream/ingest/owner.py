"""Owning one partition: claim it, bring it into memory, fold, flush, tell; again after every fence.

The consumers put records into the owner's queues; everything else happens in ``run``, one step after the
other: so what is flushed is always the state between two steps. Folding is done in short slices,
between which heartbeats and polls get their turn. While the store or the broker is away nothing is folded,
the queues fill up to their bound, and the feeds are paused: nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog
from aiokafka.errors import IllegalStateError

from stream.alignment import QUEUE_MAX
from stream.errors import FencedError, StoreError
from stream.ingest.batches import Read
from stream.ingest.ownership import Left, Ownership, Tools
from stream.model import Feed

__all__ = ["Owner"]

_CLAIM_BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0)
"""Waits between claims; the last one repeats."""

_log: Final = structlog.get_logger()


class Owner:
    """Owns one partition for as long as it is assigned to this process.

    Args:
        number: the partition.
        tools: what the process shares.
        member: our name in the group.
        generation: group generation of the assignment.
        start: seeks the feeds to offsets, lets them flow, and returns where they begin.
        hold_back: pauses a feed of the partition or lets it go on.
        left: what this process left of the partition, if it was the owner before.

    Attributes:
        left: what is left once it was stopped and everything was flushed, else None.
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
        left: Left | None = None,
    ) -> None:
        self.number = number
        self._tools = tools
        self._member = member
        self._generation = generation
        self._start = start
        self._hold_back = hold_back
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._owned: Ownership | None = None
        self._task: asyncio.Task[None] | None = None
        self.finished = asyncio.Event()
        self.left = left

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

    async def _claim(self) -> Ownership:
        tools = self._tools
        try:
            claim = await tools.store.claim(self.number, member=self._member, generation=self._generation)
            left, self.left = self.left, None
            owned = Ownership(tools, claim, left)
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

    async def _work(self, owned: Ownership) -> None:
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
            self.left = owned.leave()
        await self._release(owned)

    async def _release(self, owned: Ownership) -> None:
        try:
            await self._tools.store.release(owned.claim)
        except StoreError as error:  # then it runs out
            _log.warning("ingest.lease_not_ended", partition=self.number, reason=str(error))

    def _let_go_on(self, owned: Ownership) -> None:
        for feed in list(owned.held):
            if len(owned.alignment.queues[feed]) < QUEUE_MAX // 2:
                owned.held.discard(feed)
                self._hold_back(feed, self.number, False)


async def _unless(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
