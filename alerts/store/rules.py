"""What the rules stage keeps of a partition: a hash of fields that it alone understands."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import cast

from redis.asyncio import Redis

from alerts.store.folds import Command, hash_commands, rules_tag

__all__ = ["commands", "load", "state_key"]


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
