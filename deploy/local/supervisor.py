"""Children in an order: started one after the other, watched together, stopped backwards within a bound.

Nothing is started again: when one ends that must not, the whole ends with a sentence about it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from deploy.local.process import Process
from stream.errors import ServiceError

__all__ = ["Role", "Service", "Supervisor", "http_answers"]

_LOOK_S: Final = 0.1
_ANSWER_S: Final = 2.0
_STAGGER_S: Final = 0.5
"""How long a child may take to end before the next one is asked too."""
_SERVICES_SHARE: Final = 0.3
"""Of the time to stop everything: kept for broker and store, which roles need until they have ended."""


@dataclass(frozen=True, slots=True)
class Role:
    """A child as data.

    Attributes:
        name: of the role and of its log file.
        argv: program and arguments.
        probe: URL that answers 200 once the role is ready; None = ready at once.
        address: what to tell people when it is ready; None = nothing.
        env: environment variables of this role alone.
        may_end: whether it may end by itself with status 0.
    """

    name: str
    argv: tuple[str, ...]
    probe: str | None = None
    address: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    may_end: bool = False


class Service(Protocol):
    """What Kafka and Valkey have in common."""

    @property
    def process(self) -> Process | None:
        """The child process, None before the first start."""
        ...

    async def start(self) -> None:
        """Start it and wait until it serves."""
        ...


class Supervisor:
    """Holds the children of this process.

    Args:
        folder: takes a log file for each role.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services: list[Service] = []
        self._roles: list[tuple[Role, Process]] = []

    async def serve(self, *services: Service) -> None:
        """Start services side by side; each is ended by ``stop``, even when its start failed half-way.

        Raises:
            ServiceError: one does not start.
        """
        self._services += services
        try:
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(service.start())
        except* ServiceError as failed:
            raise failed.exceptions[0] from None

    def start(self, role: Role, env: Mapping[str, str]) -> None:
        """Start a role with our environment, these variables, and its own."""
        whole = {**os.environ, **env, **role.env}
        child = Process(role.name, role.argv, log=self._log(role), env=whole)
        self._roles.append((role, child))
        child.start()

    async def ready(self, role: Role, *, within_s: float) -> None:
        """Wait until a role answers its probe; its death is told by ``watch``.

        Raises:
            ServiceError: it does not answer in time.
        """
        end = time.monotonic() + within_s
        while role.probe and not await http_answers(role.probe):
            if time.monotonic() > end:
                raise ServiceError(
                    f"{role.name} is not ready after {within_s:.0f} s (log: {self._log(role)})"
                )
            await asyncio.sleep(_LOOK_S)

    async def watch(self) -> None:
        """Run until a child ends that must not.

        Raises:
            ServiceError: tells which, how, and the end of its log.
        """
        while True:
            for service in self._services:
                if service.process and not service.process.running:
                    raise service.process.death()
            for role, child in self._roles:
                if not child.running and not (role.may_end and child.status == 0):
                    raise child.death()
            await asyncio.sleep(_LOOK_S)

    async def stop(self, *, within_s: float) -> None:
        """Stop all children within the time: the last started first, and the services after all roles."""
        end = time.monotonic() + within_s
        services = [service.process for service in reversed(self._services) if service.process]
        await _stop([child for _, child in reversed(self._roles)], end_s=end - within_s * _SERVICES_SHARE)
        await _stop(services, end_s=end)

    def _log(self, role: Role) -> Path:
        return self._folder / f"{role.name}.log"


async def _stop(children: list[Process], *, end_s: float) -> None:
    """Ask one after the other to end; kill what still runs at this moment of the monotonic clock."""
    for child in children:
        child.signal(signal.SIGTERM)
        await child.wait(within_s=_STAGGER_S)
    for child in children:
        if not await child.wait(within_s=end_s - time.monotonic()):
            await child.kill()


async def http_answers(url: str) -> bool:
    """Return whether a GET of an ``http://host:port/path`` answers 200 at once."""
    host, _, path = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(name, int(port))
            try:
                writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
