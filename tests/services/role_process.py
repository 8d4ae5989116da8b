"""Any role as a child process of a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.process import free_port, leashed
from tests.waiting import until

__all__ = ["RoleProcess"]

_REPOSITORY = Path(__file__).resolve().parents[2]


class RoleProcess:
    """One process of a role with its metrics; leaving the block kills it if it still runs.

    Args:
        name: of the role.
        environment: puts it into the test's deployment.
        folder: for its log.
        given: further settings, lower case, without the prefix.
    """

    def __init__(self, name: str, environment: dict[str, str], folder: Path, **given: object) -> None:
        self._name = name
        self._port = free_port()
        self._log = folder / f"{name}-{self._port}.log"
        settings = {"metrics_port": self._port, **given}
        self._environment = environment | {f"ROOMWATCH_{key.upper()}": str(settings[key]) for key in settings}
        self._process: subprocess.Popen[bytes] | None = None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def told(self) -> str:
        """Return its log so far."""
        return self._log.read_text(errors="replace")

    async def says(self, event: str) -> None:
        """Wait until it has logged an event."""

        def said() -> bool:
            assert self._process
            assert self._process.poll() is None, self.told()
            return event in self.told()

        await until(said, 60, what=f"{event} of the {self._name}")

    async def counts(self, sample: str, number: float) -> None:
        """Wait until one of its metrics, summed over its labels, has come to a number."""

        async def reached() -> bool:
            try:
                async with httpx.AsyncClient() as http:
                    text = (await http.get(f"http://127.0.0.1:{self._port}/metrics")).text
            except httpx.TransportError:
                return False
            families = text_string_to_metric_families(text)
            return sum(s.value for f in families for s in f.samples if s.name == sample) >= number

        await until(reached, 60, what=f"{sample} of {number}")

    async def ended(self, within_s: float) -> int:
        """Return its exit status."""
        assert self._process
        process = self._process
        await until(lambda: process.poll() is not None, within_s, what=f"the end of the {self._name}")
        assert process.returncode is not None
        return process.returncode

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a role of ours
                leashed([sys.executable, "-m", "roomwatch", self._name]),
                cwd=_REPOSITORY,
                env=os.environ | self._environment,
                stdout=log,
                stderr=log,
            )

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()
