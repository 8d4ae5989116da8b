"""Reading feed partitions: what came, and up to which instant a partition is known to the end.

One consumer has one fetch in flight per broker. A response that leaves us at the end of a partition was
asked for after the response before it had been handled, so it holds everything that was appended until
then: that instant, on our clock, is the reach. ``CLOCK_MARGIN_MS`` covers a broker whose clock is a little
behind ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError

from stream.alignment import Record
from stream.ingest.record_batches import RecordReader, Standing
from stream.model import Feed

__all__ = ["CLOCK_MARGIN_MS", "FeedReader", "Read"]

CLOCK_MARGIN_MS: Final = 10
"""How far a broker's clock may be behind ours before an idle feed is taken as read too far, milliseconds."""
_POLL_MS: Final = 10
"""Longest wait of one poll: how long the news that an idle feed was read to its end may wait."""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Read:
    """What one poll gave for one feed partition.

    Attributes:
        feed: the feed.
        partition: the partition.
        records: what came, in order.
        end_ms: instant before which everything was read, where the end was seen, else None.
        lag: records that were not read yet.
    """

    feed: Feed
    partition: int
    records: list[Record]
    end_ms: int | None
    lag: int


class FeedReader:
    """Reads the feeds of one consumer, for the partitions that are ready.

    Args:
        consumer: started, nothing fetched yet, assigned from outside; it never resets offsets by itself.
        topics: topic -> feed.

    Attributes:
        ready: partitions that were claimed and sought; what others give is dropped.
        lost: feed -> offsets that were gone before they were read.
    """

    def __init__(self, consumer: AIOKafkaConsumer, topics: dict[str, Feed]) -> None:
        self.consumer = consumer
        self.topics = topics
        self.ready: set[int] = set()
        self.lost: dict[Feed, int] = {}
        self._records = RecordReader(consumer)
        self._answered: dict[TopicPartition, tuple[int, int]] = {}
        self._full: set[TopicPartition] = set()

    def hold(self, parts: Iterable[TopicPartition]) -> None:
        """Give newly assigned partitions a position, lest one is asked of the broker, and fetch nothing."""
        for part in parts:
            self.consumer.seek(part, 0)
            self.consumer.pause(part)

    def hold_back(self, feed: Feed, partition: int, *, hold: bool) -> None:
        """Fetch no more of a feed partition, or go on; harmless when it is not ours any more.

        What was fetched of it already still comes: a paused partition that is not drained would be fetched
        again, or keep the library from fetching the others.
        """
        part = self._part(feed, partition)
        self._full.discard(part)
        if part not in self.consumer.assignment():
            return
        if not hold:
            self.consumer.resume(part)
        elif self._records.drained(part):
            self.consumer.pause(part)
        else:
            self._full.add(part)

    async def start(self, partition: int, offsets: dict[str, int]) -> dict[Feed, int]:
        """Seek the feeds of a claimed partition and make it ready.

        Args:
            partition: its number.
            offsets: feed -> offset of the next record; a feed without one begins at its earliest.

        Returns:
            Where each feed begins.

        Raises:
            IllegalStateError: the partition is not assigned any more.
        """
        parts = {self._part(feed, partition): feed for feed in self.topics.values()}
        unknown = [part for part, feed in parts.items() if feed not in offsets]
        earliest = await self.consumer.beginning_offsets(unknown) if unknown else {}
        begins = {feed: offsets.get(feed, earliest.get(part, 0)) for part, feed in parts.items()}
        for part, feed in parts.items():
            self.consumer.seek(part, begins[feed])
            self.consumer.resume(part)
            self._full.discard(part)
            self._answered.pop(part, None)
        self.ready.add(partition)
        return begins

    async def poll(self) -> list[Read]:
        """Return what came for the ready partitions, a few thousand records at most; waits a little for some.

        Raises:
            KafkaError: the broker refuses us for good.
        """
        await asyncio.sleep(0)  # others get their turn also while there are records without end
        try:
            # What is full must be paused as soon as it is drained, not when the next fetch of it has come.
            got = await self._records.take(0 if self._full else _POLL_MS)
        except OffsetOutOfRangeError as error:
            await self._to_earliest(error.args[0])
            got = {}
        except (NoOffsetForPartitionError, IllegalStateError):
            got = {}
        self._pause_full()
        reads = [
            self._read(part, standing, got.get(part, []))
            for part, standing in await self._records.standings()
            if part.partition in self.ready
        ]
        return [read for read in reads if read is not None]

    def _pause_full(self) -> None:
        for part in [part for part in self._full if self._records.drained(part)]:
            self._full.discard(part)
            if part in self.consumer.assignment():
                self.consumer.pause(part)

    def _read(self, part: TopicPartition, standing: Standing, records: list[Record]) -> Read | None:
        """Return what is new of a partition: records, or a response that left us at its end."""
        answered, high = standing.timestamp, standing.highwater
        before, newest = self._answered.get(part, (0, 0))
        if answered is not None and answered != newest:
            before, newest = self._answered[part] = (newest, answered)
        elif not records:
            return None
        lag = 0 if high is None else max(0, high - standing.position)
        end_ms = before - CLOCK_MARGIN_MS if before and not lag else None
        return Read(self.topics[part.topic], part.partition, records, end_ms, lag)

    async def _to_earliest(self, gone: dict[TopicPartition, int]) -> None:
        """Go on where the log begins when what we wanted is gone."""
        earliest = await self.consumer.beginning_offsets(list(gone))
        for part, wanted in gone.items():
            feed, lost = self.topics[part.topic], max(0, earliest[part] - wanted)
            self.lost[feed] = self.lost.get(feed, 0) + lost
            _log.warning(
                "ingest.offsets_gone",
                feed=feed,
                partition=part.partition,
                wanted=wanted,
                earliest=earliest[part],
            )
            if part in self.consumer.assignment():
                self.consumer.seek(part, earliest[part])

    def _part(self, feed: Feed, partition: int) -> TopicPartition:
        topic = next(topic for topic, known in self.topics.items() if known == feed)
        return TopicPartition(topic, partition)
