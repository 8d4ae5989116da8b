"""What live rooms hold in the store, byte by byte as the server counts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from stream.catalogue import ROOM_COLUMN_INDEX
from stream.settings import Settings
from stream.store import FiguresReader, connect

__all__ = ["Held", "share", "store_bytes"]

_CREATED: Final = ROOM_COLUMN_INDEX['live_orders_total{status="created"}']
_AT_ONCE: Final = 500
_ROOM: Final = re.compile(rb"room-\d{5}")
_ORDERS: Final = re.compile(rb"\{p\d+\}:orders")


@dataclass(frozen=True, slots=True)
class Held:
    """One key.

    Attributes:
        key: its name.
        size: bytes that the server says it takes, with all that belongs to it.
        fields: of a hash, field -> bytes of name and value; of others nothing.
    """

    key: bytes
    size: int
    fields: Mapping[bytes, int]


def share(held: Iterable[Held], rooms: int) -> tuple[Counter[bytes], int]:
    """Give every byte to a room or to the orders.

    A key that names a room is that room's; of a hash whose fields name rooms each room has its part; what
    names no room belongs to all alike.

    Returns:
        Room -> bytes, and the bytes of remembered orders.
    """
    by_room: Counter[bytes] = Counter()
    orders = common = 0
    for one in held:
        named = _ROOM.search(one.key)
        if _ORDERS.match(one.key):
            orders += one.size
        elif named:
            by_room[named[0]] += one.size
        elif any(_ROOM.search(field) for field in one.fields):
            whole = sum(one.fields.values())
            for field, size in one.fields.items():
                found = _ROOM.search(field)
                if found:
                    by_room[found[0]] += round(one.size * size / whole)
        else:
            common += one.size
    for room in by_room:
        by_room[room] += common // max(1, rooms)
    return by_room, orders


async def store_bytes(settings: Settings) -> dict[str, Any]:
    """Return what the rooms of a deployment hold in its store; every order of it was created once."""
    async with connect(settings) as redis:
        rooms = await FiguresReader(redis, settings.partitions).rooms()
        held = [one async for one in _keys(redis)]
    order_ids = round(sum(room.values[_CREATED] or 0 for room in rooms))
    by_room, orders = share(held, len(rooms))
    kinds: Counter[str] = Counter()
    for one in held:
        kinds[_ROOM.sub(b"ROOM", re.sub(rb"\{p\d+\}", b"{pN}", one.key)).decode()] += one.size
    return {
        "rooms": len(by_room),
        "mean_bytes": round(sum(by_room.values()) / len(rooms)),
        "median_bytes": sorted(by_room.values())[len(by_room) // 2],
        "max_bytes": max(by_room.values()),
        "order_ids": order_ids,
        "order_bytes": round(orders / max(1, order_ids), 1),
        "keys": dict(kinds.most_common(12)),
    }


async def _keys(redis: Redis) -> Any:
    names = [name async for name in redis.scan_iter(count=1_000)]
    for some in (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)):
        pipe = redis.pipeline(transaction=False)
        for name in some:
            pipe.memory_usage(name, samples=0)
            pipe.type(name)
        answers = await pipe.execute()
        for name, size, kind in zip(some, answers[::2], answers[1::2], strict=True):
            fields: Any = await redis.hgetall(name) if kind == b"hash" and not _ROOM.search(name) else {}
            yield Held(name, size or 0, {field: len(field) + len(value) for field, value in fields.items()})
