"""Rows of the archive as the rules stage takes them: entries of rooms and vendors, heads of records. Pure.

Figures are found by name, so a file of another catalogue version gives what both know; the rest is no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.cells import (
    NOTHING,
    Cells,
    Columns,
    Figures,
    Later,
    by_feed,
    cells_of,
    columns_of,
    figure_cells,
    instants,
)
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
    "numbers_of",
    "room_columns",
    "vendor_columns",
]

Entry = RoomEntry | VendorEntry
_ROOM: Final = ("state", "facts", "hits", "ended_reason", EXTRA)
_HEAD: Final = ("append_ms", "epoch", "seq", "last", "records_1m", "dead_1m")
HEAD_COLUMNS: Final = (*_HEAD, *(of_feed(REACH, feed) for feed in FEEDS))
"""Physical columns of a partition's ticks, beside ``offset`` and ``tick_ms``."""


def room_columns(places: Iterable[int]) -> list[str]:
    """Return the physical columns of rooms' rows that hold the figures of these places, and all else."""
    return [*_ROOM, *(of_feed(NEWEST, feed) for feed in FEEDS), *_figures(ROOM_COLUMNS, places)]


def vendor_columns(places: Iterable[int]) -> list[str]:
    """Return the same for vendors."""
    return [EXTRA, NEWEST, *_figures(VENDOR_COLUMNS, places)]


def figure(columns: Columns, name: str) -> pa.Array:
    """Return a figure as numbers with a fraction, null for no data and for what is no number.

    Args:
        columns: of the rows.
        name: of the figure.
    """
    found = [pc.cast(each.combine_chunks(), pa.float64(), safe=False) for each in numbers_of(columns, name)]
    if not found:
        size = len(next(iter(columns.values()), ()))
        return pa.nulls(size, pa.float64())
    return found[0] if len(found) == 1 else pc.coalesce(*found)


def numbers_of(columns: Columns, name: str) -> list[pa.ChunkedArray]:
    """Return the columns in which the numbers of a figure are; none where nobody told one."""
    return [columns[name + way] for way in ("", AS_INT) if name + way in columns]


class Rows:
    """Rows whose figures are unpacked one by one, when they are asked for.

    Args:
        table: the rows, by offset.
        columns: what the figures of a row are.
        places: of the figures that are needed; the others are left out.

    Attributes:
        columns: its physical columns by name.
    """

    def __init__(self, table: pa.Table, columns: Sequence[Column], places: Iterable[int]) -> None:
        self.table = table
        self.columns = columns_of(table)
        self._figures: list[Cells] = [NOTHING] * len(columns)
        for at in places:
            self._figures[at] = Later(
                self._figures, at, partial(figure_cells, self.columns, columns[at].name)
            )

    def __len__(self) -> int:
        return len(self.table)

    def values(self, row: int) -> Any:
        """Return the figures of a row, in the order of the catalogue: what is read like a list of them."""
        return Figures(self._figures, row)

    def at(self, row: int) -> Any:
        """Return a row as an entry of its record."""
        raise NotImplementedError

    def newest_ms(self, row: int) -> dict[str, int]:
        """Return the append time of the newest event of each feed that a row tells."""
        raise NotImplementedError


class RoomRows(Rows):
    """Rows of one room, as ``RoomEntry``; arguments as of ``Rows``."""

    def __init__(self, table: pa.Table, places: Iterable[int]) -> None:
        super().__init__(table, ROOM_COLUMNS, places)
        self._facts: dict[str | None, dict[str, Any] | None] = {None: None}
        self._newest = by_feed(self.columns, NEWEST)
        self._heads = [cells_of(self.columns, name) for name in ("subject", "session_ms", *_ROOM)]

    def facts(self, text: str | None) -> dict[str, Any] | None:
        """Return facts from their text; equal texts give the same object."""
        if text not in self._facts:
            self._facts[text] = orjson.loads(text or "null")
        return self._facts[text]

    def newest_ms(self, row: int) -> dict[str, int]:
        """Return the append time of the newest event of each feed that a row tells."""
        return instants(self._newest, row)

    def at(self, row: int) -> RoomEntry:
        """Return a row as an entry of its record."""
        subject, session_ms, state, facts, hits, reason, extra = [cells[row] for cells in self._heads]
        entry = RoomEntry(
            subject,
            session_ms,
            state,
            self.values(row),
            self.newest_ms(row),
            self.facts(facts),
            [] if hits is None else orjson.loads(hits),
            reason,
        )
        return entry if extra is None else _with(entry, extra)


class VendorRows(Rows):
    """Rows of one vendor's operation, as ``VendorEntry``; arguments as of ``Rows``."""

    def __init__(self, table: pa.Table, places: Iterable[int]) -> None:
        super().__init__(table, VENDOR_COLUMNS, places)
        self._heads = [cells_of(self.columns, name) for name in ("subject", EXTRA, NEWEST)]

    def newest_ms(self, row: int) -> dict[str, int]:
        """Return the append time of the newest call."""
        return {"vendors": self._heads[2][row]}

    def at(self, row: int) -> VendorEntry:
        """Return a row as an entry of its record."""
        subject, extra, newest_ms = [cells[row] for cells in self._heads]
        vendor, _, operation = subject.partition("/")
        entry = VendorEntry(vendor, operation, self.values(row), newest_ms)
        return entry if extra is None else _with(entry, extra)


class Heads:
    """Records of one partition without their entries.

    Args:
        table: the records, by offset.
        partition: theirs.
    """

    def __init__(self, table: pa.Table, partition: int) -> None:
        self.table = table
        self._partition = partition
        columns = columns_of(table)
        self._reach = by_feed(columns, REACH)
        names = ("offset", "append_ms", "epoch", "seq", "tick_ms", "last", "records_1m", "dead_1m")
        self._cells = [cells_of(columns, name) for name in names]

    def __len__(self) -> int:
        return len(self.table)

    def record(self, index: int, entry: Entry | None) -> tuple[int, int, WindowsRecord]:
        """Return offset, append time and the record as if it had this entry alone."""
        offset, append_ms, epoch, seq, tick_ms, last, records, dead = [cells[index] for cells in self._cells]
        return (
            offset,
            append_ms,
            WindowsRecord(
                1,
                self._partition,
                epoch,
                seq,
                tick_ms,
                instants(self._reach, index),
                COLUMNS_VERSION,
                last,
                [entry] if isinstance(entry, RoomEntry) else [],
                [entry] if isinstance(entry, VendorEntry) else [],
                records or 0,
                dead or 0,
            ),
        )


def _figures(columns: Sequence[Column], places: Iterable[int]) -> list[str]:
    return [columns[at].name + way for at in places for way in ("", AS_INT, AS_JSON)]


def _with(entry: Any, extra: str) -> Any:
    """Return an entry with the fields that the recorder did not know and this program may."""
    more: Mapping[str, Any] = orjson.loads(extra)
    known = {**msgspec.structs.asdict(entry), "values": list(entry.values)}
    return msgspec.convert({**known, **more}, type(entry))
