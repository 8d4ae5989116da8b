"""Delivery records as others read them: what became of each change of an alert on each channel.

The notifier writes them with its own state (``alerts.notify.store``) and to ``live.deliveries``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis

__all__ = ["KEEP_MS", "DeliveriesReader", "deliveries_key"]

KEEP_MS: Final = 35 * 24 * 3_600_000
"""How long the records of an alert are kept after the newest of them, milliseconds."""


def deliveries_key(alert_id: str) -> str:
    """Return the key of an alert's records: hash, id of the delivery -> its newest record."""
    return f"{{notifier}}:of:{alert_id}"


class DeliveriesReader:
    """Reads delivery records; safe to use from any number of processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def of(self, alert_id: str) -> list[dict[str, Any]]:
        """Return the records of an alert, oldest first; empty when nothing was told."""
        kept = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(deliveries_key(alert_id)))
        found = [orjson.loads(value) for value in kept.values()]
        return sorted(found, key=lambda record: (record["change"], record["at_ms"], record["id"]))
