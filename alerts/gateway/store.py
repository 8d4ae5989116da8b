"""The epoch of ``live.alerts`` as all gateways share it, in the store.

An offset means something only within one life of the log. The epoch names that life: a random token, kept
with the highest offset that any gateway has sent. When the log ends below that offset, or the store forgot, a
new life began.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from stream.errors import StoreError

__all__ = ["EPOCH", "EpochStore"]

EPOCH: Final = "{gateway}:epoch"
"""Hash: ``epoch``, the token; ``offset``, the highest offset sent within it."""

_CLAIM: Final = """
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if kept[1] and kept[2] and tonumber(kept[2]) <= tonumber(ARGV[1]) then return kept[1] end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'offset', ARGV[1])
return ARGV[2]
"""
_NOTE: Final = """
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if kept[1] == ARGV[2] and kept[2] and tonumber(kept[2]) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'offset', ARGV[1])
end
return kept[1]
"""


class EpochStore:
    """Reads and writes the epoch; each call is atomic among all gateways."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def claim(self, end: int) -> str:
        """Return the epoch of a log whose newest record has offset ``end``; a new one when it is another log.

        Raises:
            StoreError: the store does not answer.
        """
        kept = await self._call(_CLAIM, end, secrets.token_hex(8))
        assert kept is not None, "the script always returns a token"
        return kept

    async def note(self, epoch: str, sent: int) -> bool:
        """Keep that a record was sent; return whether the epoch is still the same.

        Raises:
            StoreError: the store does not answer.
        """
        return await self._call(_NOTE, sent, epoch) == epoch

    async def _call(self, script: str, offset: int, token: str) -> str | None:
        try:
            answer = await cast(
                "Awaitable[bytes | None]", self._redis.eval(script, 1, EPOCH, str(offset), token)
            )
        except RedisError as error:
            raise StoreError(f"the store does not answer: {str(error) or type(error).__name__}") from error
        return None if answer is None else answer.decode()
