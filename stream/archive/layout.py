"""Where the archive keeps what, and what a file's name says of it. Pure.

    archive.json                                partitions and time zone, fixed for its life
    columns/1.json                              names of the columns of a catalogue version
    tail/p3/<span>.parquet                      what came last, of all subjects
    ticks/day=2025-10-09/<span>.parquet         the records themselves, without their entries
    vendors/day=2025-10-09/<span>.parquet       entries of vendors
    planned/day=2025-10-09/<span>.parquet       entries of rooms without a session
    rooms/day=2025-10-09/room=r1/session=1760000000123/<span>.parquet

A *span* names a partition, the offsets that the file covers and its ticks. A file holds every row of its
folder within its span, so of two that overlap the longer one is right and the other adds what lies after it:
however often something is written again, nothing is read twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

__all__ = [
    "Kept",
    "Part",
    "Span",
    "covering",
    "day_of",
    "days_of",
    "parse_span",
    "room_folder",
    "session_of",
    "tail_folder",
]

Part = Literal["ticks", "vendors", "planned"]
"""Rows that are kept by day and partition."""

_FAR_MS: Final = 32_503_680_000_000
"""The year 3000; a range may end later."""
_SPAN: Final = re.compile(r"p(\d+)\.(\d+)-(\d+)\.(\d+)-(\d+)\.parquet")
_ROOM: Final = "room="
_SESSION: Final = "session="
_DAY: Final = "day="


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """What a file covers; both ends are inclusive.

    Attributes:
        partition: of ``live.windows``.
        first, last: offsets.
        begin_ms, end_ms: ticks, epoch milliseconds.
    """

    partition: int
    first: int
    last: int
    begin_ms: int
    end_ms: int

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return f"p{self.partition}.{self.first}-{self.last}.{self.begin_ms}-{self.end_ms}.parquet"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file and its span."""

    path: Path
    span: Span


def parse_span(name: str) -> Span | None:
    """Return what a file's name says; None for a name that is not ours."""
    found = _SPAN.fullmatch(name)
    return None if found is None else Span(*(int(part) for part in found.groups()))


def covering(files: Iterable[Kept]) -> list[tuple[Kept, int]]:
    """Return the files of one folder that add something, and the offset after which each does.

    Args:
        files: of one folder and one partition, in any order.

    Returns:
        By offset: each file with the highest offset that those before it cover, -1 for the first.
    """
    found = []
    covered = -1
    for kept in sorted(files, key=lambda kept: (kept.span.first, -kept.span.last)):
        if kept.span.last > covered:
            found.append((kept, covered))
            covered = kept.span.last
    return found


def day_of(at_ms: int, zone: ZoneInfo) -> str:
    """Return the name of the folder of the day that holds an instant."""
    at_s = min(at_ms, _FAR_MS) / 1000
    return f"{_DAY}{datetime.fromtimestamp(at_s, UTC).astimezone(zone):%Y-%m-%d}"


def days_of(begin_ms: int, end_ms: int, zone: ZoneInfo) -> list[tuple[str, int, int]]:
    """Return the days that two instants and all between them lie in: folder, begin, end (not part of it)."""
    found: list[tuple[str, int, int]] = []
    day = datetime.fromtimestamp(begin_ms / 1000, UTC).astimezone(zone).date()
    while not found or found[-1][2] <= end_ms:
        bounds = [datetime.combine(day + timedelta(days=n), time.min, zone) for n in (0, 1)]
        from_ms, to_ms = (round(bound.timestamp() * 1000) for bound in bounds)
        found.append((f"{_DAY}{day:%Y-%m-%d}", from_ms, to_ms))
        day += timedelta(days=1)
    return found


def tail_folder(partition: int) -> Path:
    """Return where what came last of a partition is kept, within the archive."""
    return Path("tail") / f"p{partition}"


def room_folder(day: str, room_id: str, session_ms: int) -> Path:
    """Return where a session is kept, within the archive; the room id cannot lead out of it.

    Args:
        day: folder of the day that it began on.
        room_id: of the room; without a slash, as every id.
        session_ms: its start.
    """
    assert "/" not in room_id
    return Path("rooms") / day / f"{_ROOM}{room_id}" / f"{_SESSION}{session_ms}"


def session_of(folder: Path) -> tuple[str, int]:
    """Return room and session of a folder that ``room_folder`` named."""
    return folder.parent.name.removeprefix(_ROOM), int(folder.name.removeprefix(_SESSION))
