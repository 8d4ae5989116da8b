"""A recorder without Kafka: a log in memory into an archive, with crashes; and all of it read back."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from alerts.backtest.rows import HEAD_COLUMNS, Heads, RoomRows, VendorRows, room_columns, vendor_columns
from exporters.archive.role import prepare
from exporters.archive.settings import RecorderSettings
from exporters.archive.settle import merge_ended, settle
from exporters.archive.tail import Tail, next_offset
from stream.archive import Archive
from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS

__all__ = ["Crash", "CrashingDisk", "entries", "heads", "keep", "record_with_crashes", "settings_of"]

FOREVER = 2**53
ROOMS, VENDORS = range(len(ROOM_COLUMNS)), range(len(VENDOR_COLUMNS))


class Crash(BaseException):
    """The process is gone."""


class CrashingDisk:
    """Ends the process at some moment of its work on the disk: before a file is renamed or removed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        """Operations until the crash; None for none."""
        replace, unlink = Path.replace, Path.unlink

        def replacing(path: Path, target: Path) -> Path:
            self._count()
            return replace(path, target)

        def unlinking(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - as the library's
            if not path.name.startswith("."):
                self._count()
            unlink(path, missing_ok)

        patch.setattr(Path, "replace", replacing)
        patch.setattr(Path, "unlink", unlinking)

    def _count(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Crash


def settings_of(folder: Path, partitions: int = 1) -> RecorderSettings:
    return RecorderSettings(archive_dir=folder, partitions=partitions)


def keep(
    folder: Path,
    log: Sequence[bytes],
    *,
    partition: int = 0,
    partitions: int = 1,
    flush_every: int = 50,
    settle_every: int = 400,
    merge_ms: int = 0,
) -> Archive:
    """Record a log from where the archive ends; its last part stays in the tail."""
    settings = settings_of(folder, partitions)
    tail = Tail(partition, prepare(settings))
    zone = Archive(folder).zone
    for offset in range(next_offset(folder, partition) or 0, len(log)):
        tail.add(offset, offset + 50, log[offset])
        if (offset + 1) % flush_every == 0 and (cut := tail.cut()):
            cut.write(folder)
        if (offset + 1) % settle_every == 0:
            settle(folder, partition, zone)
            merge_ended(folder, partition, merge_ms, zone)
    if cut := tail.cut():
        cut.write(folder)
    return Archive(folder)


def record_with_crashes(folder: Path, log: Sequence[bytes], disk: CrashingDisk, dice: random.Random) -> int:
    """Record a log, ending at random moments and starting anew; return how often."""
    crashes = 0
    for run in range(8):
        disk.left = dice.randrange(30) if run < 7 else None
        flush_every, settle_every = dice.randint(3, 60), dice.randint(40, 300)
        try:
            keep(folder, log, flush_every=flush_every, settle_every=settle_every, merge_ms=FOREVER)
        except Crash:
            crashes += 1
    return crashes


def heads(archive: Archive, partition: int = 0) -> list[tuple[int, int, dict[str, Any]]]:
    """Return offset, append time and head of every record."""
    table = archive.ticks(partition, 0, FOREVER, HEAD_COLUMNS)
    rows = Heads(table, partition)
    return [_head(*rows.record(index, None)) for index in range(len(rows))]


def _head(offset: int, append_ms: int, record: Any) -> tuple[int, int, dict[str, Any]]:
    head = msgspec.to_builtins(record)
    return offset, append_ms, {name: head[name] for name in head if name not in ("rooms", "vendors")}


def entries(archive: Archive, partition: int = 0) -> list[tuple[int, Any]]:
    """Return offset and entry of every room and vendor, by offset."""
    _, end_ms = archive.bounds_ms() or (0, 0)
    found: list[tuple[int, Any]] = []
    tables: list[tuple[pa.Table, Callable[..., Any], range]] = [
        (archive.planned(partition, end_ms + 1, room_columns(ROOMS)), RoomRows, ROOMS),
        (archive.vendors(partition, 0, FOREVER, vendor_columns(VENDORS)), VendorRows, VENDORS),
    ]
    sessions = [each for each in archive.sessions(0, FOREVER) if each.partition == partition]
    tables += [(rows, RoomRows, ROOMS) for rows in archive.session_rows(sessions, room_columns(ROOMS))]
    for table, kind, places in tables:
        rows = kind(table, places)
        found += [(table["offset"][index].as_py(), rows.at(index)) for index in range(len(rows))]
    return sorted(found, key=lambda each: (each[0], _name(each[1])))


def _name(entry: Any) -> str:
    return getattr(entry, "room_id", None) or f"{entry.vendor}/{entry.operation}"
