"""Rule sets and their history, as kept for all processes; a version never changes once it is written."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Final, cast

import orjson
from redis.asyncio import Redis

__all__ = ["CURRENT", "HISTORY", "KeptSet", "RuleSetStore"]

CURRENT: Final = "{rules}:current"
"""String: the newest set, as JSON."""
HISTORY: Final = "{rules}:history"
"""Hash: version -> set, as JSON."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A rule set as it is kept.

    Attributes:
        version: rising from 1.
        yaml: its text.
        from_ms: it applies to ticks from here on, epoch milliseconds; the first one to all.
        author: who accepted it.
        comment: what they said.
    """

    version: int
    yaml: str
    from_ms: int
    author: str
    comment: str


class RuleSetStore:
    """Reads rule sets, and writes the first one."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def current(self) -> KeptSet | None:
        """Return the newest set; None when there is none yet."""
        value = await cast("Awaitable[bytes | None]", self._redis.get(CURRENT))
        return None if value is None else _parse(value)

    async def begin(self, text: str) -> KeptSet:
        """Make ``text`` version 1 unless there is a set already; return the newest set."""
        first = KeptSet(version=1, yaml=text, from_ms=0, author="roomwatch", comment="first set")
        await self._redis.set(CURRENT, _pack(first), nx=True)
        newest = await self.current() or first
        await self._redis.hsetnx(HISTORY, str(newest.version), _pack(newest).decode())
        return newest

    async def versions(self, newest: int, *, count: int) -> list[KeptSet]:
        """Return at most ``count`` sets up to version ``newest``, oldest first."""
        wanted = [str(version) for version in range(max(1, newest - count + 1), newest + 1)]
        values = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(HISTORY, wanted))
        return [_parse(value) for value in values if value is not None]


def _pack(kept: KeptSet) -> bytes:
    return orjson.dumps(asdict(kept))


def _parse(value: bytes) -> KeptSet:
    record = orjson.loads(value)
    return KeptSet(**{name: record[name] for name in KeptSet.__slots__})
