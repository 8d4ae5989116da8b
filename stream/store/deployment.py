"""What the whole deployment agreed on: the number of partitions and the key of the user hashes."""

from __future__ import annotations

import secrets
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from stream.errors import SettingsError, StoreError
from stream.settings import Settings
from stream.store import keys

__all__ = ["agree_on_partitions", "user_key"]

_KEY_BYTES: Final = 32


async def agree_on_partitions(redis: Redis, settings: Settings) -> None:
    """Keep the number of partitions for the deployment's life, or refuse another one.

    Raises:
        SettingsError: the store was made for another number.
        StoreError: the store does not answer.
    """
    try:
        await redis.set(keys.PARTITIONS, settings.partitions, nx=True)
        kept = int(await redis.get(keys.PARTITIONS) or 0)
    except (RedisError, OSError) as error:
        raise StoreError(f"no store at {_shown(settings)}: {error or type(error).__name__}") from error
    if kept != settings.partitions:
        raise SettingsError(
            f"ROOMWATCH_PARTITIONS is {settings.partitions}, the store was made for {kept};"
            " the number is fixed for a deployment's life"
        )


async def user_key(redis: Redis, settings: Settings) -> bytes:
    """Return the key of the user hashes: the one set, else one that is made once and kept in the store.

    Raises:
        StoreError: the store does not answer.
    """
    if settings.user_key is not None:
        return settings.user_key.get_secret_value().encode()
    try:
        await redis.set(keys.USER_KEY, secrets.token_hex(_KEY_BYTES), nx=True)
        kept = await redis.get(keys.USER_KEY)
    except (RedisError, OSError) as error:
        raise StoreError(f"no store at {_shown(settings)}: {error or type(error).__name__}") from error
    if not kept:
        raise StoreError(f"the store does not keep {keys.USER_KEY}")
    return kept if isinstance(kept, bytes) else kept.encode()


def _shown(settings: Settings) -> str:
    """Return the store's address without its password."""
    return settings.redis_url.rpartition("@")[2]
