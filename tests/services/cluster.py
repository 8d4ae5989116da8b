"""A real Redis Cluster on this machine: three Valkey processes that share the slots, joined by commands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio import Redis

from deploy.local.process import LOOPBACK, free_port
from deploy.local.valkey import Valkey
from tests.waiting import until

__all__ = ["SLOTS", "Cluster"]

SLOTS: Final = 16_384
_NODES: Final = 3
_OPTIONS: Final[Mapping[str, str]] = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "2000",
    "databases": "1",
}


class Cluster:
    """Three primaries without replicas.

    Args:
        folder: for their data.

    Attributes:
        nodes: the processes; who stops or kills one starts it again.
    """

    def __init__(self, folder: Path) -> None:
        self._buses = [str(free_port()) for _ in range(_NODES)]
        self.nodes = [
            Valkey(folder / f"node{number}", options={**_OPTIONS, "cluster-port": bus})
            for number, bus in enumerate(self._buses)
        ]

    @property
    def url(self) -> str:
        """``redis://`` URL of the first node, from which clients find the others."""
        return self.nodes[0].url

    async def __aenter__(self) -> Self:
        for node in self.nodes:
            await node.start()
        first, *_ = self.nodes
        share = -(-SLOTS // _NODES)
        for number, node in enumerate(self.nodes):
            end = min(SLOTS, (number + 1) * share) - 1
            await self.ask(node, "CLUSTER ADDSLOTSRANGE", number * share, end)
            if node is not first:
                port = first.url.rpartition(":")[2].partition("/")[0]
                await self.ask(node, "CLUSTER MEET", LOOPBACK, port, self._buses[0])
        await until(self.whole, 60, what="a cluster that agrees on its slots")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def ask(self, node: Valkey, *words: Any) -> Any:
        """Send a command to one node."""
        async with Redis.from_url(node.url, decode_responses=True) as redis:
            return await redis.execute_command(*words)

    async def whole(self) -> bool:
        """Tell whether every node says that all slots are served by nodes that it knows."""
        for node in self.nodes:
            told = await self.ask(node, "CLUSTER INFO")
            if told["cluster_state"] != "ok" or int(told["cluster_known_nodes"]) != _NODES:
                return False
            shards = await self.ask(node, "CLUSTER NODES")
            if sum(int(one["connected"]) for one in shards.values()) != _NODES:
                return False
        return True

    async def holder(self, slot: int) -> int:
        """Return the number of the node that serves a slot."""
        for number, node in enumerate(self.nodes):
            known = await self.ask(node, "CLUSTER NODES")
            mine = next(one for one in known.values() if "myself" in one["flags"])
            if any(int(first) <= slot <= int(last) for first, last in _ranges(mine["slots"])):
                return number
        raise AssertionError(f"nobody serves slot {slot}")

    async def move(self, slot: int, to: int) -> int:
        """Move a slot with its keys to another node while it is served; return the number of keys moved."""
        source, target = self.nodes[await self.holder(slot)], self.nodes[to]
        old, new = [await self.ask(node, "CLUSTER MYID") for node in (source, target)]
        await self.ask(target, "CLUSTER SETSLOT", slot, "IMPORTING", old)
        await self.ask(source, "CLUSTER SETSLOT", slot, "MIGRATING", new)
        port, moved = target.url.rpartition(":")[2].partition("/")[0], 0
        while keys := await self.ask(source, "CLUSTER GETKEYSINSLOT", slot, 2):
            await self.ask(source, "MIGRATE", LOOPBACK, port, "", 0, 5_000, "KEYS", *keys)
            moved += len(keys)
        for node in (target, source, *self.nodes):
            await self.ask(node, "CLUSTER SETSLOT", slot, "NODE", new)
        return moved


def _ranges(slots: list[list[str]]) -> list[tuple[str, str]]:
    return [(one[0], one[-1]) for one in slots]
