"""Which partitions this exporter shows, agreed upon in the store."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Final, cast

from redis.asyncio import Redis

__all__ = ["LEASE_MS", "MEMBERS", "PARTITIONS", "Share"]

MEMBERS: Final = "{exporters}:members"
"""Hash: exporter -> end of its lease, epoch milliseconds of the store's clock."""
PARTITIONS: Final = "{exporters}:partitions"
"""Hash: partition -> end of the lease and the exporter that shows it."""
LEASE_MS: Final = 15_000
"""How long an exporter shows a partition without asking again: three scrapes, so that the series of the one
before have left Prometheus when the next one begins."""

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
