"""How fast one ingest process drains preloaded feeds, what an event costs it, whether all were counted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from deploy.local.process import Process
from stream.catalogue import ROOM_COLUMN_INDEX
from stream.settings import Settings
from stream.store import FiguresReader, connect
from tests.bench.ingest.machine import Usage, conditions, peak_mib, usage
from tests.bench.ingest.mix import Mix
from tests.bench.ingest.profile import profiled
from tests.bench.ingest.world import Offsets, World, kept
from tests.waiting import until

__all__ = ["drain", "miscounted"]

_LOOK_S: Final = 0.02
_TELL_S: Final = 30
_COUNTED: Final = {
    "live_danmaku_total": "danmaku",
    "live_likes_total": "likes",
    "live_enters_total": "enter",
    "live_leaves_total": "leave",
    "live_clicks_total": "click",
    "live_carts_total": "cart",
    "live_follows_total": "follow",
    "live_shares_total": "share",
    'live_orders_total{status="created"}': "order:created",
    'live_orders_total{status="paid"}': "order:paid",
    'live_orders_total{status="cancelled"}': "order:cancelled",
    'live_orders_total{status="refunded"}': "order:refunded",
    'live_orders_total{status="failed"}': "order:failed",
    "live_gmv_yuan_total": "gmv_fen",
    'live_dropped_frames_total{probe="ingest"}': "dropped:ingest",
    'live_dropped_frames_total{probe="edge"}': "dropped:edge",
    'live_dropped_frames_total{probe="player"}': "dropped:player",
}
"""Column -> what the mix counts of it, for each room."""


@dataclass(frozen=True, slots=True)
class _Look:
    """The process and the store at one moment."""

    folded: int
    used: Usage


async def drain(
    world: World, settings: Settings, mix: Mix, wanted: Offsets, *, stacks: Path | None = None, **more: Any
) -> dict[str, Any]:
    """Drain the feeds with a fresh process and an empty store.

    Args:
        world: broker and store.
        settings: of the deployment; its feeds hold what the mix made.
        mix: what was sent.
        wanted: the ends of the feeds.
        stacks: file for the profile; None = none is taken.
        more: settings of the ingest.

    Returns:
        The figures. Rates are those between the first flush and the last: starting is not draining.
    """
    before = conditions()
    async with connect(settings) as redis, world.ingest(settings, **more) as process:
        first = await _until(redis, process, wanted, folded=1)
        stores = usage(_pid(world.valkey.process)), usage(_pid(world.kafka.process))
        profiling = profiled(process, stacks) if stacks else contextlib.nullcontext()
        with world.ahead(process.pid):
            async with profiling:
                last = await _until(redis, process, wanted, folded=sum(wanted.values()))
        spent = last.used.since(first.used)
        number = last.folded - first.folded
        store, broker = (
            usage(_pid(child)).since(past)
            for child, past in zip((world.valkey.process, world.kafka.process), stores, strict=True)
        )
        return {
            "events": number,
            "seconds": round(spent.at_s, 2),
            "events_per_s": round(number / spent.at_s),
            "cpu_us_per_event": round(spent.cpu_s / number * 1e6, 2),
            "waited_share": round(spent.waited_s / spent.at_s, 3),
            "store_us_per_event": round(store.cpu_s / number * 1e6, 2),
            "broker_us_per_event": round(broker.cpu_s / number * 1e6, 2),
            "peak_mib": round(peak_mib(_pid(process))),
            "miscounted": await miscounted(settings, mix),
            "load_before": before["load_1m"],
            **conditions(),
        }


def _pid(process: Process | None) -> int:
    assert process is not None
    assert process.pid is not None
    return process.pid


async def _until(redis: Redis, process: Process, wanted: Offsets, *, folded: int) -> _Look:
    """Look until so many records are in the store; give up when nothing moves for a minute."""
    partitions = 1 + max(number for number, _ in wanted)
    moved_s, seen = time.monotonic(), -1
    while True:
        found = sum((await kept(redis, partitions)).values())
        if found >= folded:
            return _Look(found, usage(_pid(process)))
        if not process.running:
            raise process.death()
        if found != seen:
            moved_s, seen = time.monotonic(), found
        if time.monotonic() > moved_s + 60:
            raise TimeoutError(f"the ingest stands at {found} of {sum(wanted.values())} records")
        await asyncio.sleep(_LOOK_S)


async def miscounted(settings: Settings, mix: Mix) -> dict[str, list[float]]:
    """Compare each room's totals in the store with what was sent, once the next tick has told of all rooms.

    Returns:
        Column -> [sent, counted] over all rooms, for columns where any room differs; empty when all agree. A
        column that the catalogue does not have is left out.
    """
    async with connect(settings) as redis:
        reader = FiguresReader(redis, settings.partitions)
        now_ms = time.time_ns() // 1_000_000

        async def told() -> bool:
            return all(status.tick_ms > now_ms for status in await reader.partitions())

        await until(told, _TELL_S, what="a tick that tells of every room")
        figures = {room.room_id: room for room in await reader.rooms()}
    wrong: dict[str, list[float]] = {}
    for column, name in _COUNTED.items():
        if column not in ROOM_COLUMN_INDEX:
            continue
        place, factor = ROOM_COLUMN_INDEX[column], 0.01 if name.endswith("_fen") else 1
        pairs = []
        for room in mix.rooms:
            known = figures.get(room.room_id.decode())
            counted = known.values[place] if known else None
            pairs.append((room.sent[name] * factor, float(counted or 0)))
        if any(abs(sent - counted) > 1e-6 * max(1.0, sent) for sent, counted in pairs):
            wrong[column] = [sum(sent for sent, _ in pairs), sum(counted for _, counted in pairs)]
    return wrong
