"""Puts what the tail holds where it stays: sessions by room, the rest by day; ended ones into one file.

Every step repeats harmlessly, and nothing of the tail is removed before all of it is elsewhere: a crash
leaves files that overlap, which readers see through and the next time tidies up. Two processes that do the
same at once do no harm. Blocks; memory is bounded by ``_GROUP_ROWS`` rows, whatever the tail holds.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stream.archive.files import ROW_GROUP, listed, names, read, write
from stream.archive.layout import Kept, Part, Span, covering, day_of, days_of, room_folder, tail_folder
from stream.archive.reader import QUIET_MS
from stream.archive.rows import ROOM, TICK, VENDOR

__all__ = ["expire", "merge_ended", "settle"]

_GROUP_ROWS: Final = 100_000
"""Rows of sessions that are put away together, some 100 MB; one session alone may have more."""
_RUN_FILES: Final = 64
"""Files of the tail that are put away together."""
_LOOK_BACK_MS: Final = 3 * 86_400_000
"""Sessions that began longer ago are no longer looked at, milliseconds."""
_FILES_MAX: Final = 48
"""A session that goes on has its files put together from this many on."""
_DAILY: Final[tuple[Part, ...]] = ("ticks", "vendors", "planned")

Go = Callable[[], bool]
"""Tells whether to go on; what is left undone is done the next time."""


def settle(folder: Path, partition: int, zone: ZoneInfo, go: Go = lambda: True) -> int:
    """Put away what the tail of a partition holds now.

    Args:
        folder: of the archive.
        partition: of ``live.windows``.
        zone: whose midnight begins a day.
        go: asked between two steps.

    Returns:
        How many files of the tail were put away.

    Raises:
        ArchiveError: the disk refuses.
        FileNotFoundError: another process does the same; nothing is lost.
    """
    done = 0
    for tail in _runs(listed(folder / tail_folder(partition))):
        rows, span = _Rows(covering(tail)), _whole([kept.span for kept in tail])
        for group in _groups(rows):
            if not go():
                return done
            _settle_sessions(folder, span, zone, rows.of((pc.field("kind") == ROOM) & group))
        _settle_days(folder, span, zone, rows)
        done += _remove(tail)
    return done


def merge_ended(folder: Path, partition: int, now_ms: int, zone: ZoneInfo, go: Go = lambda: True) -> int:
    """Put the files of each session that has ended, and of each day that is over, into one.

    Args:
        folder: of the archive.
        partition: of ``live.windows``.
        now_ms: newest tick, epoch milliseconds.
        zone: whose midnight begins a day.
        go: asked between two files.

    Returns:
        How many files were put into others.

    Raises:
        ArchiveError: the disk refuses.
        FileNotFoundError: another process does the same; nothing is lost.
    """
    merged = 0
    for place in (*_days_over(folder, now_ms, zone), *_sessions(folder, now_ms, zone)):
        if not go():
            break
        files = [kept for kept in listed(place) if kept.span.partition == partition]
        over = max((kept.span.end_ms for kept in files), default=now_ms) + QUIET_MS < now_ms
        if len(files) > 1 and (over or len(files) >= _FILES_MAX):
            merged += _merge(place, files)
    return merged


def expire(folder: Path, now_ms: int, days: int, zone: ZoneInfo) -> list[str]:
    """Delete the days before the last so many; return their folders within the archive."""
    oldest = day_of(now_ms - days * 86_400_000, zone)
    gone = [f"{part}/{day}" for part in (*_DAILY, "rooms") for day in names(folder / part) if day < oldest]
    for day in gone:
        shutil.rmtree(folder / day, ignore_errors=True)
    return gone


def _runs(tail: list[Kept]) -> Iterator[list[Kept]]:
    """Yield files that follow each other without a gap, some at a time: their common span is all in them."""
    run: list[Kept] = []
    last = -1
    for kept in sorted(tail, key=lambda kept: kept.span):
        if run and (kept.span.first > last + 1 or len(run) >= _RUN_FILES):
            yield run
            run = []
        last = max(last, kept.span.last) if run else kept.span.last
        run.append(kept)
    if run:
        yield run


class _Rows:
    """The rows of some files: in memory where they are few, else read again for each question."""

    def __init__(self, files: list[tuple[Kept, int]]) -> None:
        self._files = files
        self._whole: pa.Table | None = None
        if sum(pq.read_metadata(kept.path).num_rows for kept, _ in files) <= _GROUP_ROWS:
            self._whole = _joined([self._read(kept, after, None, None) for kept, after in files])

    def of(self, wish: Any, columns: list[str] | None = None) -> pa.Table:
        """Return those that an expression chooses, by offset."""
        if self._whole is not None:
            found = self._whole.filter(wish)
        else:
            found = _joined([self._read(kept, after, columns, wish) for kept, after in self._files])
        return found.sort_by("offset") if columns is None else found

    def _read(self, kept: Kept, after: int, columns: list[str] | None, wish: Any) -> pa.Table:
        if after >= kept.span.first:
            new = pc.field("offset") > after
            wish = new if wish is None else wish & new
        return read(kept.path, columns, wish)


def _groups(rows: _Rows) -> Iterator[Any]:
    """Yield expressions that each choose rooms with no more rows than a group may have."""
    counted = (
        rows.of(pc.field("kind") == ROOM, ["subject"]).group_by("subject").aggregate([([], "count_all")])
    )
    chosen: list[str] = []
    size = 0
    for each in sorted(counted.to_pylist(), key=lambda each: str(each["subject"])):
        if chosen and size + each["count_all"] > _GROUP_ROWS:
            yield pc.field("subject").isin(pa.array(chosen))
            chosen, size = [], 0
        chosen.append(each["subject"])
        size += each["count_all"]
    if chosen:
        yield pc.field("subject").isin(pa.array(chosen))


def _settle_sessions(folder: Path, span: Span, zone: ZoneInfo, rows: pa.Table) -> None:
    keys = ["subject", "session_ms"]
    on_air = rows.filter(pc.field("session_ms").is_valid())
    on_air = on_air.sort_by([(name, "ascending") for name in (*keys, "offset")])
    sizes = on_air.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    begin = 0
    for each in sorted(sizes, key=lambda each: (each["subject"], each["session_ms"])):
        session_ms = each["session_ms"]
        place = folder / room_folder(day_of(session_ms, zone), each["subject"], session_ms)
        _put(place, span, on_air.slice(begin, each["count_all"]))
        begin += each["count_all"]


def _settle_days(folder: Path, span: Span, zone: ZoneInfo, rows: _Rows) -> None:
    """Put what has no session where its day is; ticks never fall, so a day is a run of offsets."""
    ticks, vendors = rows.of(pc.field("kind") == TICK), rows.of(pc.field("kind") == VENDOR)
    planned = rows.of((pc.field("kind") == ROOM) & pc.field("session_ms").is_null())
    for day, from_ms, to_ms in days_of(span.begin_ms, span.end_ms, zone):
        inside = pc.and_(pc.greater_equal(ticks["tick_ms"], from_ms), pc.less(ticks["tick_ms"], to_ms))
        today = ticks.filter(inside)
        if not len(today):
            continue
        first, last = today["offset"][0].as_py(), today["offset"][-1].as_py()
        own = replace(span, begin_ms=max(span.begin_ms, from_ms), end_ms=min(span.end_ms, to_ms - 1))
        for part, found in (("vendors", vendors), ("planned", planned), ("ticks", ticks)):
            here = (pc.field("offset") >= first) & (pc.field("offset") <= last)
            if len(chosen := found.filter(here)):
                _put(folder / part / day, own, chosen)


def _put(place: Path, span: Span, rows: pa.Table) -> None:
    """Write rows into a folder, and remove the files there that hold nothing else."""
    filled = [name for name in rows.column_names if name != "kind" and rows[name].null_count < len(rows)]
    table = rows.select(filled)
    write(place / span.name, table.schema, [table])
    _remove(_within(listed(place), span))


def _merge(place: Path, files: list[Kept]) -> int:
    span = _whole([kept.span for kept in files])
    schema = pa.unify_schemas([pq.read_schema(kept.path) for kept in files])
    write(place / span.name, schema, _row_groups(covering(files)))
    return _remove(_within(files, span))


def _row_groups(files: list[tuple[Kept, int]]) -> Iterator[pa.Table]:
    """Yield the rows of files in order, in tables that each fill a row group."""
    held: list[pa.Table] = []
    for kept, after in files:
        held.append(read(kept.path, None, pc.field("offset") > after))
        if sum(len(table) for table in held) >= ROW_GROUP:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def _whole(spans: list[Span]) -> Span:
    return Span(
        partition=spans[0].partition,
        first=min(span.first for span in spans),
        last=max(span.last for span in spans),
        begin_ms=min(span.begin_ms for span in spans),
        end_ms=max(span.end_ms for span in spans),
    )


def _within(files: Iterable[Kept], span: Span) -> list[Kept]:
    """Return the other files of a partition that hold nothing beyond a span."""
    return [
        kept
        for kept in files
        if kept.span.partition == span.partition
        and kept.span != span
        and span.first <= kept.span.first
        and kept.span.last <= span.last
    ]


def _remove(files: list[Kept]) -> int:
    for kept in files:
        kept.path.unlink(missing_ok=True)
    return len(files)


def _days_over(folder: Path, now_ms: int, zone: ZoneInfo) -> Iterator[Path]:
    today = day_of(now_ms, zone)
    for part in _DAILY:
        yield from (folder / part / day for day in names(folder / part) if day < today)


def _sessions(folder: Path, now_ms: int, zone: ZoneInfo) -> Iterator[Path]:
    oldest = day_of(now_ms - _LOOK_BACK_MS, zone)
    for day in names(folder / "rooms"):
        if day >= oldest:
            for room in names(folder / "rooms" / day):
                place = folder / "rooms" / day / room
                yield from (place / session for session in names(place))
