"""Bench: the surge detector on labelled curves of real services, and what a step costs.

A labelled segment is found when an alert begins, or lasts, within its length or its first 10 points,
whichever is longer; an alert that begins elsewhere is false. Alerts less than 10 points apart are one.

The settings were searched for with the first half of each curve; the second halves say what they are worth on
others.
"""

from __future__ import annotations

import csv
import gzip
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from alerts.detectors.surge import CURVES, ROOM, SERVICE, Surge, SurgeSettings

__all__ = ["run"]

_DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
_FOUND_WITHIN: Final = 10
_ONE_ALERT: Final = 10

_Row = tuple[int, float | None, bool]
"""Instant in epoch milliseconds, value, labelled."""


@dataclass(frozen=True, slots=True)
class _Tally:
    """Segments found and missed, false alerts, and the delays of those found, in points from 0."""

    found: int
    missed: int
    false: int
    delays: tuple[int, ...]

    def __add__(self, other: _Tally) -> _Tally:
        return _Tally(
            self.found + other.found,
            self.missed + other.missed,
            self.false + other.false,
            self.delays + other.delays,
        )

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.found / max(1, 2 * self.found + self.missed + self.false)


_NONE: Final = _Tally(0, 0, 0, ())


def run() -> None:
    """Print F1 by segment for each set of curves, then the cost of a step."""
    console = Console()
    table = Table(title=f"labelled segments, threshold {SERVICE.threshold}")
    for heading in (
        "curves",
        "series",
        "found",
        "missed",
        "false",
        "precision",
        "recall",
        "F1",
        "median delay",
    ):
        table.add_column(heading, justify="right")
    both, halves = _NONE, [_NONE, _NONE]
    for name, pattern, read in _SETS:
        paths = sorted(_DATA.glob(pattern))
        if not paths:
            console.print(f"kpi: skipped, ../shared/data/{pattern} is not there")
            continue
        tally = _NONE
        for path in paths:
            rows = list(read(path))
            told = _told(rows)
            tally += _tally(told, rows)
            for half, part in enumerate((slice(len(rows) // 2), slice(len(rows) // 2, None))):
                halves[half] += _tally(told[part], rows[part])
        both += tally
        table.add_row(name, str(len(paths)), *_cells(tally))
    if both.found + both.missed:
        table.add_row("both", "", *_cells(both))
        for name, tally in zip(("first halves", "second halves"), halves, strict=True):
            table.add_row(name, "", *_cells(tally))
        console.print(table)
    console.print(_cost())


def _cells(tally: _Tally) -> list[str]:
    alerts, segments = tally.found + tally.false, tally.found + tally.missed
    return [
        *map(str, (tally.found, tally.missed, tally.false)),
        f"{tally.found / max(1, alerts):.2f}",
        f"{tally.found / max(1, segments):.2f}",
        f"{tally.f1:.3f}",
        f"{statistics.median(tally.delays):g}" if tally.delays else "–",
    ]


def _told(rows: Sequence[_Row]) -> list[bool]:
    detector = Surge(SERVICE)
    return [detector.step(at_ms, value).direction != "none" for at_ms, value, _ in rows]


def _tally(told: Sequence[bool], rows: Sequence[_Row]) -> _Tally:
    spans = [range(start, max(stop, start + _FOUND_WITHIN)) for start, stop in _segments(rows)]
    delays = [next((i - span.start for i in span if i < len(told) and told[i]), None) for span in spans]
    false = sum(not any(start in span for span in spans) for start in _starts(told))
    hits = tuple(delay for delay in delays if delay is not None)
    return _Tally(len(hits), len(spans) - len(hits), false, hits)


def _segments(rows: Sequence[_Row]) -> Iterator[tuple[int, int]]:
    at = 0
    for labelled, run_of in groupby(rows, key=lambda row: row[2]):
        length = sum(1 for _ in run_of)
        if labelled:
            yield at, at + length
        at += length


def _starts(told: Iterable[bool]) -> Iterator[int]:
    last = -_ONE_ALERT - 1
    for index, alarmed in enumerate(told):
        if alarmed:
            if index - last > _ONE_ALERT:
                yield index
            last = index


def _read_kpi(path: Path) -> Iterator[_Row]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield int(row["timestamp"]) * 1000, float(row["value"]), row["label"] == "1"


def _read_cloud(path: Path) -> Iterator[_Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for stamp, value, label in list(csv.reader(file))[1:]:
            at = datetime.fromisoformat(stamp.removesuffix("Z")).replace(tzinfo=UTC)
            yield round(at.timestamp() * 1000), float(value) if value else None, label == "1"


def _cost() -> Table:
    """Measure one process' time for a step and the packed size; the machine and what else it does matter."""
    table = Table(title="cost of one series")
    for heading in ("settings", "µs a step", "packed bytes"):
        table.add_column(heading, justify="right")
    shipped: tuple[tuple[str, SurgeSettings], ...] = (
        ("CURVES", CURVES),
        ("SERVICE", SERVICE),
        ("ROOM", ROOM),
    )
    for name, settings in shipped:
        detector, count = Surge(settings), 20_000
        begun = time.process_time()
        for i in range(count):
            detector.step(i * 60_000, 1000.0 + (i * 7919) % 97)
        spent = time.process_time() - begun
        table.add_row(name, f"{spent / count * 1e6:.1f}", str(len(detector.pack())))
    return table


_SETS: Final = (
    ("KPI curves", "kpi_curves/*.csv.gz", _read_kpi),
    ("cloud monitoring", "ms_cloud_monitoring/*/*.csv", _read_cloud),
)

if __name__ == "__main__":
    run()
