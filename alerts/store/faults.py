"""How much of their live time rooms were at fault, as others read it of what the incidents stage keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final, cast

import orjson
from redis.asyncio import Redis

from alerts.tally import Tally, unpack

__all__ = ["FAULTS", "PULSES", "FaultsReader"]

FAULTS: Final = "{incidents}:faults"
"""Hash: room -> tally of its session, msgpack; one that ended for 10 more minutes."""
PULSES: Final = "{incidents}:pulses"
"""Hash: partition number -> what is known of its heartbeats, and ``clock`` -> the stage's clock."""

_READ_MAX: Final = 1_000
"""Rooms read in one go; the store answers nobody else meanwhile."""


class FaultsReader:
    """Reads the tallies; safe to use from any number of processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, room_ids: Sequence[str]) -> dict[str, Tally]:
        """Return the tallies of those rooms that have one, counted up to the stage's clock."""
        clock = await cast("Awaitable[bytes | None]", self._redis.hget(PULSES, "clock"))
        now_ms = 0 if clock is None else int(orjson.loads(clock)["now_ms"])
        found: dict[str, Tally] = {}
        for begin in range(0, len(room_ids), _READ_MAX):
            some = list(room_ids[begin : begin + _READ_MAX])
            values = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(FAULTS, some))
            found |= {
                room_id: unpack(value).at(now_ms)
                for room_id, value in zip(some, values, strict=True)
                if value is not None
            }
        return found
