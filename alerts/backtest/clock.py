"""The records of a partition as every subject of it lives through them. Pure.

A *position* is the place of a record among those that the rules stage accepts: none of a lower owner epoch,
none with a ``seq`` that was seen. Whatever happens to a subject happens at a position.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.rows import Heads
from alerts.detectors.silence import FEED
from stream.archive.rows import REACH, of_feed
from stream.model import FEEDS

__all__ = ["Clock"]

_EPOCH_BITS = 40
"""Enough for the ``seq`` of one owner: a thousand records a second for 35 years."""


class Clock:
    """The accepted records of one partition.

    Args:
        table: its ticks, by offset; columns as of ``HEAD_COLUMNS``.
        partition: its number.

    Attributes:
        offsets: of each position.
        tick_ms: of each position, never falling.
        last: whether it closes its tick.
        heads: the records themselves.
    """

    def __init__(self, table: pa.Table, partition: int) -> None:
        self.partition = partition
        accepted = _accepted(table) if len(table) else table
        if len(accepted):
            accepted = _risen(accepted).combine_chunks()
        self.heads = Heads(accepted, partition)
        self.offsets: pa.Array = _array(accepted, "offset", pa.int64())
        self.tick_ms: pa.Array = _array(accepted, "tick_ms", pa.int64())
        self.last: pa.Array = _array(accepted, "last", pa.bool_())

    def until(self, position: int) -> Clock:
        """Return the clock as it is up to a position, not part of it."""
        if position >= len(self):
            return self
        found = Clock(self.heads.table.slice(0, 0), self.partition)
        found.heads = Heads(self.heads.table.slice(0, position), self.partition)
        found.offsets, found.tick_ms, found.last = (
            each.slice(0, position) for each in (self.offsets, self.tick_ms, self.last)
        )
        return found

    def __len__(self) -> int:
        return len(self.offsets)

    def reach_ms(self, feed: str) -> pa.Array:
        """Return how far a feed was read at each position; null where that is not known."""
        return _array(self.heads.table, of_feed(REACH, feed), pa.int64())

    @cached_property
    def closes(self) -> list[int]:
        """Return the positions that close a tick."""
        found: list[int] = pc.indices_nonzero(self.last).to_pylist()
        return found

    @cached_property
    def first_closes(self) -> pa.Array:
        """Return, for each position, whether it is the first to close a tick of its owner."""
        changed = _changed(_array(self.heads.table, "epoch", pa.int64()))
        return self._first(pc.cumulative_sum(pc.cast(changed, pa.int64())))

    def crossings(self, step_ms: int, phase_ms: int) -> pa.Array:
        """Return, for each position, whether it closes a tick that begins a step of a detector.

        Args:
            step_ms: length of its steps.
            phase_ms: by how much the subject's steps are early.
        """
        return self._first(pc.divide(pc.add(self.tick_ms, phase_ms), step_ms))

    def turns(self, mask: pa.Array) -> pa.Array:
        """Return, for each position, whether it closes a tick and the mask is not as at the close before."""
        return self._first(pc.cast(pc.fill_null(mask, fill_value=False), pa.int64()))

    def places(self, offsets: pa.Array) -> pa.Array:
        """Return the position of each offset; null for a record that was not accepted."""
        return pc.index_in(offsets, value_set=self.offsets)

    def first_at(self, at_ms: int) -> int:
        """Return the first position with this tick or a later one."""
        found: int = pc.search_sorted(self.tick_ms, pa.scalar(at_ms, pa.int64()), side="left").as_py()
        return found

    def _first(self, numbers: pa.Array) -> pa.Array:
        """Return whether each position closes a tick with another number than the last such position."""
        of_closes = pc.if_else(self.last, numbers, pa.scalar(None, numbers.type))
        before = pc.fill_null(_shifted(pc.fill_null_forward(of_closes), None), -1)
        return pc.and_(self.last, pc.not_equal(numbers, before))

    def time(self, position: int) -> tuple[int, dict[str, int]]:
        """Return the tick at a position, and the reach of the feed that silence is judged by."""
        ticks, reach, known = self._times
        return int(ticks[position]), {FEED: int(reach[position])} if known[position] else {}

    @cached_property
    def _times(self) -> tuple[Any, Any, Any]:
        reach_ms = self.reach_ms(FEED)
        numbers = (self.tick_ms, pc.fill_null(reach_ms, 0), pc.is_valid(reach_ms))
        ticks, reach, known = (each.to_numpy(zero_copy_only=False) for each in numbers)
        return ticks, reach, known

    def record(self, position: int, entry: Any) -> tuple[int, int, Any]:
        """Return offset, append time and record of a position, with one entry or none."""
        return self.heads.record(position, entry)


def _array(table: pa.Table, name: str, form: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), form)
    column = table[name].combine_chunks()
    return column if isinstance(column, pa.Array) else pa.array([], form)


def _accepted(table: pa.Table) -> pa.Table:
    """Return the records that the rules stage does not drop."""
    table = table.filter(pc.equal(table["epoch"], pc.cumulative_max(table["epoch"])))
    owner = pc.cumulative_sum(pc.cast(_changed(table["epoch"].combine_chunks()), pa.int64()))
    turn = pc.add(pc.shift_left(owner, _EPOCH_BITS), table["seq"].combine_chunks())
    return table.filter(pc.greater(turn, _shifted(pc.cumulative_max(turn), -1)))


def _risen(table: pa.Table) -> pa.Table:
    """Return the records with ticks and reaches that never fall, as the rules stage takes them."""
    rising: Sequence[str] = [
        name for name in ("tick_ms", *(of_feed(REACH, feed) for feed in FEEDS)) if name in table.column_names
    ]
    for name in rising:
        risen = pc.cumulative_max(table[name], skip_nulls=True)
        table = table.set_column(table.schema.get_field_index(name), name, risen)
    return table


def _changed(values: pa.Array) -> pa.Array:
    """Return whether each value differs from the one before; the first does."""
    return pc.fill_null(pc.not_equal(values, _shifted(values, None)), fill_value=True)


def _shifted(values: pa.Array, first: Any) -> pa.Array:
    """Return the values moved one place on."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pa.concat_arrays([pa.array([first], values.type), values.slice(0, len(values) - 1)])
