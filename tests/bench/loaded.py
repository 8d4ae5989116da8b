"""As `latency`, with every role running and 5 000 events a second of 1 000 other rooms beside.

``ROOMWATCH_BENCH_ROOMS`` gives another number of rooms. Those events are the mix of the ingest's bench, made
before and offered by a process of its own; that process, broker and store take their share of the same cores.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console

from deploy.local.process import Process
from stream.settings import Settings
from tests.bench.ingest import offered
from tests.bench.latency import SECONDS, measure, show
from tests.bench.push.place import load

__all__ = ["run"]

PER_S: Final = 5_000
OTHER_ROOMS: Final = int(os.environ.get("ROOMWATCH_BENCH_ROOMS", "1000"))
_ROLES: Final = ("ingest", "engine", "gateway", "notifier", "recorder", "exporter")
_SEED: Final = 1


def run() -> None:
    """Start everything, measure, print."""
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:

        def producer(settings: Settings) -> Process:
            numbers = {"rooms": OTHER_ROOMS, "seed": _SEED, "per_s": PER_S, "seconds": SECONDS + 30}
            log, told = Path(folder) / "offered.log", Path(folder) / "offered.json"
            return offered.process(settings, log, numbers, out=told)

        show(uvloop.run(measure(Path(folder), *_ROLES, beside=producer)))
    beside = f"{PER_S:,} events a second of {OTHER_ROOMS:,} rooms"
    Console().print(f"{beside} beside, {', '.join(_ROLES)}; {load()}")
