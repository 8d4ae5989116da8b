# ruff: noqa: SLF001 - this is the one file that knows the private parts
"""Kafka's record batches, read whole: a tuple for each record instead of an object of eleven fields.

aiokafka keeps what one consumer fetched in one dict, as results that make a ``ConsumerRecord`` of each record
(3 µs). Here that dict is changed for one whose results give lists of tuples (0.6 µs, decompression and CRC
included). Positions, seeks, pauses, rebalances and errors stay the library's; no other consumer notices.

All this is private to the library, and this is the only file that knows of it: the change is tried on a batch
made up for it first. Where that fails, and for a consumer that reads committed records only or converts them,
a line is logged and records are read one by one, through public calls alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher, subscription_state
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, memory_records

from stream.alignment import Record

__all__ = ["RecordReader", "Standing"]

_SLICE: Final = 250
"""Records from which on a list is handed out; it has fewer at the end of a fetch, never twice as many."""
_SLICES: Final = 8
"""Lists that one call takes at most: 1 to 3 ms, far below the 20 ms after which heartbeats starve, and little
enough to be still in the processor's cache when the records are folded."""
_SINGLES: Final = 4_000
"""Records that one call takes at most where they are read one by one: about 12 ms."""

_as_record: Final = attrgetter("value", "key", "timestamp", "offset")

_log: Final = structlog.get_logger()


class Standing(Protocol):
    """Where the reading of an assigned partition stands; the library's own state has these fields."""

    @property
    def position(self) -> int:
        """Return the offset of the next record."""
        ...

    @property
    def highwater(self) -> int | None:
        """Return the offset after the last record, as the newest response told; None before the first."""
        ...

    @property
    def timestamp(self) -> int | None:
        """Return when that response was handled, by our clock, epoch milliseconds; None before the first."""
        ...


class _Told(NamedTuple):
    position: int
    highwater: int | None
    timestamp: int | None


class RecordReader:
    """Takes what a consumer has fetched, a bounded piece at a time.

    Args:
        consumer: started, nothing fetched yet; from now on only this reader takes records from it.

    Attributes:
        by_batch: whether whole batches are read.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.by_batch = _change(consumer)

    async def take(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """Return fetched records by partition, in order; waits when there are none.

        Does not give others a turn while there are any. What one call leaves, the next one takes.

        Args:
            timeout_ms: longest wait.

        Raises:
            KafkaError: as ``getmany`` of the library does. What was taken before is not lost with it.
        """
        if self.by_batch:
            got = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=_SLICES)
            return {part: list(chain.from_iterable(lists)) for part, lists in got.items()}
        got = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=_SINGLES)
        return {part: list(map(_as_record, records)) for part, records in got.items()}

    def drained(self, part: TopicPartition) -> bool:
        """Tell whether nothing of a partition is left of what was fetched; True where that is not known."""
        return not self.by_batch or part not in self._consumer._fetcher._records

    async def standings(self) -> list[tuple[TopicPartition, Standing]]:
        """Return where each assigned partition stands; every one must have a position."""
        consumer = self._consumer
        if self.by_batch:  # the public calls check and copy, some thousand times a second
            subscription = consumer._subscription.subscription
            assignment = subscription and subscription.assignment
            return [(part, assignment.state_value(part)) for part in assignment.tps] if assignment else []
        return [
            (
                part,
                _Told(
                    await consumer.position(part),
                    consumer.highwater(part),
                    consumer.last_poll_timestamp(part),
                ),
            )
            for part in consumer.assignment()
        ]


class _RecordBatches:
    """Stands in the place of aiokafka's ``PartitionRecords``; iterates over lists of records.

    Batches of the old formats give the same tuples, and control batches nothing, as in the library. A corrupt
    batch raises; what was gathered before it is fetched again, as in the library.
    """

    def __init__(self, stock: Any) -> None:
        self.next_fetch_offset: int = stock.next_fetch_offset
        self._batches = stock._records
        self._checks = stock._check_crcs
        self._part = stock._tp
        self._lists = self._gathered()

    def __iter__(self) -> Iterator[list[Record]]:
        return self._lists

    def _gathered(self) -> Iterator[list[Record]]:
        """Give lists of at least ``_SLICE`` records, the last one aside: many small batches become one."""
        records: list[Record] = []
        while self._batches.has_next():
            batch = self._batches.next_batch()
            if self._checks and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._part}")
            for some in () if batch.is_control_batch else _slices(batch):
                records += self._new(some)
                if len(records) >= _SLICE:
                    self.next_fetch_offset = records[-1][3] + 1
                    yield records
                    records = []
            self.next_fetch_offset = batch.next_offset  # also past what compaction took from its end
        if records:
            yield records

    def _new(self, records: list[Record]) -> list[Record]:
        """Leave out what lies before the position: a fetch begins with the whole batch that holds it."""
        first = self.next_fetch_offset
        if records[0][3] >= first:
            return records
        return [record for record in records if record[3] >= first]


def _slices(batch: Any) -> Iterator[list[Record]]:
    """Decode a batch piece by piece; once it has ended it is not asked again, for it would begin anew."""
    records = map(_as_record, batch)
    while some := list(islice(records, _SLICE)):
        yield some
        if len(some) < _SLICE:
            return


class _Fetched(OrderedDict[TopicPartition, Any]):
    """What a consumer has fetched: each result that comes in gives lists of records from then on."""

    def __setitem__(self, part: TopicPartition, result: Any) -> None:
        if hasattr(result, "_partition_records"):  # else an error that waits to be raised
            result._partition_records = _RecordBatches(result._partition_records)
        super().__setitem__(part, result)


def _change(consumer: AIOKafkaConsumer) -> bool:
    """Let a consumer give lists of records; tell whether it does."""
    try:
        reason = _unlike(consumer._fetcher) or _fails()
    except Exception as error:  # noqa: BLE001 - whatever it is, records can still be read one by one
        reason = repr(error)
    if reason:
        _log.warning("ingest.reads_record_by_record", reason=reason)
        return False
    consumer._fetcher._records = _Fetched()
    return True


def _unlike(own: Any) -> str:
    """Return how a fetcher differs from one that we know and that gives records as they are; "" if not."""
    if type(own._records) is not OrderedDict or own._records:
        return "what was fetched is kept in another way"
    if own._isolation_level != fetcher.READ_UNCOMMITTED:
        return "the consumer reads committed records only"
    if own._key_deserializer or own._value_deserializer:
        return "the consumer converts records"
    return ""


def _fails() -> str:
    """Return how what our dict gives of a made-up batch differs from what the library's gives; "" if not."""
    builder = default_records.DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 16)
    for offset in range(4):
        builder.append(offset, 1_000 + offset, b"key", b"value", [("header", b"1")])
    raw, part, first = bytes(builder.build()), TopicPartition("made-up", 0), 2

    def drained(results: OrderedDict[TopicPartition, Any]) -> tuple[list[Any], Standing]:
        assignment = subscription_state.Assignment([part])
        state: Standing = assignment.state_value(part)
        assignment.state_value(part).seek(first)
        records = fetcher.PartitionRecords(
            part, memory_records.MemoryRecords(raw), None, first, None, None, True, fetcher.READ_UNCOMMITTED
        )
        results[part] = fetcher.FetchResult(part, assignment=assignment, partition_records=records, backoff=0)
        return results[part].getall(), state

    lists, ours = drained(_Fetched())
    records, stock = drained(OrderedDict())
    if list(chain.from_iterable(lists)) != list(map(_as_record, records)):
        return "a batch gave other records"
    if (ours.position, ours.highwater, ours.timestamp) != (stock.position, None, None):
        return "a batch moved the position otherwise"
    return ""
