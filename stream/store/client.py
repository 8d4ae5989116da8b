"""Connecting to the store: every call is bounded in time, every retry in number."""

from __future__ import annotations

from typing import Any, Final, cast

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    ClusterError,
    ConnectionError,  # noqa: A004 - the library's own
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004 - the library's own
    TryAgainError,
)

from stream.errors import SettingsError
from stream.settings import Settings

__all__ = ["AWAY", "connect"]

AWAY: Final = (
    ConnectionError,
    TimeoutError,
    OSError,
    ReadOnlyError,
    OutOfMemoryError,
    TryAgainError,
    ClusterError,
    MasterDownError,
    NoScriptError,
)
"""How a store says that it is away, changes its primary, moves a slot, is full, or came back without the
script that it had just been given: whoever must not lose a write waits for it, and repeats."""

_CONNECT_S: Final = 2.0
"""A store that does not take a connection within this is away."""
_ANSWER_S: Final = 5.0
"""Longest wait for one answer; a flush of a whole partition takes milliseconds."""
_RETRIES: Final = 2
"""Attempts after the first; callers that must not give up retry above this, with their own back-off."""


class _Cluster(RedisCluster):
    """A cluster whose clients are told that a connection is gone as they are told of every other fault.

    When one call finds a node away, the connections of others to it are closed under them, and what they
    were about to send meets a missing writer.
    """

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Do as the library does."""
        try:
            return await super().execute_command(*args, **kwargs)
        except AttributeError as error:
            raise ConnectionError("another call closed the connection") from error


def connect(settings: Settings) -> Redis:
    """Return a client of the store; it connects at its first call and speaks bytes.

    Raises:
        SettingsError: the URL is not one of a Redis or Valkey.
    """
    options: dict[str, Any] = {
        "decode_responses": False,
        "socket_connect_timeout": _CONNECT_S,
        "socket_timeout": _ANSWER_S,
        "health_check_interval": 30,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), _RETRIES),
    }
    try:
        if settings.redis_cluster:
            return cast("Redis", _Cluster.from_url(settings.redis_url, **options))
        return Redis.from_url(settings.redis_url, **options)
    except (ValueError, RedisError) as error:
        raise SettingsError(f"ROOMWATCH_REDIS_URL: {error}") from error
