"""Child processes that we start, watch and end by their own process id, and that never outlive us.

Every child runs on a leash (``leash.py``): the kernel kills it when the *thread* that started it ends, so
``start`` is called from the main thread. A child has a session of its own, so that Ctrl-C in a terminal
reaches only us and we stop the children in order. What a child writes goes to its log file. Nothing here
blocks longer than a fork.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from stream.errors import ServiceError

__all__ = ["LOOPBACK", "Process", "free_port", "leashed", "port_is_free", "require_port", "until_ready"]

LOOPBACK: Final = "127.0.0.1"
_LEASH: Final = str(Path(__file__).with_name("leash.py"))
_PORTS: Final = range(20_000, 30_000)
"""Below the range that the kernel gives to outgoing connections, so that none of them can take a port between
our look and the child's bind, or while the child is down for a restart."""
_POLL_S: Final = 0.02
_TAIL_BYTES: Final = 8_192
_TAIL_LINES: Final = 8
_LINE_MAX: Final = 300


class Process:
    """One child process.

    Args:
        name: how sentences call it.
        argv: program and arguments.
        log: file that takes both output streams, appended to.
        env: the whole environment; None = ours.
    """

    def __init__(
        self, name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = env
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the last start, None before it."""
        return self._child.pid if self._child else None

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs or before it was started."""
        return self._child.poll() if self._child else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child.

        Raises:
            ServiceError: it cannot be started.
        """
        assert not self.running, f"{self.name} runs already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log.open("ab") as out:
                self._child = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                    leashed(self._argv),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    start_new_session=True,
                )
        except OSError as error:
            raise ServiceError(f"cannot start {self.name}: {error}") from error

    async def stop(self, *, within_s: float = 8.0) -> None:
        """End it: SIGTERM, then SIGKILL when the time is over. Harmless when it does not run."""
        try:
            self.signal(signal.SIGTERM)
            if not await self.wait(within_s=within_s):
                await self.kill()
        except asyncio.CancelledError:
            self.signal(signal.SIGKILL)
            raise

    async def kill(self) -> None:
        """End it at once with SIGKILL and reap it."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()  # SIGKILL needs no help of ours, and cannot be refused

    async def wait(self, *, within_s: float) -> bool:
        """Wait for its end; return whether it came in time."""
        end = time.monotonic() + within_s
        while self.running:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._child is not None:
            self._child.send_signal(number)

    def tail(self, lines: int) -> str:
        """Return the last lines of its log that are not empty."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])

    def death(self) -> ServiceError:
        """Return the sentence that tells how it ended, and the end of its log."""
        status = self.status
        how = signal.Signals(-status).name if status is not None and status < 0 else f"status {status}"
        said = "".join(f"\n  {line[:_LINE_MAX]}" for line in self.tail(_TAIL_LINES).splitlines())
        return ServiceError(
            f"{self.name} ended with {how}; its log {self.log} {'ends:' if said else 'is empty'}{said}"
        )


def leashed(argv: Sequence[str]) -> list[str]:
    """Return what runs a program that the kernel kills when the thread that starts it ends, in any way."""
    return [sys.executable, "-I", "-S", _LEASH, "KILL", str(os.getpid()), *argv]


async def until_ready(child: Process, probe: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
    """Wait until the probe says that the child serves.

    Raises:
        ServiceError: the child ended, or does not serve in time; in both cases it does not run afterwards.
    """
    end = time.monotonic() + within_s
    while child.running and time.monotonic() < end:
        if await probe():
            return
        await asyncio.sleep(_POLL_S)
    if not child.running:
        raise child.death()
    await child.kill()
    raise ServiceError(f"{child.name} is not ready after {within_s:.0f} s (log: {child.log})")


def port_is_free(port: int) -> bool:
    """Return whether a server may listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def require_port(port: int, owner: str) -> int:
    """Return the port.

    Raises:
        ServiceError: it is in use.
    """
    if not port_is_free(port):
        raise ServiceError(f"port {port} of {LOOPBACK} is in use: {owner} needs it, or another one")
    return port


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on.

    Raises:
        ServiceError: there is none.
    """
    for port in random.SystemRandom().sample(_PORTS, 200):
        if port_is_free(port):
            return port
    raise ServiceError(f"no free port on {LOOPBACK} between {_PORTS.start} and {_PORTS.stop}")
