"""What readers of ``live.windows`` know at the end: it must be what the store holds."""

from __future__ import annotations

from typing import Any

import orjson
from aiokafka import ConsumerRecord

from stream.settings import Settings
from stream.store import FiguresReader, connect

__all__ = ["check_told"]


async def check_told(settings: Settings, records: list[ConsumerRecord[bytes, bytes]]) -> None:
    """Assert that ticks never fall, and that the last figures told of each room are those of the store.

    Args:
        settings: of the deployment.
        records: of ``live.windows``, by partition, in order.
    """
    told: dict[str, Any] = {}
    for number in range(settings.partitions):
        told |= _heard([orjson.loads(r.value) for r in records if r.partition == number and r.value])
    async with connect(settings) as redis:
        held = {room.room_id: room for room in await FiguresReader(redis, settings.partitions).rooms()}
    assert held
    assert held.keys() <= told.keys()
    for room_id, room in held.items():
        entry = told[room_id]
        assert entry["values"] == room.values, room_id
        assert (entry["session_ms"], entry["state"]) == (room.session_ms, room.state), room_id
        assert (entry["facts"], entry["newest_ms"]) == (room.facts, room.newest_ms), room_id


def _heard(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the last entry of each room, as a reader knows it who drops lower epochs and seen numbers."""
    rooms: dict[str, Any] = {}
    epoch, seq, tick_ms = 0, 0, 0
    for record in records:
        if record["epoch"] < epoch or (record["epoch"] == epoch and record["seq"] <= seq):
            continue
        epoch, seq = record["epoch"], record["seq"]
        assert record["tick_ms"] >= tick_ms, f"tick {tick_ms} fell to {record['tick_ms']}"
        tick_ms = record["tick_ms"]
        rooms |= {room["room_id"]: room for room in record["rooms"]}
    return rooms
