"""One member of the group: what it is assigned, who reads, who owns.

The *critical* consumer is the member; the *bulk* one joins no group and follows the partitions that the
critical one was given, so that all feeds of a room have one owner. Everything that is read goes to the
partition's ``Owner``; a failure anywhere ends the process, and another one takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from stream.errors import StageError
from stream.ingest.batches import FeedReader
from stream.ingest.owner import Owner
from stream.ingest.ownership import Left, Tools
from stream.model import BULK_FEEDS, CRITICAL_FEEDS, Feed

__all__ = ["Member"]

_STOP_S: Final = 6.0
"""Longest wait for the last flushes at the end; what is not flushed is read again by the next owner."""
_REVOKE_S: Final = 5.0
"""Longest wait for a flush before partitions are given away."""
_COMMIT_S: Final = 5.0
"""How often the group's offsets are told to Kafka, for lag tools only."""
_LOOP_CHECK_S: Final = 0.1
_WORDS_CHECK_S: Final = 1.0
"""How often the word files are looked at."""

_log: Final = structlog.get_logger()


class Member:
    """One member of the group and the partitions that it owns.

    Args:
        tools: what the owners share.
        critical: consumer that joins the group.
        bulk: consumer without a group.
    """

    def __init__(self, tools: Tools, critical: AIOKafkaConsumer, bulk: AIOKafkaConsumer) -> None:
        self._tools = tools
        topic = tools.settings.topic
        self._critical = FeedReader(critical, {topic(feed): feed for feed in CRITICAL_FEEDS})
        self._bulk = FeedReader(bulk, {topic(feed): feed for feed in BULK_FEEDS})
        self._owners: dict[int, Owner] = {}
        self._left: dict[int, Left] = {}
        """What the owners before the last rebalance left, until the next ones begin."""
        self._assigned = asyncio.Event()
        self._tasks: asyncio.TaskGroup
        self._leaving = False

    async def run(self, stop: asyncio.Event) -> None:
        """Join the group, own what it gives, leave when the event is set."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                helpers = [
                    self._tasks.create_task(coroutine)
                    for coroutine in (
                        self._read(self._critical),
                        self._read(self._bulk),
                        self._tell_offsets(),
                        self._watch_loop(),
                        self._watch_words(),
                    )
                ]
                self._critical.consumer.subscribe(list(self._critical.topics), listener=_Listener(self))
                await stop.wait()
                self._leaving = True
                _log.info("ingest.stopping", partitions=sorted(self._owners))
                await self._give_up(_STOP_S)
                for helper in helpers:
                    helper.cancel()
        except* KafkaError as group:
            raise StageError(f"Kafka refuses us: {group.exceptions[0]!r}") from group

    async def assigned(self, parts: set[TopicPartition]) -> None:
        """Begin to own partitions; nothing flows before each is claimed and sought."""
        if self._leaving:
            return
        numbers = sorted({part.partition for part in parts})
        whole = {TopicPartition(topic, number) for topic in self._critical.topics for number in numbers}
        if whole != parts:
            raise StageError("the group gave us a partition of some feeds and not of all")
        self._critical.hold(parts)
        followed = [TopicPartition(topic, number) for topic in self._bulk.topics for number in numbers]
        if followed:
            self._bulk.consumer.assign(followed)
            self._bulk.hold(followed)
            self._assigned.set()
        member, generation = _membership(self._critical.consumer)
        _log.info("ingest.assigned", partitions=numbers, generation=generation)
        left, self._left = self._left, {}
        for number in numbers:
            owner = Owner(
                number,
                self._tools,
                member=member,
                generation=generation,
                start=self._start,
                hold_back=self._hold_back,
                left=left.get(number),
            )
            self._owners[number] = owner
            self._tasks.create_task(owner.run())

    async def revoked(self) -> None:
        """Give back all partitions: flush, end the lease; what comes back at once need not be loaded."""
        await self._give_up(_REVOKE_S)

    def fail(self, error: BaseException) -> None:
        """End the process: what the consumer calls cannot raise."""

        async def failing() -> None:
            raise error

        if not self._leaving:
            self._tasks.create_task(failing())

    async def _give_up(self, limit_s: float) -> None:
        self._critical.ready.clear()
        self._bulk.ready.clear()
        self._assigned.clear()
        owners, self._owners = self._owners, {}
        for owner in owners.values():
            owner.stop()
        try:
            async with asyncio.timeout(limit_s):
                for owner in owners.values():
                    await owner.finished.wait()
        except TimeoutError:
            _log.warning("ingest.gave_up_unflushed", partitions=sorted(owners))
            for owner in owners.values():
                owner.abandon()
        self._left = {number: owner.left for number, owner in owners.items() if owner.left is not None}

    async def _start(self, number: int, offsets: dict[str, int]) -> dict[Feed, int]:
        for reader in (self._critical, self._bulk):
            reader.ready.discard(number)  # what was read from older positions must not come in between
        begins = await self._critical.start(number, offsets)
        return begins | await self._bulk.start(number, offsets)

    def _hold_back(self, feed: Feed, number: int, hold: bool) -> None:  # noqa: FBT001 - a callback of two states
        reader = self._critical if feed in CRITICAL_FEEDS else self._bulk
        reader.hold_back(feed, number, hold=hold)

    async def _read(self, reader: FeedReader) -> None:
        while True:
            if not self._assigned.is_set():
                await self._assigned.wait()
            for read in await reader.poll():
                owner = self._owners.get(read.partition)
                if owner is not None:
                    owner.receive(read)
            while reader.lost:
                feed, number = reader.lost.popitem()
                self._tools.telemetry.lost.labels(feed).inc(number)

    async def _tell_offsets(self) -> None:
        """Commit what the store has, for lag tools; of the critical feeds only: the bulk ones have no group.

        The lag of every feed is ``roomwatch_ingest_lag_records``.
        """
        while True:
            await asyncio.sleep(_COMMIT_S)
            topic = self._tools.settings.topic
            told = {
                TopicPartition(topic(feed), number): offset
                for number, owner in self._owners.items()
                for feed, offset in owner.kept_offsets().items()
                if feed in CRITICAL_FEEDS
            }
            if told:
                with contextlib.suppress(KafkaError):
                    await self._critical.consumer.commit(told)

    async def _watch_words(self) -> None:
        words, telemetry = self._tools.words, self._tools.telemetry
        while True:
            telemetry.words_refused.set(words.fault is not None)
            await asyncio.sleep(_WORDS_CHECK_S)
            await asyncio.to_thread(words.refresh)  # a changed set takes a second to compile

    async def _watch_loop(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LOOP_CHECK_S)
            self._tools.telemetry.loop_lag.observe(max(0.0, time.monotonic() - before - _LOOP_CHECK_S))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes assignments on; aiokafka swallows what a listener raises, so failures go round it."""

    def __init__(self, member: Member) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - all are revoked together
        try:
            await self._member.revoked()
        except Exception as error:  # noqa: BLE001 - it ends the process
            self._member.fail(error)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        try:
            await self._member.assigned(set(assigned))
        except Exception as error:  # noqa: BLE001 - it ends the process
            self._member.fail(error)


def _membership(consumer: AIOKafkaConsumer) -> tuple[str, int]:
    """Return our name in the group and its generation; the library shows neither in public."""
    coordinator = consumer._coordinator  # noqa: SLF001
    return coordinator.member_id, coordinator.generation
