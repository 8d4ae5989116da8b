"""What came last of one partition: held until there is enough of it, then written as one file of the tail.

The file's name says which offsets it holds, so it carries rows and progress together: a crash before it has
its name loses nothing, for the log is read again from there; after it nothing is read again. Memory is
bounded by ``ROWS_MAX`` rows, which is what the owner asks ``full`` for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import orjson
import pyarrow as pa

from alerts.windows import WindowsRecord
from stream.archive.columns import NamesByVersion
from stream.archive.files import listed, names, write
from stream.archive.layout import Span, tail_folder
from stream.archive.rows import Rows

__all__ = ["ROWS_MAX", "Cut", "Tail", "newest_span", "next_offset"]

ROWS_MAX: Final = 100_000
"""Rows held before they are written, some 100 MB."""
_PACKED: Final = 4_096
"""Rows held as they came before they are packed."""
_ORDER: Final = [("kind", "ascending"), ("subject", "ascending"), ("offset", "ascending")]
_ROW_GROUP: Final = 8_192
"""Rows of a row group of the tail, so that a reader of one room passes over most of it."""


def newest_span(folder: Path, partition: int) -> Span | None:
    """Return the span that holds the last offset that the archive has of a partition; None for none at all.

    Args:
        folder: of the archive.
        partition: of ``live.windows``.
    """
    days = (folder / "ticks" / day for day in names(folder / "ticks"))
    kept = [each.span for place in (folder / tail_folder(partition), *days) for each in listed(place)]
    mine = (span for span in kept if span.partition == partition)
    return max(mine, key=lambda span: span.last, default=None)


def next_offset(folder: Path, partition: int) -> int | None:
    """Return the offset after the last one that the archive holds of a partition; None for none at all."""
    newest = newest_span(folder, partition)
    return None if newest is None else newest.last + 1


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows that belong into one file."""

    span: Span
    tables: Sequence[pa.Table]

    def write(self, folder: Path) -> Path:
        """Write the file; blocks.

        Raises:
            ArchiveError: the disk refuses.
        """
        path = folder / tail_folder(self.span.partition) / self.span.name
        whole = pa.concat_tables(self.tables, promote_options="default").sort_by(_ORDER)
        pieces = (whole.slice(begin, _ROW_GROUP) for begin in range(0, len(whole), _ROW_GROUP))
        write(path, whole.schema, pieces, small=True)
        return path


class Tail:
    """Collects the records of one partition.

    Args:
        partition: of ``live.windows``.
        versions: names of the columns.
    """

    def __init__(self, partition: int, versions: NamesByVersion) -> None:
        self.bad = 0
        """Records so far that are none."""
        self._partition = partition
        self._versions = versions
        self._rows = Rows()
        self._tables: list[pa.Table] = []
        self._packed = 0
        self._span: Span | None = None

    def __len__(self) -> int:
        return self._packed + len(self._rows)

    @property
    def full(self) -> bool:
        """Whether so much is held that it must be written now."""
        return len(self) >= ROWS_MAX

    def add(self, offset: int, append_ms: int, value: bytes) -> None:
        """Take the next record; one that the rules pass over is passed over here too.

        Raises:
            ArchiveError: its columns are of a version that nobody here knew.
        """
        try:
            record = orjson.loads(value)
            tick_ms = msgspec.convert(record, WindowsRecord).tick_ms
        except (orjson.JSONDecodeError, msgspec.ValidationError):
            self.bad += 1
            return
        self._rows.add(offset, append_ms, record, self._versions.of(record))
        span = self._span or Span(self._partition, offset, offset, tick_ms, tick_ms)
        begin_ms, end_ms = min(span.begin_ms, tick_ms), max(span.end_ms, tick_ms)
        self._span = Span(self._partition, span.first, offset, begin_ms, end_ms)
        if len(self._rows) >= _PACKED:
            self._pack()

    def cut(self) -> Cut | None:
        """Return what is held and begin anew; None when nothing is."""
        self._pack()
        span, tables = self._span, self._tables
        self._span, self._tables, self._packed = None, [], 0
        return None if span is None else Cut(span, tables)

    def _pack(self) -> None:
        self._packed += len(self._rows)
        self._tables += self._rows.take()
