"""Where the processor time of a process goes: py-spy looks at it, and its stacks become a table."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from rich.table import Table

from deploy.local.process import Process
from stream.errors import ServiceError
from tests.bench.ingest.machine import OTHERS, on

__all__ = ["profiled", "shares", "tables"]

_PER_S: Final = 200
"""Looks a second; each stops the process for well below a millisecond."""
_LINE: Final = re.compile(r":\d+\)")
_IDLE: Final = {"_worker (futures/thread.py)", "wait (python3.11/threading.py)"}
"""Threads that wait for work; py-spy cannot always tell."""
_WRITE_S: Final = 30


@contextlib.asynccontextmanager
async def profiled(process: Process, stacks: Path) -> AsyncIterator[None]:
    """Look at a process until the end of the block and write its stacks, one folded line for each.

    Raises:
        ServiceError: py-spy is not installed, or may not look.
    """
    stacks.unlink(missing_ok=True)  # noqa: ASYNC240 - our own disk
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        raise ServiceError("py-spy is not installed: run make setup")
    options = ["--rate", str(_PER_S), "--format", "raw", "--full-filenames", "--nonblocking"]
    command = [str(program), "record", *options, "--output", str(stacks), "--pid", str(process.pid)]
    watcher = Process("py-spy", command, log=stacks.with_suffix(".log"))
    with on(OTHERS):
        watcher.start()
    try:
        yield
    finally:
        watcher.signal(signal.SIGINT)
        if not await watcher.wait(within_s=_WRITE_S):
            await watcher.kill()
    if not stacks.exists():  # noqa: ASYNC240 - a look at our own disk
        raise watcher.death()


def shares(lines: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the looks that found a function at work itself, and those that found it anywhere on the stack.

    Args:
        lines: ``outer;inner;innermost 12``: a stack, and how often it was seen.
    """
    own: Counter[str] = Counter()
    under: Counter[str] = Counter()
    for line in lines:
        stack, _, number = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        if frames[-1] in _IDLE:
            continue
        own[frames[-1]] += int(number)
        for frame in set(frames):
            under[frame] += int(number)
    return own, under


def _short(frame: str) -> str:
    """Return a frame without its line, and with the end of its path only."""
    name, _, place = _LINE.sub(")", frame).partition(" (")
    return f"{name} ({'/'.join(place.rstrip(')').split('/')[-2:])})"


def tables(stacks: Path, rows: int = 40) -> list[Table]:
    """Return the functions that take most by themselves, and those that take most with what they call."""
    own, under = shares(stacks.read_text(encoding="utf-8").splitlines())
    whole = sum(own.values()) or 1
    made = []
    for name, counted in (("itself", own), ("with calls", under)):
        made.append(Table(name, "function", title=f"{whole} looks"))
        for function, seen in counted.most_common(rows):
            made[-1].add_row(f"{seen / whole:.1%}", function)
    return made
