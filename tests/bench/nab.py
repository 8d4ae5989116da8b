"""Bench: the surge detector on the Numenta Anomaly Benchmark's series in ``../shared/data/nab``.

Scores come from ``../shared/tools/nab_score.py``, which is not ours; the shipped threshold is scored with
that tool's own points.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from alerts.detectors.surge import CURVES, Surge

__all__ = ["run"]

_SHARED: Final = Path(__file__).resolve().parents[3] / "shared"
_NAB: Final = _SHARED / "data" / "nab"
_SCORER: Final = _SHARED / "tools" / "nab_score.py"
_NAME: Final = "surge"


def run() -> None:
    """Print each profile's score, by the benchmark's threshold, the shipped one, and foreign ones."""
    console = Console()
    if not (_NAB.exists() and _SCORER.exists()):
        console.print("nab: skipped, ../shared/data/nab or ../shared/tools/nab_score.py is not there")
        return
    scorer = _scorer()
    windows = json.loads((_NAB / "labels" / "combined_windows.json").read_text())
    scores = {name: _scores(name) for name in windows}
    best = _official(scorer, scores)
    profiles = json.loads((_NAB / "config" / "profiles.json").read_text())
    table = Table(
        title=f"NAB, {len(scores)} series, {sum(map(len, windows.values()))} windows, one parameter set"
    )
    for heading in (
        "profile",
        "benchmark's threshold",
        f"shipped threshold {CURVES.threshold}",
        "thresholds of the other categories",
    ):
        table.add_column(heading, justify="left" if heading == "profile" else "right")
    for profile, value in profiles.items():
        rows = _rows(scorer, windows, scores, value["CostMatrix"])
        shipped = _normalised(rows, windows, value["CostMatrix"], dict.fromkeys(scores, CURVES.threshold))
        foreign = _normalised(
            rows, windows, value["CostMatrix"], _foreign(rows, windows, value["CostMatrix"])
        )
        table.add_row(profile, f"{best[profile]:.2f}", f"{shipped:.2f}", f"{foreign:.2f}")
    console.print(table)


def _scorer() -> Any:
    spec = importlib.util.spec_from_file_location("nab_score", _SCORER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _scores(name: str) -> list[tuple[str, float]]:
    detector = Surge(CURVES)
    with (_NAB / "data" / name).open(encoding="utf-8", newline="") as file:
        return [
            (row["timestamp"], detector.step(_at_ms(row["timestamp"]), float(row["value"])).score)
            for row in csv.DictReader(file)
        ]


def _at_ms(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp() * 1000)


def _official(scorer: Any, scores: Mapping[str, list[tuple[str, float]]]) -> dict[str, float]:
    """Return the scorer's own figure of each profile, from result files as it wants them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in scores.items():
            category, file_name = name.split("/")
            path = Path(folder) / category / f"{_NAME}_{file_name}"
            path.parent.mkdir(exist_ok=True)
            lines = [f"{stamp},{score!r}" for stamp, score in rows]
            path.write_text("\n".join(["timestamp,anomaly_score", *lines, ""]), encoding="utf-8")
        with redirect_stdout(io.StringIO()):
            return dict(scorer.main(str(_NAB), folder, _NAME))


_Rows = dict[str, list[tuple[float, float, int | None]]]
"""Of each series: score, what it is worth when it alarms, and the window it lies in."""


def _rows(
    scorer: Any,
    windows: Mapping[str, list[Any]],
    scores: Mapping[str, list[tuple[str, float]]],
    cost: Mapping[str, float],
) -> _Rows:
    return {
        name: list(
            scorer.points(
                [scorer.norm_ts(stamp) for stamp, _ in scores[name]],
                [score for _, score in scores[name]],
                windows[name],
                cost["tpWeight"],
                cost["fpWeight"],
            )
        )
        for name in windows
    }


def _gain(
    rows: Iterable[tuple[float, float, int | None]], cost: Mapping[str, float], threshold: float
) -> float:
    """Return what alarms at this threshold gain over silence."""
    hits: dict[int, float] = {}
    gained = 0.0
    for score, worth, window in rows:
        if score < threshold:
            continue
        if window is None:
            gained += worth
        else:
            hits[window] = max(hits.get(window, -cost["fnWeight"]), worth)
    return gained + sum(worth + cost["fnWeight"] for worth in hits.values())


def _normalised(
    rows: _Rows, windows: Mapping[str, list[Any]], cost: Mapping[str, float], thresholds: Mapping[str, float]
) -> float:
    total = sum(map(len, windows.values()))
    gained = sum(_gain(rows[name], cost, thresholds[name]) for name in rows)
    return 100 * gained / (total * (cost["tpWeight"] + cost["fnWeight"]))


def _foreign(rows: _Rows, windows: Mapping[str, list[Any]], cost: Mapping[str, float]) -> dict[str, float]:
    """Return for each series the threshold that is best for all categories but its own."""
    thresholds = {}
    for category in {name.split("/")[0] for name in windows}:
        others = [
            [row for row in rows[name] if row[0] >= _CANDIDATES[0]]
            for name in rows
            if not name.startswith(f"{category}/")
        ]
        best = max(_CANDIDATES, key=lambda at: sum(_gain(series, cost, at) for series in others))
        thresholds.update({name: best for name in rows if name.startswith(f"{category}/")})
    return thresholds


_CANDIDATES: Final = [0.2 + 0.002 * step for step in range(201)]
"""Thresholds that are tried; below the first a tenth of all rows would alarm."""

if __name__ == "__main__":
    run()
