"""Recorded shows for benches: made-up rooms as the recorder keeps them, and simulated ones.

Some rooms are made second by second, with stutters, silences, bursts and drops; the rest are copies of them
under other names: how long a backtest takes does not depend on how they differ. How large an archive is does:
that is measured on simulated broadcasts whose figures come from the ingest's own formulas.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import orjson
import pyarrow as pa

from exporters.archive.role import prepare
from exporters.archive.settings import RecorderSettings
from exporters.archive.settle import merge_ended, settle
from exporters.archive.tail import Tail
from stream.archive import Archive
from stream.archive.files import listed, read, write
from stream.archive.layout import day_of, room_folder
from stream.archive.reader import DESCRIPTION, Description
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMN_INDEX, ROOM_COLUMNS, VENDOR_COLUMNS, Column
from stream.model import CRITICAL_FEEDS, FEEDS
from stream.sources import scenario as scenarios
from stream.sources.broadcast import records
from stream.sources.plan import Plan
from stream.window_log import WindowLog
from tests.stream.logs import Folding

__all__ = ["BEGIN_MS", "copies", "made_up", "record_log", "simulated"]

BEGIN_MS: Final = 1_760_000_400_000
"""A full minute, in the afternoon of Shanghai."""
_FLUSH_MS: Final = 50
"""Time between flushes of the ingest under critical events."""
_CRITICAL_PER_S: Final = 12
"""Records of a partition between two ticks of a second; each tells of one room."""
_MOVING: Final = 0.2
"""Share of the figures that are others each second."""
_STEADY: Final = {
    "live_ping_interval_seconds": 2.0,
    "live_frames_per_second": 25.0,
    "live_av_offset_seconds": 0.012,
}
_TROUBLE: Final = {"stall": 60, "silence": 30, "burst": 120, "drop": 300, "failing": 60}
"""What happens to a room, each about once an hour, and for how many seconds."""


def _places(metric: str) -> list[int]:
    return [at for at, column in enumerate(ROOM_COLUMNS) if column.metric.name == metric]


_PINGED_AT: Final = _places("live_ping_newest_timestamp_seconds")
_STALL_AT: Final = _places("live_stall_ratio")
_VIEWERS: Final = ROOM_COLUMN_INDEX["live_viewers"]
_PAID: Final = ROOM_COLUMN_INDEX['live_orders_total{status="paid"}']
_FAILED: Final = ROOM_COLUMN_INDEX['live_payment_failure_ratio{window="1m"}']


class _Room:
    """One room; a fifth of its figures is another each second, and what an incident moves."""

    def __init__(self, room_id: str, dice: random.Random) -> None:
        self.room_id = room_id
        self._dice = dice
        self._left = dict.fromkeys(_TROUBLE, 0)
        self._viewers = 300.0
        self._pinged_ms = BEGIN_MS
        self._values: list[Any] = [self._first(column) for column in ROOM_COLUMNS]

    def second(self, now_ms: int) -> None:
        """Let a second pass."""
        dice = self._dice
        for name, lasts_s in _TROUBLE.items():
            left = self._left[name]
            self._left[name] = left - 1 if left else lasts_s * (dice.random() < 1 / 3_600)
        self._viewers += dice.gauss(0, 1) + 0.002 * (300 - self._viewers)
        if not self._left["silence"]:
            self._pinged_ms = now_ms
        for at, column in enumerate(ROOM_COLUMNS):
            if dice.random() < _MOVING:
                self._values[at] = self._next(column, self._values[at])
        self._suffer()

    def entry(self, now_ms: int) -> dict[str, Any]:
        """Return the room as it is told of."""
        if not self._left["silence"]:
            self._pinged_ms = now_ms - 5
        values = list(self._values)
        for at in _PINGED_AT:
            values[at] = self._pinged_ms / 1000
        return {
            "room_id": self.room_id,
            "session_ms": BEGIN_MS,
            "state": "live",
            "facts": {
                "title": f"直播间 {self.room_id}",
                "category": "beauty",
                "cdn": "cdn-a",
                "item_id": "i1",
            },
            "values": values,
            "newest_ms": {feed: now_ms - 7 * at for at, feed in enumerate(FEEDS)},
        }

    def _first(self, column: Column) -> Any:
        if column.metric.type == "histogram":
            return None
        if column.metric.label and not column.metric.label_values:
            return {}
        if column.metric.type == "counter":
            return 0
        return _STEADY.get(column.metric.name, 20)

    def _next(self, column: Column, value: Any) -> Any:
        dice, name = self._dice, column.metric.name
        if value is None or name in _STEADY:
            return value
        if isinstance(value, dict):
            risen = value.get("feed", 0) + 1 if column.metric.type == "counter" else dice.randrange(3)
            return {"feed": risen, "search": 3}
        if column.metric.type == "counter":
            return value + dice.randrange(9)
        return round(dice.random() * 0.004, 4) if name.endswith("_ratio") else dice.randrange(20, 60)

    def _suffer(self) -> None:
        paid, left = 0.01 if self._left["drop"] else 0.06, self._left
        self._values[_VIEWERS] = round(self._viewers * (4 if left["burst"] else 1))
        self._values[_PAID] += self._dice.random() < paid
        self._values[_FAILED] = 0.4 if left["failing"] else 0.0
        for at in _STALL_AT if left["stall"] else ():
            self._values[at] = 0.1


def _log(rooms: list[_Room], seconds: int) -> Iterator[bytes]:
    """Yield the records of a partition in which these rooms are."""
    dice = random.Random(1)
    seq = 0
    for second in range(seconds):
        tick_ms = BEGIN_MS + 1_000 * second
        for room in rooms:
            room.second(tick_ms)
        vendors = [] if second % 10 else [_vendor(tick_ms)]
        told = [(0, rooms)] + [
            ((part + 1) * 1_000 // (_CRITICAL_PER_S + 1), [dice.choice(rooms)])
            for part in range(_CRITICAL_PER_S)
        ]
        for after_ms, some in told:
            seq += 1
            entries = [room.entry(tick_ms + after_ms) for room in some]
            if second == seconds - 1 and some is rooms:
                entries = [{**entry, "state": "ended", "ended_reason": "ended"} for entry in entries]
            yield orjson.dumps(
                {
                    "v": 1, "partition": 0, "epoch": 1, "seq": seq, "tick_ms": tick_ms,
                    "reach_ms": {feed: tick_ms + after_ms - at for at, feed in enumerate(FEEDS)},
                    "columns": COLUMNS_VERSION, "last": some is rooms, "records_1m": 900, "dead_1m": 0,
                    "rooms": entries, "vendors": vendors if some is rooms else [],
                }
            )  # fmt: skip


def _vendor(tick_ms: int) -> dict[str, Any]:
    values = [0.0 if "ratio" in column.metric.name else 40 for column in VENDOR_COLUMNS]
    return {"vendor": "pay", "operation": "charge", "values": values, "newest_ms": tick_ms}


def made_up(rooms: int, seconds: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield the records of a partition with made-up rooms."""
    made = [_Room(f"room-{number:03}", random.Random(f"{seed}-{number}")) for number in range(rooms)]
    return _log(made, seconds)


def simulated(rooms: int, seconds: int, *, seed: int = 1) -> Iterator[bytes]:
    """Yield the records of a partition with simulated broadcasts, flushed as the ingest does."""
    scenario = f"rooms: [{{count: {rooms}, viewers: 300, lasts_s: {seconds}}}]"
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


def copies(source: Path, folder: Path, *, shows: int, partitions: int) -> None:
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
    sessions = recorded.sessions(0, BEGIN_MS * 2)
    for number in range(shows):
        session = sessions[number % len(sessions)]
        room_id = f"show-{number:03}"
        (kept,) = listed(session.folder)
        table = read(kept.path)
        at = table.schema.get_field_index("subject")
        table = table.set_column(at, "subject", pa.array([room_id] * len(table), pa.string()))
        name = replace(kept.span, partition=number % partitions).name
        write(folder / room_folder(day, room_id, session.session_ms) / name, table.schema, [table])
