"""What an exporter agrees upon with others in the store, and what it reads there besides figures."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final, cast

from redis.asyncio import Redis

from alerts.store import IncidentsReader
from alerts.store.episodes import CLOSED
from exporters.response import LOOK_BACK_MS, Closed, closed

__all__ = ["LEASE_MS", "MEMBERS", "PARTITIONS", "ClosedEpisodes", "Share", "memory"]

MEMBERS: Final = "{exporters}:members"
"""Hash: exporter -> end of its lease, epoch milliseconds of the store's clock."""
PARTITIONS: Final = "{exporters}:partitions"
"""Hash: partition -> end of the lease and the exporter that shows it."""
LEASE_MS: Final = 15_000
"""How long an exporter shows a partition without asking again: three scrapes, so that the series of the one
before have left Prometheus when the next one begins."""

_READ_MAX: Final = 500
"""Episodes read in one go; a day of many of them is known after some goes."""
_SCRIPT: Final = Path(__file__).with_name("share.lua").read_text(encoding="utf-8")


class Share:
    """The part of one exporter among all that live.

    Args:
        redis: client of the store.
        member: name of the exporter; one that comes back under its name goes on where it was.
        partitions: number of partitions of the deployment.
    """

    def __init__(self, redis: Redis, member: str, partitions: int) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._member = member
        self._partitions = partitions

    async def renew(self) -> list[int]:
        """Return the partitions that are ours for ``LEASE_MS`` from before the call, rising.

        Raises:
            RedisError: the store does not answer.
        """
        answer = self._script(keys=[MEMBERS, PARTITIONS], args=[self._member, LEASE_MS, self._partitions])
        return sorted(await cast("Awaitable[list[int]]", answer))


async def memory(redis: Redis) -> tuple[int, int]:
    """Return how many bytes the store needs, and how many it may; of a cluster those of all nodes that tell.

    Raises:
        RedisError: the store does not answer.
    """
    told: dict[str, Any] = await redis.info("memory")
    nodes = [told] if "used_memory" in told else [*told.values()]
    used = sum(int(node["used_memory"]) for node in nodes)
    return used, sum(int(node["maxmemory"] or node["total_system_memory"]) for node in nodes)


class ClosedEpisodes:
    """The episodes that were resolved within the last day; each is read once.

    Args:
        redis: client of the store.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reader = IncidentsReader(redis)
        self._known: dict[str, Closed | None] = {}

    async def read(self, now_ms: int) -> list[Closed]:
        """Return those that are known now; after a start it may take some calls to know all.

        Raises:
            RedisError: the store does not answer.
        """
        ids = await cast(
            "Awaitable[list[bytes]]", self._redis.zrevrangebyscore(CLOSED, "+inf", now_ms - LOOK_BACK_MS)
        )
        names = [raw.decode() for raw in ids]
        self._known = {name: self._known[name] for name in names if name in self._known}
        for name in [name for name in names if name not in self._known][:_READ_MAX]:
            kept = await self._reader.episode(name)
            self._known[name] = closed(*kept) if kept and kept[1] else None
        return [episode for episode in self._known.values() if episode is not None]
