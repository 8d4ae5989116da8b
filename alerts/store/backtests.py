"""Backtests that gateways run, as all of them show them; each is forgotten some time after it ended."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, Literal, cast

import orjson
from redis.asyncio import Redis

__all__ = ["KEEP_S", "BacktestStore", "Status", "backtest_key"]

Status = Literal["queued", "running", "done", "failed"]
KEEP_S: Final = 24 * 3_600
"""How long a backtest and its result are kept, seconds."""


def backtest_key(backtest_id: str) -> str:
    """Return the key of a backtest: a string, JSON."""
    return f"{{backtests}}:{backtest_id}"


class BacktestStore:
    """Reads and writes backtests; whoever runs one is the only one to write it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def write(self, record: dict[str, Any]) -> None:
        """Keep a backtest as it is now, by its ``id``."""
        await self._redis.set(backtest_key(record["id"]), orjson.dumps(record), ex=KEEP_S)

    async def read(self, backtest_id: str) -> dict[str, Any] | None:
        """Return a backtest; None when it is not kept (any more)."""
        value = await cast("Awaitable[bytes | None]", self._redis.get(backtest_key(backtest_id)))
        return None if value is None else cast("dict[str, Any]", orjson.loads(value))
