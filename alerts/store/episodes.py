"""Episodes as others read them: open ones, past ones of 35 days, their timelines.

Every key carries the hash tag ``{incidents}``, so that one fenced call of the incidents stage writes them
together with its offset, and a reader of one key sees a state that the stage had. A reader never writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Final, cast

import orjson
from redis.asyncio import Redis

__all__ = [
    "AUDIT",
    "CLOSED",
    "INCIDENTS",
    "KEEP_MS",
    "NEWEST",
    "OPEN",
    "OWNER",
    "SILENCES",
    "STARTED",
    "IncidentsReader",
    "episode_key",
    "incident_key",
    "members_key",
]

OWNER: Final = "{incidents}:owner"
"""Hash, see ``alerts.store.folds``; ``output`` is the newest offset in ``live.alerts``."""
OPEN: Final = "{incidents}:open"
"""Hash: id of every open episode -> its newest record, the bytes that ``live.alerts`` got."""
STARTED: Final = "{incidents}:started"
"""Sorted set: id of every episode that is kept, by ``started_at_ms``."""
CLOSED: Final = "{incidents}:closed"
"""Sorted set: id of every resolved episode that is kept, by the ``at_ms`` of its resolution."""
SILENCES: Final = "{incidents}:silences"
"""Hash: id -> silence, JSON; ended ones for 35 days."""
INCIDENTS: Final = "{incidents}:incidents:started"
"""Sorted set: id of every incident that is kept, by ``started_at_ms``."""
AUDIT: Final = "{incidents}:audit"
"""Sorted set: who asked for what, JSON, by the offset of the command in ``live.transitions``."""
NEWEST: Final = b"newest"
"""Field of an episode's hash that holds its newest record; the other fields are its changes by number."""
KEEP_MS: Final = 35 * 24 * 3_600_000
"""How long a resolved episode is kept, milliseconds; from the contract."""

_PAGE: Final = 500
_SCANNED_MAX: Final = 20_000
"""Episodes looked at for one answer; past it the answer is short and carries the cursor to go on."""

Record = dict[str, Any]


def episode_key(alert_id: str) -> str:
    """Return the key of an episode's hash."""
    return f"{{incidents}}:ep:{alert_id}"


def incident_key(incident_id: str) -> str:
    """Return the key of an incident, JSON."""
    return f"{{incidents}}:inc:{incident_id}"


def members_key(incident_id: str) -> str:
    """Return the key of an incident's members: a sorted set of alert ids by rank."""
    return f"{{incidents}}:inc:{incident_id}:members"


class IncidentsReader:
    """Reads what the incidents stage keeps; safe to use from any number of processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def open_alerts(self, *, tests: bool = True) -> list[Record]:
        """Return the newest record of every open episode, newest start first.

        Args:
            tests: with test alerts too, which count in no statistic.
        """
        kept = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(OPEN))
        records = (orjson.loads(value) for value in kept.values())
        return sorted((one for one in records if tests or not _is_test(one)), key=_order, reverse=True)

    async def alerts(
        self,
        *,
        state: str | None = None,
        room: str | None = None,
        kind: str | None = None,
        since_ms: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> tuple[list[Record], str | None]:
        """Return the newest records of open and past episodes, newest start first.

        Args:
            state: only episodes that are in this state now.
            room: only episodes of this room.
            kind: only episodes of this kind.
            since_ms: only episodes that started then or later.
            limit: most records returned, 1 or more.
            cursor: where the page before ended.

        Returns:
            The records, and the cursor of the next page or None at the end. A page may be short and still
            have a cursor, when many episodes had to be passed over.

        Raises:
            ValueError: the cursor is not one that this method returned.
        """
        after = None if cursor is None else _parse_cursor(cursor)
        wanted = {"state": state, "room_id": room, "kind": kind}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        found: list[Record] = []
        scanned = 0
        last: tuple[int, str] | None = None
        pages = self._open_pages(after, since_ms) if state not in (None, "resolved") else None
        async for place, record in pages or self._kept(after, since_ms):
            if len(found) == limit or scanned == _SCANNED_MAX:
                return found, None if last is None else f"{last[0]}:{last[1]}"
            scanned, last = scanned + 1, place
            if record is not None and all(record[name] == value for name, value in wanted.items()):
                found.append(record)
        return found, None

    async def episode(self, alert_id: str) -> tuple[Record, list[Record]] | None:
        """Return an episode's newest record and its timeline, oldest first; None when it is not kept."""
        fields = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(episode_key(alert_id)))
        if NEWEST not in fields:
            return None
        newest = orjson.loads(fields.pop(NEWEST))
        return newest, [orjson.loads(fields[number]) for number in sorted(fields, key=int)]

    async def newest(self, alert_ids: Sequence[str]) -> list[Record]:
        """Return the newest records of episodes in the order asked for, without those kept no longer."""
        pipe = self._redis.pipeline(transaction=False)
        for alert_id in alert_ids:
            pipe.hget(episode_key(alert_id), NEWEST)
        values = await pipe.execute() if alert_ids else []
        return [orjson.loads(value) for value in values if value is not None]

    async def incidents(
        self, *, limit: int = 100, cursor: str | None = None, open_only: bool = False
    ) -> tuple[list[Record], str | None]:
        """Return incidents, newest start first, and the cursor of the next page.

        Raises:
            ValueError: the cursor is not one that this method returned.
        """
        after = None if cursor is None else _parse_cursor(cursor)
        found: list[Record] = []
        begin = 0
        while len(found) < limit:
            page = cast(
                "list[tuple[bytes, float]]",
                await self._redis.zrevrange(INCIDENTS, begin, begin + _PAGE - 1, withscores=True),
            )
            begin += len(page)
            places = [(int(score), member.decode()) for member, score in page]
            places = [place for place in places if after is None or place < after]
            for place in places:
                incident = await self._incident(place[1])
                if incident is not None and not (open_only and incident["ended_at_ms"]):
                    found.append(incident)
                if len(found) == limit:
                    return found, f"{place[0]}:{place[1]}"
            if len(page) < _PAGE:
                break
        return found, None

    async def incident(self, incident_id: str, *, members_max: int) -> tuple[Record, list[Record]] | None:
        """Return an incident and the newest records of its first members; None when it is not kept."""
        incident = await self._incident(incident_id)
        if incident is None:
            return None
        ids = cast("list[bytes]", await self._redis.zrange(members_key(incident_id), 0, members_max - 1))
        return incident, await self.newest([one.decode() for one in ids])

    async def silences(self) -> list[Record]:
        """Return every silence that is kept, newest first."""
        kept = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(SILENCES))
        return sorted((orjson.loads(value) for value in kept.values()), key=_made, reverse=True)

    async def audit(self, *, limit: int, before: int | None = None) -> list[Record]:
        """Return who asked for what, newest first, from before an offset on."""
        high = "+inf" if before is None else f"({before}"
        kept = cast(
            "list[bytes]", await self._redis.zrevrangebyscore(AUDIT, high, "-inf", start=0, num=limit)
        )
        return [orjson.loads(value) for value in kept]

    async def _incident(self, incident_id: str) -> Record | None:
        value = await cast("Awaitable[bytes | None]", self._redis.get(incident_key(incident_id)))
        if value is None:
            return None
        record: Record = orjson.loads(value)
        record.pop("short_ms", None)
        return record

    async def position(self) -> tuple[int, int]:
        """Return the offsets of the newest ``live.alerts`` record and of the last input; -1 for unknown."""
        kept = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(OWNER, ["output", "offset"]))
        output, offset = (-1 if value is None else int(value) for value in kept)
        return output, offset

    async def _open_pages(
        self, after: tuple[int, str] | None, since_ms: int | None
    ) -> AsyncIterator[tuple[tuple[int, str], Record | None]]:
        for record in await self.open_alerts():
            place = _order(record)
            if (after is None or place < after) and (since_ms is None or place[0] >= since_ms):
                yield place, record

    async def _kept(
        self, after: tuple[int, str] | None, since_ms: int | None
    ) -> AsyncIterator[tuple[tuple[int, str], Record | None]]:
        low = "-inf" if since_ms is None else since_ms
        begin = 0 if after is None else await self._rank_after(after)
        while True:
            page = cast(
                "list[tuple[bytes, float]]",
                await self._redis.zrevrangebyscore(
                    STARTED, "+inf", low, start=begin, num=_PAGE, withscores=True
                ),
            )
            places = [(int(score), member.decode()) for member, score in page]
            pipe = self._redis.pipeline(transaction=False)
            for _, alert_id in places:
                pipe.hget(episode_key(alert_id), NEWEST)
            for place, value in zip(places, await pipe.execute() if places else [], strict=True):
                yield place, None if value is None else orjson.loads(value)
            if len(page) < _PAGE:
                return
            begin = await self._rank_after(places[-1])

    async def _rank_after(self, place: tuple[int, str]) -> int:
        """Return how many kept episodes stand before the one after ``place``, newest first."""
        rank = cast("int | None", await self._redis.zrevrank(STARTED, place[1]))
        if rank is not None:
            return rank + 1
        return int(await self._redis.zcount(STARTED, f"({place[0]}", "+inf"))


def _is_test(record: Record) -> bool:
    return bool(record.get("labels", {}).get("test") == "true")


def _order(record: Record) -> tuple[int, str]:
    return int(record["started_at_ms"]), str(record["id"])


def _made(silence: Record) -> tuple[int, int]:
    return int(silence["created_at_ms"]), int(silence["offset"])


def _parse_cursor(cursor: str) -> tuple[int, str]:
    started, separator, alert_id = cursor.partition(":")
    if not separator or not started.isdecimal() or not alert_id:
        raise ValueError(f"{cursor!r} is no cursor of this list")
    return int(started), alert_id
