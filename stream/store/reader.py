"""What others read from the store: the newest figures of rooms and vendors, and how far each partition is.

The figures are those of the last flush of a partition, written together with its panes and offsets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from stream.codec import partition_of
from stream.errors import StoreError
from stream.store import keys
from stream.store.values import PartitionStatus, RoomFigures, VendorFigures

__all__ = ["FiguresReader"]

_REACH = b"reach:"
_SCANNED = 200
"""Rooms in one answer of the store: less than a megabyte, a millisecond of its time."""


class FiguresReader:
    """Reads what the last flushes wrote; blocks nobody and holds nothing.

    Args:
        redis: client of the store, from ``connect``.
        partitions: number of partitions of the deployment.
    """

    def __init__(self, redis: Redis, partitions: int) -> None:
        self._redis = redis
        self._partitions = partitions

    async def rooms(self, partitions: Sequence[int] | None = None) -> list[RoomFigures]:
        """Return every room of some partitions (None: all) that the store knows, in no order.

        They are read some at a time: megabytes in one answer would keep the store from the ingest's flushes.

        Raises:
            StoreError: the store does not answer.
        """
        numbers = range(self._partitions) if partitions is None else partitions
        found: dict[tuple[int, bytes], bytes] = {}
        try:
            for partition in numbers:
                async for name, raw in self._redis.hscan_iter(keys.now(partition), count=_SCANNED):
                    found[partition, name] = raw
        except RedisError as error:
            raise _away(error) from error
        return [_room(partition, raw) for (partition, _), raw in found.items()]

    async def room(self, room_id: str) -> RoomFigures | None:
        """Return one room, or None when the store does not know it.

        Raises:
            StoreError: the store does not answer.
        """
        partition = partition_of(room_id, self._partitions)
        try:
            raw = await cast("Awaitable[bytes | None]", self._redis.hget(keys.now(partition), room_id))
        except RedisError as error:
            raise _away(error) from error
        return None if raw is None else _room(partition, raw)

    async def vendors(self, partitions: Sequence[int] | None = None) -> list[VendorFigures]:
        """Return every vendor operation of some partitions (None: all) that the store knows, in no order.

        Raises:
            StoreError: the store does not answer.
        """
        found = await self._all(keys.now_vendors, partitions)
        return [_vendor(partition, raw) for partition, fields in found for raw in fields.values()]

    async def partitions(self) -> list[PartitionStatus]:
        """Return the state of every partition, in order; one nobody has owned yet has epoch 0.

        Raises:
            StoreError: the store does not answer.
        """
        return [_status(partition, fields) for partition, fields in await self._all(keys.owner)]

    async def _all(
        self, key: Any, partitions: Sequence[int] | None = None
    ) -> list[tuple[int, dict[bytes, bytes]]]:
        numbers = range(self._partitions) if partitions is None else partitions
        pipe = self._redis.pipeline(transaction=False)
        for partition in numbers:
            pipe.hgetall(key(partition))
        try:
            return list(zip(numbers, await pipe.execute(), strict=True))
        except RedisError as error:
            raise _away(error) from error


def _away(error: RedisError) -> StoreError:
    return StoreError(f"the store does not answer: {error or type(error).__name__}")


def _room(partition: int, raw: bytes) -> RoomFigures:
    entry = msgspec.msgpack.decode(raw)
    return RoomFigures(
        partition=partition,
        room_id=entry["room_id"],
        session_ms=entry["session_ms"],
        state=entry["state"],
        facts=entry.get("facts", {}),
        values=entry["values"],
        newest_ms=entry["newest_ms"],
        ended_reason=entry.get("ended_reason"),
    )


def _vendor(partition: int, raw: bytes) -> VendorFigures:
    entry = msgspec.msgpack.decode(raw)
    return VendorFigures(
        partition=partition,
        vendor=entry["vendor"],
        operation=entry["operation"],
        values=entry["values"],
        newest_ms=entry["newest_ms"],
    )


def _status(partition: int, fields: dict[bytes, bytes]) -> PartitionStatus:
    return PartitionStatus(
        partition=partition,
        epoch=int(fields.get(b"epoch", 0)),
        member=fields.get(b"member", b"").decode(),
        tick_ms=int(fields.get(b"tick_ms", 0)),
        reach_ms={
            name.removeprefix(_REACH).decode(): int(value)
            for name, value in fields.items()
            if name.startswith(_REACH)
        },
    )
