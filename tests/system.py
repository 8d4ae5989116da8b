"""The whole system as processes on a leash: start roles, watch alerts, for scenarios and benches."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from deploy.local.process import Process, free_port
from stream.settings import Settings
from tests.waiting import PATIENCE

__all__ = ["System", "alerts_over_websocket", "read_log"]

_STOP_S = 12
"""A role must have stopped 10 s after it was asked; two more for a busy machine."""
_TAIL = 40
"""Lines of a log that a failure tells."""


class System:
    """Roles that share one deployment (broker, store, topic prefix)."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.roles: list[Process] = []
        self.gateway_port = free_port()
        self.exporter_port = free_port()

    def environment(self) -> dict[str, str]:
        """Return the environment that makes a process part of this deployment."""
        key = self.settings.user_key
        return {
            **os.environ,
            "ROOMWATCH_KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "ROOMWATCH_REDIS_URL": self.settings.redis_url,
            "ROOMWATCH_PARTITIONS": str(self.settings.partitions),
            "ROOMWATCH_TOPIC_PREFIX": self.settings.topic_prefix,
            "ROOMWATCH_USER_KEY": key.get_secret_value() if key else "test",
            "ROOMWATCH_DATA_DIR": str(self.folder),
            "ROOMWATCH_GATEWAY_PORT": str(self.gateway_port),
            "ROOMWATCH_EXPORTER_PORT": str(self.exporter_port),
        }

    def start(self, *command: str, name: str | None = None) -> Process:
        """Start ``roomwatch <command>``."""
        log = self.folder / f"{name or command[0]}-{len(self.roles)}.log"
        argv = [sys.executable, "-m", "roomwatch", *command]
        role = Process(name or command[0], argv, log=log, env=self.environment())
        role.start()
        self.roles.append(role)
        return role

    async def stop(self) -> None:
        """Stop what still runs, last started first; a role that does not stop in time is a failure."""
        late = []
        for role in reversed(self.roles):
            role.signal(signal.SIGCONT)
            role.signal(signal.SIGTERM)
            if not await role.wait(within_s=_STOP_S):
                await role.kill()
                late.append(f"{role.name} did not stop in time:\n{role.tail(_TAIL)}")
        assert not late, "\n".join(late)

    def check(self) -> None:
        """Fail with the log of the first role that died by itself."""
        for role in self.roles:
            assert role.status in (None, 0, -signal.SIGKILL), (
                f"{role.name} ended with {role.status}:\n{role.tail(_TAIL)}"
            )

    async def ready(self, deadline_s: float = 60.0) -> None:
        """Wait until the gateway says that every stage behind it works."""
        async with asyncio.timeout(deadline_s * PATIENCE), httpx.AsyncClient() as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(f"http://127.0.0.1:{self.gateway_port}/readyz")
                    if answer.status_code == httpx.codes.OK:
                        return
                self.check()
                await asyncio.sleep(0.2)

    @contextlib.asynccontextmanager
    async def running(self, *roles: str) -> AsyncIterator[System]:
        """Run these roles for the length of a block."""
        try:
            for role in roles:
                self.start(role)
            yield self
            self.check()
        finally:
            await self.stop()


async def read_log(settings: Settings, topic: str, partition: int = 0) -> list[tuple[int, dict[str, Any]]]:
    """Return (append time, value) of every record of a partition, up to its end at the call."""
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(), auto_offset_reset="earliest", enable_auto_commit=False
    )
    where = TopicPartition(settings.topic(topic), partition)
    found: list[tuple[int, dict[str, Any]]] = []
    await consumer.start()
    try:
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        async with asyncio.timeout(60):
            while end and await consumer.position(where) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [(record.timestamp, orjson.loads(record.value)) for record in records]
    finally:
        await consumer.stop()
    return found


async def alerts_over_websocket(
    port: int,
    *,
    enough: Callable[[list[dict[str, Any]]], bool],
    deadline_s: float,
) -> list[dict[str, Any]]:
    """Subscribe to everything and return the alert frames received until there are enough of them.

    Each frame gets ``received_ms``, the moment it arrived here. Returns what came when the time is up.
    """
    frames: list[dict[str, Any]] = []
    give_up = time.monotonic() + deadline_s
    while time.monotonic() < give_up:
        try:
            async with asyncio.timeout(give_up - time.monotonic()):
                async with connect(
                    f"ws://127.0.0.1:{port}/ws/v1", subprotocols=[Subprotocol("roomwatch.v1")]
                ) as socket_:
                    await socket_.send(orjson.dumps({"op": "subscribe", "rooms": "*"}).decode())
                    async for text in socket_:
                        frame = orjson.loads(text)
                        if frame["op"] == "alert":
                            frames.append({**frame, "received_ms": time.time_ns() // 1_000_000})
                            if enough(frames):
                                return frames
        except (OSError, TimeoutError):
            await asyncio.sleep(0.2)
    return frames
