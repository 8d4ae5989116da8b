"""Owning a partition in the store: claim it, write flushes that only the owner can write, give it back.

Each call is one script in one hash slot. A call may be lost with its answer; ``apply`` repeats the same bytes
until the store has answered, which changes nothing if they had arrived.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from stream.errors import FencedError, StoreError
from stream.native import pack_fields, pack_strings
from stream.store import keys
from stream.store.client import AWAY

__all__ = ["Claim", "PartitionStore", "Writes"]

_LIST: Final = struct.Struct(">BI")
_LIST_MARK: Final = 0xDD
_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits between repeats of a flush; the last one repeats."""


class Writes:
    """The writes of one flush, by key."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._packed: list[bytes] = []
        self._numbers: dict[str, int] = {}

    def hset(self, key: str, fields: dict[str, bytes | str]) -> None:
        """Set fields of a hash."""
        if fields:
            self._packed.append(pack_fields("hset", self._number(key), fields))

    def hdel(self, key: str, names: list[str]) -> None:
        """Remove fields of a hash."""
        if names:
            self._add("hdel", key, *names)

    def sadd(self, key: str, *members: str) -> None:
        """Add members to a set."""
        self._add("sadd", key, *members)

    def srem(self, key: str, *members: str) -> None:
        """Remove members of a set."""
        self._add("srem", key, *members)

    def setrange(self, key: str, at: int, raw: bytes) -> None:
        """Write bytes into a string at an absolute position."""
        self._add("setrange", key, str(at), raw)

    def delete(self, key: str) -> None:
        """Remove a key."""
        self._add("del", key)

    def pack(self) -> bytes:
        """Return the writes as the script reads them."""
        return _LIST.pack(_LIST_MARK, len(self._packed)) + b"".join(self._packed)

    def _add(self, kind: str, key: str, *arguments: bytes | str) -> None:
        self._packed.append(pack_strings((kind, str(self._number(key)), *arguments)))

    def _number(self, key: str) -> int:
        number = self._numbers.get(key)
        if number is None:
            self.keys.append(key)
            number = self._numbers[key] = len(self.keys)
        return number


_OF_OWNERS: Final = frozenset(("epoch", "flush", "generation", "member", "lease_until_ms"))
"""Fields of the owner's hash that claims change; a flush changes the others, too."""


def _written(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _OF_OWNERS}


@dataclass(slots=True)
class Claim:
    """A partition that we own.

    Attributes:
        partition: its number.
        epoch: of our ownership; higher than any before.
        flush: number of the last flush.
        fields: fields of the owner's hash as they are in the store.
    """

    partition: int
    epoch: int
    flush: int
    fields: dict[str, str] = field(default_factory=dict)

    def follows(self, before: Claim) -> bool:
        """Tell whether nobody has written since an earlier ownership of ours ended.

        Args:
            before: that ownership, after its last flush.
        """
        return self.flush == before.flush and _written(self.fields) == _written(before.fields)

    def numbers(self, prefix: str) -> dict[str, int]:
        """Return the owner's fields that begin with a prefix, as name without it -> number."""
        return {
            name.removeprefix(prefix): int(value)
            for name, value in self.fields.items()
            if name.startswith(prefix)
        }


class PartitionStore:
    """The fenced calls.

    Args:
        redis: client of the store.
        lease_ms: how long an owner of a newer generation is protected from older ones without a flush.
    """

    def __init__(self, redis: Redis, *, lease_ms: int) -> None:
        self._redis = redis
        self._lease_ms = lease_ms
        scripts = resources.files(__package__).joinpath("scripts")
        self._claim, self._apply, self._release = (
            redis.register_script(scripts.joinpath(f"{name}.lua").read_text())
            for name in ("claim", "apply", "release")
        )

    async def claim(self, partition: int, *, member: str, generation: int) -> Claim:
        """Become the owner of a partition.

        Args:
            partition: its number.
            member: our name, for people.
            generation: generation of the consumer group in which it was assigned to us.

        Raises:
            FencedError: the owner is of a newer generation, and its lease lasts.
            StoreError: the store does not answer.
        """
        key = keys.owner(partition)
        try:
            granted, found = await self._claim(keys=[key], args=[member, generation, self._lease_ms])
        except (RedisError, OSError) as error:
            raise StoreError(f"claim of partition {partition}: {error or type(error).__name__}") from error
        if not granted:
            raise FencedError(f"partition {partition} has a newer owner for {found} ms more")
        flat = found if isinstance(found, list) else list(itertools.chain.from_iterable(found.items()))
        fields = {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
        return Claim(partition, int(fields["epoch"]), int(fields["flush"]), fields)

    async def apply(self, claim: Claim, writes: Writes, fields: dict[str, str]) -> None:
        """Write a flush, and keep trying until the store has answered.

        Args:
            claim: our ownership; its flush number and fields are brought up to date.
            writes: what to write.
            fields: fields of the owner's hash to set, the offsets among them; the offsets of the flush before
                must be in the store.

        Raises:
            FencedError: somebody else owns the partition, or the store is not where we left it; nothing was
                written.
            StoreError: the store refuses the writes.
        """
        checks = [
            part
            for name in fields
            if name.startswith("offset:")
            for part in (name, claim.fields.get(name, ""))
        ]
        arguments = [
            claim.epoch,
            claim.flush,
            claim.flush + 1,
            pack_strings(checks),
            writes.pack(),
            pack_strings(itertools.chain.from_iterable(fields.items())),
            self._lease_ms,
            keys.TTL_S,
        ]
        names = [keys.owner(claim.partition), *writes.keys]
        answer = await self._until_answered(names, arguments)
        if answer != b"done":
            raise FencedError(f"flush of partition {claim.partition}: {answer.decode()}")
        claim.flush += 1
        claim.fields |= fields

    async def release(self, claim: Claim) -> None:
        """End our lease, so that the next owner need not wait for it; harmless when it is not ours any more.

        Raises:
            StoreError: the store does not answer.
        """
        try:
            await self._release(keys=[keys.owner(claim.partition)], args=[claim.epoch])
        except (RedisError, OSError) as error:
            raise StoreError(f"release of partition {claim.partition}: {error}") from error

    async def _until_answered(self, names: list[str], arguments: list[Any]) -> bytes:
        for attempt in itertools.count():
            try:
                answer: bytes = await self._apply(keys=names, args=arguments)
            except AWAY:
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            except RedisError as error:
                raise StoreError(f"the store refuses a flush: {error}") from error
            else:
                return answer
        raise AssertionError
