"""The whole system on this machine: ``make demo``.

Starts it, shows where everything is and the first alerts as they are pushed, and stops all of it within 10 s
of Ctrl-C or SIGTERM. ``DEMO_S=90`` ends it by itself 90 s after the command began (``DEMO_BEGAN``, epoch
seconds, from the Makefile), with status 0 only if alerts were pushed. Each run starts afresh: ``var/demo``
holds the data and the logs of the last one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console

from deploy.local.roles import left_out
from deploy.local.system import System
from deploy.local.watch import summary
from stream.errors import RoomwatchError, ServiceError, SettingsError

__all__ = ["run"]

_VAR: Final = Path("var")


async def run(system: System, console: Console, *, seconds: float | None) -> int:
    """Run a system until a signal, the end of its time or a failure; stop it, and tell what it did.

    Args:
        system: not yet started.
        console: where people read.
        seconds: how long; None = until a signal.

    Returns:
        The exit status: 1 when the time ran out without an alert, otherwise 0.

    Raises:
        RoomwatchError: something did not start, or ended by itself; everything is stopped all the same.
    """
    body = asyncio.create_task(system.run())
    asked = _on_signal(body)
    try:
        await asyncio.wait({body}, timeout=seconds)
        body.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await body
        console.print("stopping")
        sent = await system.sent()
    finally:
        await system.stop()
    for line in summary(system.tally, sent):
        console.print(line, markup=False, soft_wrap=True)
    if not asked.is_set() and not system.tally.kinds:
        console.print("no alert was pushed")
        return 1
    return 0


def _on_signal(body: asyncio.Task[None]) -> asyncio.Event:
    """Let a first signal end the body and set the event, a second one us; the children die with us."""
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            raise SystemExit(1)
        asked.set()
        body.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ask)
    return asked


def _seconds() -> float | None:
    """Return how long to run yet, seconds; None = until a signal."""
    wanted, began = _number("DEMO_S", 0), _number("DEMO_BEGAN", time.time())
    return max(0.0, began + wanted - time.time()) if wanted else None


def _number(name: str, default: float) -> float:
    text = os.environ.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{name}: {text!r} is not a number of seconds")
    return number


@contextlib.contextmanager
def _alone(var: Path) -> Iterator[None]:
    """Hold the folder: a second demo would clear away the first one's data."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ServiceError("a demo runs here already: stop it first") from error
        shutil.rmtree(var / "demo", ignore_errors=True)
        (var / "demo").mkdir()
        (var / "demo.env").unlink(missing_ok=True)
        yield


def main() -> int:
    """Run the demo as the environment says; return the exit status."""
    console = Console(highlight=False)
    try:
        seconds = _seconds()
        for sentence in left_out():
            console.print(sentence, markup=False, soft_wrap=True)
        with _alone(_VAR):
            return asyncio.run(run(System(_VAR, console), console, seconds=seconds))
    except RoomwatchError as error:
        Console(stderr=True, highlight=False).print(f"demo: {error}", markup=False, soft_wrap=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
