"""The ingest processes of a chaos run: forked quickly, watched through their logs, ended by their own ids.

Who owns what is told by the logs alone (``ingest.claimed`` with the epoch of the claim), for the store may be
away when somebody asks; the highest epoch of a partition is the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path
from typing import Any, Final

from tests.services.engine_process import Forked, Zygote

__all__ = ["Member", "Members"]

_TEND_S: Final = 0.05
_AGAIN_S: Final = 1.0
"""Between two starts while processes give up by themselves, as a supervisor would wait."""


class Member:
    """One process.

    Args:
        name: of its log.
        process: the process.
        log: what it writes.

    Attributes:
        claimed: partition -> epoch of its newest claim.
        said: number of its log lines by event.
        stopped: whether it is frozen.
        leaving: whether it was asked to end.
        error: the sentence with which it gave up, "" if it did not.
    """

    def __init__(self, name: str, process: Forked, log: Path) -> None:
        self.name = name
        self.log = log
        self.claimed: dict[int, int] = {}
        self.said: dict[str, int] = {}
        self.stopped = False
        self.leaving = False
        self.error = ""
        self._process = process
        self._read = 0

    @property
    def alive(self) -> bool:
        """Whether the process exists, frozen or not."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.stopped = number == signal.SIGSTOP
        self._process.send_signal(number)

    def look(self) -> None:
        """Take in what it has logged since the last look."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            raw = log.read()
        whole = raw.rfind(b"\n") + 1
        self._read += whole
        for line in raw[:whole].splitlines():
            with contextlib.suppress(ValueError):
                self._take(json.loads(line))

    def _take(self, line: Any) -> None:
        if not isinstance(line, dict):
            return
        event = line.get("event", "")
        self.said[event] = self.said.get(event, 0) + 1
        if event == "ingest.claimed":
            self.claimed[line["partition"]] = line["epoch"]
        elif event == "role.failed":
            self.error = line["error"]


class Members:
    """All ingest processes of a run.

    Args:
        environment: puts them into the deployment.
        folder: for their logs.

    Attributes:
        wanted: how many shall run; ``tend`` starts what is missing.
        held: whether none is started for now.
        gave_up: the sentences of those that ended by themselves.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.wanted = 0
        self.held = False
        self.all: list[Member] = []
        self.gave_up: list[str] = []
        self._environment = environment
        self._folder = folder
        self._zygote = Zygote("ingest")

    def start(self) -> Member:
        """Start one more."""
        name = f"ingest-{len(self.all)}"
        log = self._folder / f"{name}.log"
        log.touch()
        member = Member(name, self._zygote.fork(self._environment, log), log)
        self.all.append(member)
        return member

    @property
    def running(self) -> list[Member]:
        """Those that run and stay."""
        return [m for m in self.all if m.alive and not m.stopped and not m.leaving]

    def holders(self) -> dict[int, tuple[Member, int]]:
        """Return partition -> who claimed it last, and the epoch of that."""
        found: dict[int, tuple[Member, int]] = {}
        for member in self.all:
            for partition, epoch in member.claimed.items():
                if partition not in found or epoch > found[partition][1]:
                    found[partition] = (member, epoch)
        return found

    def owned(self, member: Member) -> dict[int, int]:
        """Return partition -> epoch of what a member claimed last of all."""
        return {n: epoch for n, (holder, epoch) in self.holders().items() if holder is member}

    def newer(self, owned: dict[int, int]) -> bool:
        """Tell whether somebody has claimed every one of these partitions since."""
        holders = self.holders()
        return all(holders[number][1] > epoch for number, epoch in owned.items())

    def look(self) -> None:
        """Take in what all have logged."""
        for member in self.all:
            member.look()

    async def tend(self) -> None:
        """Read the logs, and start what is missing, until cancelled."""
        begin_at = 0.0
        while True:
            self.look()
            gave_up = [member.error for member in self.all if member.error]
            if len(gave_up) > len(self.gave_up):
                begin_at = time.monotonic() + _AGAIN_S
            self.gave_up = gave_up
            if time.monotonic() >= begin_at and not self.held:
                for _ in range(self.wanted - len([m for m in self.all if m.alive and not m.leaving])):
                    self.start()
            await asyncio.sleep(_TEND_S)

    def kill_all(self) -> None:
        """End every process at once."""
        for member in self.all:
            if member.alive:
                member.signal(signal.SIGKILL)
        self._zygote.close()
