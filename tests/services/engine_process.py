"""The real ``roomwatch engine`` as a child process of a test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from deploy.local.process import leashed
from tests.services.windows_log import RULES
from tests.waiting import until

__all__ = ["EngineProcess", "Forked", "Zygote"]

_REPOSITORY = Path(__file__).resolve().parents[2]


class Forked:
    """A process that a zygote forked; how it ended is not known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """Return None while it runs, 1 afterwards."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 1
        return None

    def wait(self) -> None:
        """Wait until it is gone, which after a kill is at once."""
        while self.poll() is None:
            time.sleep(0.005)


class Zygote:
    """A process with a role already imported, that forks one on request.

    Args:
        role: its name.
        modules: what the role imports only once it runs.
    """

    def __init__(self, role: str = "engine", *modules: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a role of ours
            [sys.executable, "-m", "tests.services.zygote", role, *modules],
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def fork(self, environment: dict[str, str], log: Path) -> Forked:
        """Return a new process of the role."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps({"environment": environment, "log": str(log)}) + b"\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class EngineProcess:
    """One engine process; leaving the block kills it if it still runs.

    Args:
        environment: puts it into the test's deployment.
        folder: for its rules file and its log.
        name: of the log.
        zygote: forks it, which is quicker than a start.
        given: further settings, lower case, without the prefix.
    """

    def __init__(
        self,
        environment: dict[str, str],
        folder: Path,
        name: str = "engine",
        *,
        zygote: Zygote | None = None,
        **given: object,
    ) -> None:
        rules = folder / "rules.yaml"
        rules.write_text(RULES)
        self.log = folder / f"{name}.log"
        self._zygote = zygote
        self._environment = {
            **environment,
            "ROOMWATCH_RULES_FILE": str(rules),
            "ROOMWATCH_ENGINE_SESSION_S": "1.5",
            **{f"ROOMWATCH_{key.upper()}": str(value) for key, value in given.items()},
        }
        self._process: subprocess.Popen[bytes] | Forked | None = None

    def start(self) -> None:
        """Start it, again after it ended; the log grows."""
        if self._zygote:
            self._process = self._zygote.fork(self._environment, self.log)
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a role of ours
                leashed([sys.executable, "-m", "roomwatch", "engine"]),
                cwd=_REPOSITORY,
                env=os.environ | self._environment,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process
        self._process.kill()
        self._process.wait()

    async def ended(self, within_s: float) -> int:
        """Return its exit status."""
        await until(lambda: self.status() is not None, within_s, what="the end of the engine")
        status = self.status()
        assert status is not None
        return status

    def status(self) -> int | None:
        """Return the exit status, None while it runs."""
        assert self._process
        return self._process.poll()

    def told(self) -> str:
        """Return its log so far."""
        return self.log.read_text(errors="replace")

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
