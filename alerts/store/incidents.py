"""What the incidents stage keeps, as the commands of its fenced call, and as it takes it over."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Final, cast

from redis.asyncio import Redis

from alerts.incidents import Kept, Written
from alerts.store import episodes
from alerts.store.folds import Command, hash_commands, pieces

__all__ = ["TIMELINE_MAX", "commands", "load"]

ACKS: Final = "{incidents}:acks"
"""Hash: id -> end of its acknowledgement, epoch milliseconds."""
PULSES: Final = "{incidents}:pulses"
"""Hash: partition number -> what is known of its heartbeats, and ``clock`` -> the stage's clock."""
TIMELINE_MAX: Final = 1_000
"""Changes of one episode that its timeline keeps; past it the oldest but the first go."""


async def load(redis: Redis) -> Kept:
    """Return what the store keeps of the stage."""
    open_, acks, pulses = [
        await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(key))
        for key in (episodes.OPEN, ACKS, PULSES)
    ]
    closed = cast("list[tuple[bytes, float]]", await redis.zrange(episodes.CLOSED, 0, -1, withscores=True))
    return Kept(
        open={name.decode(): value for name, value in open_.items()},
        acks={name.decode(): int(value) for name, value in acks.items()},
        pulses={name.decode(): value for name, value in pulses.items()},
        closed={name.decode(): int(score) for name, score in closed},
    )


def commands(written: Written) -> list[Command]:
    """Return the commands that bring the store to the stage's state."""
    return [
        *_episodes(written),
        *hash_commands(ACKS, written.acks),
        *hash_commands(PULSES, written.pulses),
        *pieces("ZREM", episodes.STARTED, written.forgotten),
        *pieces("ZREM", episodes.CLOSED, written.forgotten),
    ]


def _episodes(written: Written) -> Iterator[Command]:
    newest = {entry.alert.id: entry for entry in written.entries}
    for entry in written.entries:
        alert = entry.alert
        key = episodes.episode_key(alert.id)
        yield "HSET", key, (str(alert.change), entry.timeline)
        if alert.change > TIMELINE_MAX + 1:
            yield "HDEL", key, (str(alert.change - TIMELINE_MAX),)
    for alert_id, entry in newest.items():
        key = episodes.episode_key(alert_id)
        yield "HSET", key, (episodes.NEWEST, entry.value)
        yield "ZADD", episodes.STARTED, (entry.alert.started_at_ms, alert_id)
        if entry.alert.state == "resolved":
            yield "PEXPIREAT", key, (entry.alert.at_ms + episodes.KEEP_MS,)
            yield "ZADD", episodes.CLOSED, (entry.alert.at_ms, alert_id)
    yield from hash_commands(
        episodes.OPEN,
        {name: None if entry.alert.state == "resolved" else entry.value for name, entry in newest.items()},
    )
