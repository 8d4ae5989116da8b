"""Whatever bytes a broker sends, whole batches and the library's iterator say the same: records or error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from stream.ingest import record_batches
from stream.ingest.record_batches import _RecordBatches

PART = TopicPartition("feed", 0)
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CONTROL, APPEND_TIME = 0x20, 0x08

some_bytes = st.none() | st.binary(max_size=12)
records = st.lists(st.tuples(st.integers(1, 3), some_bytes, some_bytes, st.integers(0, 9_000)), min_size=1)
"""Distance to the offset before, key, value, time."""
batches = st.tuples(
    records, st.sampled_from((NONE, GZIP, SNAPPY, LZ4, ZSTD)), st.sampled_from((0, 0, CONTROL))
)


def batch_of(first: int, drawn: Any) -> tuple[int, bytes]:
    """Return a batch in today's format, holes and all, and the offset after it."""
    rows, codec, flags = drawn
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 20)
    offset = -1
    for step, key, value, at in rows:
        offset += step
        builder.append(offset, 1_700_000_000_000 + at, key, value, [("h", value)] if at % 2 else [])
    raw = builder.build()
    raw[0:8] = first.to_bytes(8, "big")
    raw[22] |= flags | (APPEND_TIME if len(rows) % 2 else 0)
    raw[17:21] = calc_crc32c(raw[21:]).to_bytes(4, "big")
    return first + offset + 1, bytes(raw)


def log_of(drawn: list[Any]) -> bytes:
    first, found = 100, b""
    for batch in drawn:
        first, raw = batch_of(first, batch)
        found += raw
    return found


def outcome(raw: bytes, start: int, *, whole: bool) -> tuple[list[Any], int, str]:
    """Return what an iterator gives, the position after it, and how it ended."""
    stock = PartitionRecords(PART, MemoryRecords(raw), None, start, None, None, True, READ_UNCOMMITTED)
    source: Any = _RecordBatches(stock) if whole else stock
    found: list[Any] = []
    try:
        for given in source:
            found += given if whole else [(given.value, given.key, given.timestamp, given.offset)]
    except (KafkaError, ValueError, OverflowError) as error:
        return found, 0, repr(error)
    return found, source.next_fetch_offset, ""


@given(st.lists(batches, min_size=1, max_size=6), st.integers(98, 160), st.integers(1, 7))
def test_batches_of_every_kind_from_any_start(drawn, start, size):
    """Holes, codecs, control batches, both clocks; a start before, in, after the log; lists of any size."""
    raw = log_of(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_batches, "_SLICE", size)
        found = outcome(raw, start, whole=True)
    assert found == outcome(raw, start, whole=False)
    assert not found[2]


@given(st.lists(batches, max_size=3), batches, st.integers(0, 10_000), st.integers(1, 255))
def test_a_batch_that_is_not_what_was_sent(sound, spoilt, place, change):
    """We raise as the library does; what we gave until then is the beginning of what it gave."""
    before = log_of(sound)
    raw = bytearray(log_of([*sound, spoilt]))
    covered = len(before) + 21  # by the CRC
    raw[covered + place % (len(raw) - covered)] ^= change
    found, position, error = outcome(bytes(raw), 0, whole=True)
    wanted, stock_position, stock_error = outcome(bytes(raw), 0, whole=False)
    assert "Invalid CRC" in error
    assert (position, error) == (stock_position, stock_error)
    assert found == wanted[: len(found)]


def old_batches(magic: int) -> Iterator[bytes]:
    for codec in (NONE, GZIP, SNAPPY):
        builder = LegacyRecordBatchBuilder(magic, codec, 1 << 16)
        for offset in range(5):
            builder.append(offset, 1_000 + offset, b"k%d" % offset, None if offset == 2 else b"v")
        yield bytes(builder.build())


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("start", range(5))
def test_the_old_formats(magic, start):
    for raw in old_batches(magic):
        found = outcome(raw, start, whole=True)
        assert found == outcome(raw, start, whole=False)
        assert found[0][-1][3] == 4


def test_lists_have_a_bounded_size_and_small_batches_share_one():
    many = log_of([([(1, b"k", b"v", 0)] * 100, LZ4, 0)] * 7 + [([(1, b"k", b"v", 0)] * 1_700, LZ4, 0)])
    stock = PartitionRecords(PART, MemoryRecords(many), None, 0, None, None, True, READ_UNCOMMITTED)
    assert [len(given) for given in _RecordBatches(stock)] == [300, 300, 350, 250, 250, 250, 250, 250, 200]
