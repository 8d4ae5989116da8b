"""A recorded ``live.windows``: seeded rooms with stutters that come and go, for tests of the engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.settings import Settings

__all__ = ["RULES", "TICK0", "record_windows", "windows"]

TICK0: Final = 1_760_000_000_000
RULES: Final = """
rules:
  - name: stutter
    kind: stutter
    any:
      - {metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
         warning: 0.02, critical: 0.05, recover: 0.01}
    for_s: 3
    keep_firing_s: 4
    min_samples: 3
    summary: {zh: "卡顿率 {value}", en: "stall ratio {value}"}
    advice: {zh: "检查推流", en: "check the stream"}
  - name: av_desync
    kind: av_desync
    any:
      - {metric: live_av_offset_seconds, where: {probe: ingest}, window: 10s, compare: outside,
         warning: [-0.125, 0.045], critical: [-0.185, 0.09]}
    for_s: 4
    keep_firing_s: 4
    summary: {zh: "音画偏移 {value}", en: "offset {value}"}
    advice: {zh: "检查编码", en: "check the encoder"}
"""


def windows(partition: int, ticks: int, *, rooms: int, seed: int) -> Iterator[bytes]:
    """Yield the records of a partition: each tick some rooms at once, then the rest with ``last``."""
    dice = random.Random(f"{seed}-{partition}")
    names = [f"p{partition}-r{number}" for number in range(rooms)]
    trouble = dict.fromkeys(names, 0)
    seq = 0
    for tick in range(ticks):
        tick_ms = TICK0 + tick * 1_000
        for name in names:
            if trouble[name] <= 0 and dice.random() < 0.02:
                trouble[name] = dice.randint(2, 25)
            trouble[name] -= 1
        early = [name for name in names if dice.random() < 0.2]
        for part, last in ((early, False), (names, True)):
            if part or last:
                seq += 1
                ended = tick == ticks - 1 and last
                entries = [_room(name, tick_ms, trouble[name], dice, ended=ended) for name in part]
                yield _record(partition, seq, tick_ms, entries, last=last)


async def record_windows(
    settings: Settings, producer: AIOKafkaProducer, *, ticks: int, rooms: int, seed: int
) -> list[int]:
    """Write the log; return the offset of the last record of each partition."""
    last = []
    for partition in range(settings.partitions):
        sent = [
            await producer.send(
                settings.topic("windows"), value, key=str(partition).encode(), partition=partition
            )
            for value in windows(partition, ticks, rooms=rooms, seed=seed)
        ]
        last.append((await sent[-1]).offset)
    return last


def _record(partition: int, seq: int, tick_ms: int, rooms: list[dict[str, Any]], *, last: bool) -> bytes:
    return orjson.dumps(
        {
            "v": 1,
            "partition": partition,
            "epoch": 1,
            "seq": seq,
            "tick_ms": tick_ms,
            "reach_ms": {"health": tick_ms - 10},
            "columns": COLUMNS_VERSION,
            "last": last,
            "rooms": rooms,
            "vendors": [],
        }
    )


def _room(name: str, tick_ms: int, trouble: int, dice: random.Random, *, ended: bool) -> dict[str, Any]:
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    stall = dice.uniform(0.03, 0.12) if trouble > 0 else dice.uniform(0, 0.008)
    for probe in ("edge", "ingest"):
        values[ROOM_COLUMN_INDEX[f'live_ping_interval_seconds{{probe="{probe}"}}']] = 2.0
        for window, pings in (("10s", 5), ("1m", 30), ("5m", 150)):
            values[ROOM_COLUMN_INDEX[f'live_pings{{probe="{probe}",window="{window}"}}']] = pings
            values[ROOM_COLUMN_INDEX[f'live_stall_ratio{{probe="{probe}",window="{window}"}}']] = stall
            values[ROOM_COLUMN_INDEX[f'live_av_offset_seconds{{probe="{probe}",window="{window}"}}']] = (
                dice.uniform(0.05, 0.2) if trouble > 8 else 0.01
            )
    return {
        "room_id": name,
        "session_ms": TICK0 - 60_000,
        "state": "ended" if ended else "live",
        "facts": {"title": f"直播间 {name}", "cdn": "a"},
        "values": values,
        "newest_ms": {"health": tick_ms - 20},
        "hits": [],
        **({"ended_reason": "ended"} if ended else {}),
    }
