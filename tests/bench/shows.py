"""Recorded shows for benches: simulated broadcasts, whose figures come from the ingest's own formulas.

Two rooms are simulated with labelled incidents, one that is well run and one in which something goes wrong
every five minutes; the other shows are copies of one of them under other names. How long a backtest takes
depends on how often something is amiss, not on how the shows differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa

from exporters.archive.role import prepare
from exporters.archive.settings import RecorderSettings
from exporters.archive.settle import merge_ended, settle
from exporters.archive.tail import Tail
from stream.archive import Archive
from stream.archive.files import listed, read, write
from stream.archive.layout import day_of, room_folder
from stream.archive.reader import DESCRIPTION, Description
from stream.model import CRITICAL_FEEDS, FEEDS
from stream.sources import scenario as scenarios
from stream.sources.broadcast import records
from stream.sources.plan import Plan
from stream.window_log import WindowLog
from tests.stream.logs import Folding

__all__ = ["BEGIN_MS", "CALM", "STORMY", "copies", "record_log", "simulated", "troubled"]

BEGIN_MS: Final = 1_760_000_400_000
"""A full minute, in the afternoon of Shanghai."""
_FLUSH_MS: Final = 50
"""Time between flushes of the ingest under critical events."""
CALM: Final = "sim-0000"
STORMY: Final = "sim-0001"
"""The rooms of ``troubled``."""
_AUDIENCE: Final = 150
"""Viewers at the height of the broadcasts with incidents."""
_RARE_S: Final = 3_600
_OFTEN_S: Final = 300
"""Time between two incidents of a room that is well run, and of one that is not, seconds."""


def simulated(rooms: int, seconds: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield the records of a partition with simulated broadcasts in which nothing goes wrong."""
    return _simulated(f"rooms: [{{count: {rooms}, viewers: 300, lasts_s: {seconds}}}]", seconds, seed)


def troubled(seconds: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield the records of a partition with two simulated broadcasts and labelled incidents.

    The first is well run: one incident an hour. In the second one of seven begins every five minutes.
    """
    kinds = [
        "kind: stutter, for_s: 40, magnitude: 0.12",
        "kind: av_desync, for_s: 60",
        "kind: traffic_spike, for_s: 90, magnitude: 8",
        "kind: feed_lost, for_s: 30",
        "kind: stutter, for_s: 60, magnitude: 0.04",
        "kind: conversion_drop, for_s: 240, magnitude: 0.05",
        "kind: av_desync, for_s: 40, magnitude: -300",
    ]
    rare = [f"{{{kinds[0]}, room: 0, at_s: {_RARE_S / 2}, every_s: {_RARE_S}}}"]
    often = [
        f"{{{kind}, room: 1, at_s: {_OFTEN_S * (at + 4)}, every_s: {_OFTEN_S * len(kinds)}}}"
        for at, kind in enumerate(kinds)
    ]
    rooms = f"{{count: 2, viewers: {_AUDIENCE}, spread: 0, lasts_s: {seconds}}}"
    return _simulated(f"rooms: [{rooms}]\nincidents: [{', '.join(rare + often)}]", seconds, seed)


def _simulated(scenario: str, seconds: int, seed: int) -> Iterator[bytes]:
    """Yield the records of a scenario, flushed as the ingest does."""
    plan = Plan(scenarios.parse(scenario, seed=seed, end_s=seconds), BEGIN_MS)
    folding, log = Folding(), WindowLog(0, 1)
    offsets = dict.fromkeys(FEEDS, 0)
    coming = deque(records(plan))
    for now_ms in range(BEGIN_MS, BEGIN_MS + 1_000 * seconds + _FLUSH_MS, _FLUSH_MS):
        critical = False
        while coming and coming[0].at_ms < now_ms:
            record = coming.popleft()
            whole = (record.value, record.key.encode(), record.at_ms, offsets[record.feed])
            folding.alignment.queues[record.feed].put([whole])
            offsets[record.feed] += 1
            critical = critical or record.feed in CRITICAL_FEEDS
        if not critical and now_ms % 1_000:
            continue
        for feed in FEEDS:
            folding.saw_end(feed, now_ms)
        folding.fold()
        flush = folding.flush(closing=not now_ms % 1_000)
        yield from log.records(
            tick_ms=now_ms // 1_000 * 1_000,
            reach_ms=folding.alignment.reach_ms(),
            rooms=flush.rooms,
            vendors=flush.vendors,
            records_1m=0,
            dead_1m=0,
            last=not now_ms % 1_000,
        )


def record_log(folder: Path, log: Iterator[bytes]) -> int:
    """Record a log into a new archive of one partition; return how many records that were."""
    settings = RecorderSettings(archive_dir=folder, partitions=1)
    tail = Tail(0, prepare(settings))
    zone = ZoneInfo(settings.timezone)
    offset = 0
    for offset, value in enumerate(log):
        tail.add(offset, BEGIN_MS, value)
        if tail.full and (cut := tail.cut()):
            cut.write(folder)
            settle(folder, 0, zone)
    if cut := tail.cut():
        cut.write(folder)
    settle(folder, 0, zone)
    merge_ended(folder, 0, BEGIN_MS + 86_400_000 * 2, zone)
    return offset + 1


def copies(
    source: Path, folder: Path, *, shows: int, partitions: int, rooms: Collection[str] | None = None
) -> None:
    """Make an archive of many shows out of one of a few: the same under other names, in every partition."""
    recorded = Archive(source)
    (folder / "columns").mkdir(parents=True)
    description = Description(partitions, str(recorded.zone))
    (folder / DESCRIPTION).write_bytes(msgspec.json.encode(description))
    day = day_of(BEGIN_MS, recorded.zone)
    for part in ("ticks", "vendors"):
        for kept in listed(source / part / day):
            table = read(kept.path)
            for partition in range(partitions):
                name = replace(kept.span, partition=partition).name
                write(folder / part / day / name, table.schema, [table])
    sessions = recorded.sessions(0, BEGIN_MS * 2, rooms)
    for number in range(shows):
        session = sessions[number % len(sessions)]
        room_id = f"show-{number:03}"
        (kept,) = listed(session.folder)
        table = read(kept.path)
        at = table.schema.get_field_index("subject")
        table = table.set_column(at, "subject", pa.array([room_id] * len(table), pa.string()))
        name = replace(kept.span, partition=number % partitions).name
        write(folder / room_folder(day, room_id, session.session_ms) / name, table.schema, [table])
