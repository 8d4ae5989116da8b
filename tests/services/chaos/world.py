"""Broker, store, proxy and processes of one chaos run, and what they look like from outside."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey
from stream import topics
from stream.settings import Settings
from tests.services.chaos.members import Members
from tests.services.chaos.proxy import Proxy
from tests.waiting import PATIENCE, until

__all__ = ["SESSION_MS", "World", "world"]

SESSION_MS: Final = 1_000
"""Session timeout of the processes; a lease lasts twice as long."""
_PARTITIONS: Final = 4
_PATIENT_S: Final = 30.0 * PATIENCE
"""How long a look at the store may take: a machine that does a hundred things is not a store that is away."""
_LOG_MAX: Final = 64 * 1024 * 1024
_STORE: Final = {"auto-aof-rewrite-percentage": "0"}  # so that its file only grows, and can lose its end


class World:
    """Everything that can fail.

    Args:
        settings: of the deployment, with the store itself rather than the proxy.
        broker: serves the feeds.
        store: serves the state.
        store_dir: where the store keeps it.
        proxy: in front of the store.
        members: the ingest processes.
    """

    def __init__(
        self,
        settings: Settings,
        broker: Kafka,
        store: Valkey,
        store_dir: Path,
        proxy: Proxy,
        members: Members,
    ) -> None:
        self.settings = settings
        self.broker = broker
        self.store = store
        self.proxy = proxy
        self.members = members
        self._store_dir = store_dir

    async def flushes(self) -> dict[int, tuple[int, int]]:
        """Return partition -> (epoch, number of the last flush) as the store has them."""
        patient: dict[str, Any] = {"socket_connect_timeout": _PATIENT_S, "socket_timeout": _PATIENT_S}
        async with Redis.from_url(self.settings.redis_url, decode_responses=True, **patient) as redis:
            found: dict[int, tuple[int, int]] = {}
            for number in range(self.settings.partitions):
                fields: Any = await redis.hgetall(f"{{p{number}}}:owner")
                found[number] = int(fields.get("epoch", 0)), int(fields.get("flush", 0))
            return found

    async def flushed(self) -> int:
        """Return the number of flushes that the store has taken; -1 while it is away."""
        try:
            return sum(flush for _, flush in (await self.flushes()).values())
        except (RedisError, OSError):
            return -1

    def log_size(self) -> int:
        """Return the size of what the store has written of its changes."""
        return sum(path.stat().st_size for path in self._logs())

    async def shorten_log(self) -> None:
        """Let the store write its log anew if it is long, so that a restart stays quick."""
        if self.log_size() < _LOG_MAX:
            return
        async with Redis.from_url(self.settings.redis_url) as redis:
            await redis.bgrewriteaof()

            async def written() -> bool:
                known = await redis.info("persistence")
                busy = known["aof_rewrite_in_progress"] or known["aof_rewrite_scheduled"]
                return not busy and len(self._logs()) == 1

            await until(written, 30, what="a new log of the store")

    def cut_log(self, size: int) -> None:
        """Take from what the store has written all that came after a size; it must not run."""
        (log,) = self._logs()
        with log.open("r+b") as file:
            file.truncate(size)

    def _logs(self) -> list[Path]:
        return sorted(self._store_dir.glob("appendonlydir/*.incr.aof"))


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Start it all in a folder; the processes are started by whoever sets ``members.wanted``."""
    store_dir = folder / "valkey"
    async with Kafka(folder / "kafka") as broker, Valkey(store_dir, options=_STORE) as store:
        settings = Settings(
            kafka_bootstrap=broker.bootstrap,
            redis_url=store.url,
            partitions=_PARTITIONS,
            topic_prefix=f"c{uuid.uuid4().hex[:8]}.",
            user_key=SecretStr("test-key"),
            data_dir=folder,
        )
        await topics.ensure(settings)
        async with Proxy(int(store.url.rpartition(":")[2].partition("/")[0])) as proxy:
            members = Members(_environment(settings, proxy), folder)
            try:
                yield World(settings, broker, store, store_dir, proxy, members)
            finally:
                for process in (store.process, broker.process):
                    if process:
                        process.signal(signal.SIGCONT)
                members.kill_all()


def _environment(settings: Settings, proxy: Proxy) -> dict[str, str]:
    assert settings.user_key
    return {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_REDIS_URL": proxy.url,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
        "ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "ROOMWATCH_USER_KEY": settings.user_key.get_secret_value(),
        "ROOMWATCH_DATA_DIR": str(settings.data_dir),
        "ROOMWATCH_SESSION_TIMEOUT_MS": str(SESSION_MS),
    }
