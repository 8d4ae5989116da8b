"""Who folds what, and how far: the owner record, and the one call that keeps state and offset together.

The owner record is a hash ``<tag>:owner``: ``epoch`` (raised by each take-over), ``generation`` (of the
consumer group), ``member``, ``lease_until_ms`` (the store's clock), ``offset`` (of the last record in the
kept state), ``output`` (newest offset that the fold wrote). An older epoch can write nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from redis.asyncio import Redis

from stream.errors import FencedError

__all__ = ["Claim", "Command", "FoldStore", "hash_commands", "incidents_tag", "pieces", "rules_tag"]

_ARGUMENTS_MAX: Final = 1_000
"""Most arguments of one command, an even number: Lua hands over some 8 000 at most."""

Command = tuple[str, str, Sequence[str | bytes | int]]
"""Name, key, and the arguments after the key; writes absolute values, so that a repeat does no harm."""

_FOLDER: Final = Path(__file__).parent


def rules_tag(partition: int) -> str:
    """Return what the keys of the rules stage begin with for a partition of ``live.windows``."""
    return f"{{p{partition}}}:rules"


def incidents_tag() -> str:
    """Return what the keys of the incidents stage begin with."""
    return "{incidents}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A fold taken over: its new epoch, the offset of the last record in its state, the newest it wrote."""

    epoch: int
    offset: int
    output: int


class FoldStore:
    """The owner record of one fold.

    Args:
        redis: a client of the store.
        tag: what the fold's keys begin with; they share one slot of a Redis Cluster.
        member: name of this process, different from every other's.
        lease_ms: how long an owner that says nothing keeps out a caller of an older generation; milliseconds.
    """

    def __init__(self, redis: Redis, tag: str, *, member: str, lease_ms: int) -> None:
        self._redis = redis
        self._owner = f"{tag}:owner"
        self._member = member
        self._lease_ms = lease_ms
        self._claim = redis.register_script((_FOLDER / "claim_fold.lua").read_text())
        self._apply = redis.register_script((_FOLDER / "apply_fold.lua").read_text())
        self._renew = redis.register_script((_FOLDER / "renew_fold.lua").read_text())

    async def claim(self, generation: int) -> Claim:
        """Take the fold over; whoever had it can write nothing from now on.

        Args:
            generation: of the consumer group that gave the partition to this process.

        Raises:
            FencedError: a member of a later generation holds it and is alive.
        """
        answer = await self._claim([self._owner], [self._member, generation, self._lease_ms])
        if answer[0] != 1:
            holder, later = answer[1].decode(), int(answer[2])
            raise FencedError(
                f"{self._owner} is held by {holder} of generation {later}, ours is {generation}"
            )
        return Claim(*(int(value) for value in answer[1:]))

    async def apply(self, claim: Claim, *, offset: int, output: int, commands: Sequence[Command]) -> Claim:
        """Keep a state with the offset that it includes: all of it, or nothing.

        Args:
            claim: as the last call returned it.
            offset: of the newest record in the state.
            output: newest offset that the fold wrote, -1 for none since the claim.
            commands: what changed.

        Returns:
            The claim to go on with.

        Raises:
            FencedError: another owner took over, or the kept offset is not the claim's.
        """
        keys = [self._owner, *dict.fromkeys(key for _, key, _ in commands)]
        place = {key: index for index, key in enumerate(keys, start=1)}
        arguments: list[str | bytes | int] = [claim.epoch, claim.offset, offset, output, self._lease_ms]
        for name, key, values in commands:
            arguments += [len(values), name, place[key], *values]
        verdict = cast("Literal[b'done', b'fenced', b'moved']", await self._apply(keys, arguments))
        if verdict != b"done":
            raise FencedError(
                f"{self._owner}: {verdict.decode()} since epoch {claim.epoch}, offset {claim.offset}"
            )
        return Claim(claim.epoch, offset, max(claim.output, output))

    async def renew(self, claim: Claim) -> None:
        """Prolong the lease.

        Raises:
            FencedError: another owner took over.
        """
        if not await cast("Awaitable[int]", self._renew([self._owner], [claim.epoch, self._lease_ms])):
            raise FencedError(f"{self._owner}: fenced since epoch {claim.epoch}")

    async def is_owned(self) -> bool:
        """Return whether somebody's lease is running."""
        seconds, micros = await self._redis.time()
        until_ms = await cast("Awaitable[bytes | None]", self._redis.hget(self._owner, "lease_until_ms"))
        return until_ms is not None and int(until_ms) > seconds * 1_000 + micros // 1_000


def hash_commands(key: str, fields: Mapping[str, bytes | int | None]) -> Iterator[Command]:
    """Yield the commands that set fields of a hash, and delete those that are None."""
    kept = [part for name, value in fields.items() if value is not None for part in (name, value)]
    yield from pieces("HSET", key, kept)
    yield from pieces("HDEL", key, [name for name, value in fields.items() if value is None])


def pieces(name: str, key: str, values: Sequence[str | bytes | int]) -> Iterator[Command]:
    """Yield one command, or several where it has too many arguments; none without arguments."""
    for begin in range(0, len(values), _ARGUMENTS_MAX):
        yield name, key, values[begin : begin + _ARGUMENTS_MAX]
