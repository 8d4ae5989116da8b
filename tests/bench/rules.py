"""Bench: what the rules stage costs for 10 000 rooms and the shipped rules at one evaluation a second.

CPU time of one process, as share of a core: parsing the records, judging every room, and packing the state
for the store; then what is kept of a room, in the store and in memory. Detectors' steps are spread over time
as they are live: 20 ticks hold two steps of those that take one each 10 s, and a third of those of a minute.
"""

from __future__ import annotations

import os
import random
import time
from functools import lru_cache
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table

from alerts.rulecheck import load
from alerts.rules import RulesFold
from alerts.settings import DEFAULT_RULES
from alerts.windows import parse_windows
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.model import FEEDS
from tests.bench.ingest.machine import rss_mib

__all__ = ["run"]

_BEGIN_MS: Final = 1_760_000_400_000
_ROOMS: Final = 10_000
_A_RECORD: Final = 200
"""Rooms that a record carries: with their figures some 300 KiB."""
_TICKS: Final = 20
_STEADY: Final = {"live_ping_interval_seconds": 2.0, "live_frames_per_second": 25.0, "live_pings": 5}
_RATIOS: Final = 0.004


def run(rooms: int = _ROOMS, ticks: int = _TICKS) -> None:
    """Print CPU time a second by what the fold does, all rooms changing and a fifth of them."""
    console = Console()
    rules = load(DEFAULT_RULES.read_text(encoding="utf-8"), 1)
    table = Table(title=f"{rooms:,} rooms, {len(rules.rules)} rules, {ticks} ticks: share of a core")
    for heading in ("rooms that change a second", "parse", "judge", "pack", "all", "judge and pack"):
        table.add_column(heading, justify="right")
    told = _kept(rooms, ticks)
    for share in (1.0, 0.2, 0.0):
        parse_s, judge_s, pack_s = _measured(rooms, ticks, share)
        shares = [parse_s, judge_s, pack_s, parse_s + judge_s + pack_s, judge_s + pack_s]
        table.add_row(f"{share:.0%}", *(f"{spent / ticks:.1%}" for spent in shares))
    console.print(table, f"kept of a room: {told}")


def _kept(rooms: int, ticks: int) -> str:
    """Tell the bytes of a room's fields in the store, and of memory, after some ticks."""
    rules = load(DEFAULT_RULES.read_text(encoding="utf-8"), 1)
    fold, kept, offset = RulesFold(lambda _: rules), dict[str, int](), 0
    before = rss_mib(os.getpid())
    for tick in range(ticks):
        for value in _log(list(range(rooms)), tick, offset):
            fold.apply(offset, 0, parse_windows(value))
            offset += 1
        kept |= {name: len(name) + len(value) for name, value in fold.changed().items() if value is not None}
    held_kib = (rss_mib(os.getpid()) - before) * 1024 / rooms
    return f"{sum(kept.values()) / 1024 / rooms:.1f} KiB in the store, {held_kib:.1f} KiB of memory"


def _measured(rooms: int, ticks: int, share: float) -> tuple[float, float, float]:
    """Return seconds of CPU for parsing, judging, and packing, after every room was told once."""
    rules = load(DEFAULT_RULES.read_text(encoding="utf-8"), 1)
    fold, dice = RulesFold(lambda _: rules), random.Random(1)
    spent, offset = [0.0, 0.0, 0.0], 0
    for tick in range(-1, ticks):
        told = range(rooms) if tick < 0 else sorted(dice.sample(range(rooms), round(share * rooms)))
        values = _log(list(told), tick + 1, offset)
        times = [time.process_time()]
        records = [parse_windows(value) for value in values]
        times.append(time.process_time())
        for record in records:
            fold.apply(offset, 0, record)
            offset += 1
        times.append(time.process_time())
        fold.changed()
        times.append(time.process_time())
        if tick >= 0:
            spent = [
                total + after - before for total, before, after in zip(spent, times, times[1:], strict=False)
            ]
    return spent[0], spent[1], spent[2]


def _log(told: list[int], tick: int, seq: int) -> list[bytes]:
    """Return the records of a tick; the last one closes it."""
    parts = [told[at : at + _A_RECORD] for at in range(0, len(told), _A_RECORD)] or [[]]
    tick_ms = _BEGIN_MS + 1_000 * tick
    return [
        orjson.dumps(
            {
                "v": 1, "partition": 0, "epoch": 1, "seq": seq + at + 1, "tick_ms": tick_ms,
                "reach_ms": dict.fromkeys(FEEDS, tick_ms), "columns": COLUMNS_VERSION,
                "last": at == len(parts) - 1, "rooms": [_room(number, tick_ms) for number in part],
                "vendors": [], "records_1m": 1, "dead_1m": 0,
            }
        )
        for at, part in enumerate(parts)
    ]  # fmt: skip


def _room(number: int, tick_ms: int) -> dict[str, Any]:
    return {
        "room_id": f"room-{number:05}", "session_ms": _BEGIN_MS, "state": "live", "facts": {"title": "夜场"},
        "values": _values(tick_ms), "newest_ms": {"health": tick_ms, "orders": tick_ms},
    }  # fmt: skip


@lru_cache(2)
def _values(tick_ms: int) -> list[Any]:
    values: list[Any] = [_value(column.metric.name) for column in ROOM_COLUMNS]
    for probe in ("ingest", "edge"):
        values[ROOM_COLUMN_INDEX[f'live_ping_newest_timestamp_seconds{{probe="{probe}"}}']] = (
            tick_ms / 1000 + 3_600
        )
    return values


def _value(metric: str) -> Any:
    if metric in _STEADY:
        return _STEADY[metric]
    if metric.startswith(
        ("live_source", "live_item", "live_prohibited", "live_complaints", "live_dwell_seconds")
    ):
        return {"a": 0, "b": 0} if metric != "live_item_cheap_orders" else {}
    return _RATIOS if metric.endswith(("_ratio", "_share")) and "payment" not in metric else 0


if __name__ == "__main__":
    run()
