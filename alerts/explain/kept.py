"""What the store says of an alert: its record, its way, the rules then, and what was open beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.store import IncidentsReader
from stream.errors import StoreError
from stream.settings import Settings
from stream.store import connect

__all__ = ["Kept", "look_up"]

_BEFORE_MS: Final = 24 * 3_600_000
"""Alerts that began so long before the range may still be open in it."""
_BESIDE_MAX: Final = 200
_VENDOR: Final = "vendor_slow"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert as the store has it.

    Attributes:
        alert: its newest record.
        timeline: every change of it, oldest first.
        beside: alerts of the same room, and of vendors, that were open in the range, oldest first.
    """

    alert: Record
    timeline: list[Record]
    beside: list[Record]


async def look_up(
    settings: Settings, alert_id: str, span_of: Callable[[Record], tuple[int, int]]
) -> Kept | None:
    """Return an alert; None when the store does not know it.

    Args:
        settings: where the store is.
        alert_id: of the alert.
        span_of: its newest record -> begin and end of the range, epoch milliseconds.

    Raises:
        StoreError: the store does not answer.
    """
    redis = connect(settings)
    try:
        reader = IncidentsReader(redis)
        found = await reader.episode(alert_id)
        if found is None:
            return None
        alert, timeline = found
        return Kept(alert, timeline, await _beside(redis, alert, *span_of(alert)))
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreError(f"no store at ROOMWATCH_REDIS_URL to tell of the alert: {error}") from error
    finally:
        await redis.aclose()


async def _beside(redis: Redis, alert: Record, from_ms: int, to_ms: int) -> list[Record]:
    reader = IncidentsReader(redis)
    wanted: list[dict[str, Any]] = [{"kind": _VENDOR}]
    if alert["room_id"] is not None:
        wanted.append({"room": alert["room_id"]})
    found: dict[str, Record] = {}
    for which in wanted:
        page, _ = await reader.alerts(since_ms=from_ms - _BEFORE_MS, limit=_BESIDE_MAX, **which)
        found |= {one["id"]: one for one in page if one["id"] != alert["id"]}
    open_then = (
        one
        for one in found.values()
        if one["started_at_ms"] < to_ms and (one["state"] != "resolved" or one["at_ms"] >= from_ms)
    )
    return sorted(open_then, key=lambda one: (one["started_at_ms"], one["id"]))
