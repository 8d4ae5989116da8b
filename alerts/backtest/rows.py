"""Rows of the archive as the rules stage takes them: entries of rooms and vendors, heads of records. Pure.

Figures are found by name, so a file of another catalogue version gives what both know; the rest is no data.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from alerts.windows import RoomEntry, VendorEntry, WindowsRecord
from stream.archive.rows import AS_INT, AS_JSON, EXTRA, NEWEST, REACH, of_feed
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMNS, VENDOR_COLUMNS, Column
from stream.model import FEEDS

__all__ = [
    "HEAD_COLUMNS",
    "Entry",
    "Heads",
    "RoomRows",
    "Rows",
    "VendorRows",
    "figure",
    "room_columns",
    "vendor_columns",
]

Entry = RoomEntry | VendorEntry
_ROOM: Final = ("state", "facts", "hits", "ended_reason", EXTRA)
_HEAD: Final = ("append_ms", "epoch", "seq", "last", "records_1m", "dead_1m")
HEAD_COLUMNS: Final = (*_HEAD, *(of_feed(REACH, feed) for feed in FEEDS))
"""Physical columns of a partition's ticks, beside ``offset`` and ``tick_ms``."""
_NUMBERS: Final = frozenset((pa.int64(), pa.float64(), pa.bool_()))
_EXPECTED: Final = 512
_BLOCK: Final = 128
"""Rows that are unpacked together, of those that were expected and of others."""
_KEPT: Final = 4_096
"""Unpacked rows that are held at most."""


def room_columns(places: Iterable[int]) -> list[str]:
    """Return the physical columns of rooms' rows that hold the figures of these places, and all else."""
    return [*_ROOM, *(of_feed(NEWEST, feed) for feed in FEEDS), *_figures(ROOM_COLUMNS, places)]


def vendor_columns(places: Iterable[int]) -> list[str]:
    """Return the same for vendors."""
    return [EXTRA, NEWEST, *_figures(VENDOR_COLUMNS, places)]


def figure(table: pa.Table, name: str) -> pa.Array:
    """Return a figure as numbers with a fraction, null for no data and for what is no number."""
    known = [name + way for way in ("", AS_INT) if name + way in table.column_names]
    if not known:
        return pa.nulls(len(table), pa.float64())
    found = [pc.cast(table[each].combine_chunks(), pa.float64(), safe=False) for each in known]
    return found[0] if len(found) == 1 else pc.coalesce(*found)


class Rows:
    """Rows that are unpacked when they are needed.

    Args:
        table: the rows, by offset.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._expected: list[int] = []
        self._unpacked: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.table)

    def expect(self, indices: Sequence[int]) -> None:
        """Say which rows will be asked for, rising, so that some of them are unpacked together."""
        self._expected = list(indices)

    def at(self, index: int) -> Any:
        """Return a row."""
        if index not in self._unpacked:
            if len(self._unpacked) >= _KEPT:
                self._unpacked.clear()
            place = bisect_left(self._expected, index)
            chosen = self._expected[place : place + _EXPECTED]
            if chosen and chosen[0] == index:
                rows = self._unpack(self.table.take(pa.array(chosen, pa.int64())))
                self._unpacked.update(zip(chosen, rows, strict=True))
            else:
                rows = self._unpack(self.table.slice(index, _BLOCK))
                self._unpacked.update(enumerate(rows, index))
        return self._unpacked[index]

    def _unpack(self, table: pa.Table) -> Iterable[Any]:
        raise NotImplementedError


class RoomRows(Rows):
    """Rows of one room, as ``RoomEntry``.

    Args:
        table: the rows, by offset.
        places: of the figures that are needed; the others are left out.
    """

    def __init__(self, table: pa.Table, places: Sequence[int]) -> None:
        super().__init__(table)
        self._places = frozenset(places)
        self._facts: dict[str | None, dict[str, Any] | None] = {None: None}

    def facts(self, text: str | None) -> dict[str, Any] | None:
        """Return facts from their text; equal texts give the same object."""
        if text not in self._facts:
            self._facts[text] = orjson.loads(text or "null")
        return self._facts[text]

    def _unpack(self, table: pa.Table) -> Iterable[RoomEntry]:
        columns = [_column(table, name) for name in ("subject", *_ROOM)]
        columns += [_column(table, "session_ms"), _by_feed(table, NEWEST)]
        columns.append(_values(table, ROOM_COLUMNS, self._places))
        for subject, state, facts, hits, reason, extra, session_ms, newest_ms, values in zip(
            *columns, strict=True
        ):
            entry = RoomEntry(
                subject,
                session_ms,
                state,
                values,
                newest_ms,
                self.facts(facts),
                [] if hits is None else orjson.loads(hits),
                reason,
            )
            yield entry if extra is None else _with(entry, extra)


class VendorRows(Rows):
    """Rows of one vendor's operation, as ``VendorEntry``; arguments as of ``RoomRows``."""

    def __init__(self, table: pa.Table, places: Sequence[int]) -> None:
        super().__init__(table)
        self._places = frozenset(places)

    def _unpack(self, table: pa.Table) -> Iterable[VendorEntry]:
        columns = [_column(table, "subject"), _column(table, EXTRA), _column(table, NEWEST)]
        columns.append(_values(table, VENDOR_COLUMNS, self._places))
        for subject, extra, newest_ms, values in zip(*columns, strict=True):
            vendor, _, operation = subject.partition("/")
            entry = VendorEntry(vendor, operation, values, newest_ms)
            yield entry if extra is None else _with(entry, extra)


class Heads(Rows):
    """Records of one partition without their entries.

    Args:
        table: the records, by offset.
        partition: theirs.
    """

    def __init__(self, table: pa.Table, partition: int) -> None:
        super().__init__(table)
        self._partition = partition

    def record(self, index: int, entry: Entry | None) -> tuple[int, int, WindowsRecord]:
        """Return offset, append time and the record as if it had this entry alone."""
        offset, append_ms, epoch, seq, tick_ms, last, reach_ms, shares = self.at(index)
        return (
            offset,
            append_ms,
            WindowsRecord(
                1,
                self._partition,
                epoch,
                seq,
                tick_ms,
                reach_ms,
                COLUMNS_VERSION,
                last,
                [entry] if isinstance(entry, RoomEntry) else [],
                [entry] if isinstance(entry, VendorEntry) else [],
                *shares,
            ),
        )

    def _unpack(self, table: pa.Table) -> Iterable[Any]:
        numbers = (_column(table, name) for name in ("offset", "append_ms", "epoch", "seq", "tick_ms"))
        shares = zip(_column(table, "records_1m"), _column(table, "dead_1m"), strict=True)
        known = [(records or 0, dead or 0) for records, dead in shares]
        return zip(*numbers, _column(table, "last"), _by_feed(table, REACH), known, strict=True)


def _figures(columns: Sequence[Column], places: Iterable[int]) -> list[str]:
    return [columns[at].name + way for at in places for way in ("", AS_INT, AS_JSON)]


def _column(table: pa.Table, name: str) -> list[Any]:
    return _list(table[name]) if name in table.column_names else [None] * len(table)


def _list(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as ``to_pylist`` does; numbers ten times as fast."""
    found: list[Any] = [None] * len(column)
    if column.null_count < len(column):
        if column.type not in _NUMBERS:
            found = column.to_pylist()
        elif not column.null_count:
            found = column.to_numpy().tolist()
        else:
            numbers = pc.fill_null(column, pa.scalar(0).cast(column.type)).to_numpy().astype(object)
            numbers[pc.is_null(column).to_numpy()] = None
            found = numbers.tolist()
    return found


def _by_feed(table: pa.Table, name: str) -> list[dict[str, int]]:
    """Return each row's instants by feed."""
    known = [feed for feed in FEEDS if of_feed(name, feed) in table.column_names]
    columns = [_list(table[of_feed(name, feed)]) for feed in known]
    if not columns:
        return [{} for _ in range(len(table))]
    rows = zip(*columns, strict=True)
    if not any(table[of_feed(name, feed)].null_count for feed in known):
        return [dict(zip(known, row, strict=True)) for row in rows]
    return [{feed: at for feed, at in zip(known, row, strict=True) if at is not None} for row in rows]


def _values(table: pa.Table, columns: Sequence[Column], places: frozenset[int]) -> list[list[Any]]:
    """Return each row's figures, in the order of the catalogue."""
    empty: list[Any] = [None] * len(table)
    known = set(table.column_names)
    found = [
        _figure(table, column.name, known) if at in places else None for at, column in enumerate(columns)
    ]
    return [list(row) for row in zip(*(empty if each is None else each for each in found), strict=True)]


def _figure(table: pa.Table, name: str, known: set[str]) -> list[Any] | None:
    ways = [
        [text if text is None else orjson.loads(text) for text in _list(table[name + way])]
        if way == AS_JSON
        else _list(table[name + way])
        for way in ("", AS_INT, AS_JSON)
        if name + way in known
    ]
    if len(ways) <= 1:
        return ways[0] if ways else None
    return [next((value for value in row if value is not None), None) for row in zip(*ways, strict=True)]


def _with(entry: Any, extra: str) -> Any:
    """Return an entry with the fields that the recorder did not know and this program may."""
    more: Mapping[str, Any] = orjson.loads(extra)
    return msgspec.convert({**msgspec.structs.asdict(entry), **more}, type(entry))
