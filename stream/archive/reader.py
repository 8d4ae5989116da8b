"""Reads the archive: which sessions there are, their rows, the ticks of a partition. Blocks.

May be used while a recorder writes: a file that is put into a larger one meanwhile is looked for again. Rows
come by offset, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from stream.archive.files import listed, names, read
from stream.archive.layout import Kept, Part, covering, day_of, room_folder, session_of, tail_folder
from stream.archive.rows import ROOM, TICK, VENDOR
from stream.errors import ArchiveError

__all__ = ["DESCRIPTION", "QUIET_MS", "Archive", "Description", "Session"]

DESCRIPTION: Final = "archive.json"
QUIET_MS: Final = 15 * 60_000
"""A session whose newest row is older than this has ended, milliseconds: ten minutes of silence end one."""
_SESSION_MAX_MS: Final = 3 * 86_400_000
"""Sessions that began longer ago than this before a range are not looked for, milliseconds."""
_PLANNED_MAX_MS: Final = 35 * 86_400_000
"""The same of announcements: a planned room is told of when something of it changes."""
_AGAIN: Final = 5
_KIND: Final = pc.field("kind")
_ON_AIR: Final = (_KIND == ROOM) & pc.field("session_ms").is_valid()
_IN_TAIL: Final[dict[Part, Any]] = {
    "ticks": _KIND == TICK,
    "vendors": _KIND == VENDOR,
    "planned": (_KIND == ROOM) & pc.field("session_ms").is_null(),
}

T = TypeVar("T")


class Description(msgspec.Struct, frozen=True):
    """What is fixed for the life of an archive."""

    partitions: int
    timezone: str
    v: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class Session:
    """A session that the archive holds something of.

    Attributes:
        room_id: its room.
        session_ms: its start.
        partition: of the room.
        begin_ms, end_ms: first and last tick that may hold rows of it.
        folder: where it is kept, or will be.
    """

    room_id: str
    session_ms: int
    partition: int
    begin_ms: int
    end_ms: int
    folder: Path


class Archive:
    """An archive to read.

    Args:
        folder: where it is.

    Raises:
        ArchiveError: there is none, or it is of a form that this program does not know.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            found = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Description)
        except FileNotFoundError as error:
            raise ArchiveError(f"no archive in {folder}: it is written by roomwatch recorder") from error
        except (OSError, msgspec.DecodeError) as error:
            raise ArchiveError(f"{folder / DESCRIPTION}: {error}") from error
        self.partitions = found.partitions
        self.zone = ZoneInfo(found.timezone)

    def bounds_ms(self) -> tuple[int, int] | None:
        """Return the first and the last tick that is kept; None for an empty archive."""
        spans = [
            kept.span for part in range(self.partitions) for kept in listed(self.folder / tail_folder(part))
        ]
        days = sorted(names(self.folder / "ticks"))
        for day in days[:1] + days[-1:]:
            spans += [kept.span for kept in listed(self.folder / "ticks" / day)]
        return (min(s.begin_ms for s in spans), max(s.end_ms for s in spans)) if spans else None

    def sessions(self, from_ms: int, to_ms: int, rooms: Collection[str] | None = None) -> list[Session]:
        """Return the sessions that reach into a range, by room and start.

        Args:
            from_ms: its begin, epoch milliseconds.
            to_ms: its end, not part of it.
            rooms: only these; None for all.
        """

        def look() -> list[Session]:
            found: dict[tuple[str, int], Session] = {}
            tail = list(self._tail_sessions(rooms))  # before the folders that it is put into
            for session in (*tail, *self._kept_sessions(from_ms, to_ms, rooms)):
                key = (session.room_id, session.session_ms)
                known = found.get(key)
                found[key] = session if known is None else _joined(known, session)
            return [
                found[key]
                for key in sorted(found)
                if found[key].begin_ms < to_ms and found[key].end_ms + QUIET_MS >= from_ms
            ]

        return _again(look)

    def session_rows(self, sessions: Sequence[Session], columns: Sequence[str]) -> list[pa.Table]:
        """Return the rows of sessions, each by offset.

        Args:
            sessions: which.
            columns: physical columns beside ``offset``, ``tick_ms``, ``subject`` and ``session_ms``.
        """

        def look() -> list[pa.Table]:
            tail = self._tail_rows(sessions, wanted)  # before the folders that it is put into
            return [self._rows_of(session, tail, wanted) for session in sessions]

        wanted = ["offset", "tick_ms", "subject", "session_ms", *columns]
        return _again(look)

    def _rows_of(self, session: Session, tail: list[pa.Table], columns: list[str]) -> pa.Table:
        kept = list(_read(covering(listed(session.folder)), columns))
        own = (pc.field("subject") == session.room_id) & (pc.field("session_ms") == session.session_ms)
        return _by_offset([*kept, *_beside(kept, (rows.filter(own) for rows in tail))])

    def ticks(self, partition: int, from_ms: int, to_ms: int, columns: Sequence[str]) -> pa.Table:
        """Return the records of a partition without their entries, by offset.

        Args:
            partition: of ``live.windows``.
            from_ms: first tick.
            to_ms: end of the ticks, not part of them.
            columns: physical columns beside ``offset`` and ``tick_ms``.
        """
        inside = (pc.field("tick_ms") >= from_ms) & (pc.field("tick_ms") < to_ms)
        return self._part("ticks", partition, from_ms, to_ms, ["offset", "tick_ms", *columns], inside)

    def vendors(self, partition: int, from_ms: int, to_ms: int, columns: Sequence[str]) -> pa.Table:
        """Return the entries of vendors by offset: all of the range, and some around it."""
        return self._part("vendors", partition, from_ms, to_ms, ["offset", "tick_ms", "subject", *columns])

    def planned(
        self, partition: int, to_ms: int, columns: Sequence[str], rooms: Collection[str] | None = None
    ) -> pa.Table:
        """Return the entries of rooms without a session up to an instant, by offset, and some after it."""
        own = None if rooms is None else _of_rooms(rooms)
        wanted = ["offset", "tick_ms", "subject", *columns]
        return self._part("planned", partition, to_ms - _PLANNED_MAX_MS, to_ms, wanted, own)

    def _part(
        self, part: Part, partition: int, from_ms: int, to_ms: int, columns: list[str], wish: Any = None
    ) -> pa.Table:
        def look() -> pa.Table:
            tail = self._tail(partition)  # before the folders that it is put into
            days = [
                day
                for day in names(self.folder / part)
                if day_of(from_ms, self.zone) <= day <= day_of(to_ms, self.zone)
            ]
            kept: list[pa.Table] = []
            for day in days:
                files = [k for k in listed(self.folder / part / day) if k.span.partition == partition]
                near = [k for k in files if k.span.end_ms >= from_ms and k.span.begin_ms < to_ms]
                kept += list(_read(covering(near), columns, wish))
            late = _read(tail, columns, _both(_IN_TAIL[part], wish))
            return _by_offset([*kept, *_beside(kept, late)])

        return _again(look)

    def _tail(self, partition: int) -> list[tuple[Kept, int]]:
        return covering(listed(self.folder / tail_folder(partition)))

    def _tail_rows(self, sessions: Sequence[Session], columns: list[str]) -> list[pa.Table]:
        wish = _ON_AIR & _of_rooms({session.room_id for session in sessions})
        partitions = sorted({session.partition for session in sessions})
        return [rows for number in partitions for rows in _read(self._tail(number), columns, wish)]

    def _kept_sessions(self, from_ms: int, to_ms: int, rooms: Collection[str] | None) -> Iterator[Session]:
        first, last = day_of(from_ms - _SESSION_MAX_MS, self.zone), day_of(to_ms, self.zone)
        for day in names(self.folder / "rooms"):
            if not first <= day <= last:
                continue
            for room in names(self.folder / "rooms" / day):
                if rooms is None or room.removeprefix("room=") in rooms:
                    for name in names(self.folder / "rooms" / day / room):
                        yield from _session(self.folder / "rooms" / day / room / name)

    def _tail_sessions(self, rooms: Collection[str] | None) -> Iterator[Session]:
        for partition in range(self.partitions):
            for kept, _ in self._tail(partition):
                rows = read(kept.path, ["subject", "session_ms"], _ON_AIR)
                for row in rows.group_by(["subject", "session_ms"]).aggregate([]).to_pylist():
                    room_id, session_ms = row["subject"], row["session_ms"]
                    if rooms is None or room_id in rooms:
                        folder = self.folder / room_folder(day_of(session_ms, self.zone), room_id, session_ms)
                        span = kept.span
                        yield Session(room_id, session_ms, partition, span.begin_ms, span.end_ms, folder)


def _session(folder: Path) -> Iterator[Session]:
    files = listed(folder)
    if files:
        spans = [kept.span for kept in files]
        begin_ms, end_ms = min(span.begin_ms for span in spans), max(span.end_ms for span in spans)
        yield Session(*session_of(folder), spans[0].partition, begin_ms, end_ms, folder)


def _joined(one: Session, other: Session) -> Session:
    begin_ms, end_ms = min(one.begin_ms, other.begin_ms), max(one.end_ms, other.end_ms)
    return Session(one.room_id, one.session_ms, one.partition, begin_ms, end_ms, one.folder)


def _of_rooms(rooms: Collection[str]) -> Any:
    return pc.field("subject").isin(pa.array(sorted(rooms), pa.string()))


def _read(files: Iterable[tuple[Kept, int]], columns: Sequence[str], wish: Any = None) -> Iterator[pa.Table]:
    for kept, after in files:
        new = pc.field("offset") > after if after >= kept.span.first else None
        yield read(kept.path, columns, _both(new, wish))


def _both(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return one if other is None else other
    return one & other


def _beside(kept: list[pa.Table], tail: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows of the tail that were not put elsewhere yet: between two files of that, both hold some."""
    offsets: pa.Array | None = None
    for table in tail:
        if len(table):
            if offsets is None:
                known = [chunk for rows in kept for chunk in rows["offset"].chunks]
                offsets = pa.concat_arrays([*known, pa.array([], pa.int64())])
            yield table.filter(pc.invert(pc.is_in(table["offset"], value_set=offsets)))


def _by_offset(tables: list[pa.Table]) -> pa.Table:
    filled = [table for table in tables if len(table)]
    if not filled:
        return pa.table({"offset": pa.array([], pa.int64())})
    whole = pa.concat_tables(filled, promote_options="default")
    return (whole if len(filled) == 1 else whole.sort_by("offset")).combine_chunks()


def _again(look: Callable[[], T]) -> T:
    """Return what a look at the files finds, anew when one was put into another meanwhile."""
    for _ in range(_AGAIN):
        try:
            return look()
        except FileNotFoundError as error:
            missing = error
    raise ArchiveError(f"the archive changes too fast to be read: {missing}")
