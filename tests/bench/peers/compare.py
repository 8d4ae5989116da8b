"""Ours and the peers on the same feeds in the same run: what an event costs each of them.

Each reads the preloaded mix from the beginning, as one process alone on its core where there are two; the
slow read a part of it. Time counts from the first event that a peer has handled, so no start is in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.local.process import Process
from tests.bench.ingest.machine import OURS, alone, conditions, on
from tests.bench.ingest.mix import SHARES
from tests.bench.ingest.report import Options, Preloaded, drains, preload
from tests.bench.ingest.world import World, world

__all__ = ["PEERS", "Peer", "compare", "ratios"]

_REPOSITORY: Final = Path(__file__).resolve().parents[3]
_PYTHON: Final = _REPOSITORY / "var" / "peers" / "bin" / "python"
_OUT: Final = _REPOSITORY / "var" / "bench"
_MOST_S: Final = 240
_WIDTH: Final = 130


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with.

    Attributes:
        module: its file in this folder.
        name: what it is and does.
        durable: what survives its death.
        most: events that it is given; enough for ten seconds or more of the slow ones.
    """

    module: str
    name: str
    durable: str
    most: int


PEERS: Final = (
    Peer("aiokafka_nothing", "aiokafka by record batch, doing nothing", "nothing to keep", 10_000_000),
    Peer("aiokafka_records", "aiokafka record by record, doing nothing", "nothing to keep", 1_000_000),
    Peer("faust_count", "Faust agent, count per room in a dict", "no", 80_000),
    Peer("quix_windows", "Quix Streams, 10 s count per room", "at least once", 300_000),
    Peer("bytewax_windows", "Bytewax, 10 s count per room", "no", 600_000),
)


def compare(options: Options | None = None) -> dict[str, Any]:
    """Measure, print and keep the figures."""
    chosen, console = options or Options(), Console(width=_WIDTH)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of every leader that is not there yet
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        found = asyncio.run(_measure(chosen, Path(folder), console))
    console.print(_table(found))
    _OUT.mkdir(parents=True, exist_ok=True)
    (_OUT / "peers.json").write_text(json.dumps(found, indent=1))
    return found


async def _measure(options: Options, folder: Path, console: Console) -> dict[str, Any]:
    async with world(folder, first=options.first) as made:
        preloaded = await preload(options, made, console)
        found: dict[str, Any] = {"conditions": conditions()}
        found["ours"] = await drains(options, made, preloaded, console) if options.wants("ours") else {}
        found["peers"] = {}
        for peer in (peer for peer in PEERS if options.wants(peer.module)):
            async with alone():
                found["peers"][peer.module] = told = await _run(peer, made, preloaded)
            console.print(f"{peer.name}: {told}")
        return found


async def _run(peer: Peer, made: World, preloaded: Preloaded) -> dict[str, Any]:
    """Run a peer and return its figures, or the sentence that tells why there are none."""
    out, settings = made.folder / f"{peer.module}.json", preloaded.settings
    options = {
        "bootstrap": settings.kafka_bootstrap,
        "topics": ",".join(settings.topic(feed) for feed in SHARES),
        "most": str(min(peer.most, preloaded.mix.number)),
        "out": str(out),
        "state": str(made.folder / peer.module),
    }
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = Process(
        peer.module,
        [str(_PYTHON), "-m", f"tests.bench.peers.{peer.module}", *given],
        log=made.folder / f"{peer.module}.log",
        env={**os.environ, "PYTHONPATH": str(_REPOSITORY)},
    )
    load_before = conditions()["load_1m"]
    with on(OURS):
        process.start()
    with made.ahead(process.pid):
        ended = await process.wait(within_s=_MOST_S)
    await process.kill()
    if not out.exists():
        return {"failed": str(process.death()) if ended else f"not done after {_MOST_S} s"}
    told = json.loads(out.read_text())
    return {
        **told,
        "events_per_s": round(told["events"] / told["seconds"]),
        "cpu_us_per_event": round(told["cpu_s"] / told["events"] * 1e6, 2),
        "load_before": load_before,
        **conditions(),
    }


def _table(found: dict[str, Any]) -> Table:
    ours = found["ours"]
    table = Table(
        "", "events/s wall", "CPU µs/event", "state survives", *(f"÷ {name}" for name in ours), "load"
    )
    for catalogue, got in ours.items():
        table.add_row(
            f"roomwatch ingest, {catalogue} catalogue",
            *_figures(got, "exactly once"),
            *ratios(got, ours),
            _load(got),
        )
    for peer in PEERS:
        got = found["peers"].get(peer.module)
        if got is None:
            continue
        if "failed" in got:
            table.add_row(peer.name, "failed: see above")
        else:
            table.add_row(
                f"{peer.name} ({got['version']})",
                *_figures(got, peer.durable),
                *ratios(got, ours),
                _load(got),
            )
    return table


def _figures(got: dict[str, Any], durable: str) -> tuple[str, str, str]:
    return f"{got['events_per_s']:,}", f"{got['cpu_us_per_event']:.2f}", durable


def ratios(got: dict[str, Any], ours: dict[str, dict[str, Any]]) -> list[str]:
    """Return how many times the processor time of each of our catalogues an event costs a peer."""
    return [f"{got['cpu_us_per_event'] / own['cpu_us_per_event']:.2f}" for own in ours.values()]


def _load(got: dict[str, Any]) -> str:
    return f"{got['load_before']} → {got['load_1m']}"
