"""What the rules stage keeps of a partition: a hash of fields; others read the pending rules of it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Final, cast

import msgspec
from redis.asyncio import Redis

from alerts.states import AlertState
from alerts.store.folds import Command, hash_commands, rules_tag

__all__ = ["commands", "load", "pending", "state_key"]

_SCANNED: Final = 1_000
"""Fields that the store looks at in one go; it answers nobody else meanwhile."""


class _States(msgspec.Struct, array_like=True):
    """The first part of what ``alerts.held.pack_states`` packs; the rest is passed over."""

    states: dict[str, AlertState]


_STATES: Final = msgspec.msgpack.Decoder(_States)


def state_key(partition: int) -> str:
    """Return the key of the stage's state: a hash."""
    return f"{rules_tag(partition)}:state"


async def load(redis: Redis, partition: int) -> dict[str, bytes]:
    """Return every field that the stage kept."""
    kept = await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(state_key(partition)))
    return {name.decode(): value for name, value in kept.items()}


def commands(partition: int, fields: Mapping[str, bytes | None]) -> list[Command]:
    """Return the commands that bring the store to the stage's state."""
    return list(hash_commands(state_key(partition), fields))


async def pending(redis: Redis, partitions: Iterable[int]) -> set[tuple[str, str]]:
    """Return rule and room of every rule that is breached on a room of some partitions and not yet told."""
    found = set()
    for partition in partitions:
        fields = redis.hscan_iter(state_key(partition), match="s:*", count=_SCANNED)
        async for name, packed in fields:
            key = name.decode().removeprefix("s:")
            if "/" not in key:  # a vendor's operation
                states = _STATES.decode(packed).states
                found |= {(rule, key) for rule, state in states.items() if not state.severity}
    return found
