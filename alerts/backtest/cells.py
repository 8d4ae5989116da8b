"""Columns of rows cell by cell, as plain numbers, texts and objects. Pure.

Of the many figures of a row a rule asks for a few: so a cell is unpacked when it is asked for, straight from
Arrow's memory, and a column is not touched before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from stream.archive.rows import AS_INT, AS_JSON, of_feed
from stream.model import FEEDS

__all__ = [
    "NOTHING",
    "Cells",
    "Columns",
    "Figures",
    "Later",
    "by_feed",
    "cells_of",
    "columns_of",
    "figure_cells",
    "instants",
]


Columns = Mapping[str, pa.ChunkedArray]
"""Physical columns by name."""


class Cells(Protocol):
    """One column, cell by cell."""

    def __getitem__(self, row: int, /) -> Any: ...


class Figures(Sequence[Any]):
    """The figures of one row, each looked up when it is asked for."""

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: list[Cells], row: int) -> None:
        self._columns = columns
        self._row = row

    def __getitem__(self, at: Any) -> Any:
        return self._columns[at][self._row]

    def __len__(self) -> int:
        return len(self._columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))

    __hash__ = None  # type: ignore[assignment] # it stands for a list, which has none


class Later:
    """A column that takes its own place among the others when the first cell is asked for."""

    __slots__ = ("_at", "_columns", "_load")

    def __init__(self, columns: list[Cells], at: int, load: Callable[[], Cells]) -> None:
        self._columns = columns
        self._at = at
        self._load = load

    def __getitem__(self, row: int) -> Any:
        cells = self._columns[self._at] = self._load()
        return cells[row]


class _Nothing:
    """A column without data."""

    def __getitem__(self, row: int) -> None:
        return None


class _Partly:
    """Numbers, some of which are missing."""

    __slots__ = ("_known", "_numbers")

    def __init__(self, numbers: Cells, known: Cells) -> None:
        self._numbers = numbers
        self._known = known

    def __getitem__(self, row: int) -> Any:
        return self._numbers[row] if self._known[row] else None


class _Texts:
    """Texts, and whatever else is no number."""

    __slots__ = ("_array",)

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __getitem__(self, row: int) -> Any:
        return self._array[row].as_py()


class _Objects:
    """JSON texts, as what they say."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Cells) -> None:
        self._texts = texts

    def __getitem__(self, row: int) -> Any:
        text = self._texts[row]
        return None if text is None else orjson.loads(text)


class _FirstOf:
    """The first of some columns that has data."""

    __slots__ = ("_ways",)

    def __init__(self, ways: Sequence[Cells]) -> None:
        self._ways = ways

    def __getitem__(self, row: int) -> Any:
        return next((value for cells in self._ways if (value := cells[row]) is not None), None)


NOTHING: Final = _Nothing()
"""The column of what nobody told."""


def columns_of(table: pa.Table) -> Columns:
    """Return the columns of a table by name: Arrow would list all names to look one up."""
    return dict(zip(table.column_names, table.columns, strict=True))


def cells_of(columns: Columns, name: str) -> Cells:
    """Return a column: nothing where there is none."""
    if name not in columns:
        return NOTHING
    array = columns[name].combine_chunks()
    if array.type == pa.bool_() and not array.null_count:
        return memoryview(array.to_numpy(zero_copy_only=False))
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return _Texts(array)
    return _numbers(array)


def _numbers(array: pa.Array) -> Cells:
    if array.null_count == len(array):
        return NOTHING
    if not array.null_count:
        return memoryview(array.to_numpy())
    known = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return _Partly(memoryview(pc.fill_null(array, 0).to_numpy()), memoryview(known))


def by_feed(columns: Columns, name: str) -> list[tuple[str, Cells]]:
    """Return the column of each feed that has one."""
    return [
        (feed, cells_of(columns, of_feed(name, feed))) for feed in FEEDS if of_feed(name, feed) in columns
    ]


def instants(feeds: list[tuple[str, Cells]], row: int) -> dict[str, int]:
    """Return a row's instants by feed."""
    return {feed: at for feed, cells in feeds if (at := cells[row]) is not None}


def figure_cells(columns: Columns, name: str) -> Cells:
    """Return a figure, from as many columns as it has come in."""
    ways = [cells_of(columns, name + way) for way in ("", AS_INT) if name + way in columns]
    if name + AS_JSON in columns:
        ways.append(_Objects(cells_of(columns, name + AS_JSON)))
    return _FirstOf(ways) if len(ways) > 1 else ways[0] if ways else NOTHING
