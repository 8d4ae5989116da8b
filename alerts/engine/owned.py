"""The folds of the partitions that are assigned to this process, and whether they get on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import structlog
from aiokafka import TopicPartition

from alerts.fold import Fold
from alerts.stages import Record
from stream.errors import StageError

__all__ = ["OwnedFolds", "Standstill", "Unowned"]

_DRAIN_S: Final = 2.0
"""How long a fold may take to end the batch at hand before it is cut off; either way the store is right."""


class OwnedFolds:
    """One fold, in a task of its own, for each partition that is assigned.

    Args:
        group: the task group of the process; a fold that fails ends it.
        make: returns the fold of a partition for a generation of the consumer group.
    """

    def __init__(self, group: asyncio.TaskGroup, make: Callable[[TopicPartition, int], Fold]) -> None:
        self._group = group
        self._make = make
        self._running: dict[TopicPartition, tuple[Fold, asyncio.Task[None]]] = {}

    async def assigned(self, parts: set[TopicPartition], generation: int) -> None:
        """Begin with these partitions."""
        await self.revoked(set(self._running))
        for part in sorted(parts):
            fold = self._make(part, generation)
            name = f"fold {part.topic}-{part.partition}"
            self._running[part] = (fold, self._group.create_task(fold.run(), name=name))
        structlog.get_logger().info(
            "engine.assigned",
            generation=generation,
            logs=[f"{part.topic}-{part.partition}" for part in parts],
        )

    async def revoked(self, parts: set[TopicPartition]) -> None:
        """Put these partitions away: end the batch at hand, then forget."""
        ending = [self._running.pop(part) for part in parts if part in self._running]
        for fold, _ in ending:
            fold.inbox.close()
        if ending:
            _, late = await asyncio.wait([task for _, task in ending], timeout=_DRAIN_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_DRAIN_S)

    async def close(self) -> None:
        """Put everything away."""
        await self.revoked(set(self._running))

    def deliver(self, part: TopicPartition, record: Record, end: int) -> None:
        """Hand a record to its fold; without one it is dropped, and the next owner reads it from the log."""
        if part in self._running:
            self._running[part][0].inbox.put(record, end)

    def seen(self) -> dict[TopicPartition, int]:
        """Return for each partition of ours the offset of the last record folded."""
        return {part: fold.seen for part, (fold, _) in self._running.items()}


class Standstill:
    """Tells when a log grows while its fold stands: the process is then worth less than its replacement.

    Args:
        limit_s: how long it may stand, seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._moved: dict[TopicPartition, tuple[int, float]] = {}

    def check(
        self, folded: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], now_s: float
    ) -> None:
        """Compare with the time before.

        Args:
            folded: offset of the last record folded, of each log that is this process's to fold.
            ends: offset of the next record of each log.
            now_s: a clock that never steps, seconds.

        Raises:
            StageError: one stands still for longer than the limit.
        """
        for part in self._moved.keys() - folded.keys():
            del self._moved[part]
        for part, offset in folded.items():
            before, since_s = self._moved.get(part, (None, now_s))
            if offset != before or offset + 1 >= ends[part]:
                self._moved[part] = (offset, now_s)
            elif now_s - since_s > self._limit_s:
                raise StageError(
                    f"{part.topic}-{part.partition} grows to offset {ends[part] - 1}, but its fold stands at"
                    f" {offset} for {now_s - since_s:.0f} s"
                )


class Unowned:
    """Tells when nobody folds a log: then our group has left this process out, and a new one gets a share.

    Args:
        limit_s: how long a log may be without an owner, seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: dict[TopicPartition, float] = {}

    def check(self, unowned: AbstractSet[TopicPartition], now_s: float) -> None:
        """Compare with the time before.

        Args:
            unowned: logs whose owner's lease is over.
            now_s: a clock that never steps, seconds.

        Raises:
            StageError: one has had no owner for longer than the limit.
        """
        self._since = {part: self._since.get(part, now_s) for part in unowned}
        for part, since_s in self._since.items():
            if now_s - since_s > self._limit_s:
                raise StageError(
                    f"nobody folds {part.topic}-{part.partition} for {now_s - since_s:.0f} s,"
                    " and this process was not given it"
                )
