"""Rule sets and sets of routes with their history, as kept for all processes.

A version never changes once it is written. A new one is written with compare-and-set: it names the version
that it was made from, and is refused when another came between.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Final, cast

import orjson
from redis.asyncio import Redis

__all__ = ["CURRENT", "HISTORY", "ROUTES_TAG", "TAKES_EFFECT_MS", "KeptSet", "RuleSetStore"]

CURRENT: Final = "{rules}:current"
"""String: the newest set, as JSON."""
HISTORY: Final = "{rules}:history"
"""Hash: version -> set, as JSON."""
ROUTES_TAG: Final = "{routes}"
"""What the keys of the routes begin with."""
TAKES_EFFECT_MS: Final = 1_000
"""How long after it was accepted a set takes effect, so that everyone knows it by then; from the contract."""
_PUT: Final = """
local kept = redis.call('GET', KEYS[1])
if not kept or cjson.decode(kept)['version'] ~= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """A rule set as it is kept.

    Attributes:
        version: rising from 1.
        yaml: its text.
        from_ms: it applies to ticks from here on, epoch milliseconds; the first one to all.
        author: who accepted it.
        comment: what they said.
        origin: from where, an address; empty for the first one.
    """

    version: int
    yaml: str
    from_ms: int
    author: str
    comment: str
    origin: str = ""


class RuleSetStore:
    """Reads and writes the sets of one kind.

    Args:
        redis: a client of the store.
        tag: what their keys begin with; ``ROUTES_TAG`` for routes.
    """

    def __init__(self, redis: Redis, tag: str = "{rules}") -> None:
        self._redis = redis
        self._current = f"{tag}:current"
        self._history = f"{tag}:history"

    async def current(self) -> KeptSet | None:
        """Return the newest set; None when there is none yet."""
        value = await cast("Awaitable[bytes | None]", self._redis.get(self._current))
        return None if value is None else _parse(value)

    async def begin(self, text: str) -> KeptSet:
        """Make ``text`` version 1 unless there is a set already; return the newest set."""
        first = KeptSet(version=1, yaml=text, from_ms=0, author="roomwatch", comment="first set")
        await self._redis.set(self._current, _pack(first), nx=True)
        newest = await self.current() or first
        await self._redis.hsetnx(self._history, str(newest.version), _pack(newest).decode())
        return newest

    async def version(self, number: int) -> KeptSet | None:
        """Return a set by its version; None when there is none of that number."""
        value = await cast("Awaitable[bytes | None]", self._redis.hget(self._history, str(number)))
        return None if value is None else _parse(value)

    async def in_force(self, at_ms: int) -> KeptSet | None:
        """Return the set that was in force at an instant, epoch milliseconds; None when there is none yet."""
        kept = await self.current()
        while kept is not None and kept.from_ms > at_ms:
            kept = await self.version(kept.version - 1)
        return kept

    async def put(
        self, text: str, *, base: KeptSet, author: str, comment: str, origin: str, now_ms: int
    ) -> KeptSet | None:
        """Make ``text`` the newest set; return it, or None when ``base`` is not the newest any more.

        Args:
            text: a set without faults.
            base: the set that it was made from.
            author: who made it.
            comment: what they say.
            origin: from where, an address.
            now_ms: the time, epoch milliseconds; it takes effect ``TAKES_EFFECT_MS`` later.
        """
        from_ms = max(now_ms + TAKES_EFFECT_MS, base.from_ms + 1)
        new = KeptSet(base.version + 1, text, from_ms, author, comment, origin)
        arguments = (str(base.version), _pack(new), str(new.version))
        keys = (self._current, self._history)
        done = await cast("Awaitable[int]", self._redis.eval(_PUT, 2, *keys, *arguments))
        return new if done else None

    async def versions(self, newest: int, *, count: int) -> list[KeptSet]:
        """Return at most ``count`` sets up to version ``newest``, oldest first."""
        wanted = [str(version) for version in range(max(1, newest - count + 1), newest + 1)]
        values = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(self._history, wanted))
        return [_parse(value) for value in values if value is not None]


def _pack(kept: KeptSet) -> bytes:
    return orjson.dumps(asdict(kept))


def _parse(value: bytes) -> KeptSet:
    record = orjson.loads(value)
    return KeptSet(**{name: record[name] for name in KeptSet.__slots__ if name in record})
