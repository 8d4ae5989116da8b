"""What the machine says of a process, and on which cores things run."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["OTHERS", "OURS", "Usage", "ahead", "alone", "conditions", "on", "peak_mib", "rss_mib", "usage"]

_CORES: Final = sorted(os.sched_getaffinity(0))
_APART: Final = len(_CORES) > 1
OURS: Final = frozenset(_CORES[-1:])
"""The core of the process that is measured."""
OTHERS: Final = frozenset(_CORES[:-1] or _CORES)
"""The cores of broker, store, producers and the bench itself."""
_LOCK: Final = Path(tempfile.gettempdir()) / "roomwatch-bench.lock"
_LOOK_S: Final = 0.1
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far, in seconds.

    Attributes:
        at_s: when, on the monotonic clock.
        cpu_s: processor time, all threads, user and system.
        waited_s: how long its first thread was ready to run while its core did something else.
    """

    at_s: float
    cpu_s: float
    waited_s: float

    def since(self, before: Usage) -> Usage:
        """Return what was used since then; ``at_s`` becomes the time that passed."""
        return Usage(self.at_s - before.at_s, self.cpu_s - before.cpu_s, self.waited_s - before.waited_s)


def usage(pid: int) -> Usage:
    """Return what a process has used so far."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    schedule = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return Usage(time.monotonic(), (int(stat[11]) + int(stat[12])) * _TICK_S, int(schedule[1]) / 1e9)


def peak_mib(pid: int) -> float:
    """Return the most memory that a process ever held, MiB."""
    return _status_mib(pid, "VmHWM")


def rss_mib(pid: int) -> float:
    """Return the memory that a process holds, MiB."""
    return _status_mib(pid, "VmRSS")


def _status_mib(pid: int, name: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) / 1024


@contextlib.contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Let this thread, and what it starts meanwhile, run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def ahead(*pids: int | None) -> Iterator[None]:
    """Let processes run ahead of everything ordinary on their cores; needs root.

    On a machine that does other work meanwhile, a bench otherwise measures that work. The kernel keeps a
    twentieth of each core for the others.

    Args:
        pids: of the processes; their threads, and those that these start later.
    """
    _schedule(pids, os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule(pids, os.SCHED_OTHER, 0)


def _schedule(pids: Iterable[int | None], policy: int, priority: int) -> None:
    for pid in pids:
        with contextlib.suppress(FileNotFoundError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))


@contextlib.asynccontextmanager
async def alone() -> AsyncIterator[None]:
    """Wait until no other bench of this machine measures; they would share the measured core."""
    with _LOCK.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK_S)
        yield


def conditions() -> dict[str, Any]:
    """Return what a figure must be read with: cores, pinning, and how busy the machine is."""
    return {"cores": len(_CORES), "pinned_apart": _APART, "load_1m": round(os.getloadavg()[0], 2)}
