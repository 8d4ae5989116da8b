"""What the notifier keeps, under its own epoch: the desk, how far its two logs were read, delivery records.

All keys carry the hash tag ``{notifier}``, so that one fenced call writes them together. Another notifier
that took over makes every call here fail; what it finds is what was kept last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.notify.desk import Kept, Written
from alerts.notify.model import Delivery, encode
from alerts.store.deliveries import KEEP_MS, deliveries_key
from alerts.store.folds import Claim, Command, FoldStore, hash_commands
from stream.errors import StageError
from stream.store import AWAY

__all__ = ["NotifierStore", "patiently"]

T = TypeVar("T")

TAG: Final = "{notifier}"
ITEMS: Final = "{notifier}:items"
"""Hash: id -> item that waits."""
MESSAGES: Final = "{notifier}:messages"
"""Hash: id -> message under way."""
CHANNELS: Final = "{notifier}:channels"
"""Hash: channel -> calls within its budget, pause, failing."""
TOLD: Final = "{notifier}:told"
"""Hash: alert -> newest change seen, and what each channel was told of it."""
NOTICES: Final = "{notifier}:notices"
"""Text: offset in ``live.outcomes`` of the last record that was taken in."""

_PATIENCE_S: Final = 30.0
"""How long the store may be away, seconds."""
_RETRY_S: Final = 0.2


async def patiently(call: Callable[[], Awaitable[T]], *, patience_s: float = _PATIENCE_S) -> T:
    """Return what a call to the store returns, again and again while the store is away.

    Args:
        call: does no harm when it is repeated after it took effect, as all of ``NotifierStore`` do.
        patience_s: how long to go on.

    Raises:
        StageError: the store was away too long, or refused.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        try:
            return await call()
        except AWAY as error:
            if loop.time() > end:
                raise StageError(f"the store did not answer for {patience_s:g} s: {error}") from error
        except RedisError as error:
            raise StageError(f"the store refused the notifier: {error}") from error
        await asyncio.sleep(_RETRY_S)


class NotifierStore:
    """The notifier's part of the store.

    Args:
        redis: a client of the store.
        member: name of this process.
        lease_ms: how long a silent notifier keeps others out, milliseconds.
    """

    def __init__(self, redis: Redis, *, member: str, lease_ms: int) -> None:
        self._redis = redis
        self._owner = FoldStore(redis, TAG, member=member, lease_ms=lease_ms)
        self._leaving = FoldStore(redis, TAG, member=member, lease_ms=0)
        self._claim = Claim(0, -1, -1)

    async def is_owned(self) -> bool:
        """Return whether another notifier, or an earlier life of this one, is at work."""
        return await self._owner.is_owned()

    async def claim(self) -> int:
        """Take over; return the offset in ``live.alerts`` of the last record taken in, -1 for none."""
        self._claim = await self._owner.claim(0)
        return self._claim.offset

    async def notices(self) -> int:
        """Return the offset in ``live.outcomes`` of the last record taken in, -1 for none."""
        kept = await cast("Awaitable[bytes | None]", self._redis.get(NOTICES))
        return -1 if kept is None else int(kept)

    async def load(self) -> Kept:
        """Return the desk as it was kept last."""
        items, messages, channels, told = [
            await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(key))
            for key in (ITEMS, MESSAGES, CHANNELS, TOLD)
        ]
        return Kept(*(_by_name(found) for found in (items, messages, channels, told)))

    async def keep(
        self, written: Written, deliveries: Sequence[Delivery], *, offset: int, notices: int
    ) -> None:
        """Keep what changed, records of deliveries and both offsets: all of it, or nothing.

        Raises:
            FencedError: another notifier took over.
        """
        commands: list[Command] = [
            *hash_commands(ITEMS, written.items),
            *hash_commands(MESSAGES, written.messages),
            *hash_commands(CHANNELS, written.channels),
            *hash_commands(TOLD, written.told),
            ("SET", NOTICES, (notices,)),
        ]
        for delivery in deliveries:
            key = deliveries_key(delivery.alert_id)
            commands.append(("HSET", key, (delivery.id, encode(delivery))))
            commands.append(("PEXPIREAT", key, (delivery.at_ms + KEEP_MS,)))
        self._claim = await self._owner.apply(self._claim, offset=offset, output=-1, commands=commands)

    async def renew(self) -> None:
        """Prolong the lease.

        Raises:
            FencedError: another notifier took over.
        """
        await self._owner.renew(self._claim)

    async def leave(self) -> None:
        """End the lease, so that the next notifier need not wait for it."""
        await self._leaving.renew(self._claim)


def _by_name(found: dict[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(): value for name, value in found.items()}
