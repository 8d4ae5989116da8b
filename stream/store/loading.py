"""Reading a partition back after it was claimed; nobody else can write to it then, so plain reads agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from stream.alignment import Alignment
from stream.errors import SettingsError, StoreError
from stream.orders import HOUR_MS
from stream.partition import Partition
from stream.sessions import REMEMBERED_MS
from stream.store import keys
from stream.store.packing import Places, places_of, unpack_operation, unpack_room
from stream.store.partition import Claim

__all__ = ["load", "load_progress"]

_ROOMS_AT_ONCE: Final = 25
"""Hashes of one round trip, some 40 KiB each: other partitions wait while they are unpacked, some 50 ms."""


def load_progress(claim: Claim, partition: Partition, alignment: Alignment) -> None:
    """Tell how far a claimed partition has come.

    Args:
        claim: our ownership.
        partition: takes what was highest and counted.
        alignment: empty; takes how far each feed was folded.
    """
    appended, reached = claim.numbers("append:"), claim.numbers("reach:")
    highest = claim.numbers("highest:")
    for feed, queue in alignment.queues.items():
        queue.append_ms = appended.get(feed, 0)
        queue.reach_ms = reached.get(feed, 0)
        partition.late[feed].highest_ms = highest.get(feed, 0)
    partition.forgot_ms = min((queue.reach_ms for queue in alignment.queues.values()), default=0)
    for name, number in claim.numbers("count:").items():
        partition.counts[name] = number


async def load(redis: Redis, claim: Claim, partition: Partition) -> set[str]:
    """Bring a claimed partition into memory.

    Args:
        redis: client of the store.
        claim: our ownership.
        partition: empty; takes rooms, vendors and orders.

    Returns:
        The rooms whose newest figures are in the store.

    Raises:
        StoreError: the store does not answer.
        SettingsError: the partition was written by a version whose state this one cannot read.
    """
    number = claim.partition
    places = _places(claim)
    try:
        await _load_rooms(redis, number, partition, places)
        await _load_operations(redis, number, partition, places)
        await _load_orders(redis, number, partition, claim.numbers("append:").get("orders", 0))
        return set(_names(await redis.hkeys(keys.now(number))))
    except (RedisError, OSError) as error:
        raise StoreError(f"reading partition {number}: {error or type(error).__name__}") from error


def _places(claim: Claim) -> Places | None:
    """Return where cells have moved since the partition was written; None if they did not."""
    names = claim.fields.get("cells")
    if names is not None:
        return places_of(names)
    if claim.flush:
        raise SettingsError(
            f"partition {claim.partition} was written by a roomwatch before 0.2, which kept figures"
            " another way: use another database, or empty this one; what Kafka still has is counted again"
        )
    return None


async def _load_rooms(redis: Redis, number: int, partition: Partition, places: Places | None) -> None:
    for some in _slices(_names(await redis.smembers(keys.rooms(number)))):
        pipe = redis.pipeline(transaction=False)
        for room_id in some:
            pipe.hgetall(keys.room(number, room_id))
        for room_id, fields in zip(some, await pipe.execute(), strict=True):
            if fields:
                room = unpack_room(room_id, fields, places)
                partition.adopt(room)
                if places is not None or any(session.tally.former for session in room.sessions):
                    partition.touched.add(room)


async def _load_operations(redis: Redis, number: int, partition: Partition, places: Places | None) -> None:
    for some in _slices(_names(await redis.smembers(keys.vendors(number)))):
        pipe = redis.pipeline(transaction=False)
        for name in some:
            pipe.hgetall(keys.vendor(number, name))
        for name, fields in zip(some, await pipe.execute(), strict=True):
            if fields:
                operation = unpack_operation(name, fields, places)
                partition.operations[name] = operation
                if places is not None or operation.tally.former:
                    partition.touched_operations.add(operation)


async def _load_orders(redis: Redis, number: int, partition: Partition, append_ms: int) -> None:
    first = (append_ms - REMEMBERED_MS) // HOUR_MS
    for hour in range(first, append_ms // HOUR_MS + 1):
        chunk = await redis.get(keys.orders(number, hour))
        if chunk:
            partition.orders.load(hour, cast("bytes", chunk))


def _names(members: Iterable[Any]) -> list[str]:
    return sorted(member.decode() for member in members)


def _slices(names: list[str]) -> Iterator[list[str]]:
    left = iter(names)
    while some := list(islice(left, _ROOMS_AT_ONCE)):
        yield some
