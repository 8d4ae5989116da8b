"""How long a backtest of 600 hours of rooms takes on two processes, and how large the archive is.

It depends on how often something is amiss, so it is told for shows that are well run and for shows in which
something goes wrong every five minutes. The first candidate differs from the default rules in one threshold;
the second one in every rule, so that all is played twice; a sweep over one threshold plays one rule for each
value.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from alerts.backtest.answer import Question, answer
from alerts.backtest.sets import always
from alerts.backtest.sweep import parse_sweep, swept
from alerts.rulecheck import load
from alerts.settings import DEFAULT_RULES
from stream.archive import Archive
from tests.bench.shows import CALM, STORMY, copies, record_log, simulated, troubled

SHOWS: Final = 600
HOURS: Final = 1
"""As many hours of rooms as a hundred shows of six hours, which take long to simulate."""
PARTITIONS: Final = 4
SIMULATED: Final = 2
SIMULATED_HOURS: Final = 0.5
JOBS: Final = 2
_SHOWS: Final = {"well run": CALM, "with an incident every five minutes": STORMY}
_SWEEP: Final = "stutter.live_stall_ratio.warning=0.01..0.1"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def _timed(archive: Archive, question: Question) -> tuple[float, float, dict[str, Any]]:
    """Return seconds, seconds of CPU of all processes, and the report."""
    before, began = os.times(), time.perf_counter()
    report = answer(archive, question, jobs=JOBS)
    took, after = time.perf_counter() - began, os.times()
    names = ("user", "system", "children_user", "children_system")
    return took, sum(getattr(after, name) - getattr(before, name) for name in names), report


def _size(folder: Path, console: Console) -> None:
    """Print how large an archive is."""
    record_log(folder, simulated(SIMULATED, round(3_600 * SIMULATED_HOURS)))
    rooms, ticks = (_bytes(folder / part) / SIMULATED_HOURS / 1e6 for part in ("rooms", "ticks"))
    console.print(
        f"archive of {SIMULATED} simulated rooms: {rooms / SIMULATED:.2f} MB a room-hour,"
        f" {ticks:.2f} MB of ticks a partition and hour"
    )


def _questions() -> dict[str, Question]:
    """Return what is asked, by how it is called."""
    text = DEFAULT_RULES.read_text(encoding="utf-8")
    default = load(text, 1)
    milder = load(text.replace("warning: 0.02, critical: 0.05", "warning: 0.03, critical: 0.05"))
    longer = re.sub(r"keep_firing_s: (\d+)", lambda found: f"keep_firing_s: {int(found[1]) + 1}", text)
    sweep = parse_sweep(_SWEEP)
    values = (sweep.name, swept(text, sweep))
    return {
        "one threshold changed": Question(milder, always(default)),
        f"and a sweep of {len(sweep.values)} values": Question(milder, always(default), sweep=values),
        "every rule changed": Question(load(longer), always(default)),
    }


def run() -> None:
    """Record, copy, backtest, print."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        _size(Path(folder) / "simulated", console)
        made = Path(folder) / "made"
        record_log(made, troubled(round(3_600 * HOURS)))
        for name, room in _SHOWS.items():
            shows = Path(folder) / room
            copies(made, shows, shows=SHOWS, partitions=PARTITIONS, rooms={room})
            measure(Archive(shows), f"{SHOWS} shows of {HOURS} h {name}, {JOBS} processes", console)


def measure(archive: Archive, title: str, console: Console) -> None:
    """Print what backtests of an archive take."""
    table = Table(title, "seconds", "of CPU", "CPU s a room-hour", "alerts", "alerts a room-hour")
    for name, question in _questions().items():
        seconds, cpu, report = _timed(archive, question)
        hours, alerts = report["extent"]["room_ms"] / 3_600_000, report["counts"]["candidate"]
        figures = (f"{cpu / hours:.3f}", str(alerts), f"{alerts / hours:.1f}")
        table.add_row(name, f"{seconds:.1f}", f"{cpu:.1f}", *figures)
    console.print(table, f"load of the machine {os.getloadavg()[0]:.1f}")
