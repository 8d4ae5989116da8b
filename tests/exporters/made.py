"""Rooms as the ingest would leave them in the store, made from a seed."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Any

import msgspec
from redis.asyncio import Redis

from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS, Column
from stream.codec import partition_of
from stream.store import RoomFigures, VendorFigures, keys
from stream.words.groups import COMPLAINTS, PROHIBITED

FACTS = {
    "title": '国货美妆专场 "第一次"',
    "host": "小李",
    "category": "beauty",
    "owner": "ops-a",
    "cdn": "cdn-1",
    "region": "cn-east",
    "item_id": "i7",
    "item_title": "口红",
}
BOUNDS = ("5", "15", "30", "60", "180", "300", "600", "1800", "3600")
SOURCES = ("feed", "follow", "live_square", "other", "search", "share")
OPEN = {"live_complaints_total": (*COMPLAINTS,), "live_prohibited_total": (*PROHIBITED,)}
"""Values of open labels; of the others a room has some sources, as a show has."""


def figure(column: Column, chance: random.Random) -> Any:
    if column.metric.type == "histogram":
        numbers = accumulate(chance.randrange(100) for _ in (*BOUNDS, "+Inf"))
        return dict(zip((*BOUNDS, "+Inf"), numbers, strict=True)) | {"sum": round(chance.random() * 1e3, 3)}
    if column.metric.label is not None and column.label_value is None:
        return {name: chance.randrange(1_000) for name in OPEN.get(column.metric.name, SOURCES)}
    if column.metric.type == "counter":
        yuan = column.metric.name.endswith("_yuan_total")
        return round(chance.random() * 1e6, 2) if yuan else chance.randrange(1_000_000)
    return chance.random() * (1 if column.metric.name.endswith("_ratio") else 100)


def room(room_id: str = "r1", *, now_ms: int, seed: int = 0, **changes: Any) -> RoomFigures:
    """A live room with a figure in every column and news on every feed a second ago."""
    chance = random.Random(f"{room_id}{seed}")
    made: dict[str, Any] = {
        "partition": 0,
        "room_id": room_id,
        "session_ms": now_ms - 3_600_000,
        "state": "live",
        "facts": FACTS,
        "values": [figure(column, chance) for column in ROOM_COLUMNS],
        "newest_ms": {"health": now_ms - 1_000, "orders": now_ms - 2_500, "rooms": now_ms - 3_600_000},
        "ended_reason": None,
    }
    return RoomFigures(**(made | changes))


def vendor(name: str = "pay", operation: str = "charge", *, now_ms: int, seed: int = 0) -> VendorFigures:
    chance = random.Random(f"{name}{operation}{seed}")
    return VendorFigures(0, name, operation, [figure(c, chance) for c in VENDOR_COLUMNS], now_ms)


async def keep(
    redis: Redis,
    partitions: int,
    *,
    now_ms: int,
    rooms: list[RoomFigures],
    vendors: list[VendorFigures] | None = None,
) -> None:
    """Write figures as the ingest does, at once and in place of all that its keys held."""
    pipe = redis.pipeline(transaction=True)
    pipe.delete(*(key(p) for key in (keys.now, keys.now_vendors) for p in range(partitions)))
    for figures in rooms:
        key = keys.now(partition_of(figures.room_id, partitions))
        pipe.hset(key, figures.room_id, _entry(figures))
    for call in vendors or []:
        key = keys.now_vendors(partition_of(call.vendor, partitions))
        pipe.hset(key, f"{call.vendor}/{call.operation}", _entry(call))
    for partition in range(partitions):
        owner: dict[Any, Any] = {
            "epoch": 1,
            "member": "made",
            "tick_ms": now_ms,
            "reach:health": now_ms,
            "reach:orders": now_ms,
        }
        pipe.hset(keys.owner(partition), mapping=owner)
    await pipe.execute()


def _entry(figures: RoomFigures | VendorFigures) -> bytes:
    names = (name for name in type(figures).__slots__ if name != "partition")
    return msgspec.msgpack.encode({name: getattr(figures, name) for name in names})
