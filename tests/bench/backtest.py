"""How long a backtest of a hundred shows of six hours takes on two processes, and how large the archive is.

The candidate differs from the default rules in most rules, so that nearly everything is played twice; a
sweep over one threshold plays one rule for each value.
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
from tests.bench.shows import copies, made_up, record_log, simulated

SHOWS: Final = 100
HOURS: Final = 6
PARTITIONS: Final = 4
MADE: Final = 2
"""Rooms made second by second; the shows are copies of them."""
SIMULATED: Final = 2
SIMULATED_HOURS: Final = 0.5
JOBS: Final = 2
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


def run() -> None:
    """Record, copy, backtest, print."""
    console = Console()
    text = DEFAULT_RULES.read_text(encoding="utf-8")
    default = load(text, 1)
    candidate = load(
        re.sub(r"keep_firing_s: (\d+)", lambda found: f"keep_firing_s: {int(found[1]) + 1}", text)
    )
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        _size(Path(folder) / "simulated", console)
        made, shows = Path(folder) / "made", Path(folder) / "shows"
        record_log(made, made_up(MADE, round(3_600 * HOURS)))
        copies(made, shows, shows=SHOWS, partitions=PARTITIONS)
        archive = Archive(shows)
        sweep = parse_sweep(_SWEEP)
        questions = {
            "the default rules": Question(default, always(default)),
            "every rule changed, against the default": Question(candidate, always(default)),
            f"the same and a sweep of {len(sweep.values)} values": Question(
                candidate, always(default), sweep=(sweep.name, swept(text, sweep))
            ),
        }
        table = Table(f"{SHOWS} shows of {HOURS} h, {JOBS} processes", "seconds", "of CPU", "alerts")
        for name, question in questions.items():
            seconds, cpu, report = _timed(archive, question)
            table.add_row(name, f"{seconds:.1f}", f"{cpu:.1f}", str(report["counts"]["candidate"]))
        console.print(table, f"{len(default.rules)} rules; load of the machine {os.getloadavg()[0]:.1f}")
