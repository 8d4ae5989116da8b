"""What the incidents stage keeps, as the commands of its fenced call, and as it takes it over."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Final, cast

from redis.asyncio import Redis

from alerts.incidents import Kept, Written
from alerts.store import episodes
from alerts.store.faults import FAULTS, PULSES
from alerts.store.folds import Command, hash_commands, pieces

__all__ = ["TIMELINE_MAX", "commands", "load"]

ACKS: Final = "{incidents}:acks"
"""Hash: id -> end of its acknowledgement, epoch milliseconds."""
HOLDS: Final = "{incidents}:holds"
"""Hash: id of every open episode -> what the stage knows of it beside its record, msgpack."""
OPEN_INCIDENTS: Final = "{incidents}:incidents"
"""Hash: id -> incident that is open, JSON."""
AUDIT_MAX: Final = 100_000
"""Most commands that the audit knows; past it the oldest go."""
TIMELINE_MAX: Final = 1_000
"""Changes of one episode that its timeline keeps; past it the oldest but the first go."""


async def load(redis: Redis) -> Kept:
    """Return what the store keeps of the stage."""
    open_, acks, pulses, holds, silences, incidents, faults = [
        await cast("Awaitable[dict[bytes, bytes]]", redis.hgetall(key))
        for key in (episodes.OPEN, ACKS, PULSES, HOLDS, episodes.SILENCES, OPEN_INCIDENTS, FAULTS)
    ]
    closed = cast("list[tuple[bytes, float]]", await redis.zrange(episodes.CLOSED, 0, -1, withscores=True))
    return Kept(
        open={name.decode(): value for name, value in open_.items()},
        acks={name.decode(): int(value) for name, value in acks.items()},
        pulses={name.decode(): value for name, value in pulses.items()},
        closed={name.decode(): int(score) for name, score in closed},
        holds={name.decode(): value for name, value in holds.items()},
        silences={name.decode(): value for name, value in silences.items()},
        incidents={name.decode(): value for name, value in incidents.items()},
        faults={name.decode(): value for name, value in faults.items()},
    )


def commands(written: Written) -> list[Command]:
    """Return the commands that bring the store to the stage's state."""
    return [
        *_episodes(written),
        *hash_commands(ACKS, written.acks),
        *hash_commands(PULSES, written.pulses),
        *hash_commands(HOLDS, written.holds),
        *hash_commands(FAULTS, written.faults),
        *hash_commands(episodes.SILENCES, written.silences),
        *_incidents(written),
        *_audit(written),
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


def _incidents(written: Written) -> Iterator[Command]:
    for incident_id, (value, started_at_ms, ended_at_ms) in written.incidents.items():
        key = episodes.incident_key(incident_id)
        yield "SET", key, (value,)
        yield "ZADD", episodes.INCIDENTS, (started_at_ms, incident_id)
        if ended_at_ms is not None:
            for each in (key, episodes.members_key(incident_id)):
                yield "PEXPIREAT", each, (ended_at_ms + episodes.KEEP_MS,)
    now = {name: None if ended else value for name, (value, _, ended) in written.incidents.items()}
    yield from hash_commands(OPEN_INCIDENTS, now)
    members: dict[str, list[str | int]] = {}
    for incident_id, alert_id, rank in written.members:
        members.setdefault(incident_id, []).extend((rank, alert_id))
    for incident_id, ranked in members.items():
        yield from pieces("ZADD", episodes.members_key(incident_id), ranked)
    if written.incidents:
        oldest = written.now_ms - 2 * episodes.KEEP_MS
        yield "ZREMRANGEBYSCORE", episodes.INCIDENTS, ("-inf", oldest)


def _audit(written: Written) -> Iterator[Command]:
    ranked = [part for offset, value in written.audit.items() for part in (offset, value)]
    yield from pieces("ZADD", episodes.AUDIT, ranked)
    if ranked:
        yield "ZREMRANGEBYRANK", episodes.AUDIT, (0, -AUDIT_MAX - 1)
