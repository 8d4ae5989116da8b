"""Files of the archive: written whole or not at all, listed by their names, read by column.

A file gets its name when every byte of it is on the disk. What a crash leaves behind begins with a dot and is
removed by ``sweep``. Blocks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stream.archive.layout import Kept, parse_span
from stream.archive.rows import NEWEST, REACH
from stream.errors import ArchiveError

__all__ = ["ROW_GROUP", "listed", "names", "put", "read", "sweep", "write"]

ROW_GROUP: Final = 65_536
"""Most rows of a row group: a show of six hours is one."""
_LEVEL: Final = 6
"""Of zstd; higher ones save 3 % more and take twice the time."""
_LEVEL_OF_TAIL: Final = 1
_FOUND_BY: Final = ("kind", "subject", "offset", "tick_ms")
"""Columns whose bounds a row group tells, so that readers pass over it."""
_UNFINISHED: Final = "."
_DELTA: Final = "DELTA_BINARY_PACKED"
_RISING: Final = ("offset", "append_ms", "seq", "tick_ms", NEWEST)
"""Numbers that rise from row to row, beside those of each feed."""


def write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table], *, small: bool = False) -> None:
    """Write rows to a new file, or in place of an old one.

    Args:
        path: its name; the folder is made.
        schema: its columns.
        tables: the rows; columns that one of them lacks are empty there. Each begins a row group.
        small: whether it is soon written again elsewhere, so that time counts more than size.

    Raises:
        ArchiveError: the disk refuses.
    """
    options = _options(schema, level=_LEVEL_OF_TAIL if small else _LEVEL)
    with _whole(path) as unfinished, pq.ParquetWriter(unfinished, schema, **options) as out:
        for table in tables:
            out.write_table(_widened(table, schema), ROW_GROUP)


def put(path: Path, raw: bytes) -> None:
    """Write a small file.

    Raises:
        ArchiveError: the disk refuses.
    """
    with _whole(path) as unfinished:
        unfinished.write_bytes(raw)


def names(folder: Path) -> list[str]:
    """Return the names in a folder, rising; none when it is not there.

    Raises:
        ArchiveError: the disk refuses.
    """
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ArchiveError(f"{folder} cannot be read: {error.strerror}") from error


def listed(folder: Path) -> list[Kept]:
    """Return the files of a folder that have a span, by name; none when it is not there."""
    spans = ((name, parse_span(name)) for name in names(folder))
    return [Kept(folder / name, span) for name, span in spans if span is not None]


def read(path: Path, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
    """Return the rows of a file.

    Args:
        path: the file.
        columns: physical columns; those that it lacks are passed over. None for all.
        filters: an expression that rows must fulfil.

    Raises:
        FileNotFoundError: it was put into another file meanwhile.
        ArchiveError: it is no such file.
    """
    try:
        with pq.ParquetFile(path) as source:
            known = source.schema_arrow.names
            wanted = known if columns is None else [name for name in dict.fromkeys(columns) if name in known]
            if filters is None:
                return source.read(wanted, use_threads=False)
        return pq.read_table(path, columns=wanted, filters=filters, partitioning=None, use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise ArchiveError(f"{path} cannot be read: {error}") from error


def sweep(folder: Path) -> int:
    """Remove what crashes left unfinished below a folder; tell how many files that were."""
    left = [path for path in folder.rglob(f"{_UNFINISHED}*.parquet") if path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; at the end the file has its own name and is on the disk."""
    unfinished = path.with_name(f"{_UNFINISHED}{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
        _sync(unfinished)
        unfinished.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _options(schema: pa.Schema, *, level: int) -> dict[str, Any]:
    rising = [
        name for name in schema.names if name in _RISING or name.startswith((f"{NEWEST}{{", f"{REACH}{{"))
    ]
    return {
        "compression": "zstd",
        "compression_level": level,
        "use_dictionary": [name for name in schema.names if name not in rising],
        "column_encoding": dict.fromkeys(rising, _DELTA),
        "write_statistics": [name for name in _FOUND_BY if name in schema.names],
    }


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with every column of the schema."""
    known = set(table.column_names)
    arrays = [
        table.column(field.name) if field.name in known else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
