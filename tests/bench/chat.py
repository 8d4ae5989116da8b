"""Bench: the surge detector on real chat (``../shared/data/chat_bilibili``), danmaku a minute and popularity.

A minute that the archive has no line for is a gap (its collector was away), not a zero. A session is a
stretch on air (popularity above 1) without a gap above 15 min, at least 30 min long. An alert is a spike or
drop that follows no other within 10 min; it counts as false here, though it may be true (a popularity that
falls to a tenth).

Changes are injected every 7 min from the 30th minute on, where the series has values before and throughout.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from alerts.detectors.surge import ROOM, Surge

__all__ = ["run"]

_CHAT: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "chat_bilibili"
_MINUTE: Final = re.compile(r"TIME(\d+):(\d+)ONLINE(\d+)")
_GAP_MIN: Final = 15
_SESSION_MIN: Final = 30
_QUIET_MIN: Final = 10
_INJECTED_MIN: Final = 5
_EVERY_MIN: Final = 7
_KNOWN_OF: Final = (8, 15)
"""At least 8 values in the 15 min before an injected change."""
_BANDS: Final = ((0, 10), (10, 60), (60, 1_000_000))
"""Danmaku a minute before the change, from and below."""

_Minutes = list[float | None]


@dataclass(frozen=True, slots=True)
class _Session:
    """One room on air, minute by minute; None = no line in the archive."""

    danmaku: _Minutes
    popularity: _Minutes


@dataclass(frozen=True, slots=True)
class _Trial:
    """An injected change: level before it, and after how many samples it was found on each series."""

    factor: float
    danmaku_before: float
    danmaku: int | None
    popularity: int | None

    @property
    def either(self) -> int | None:
        """Return the earlier of both."""
        return min((delay for delay in (self.danmaku, self.popularity) if delay is not None), default=None)


def run() -> None:
    """Print alerts on the chat as it is, and how many injected changes are found."""
    console = Console()
    if not _CHAT.exists():
        console.print("chat: skipped, ../shared/data/chat_bilibili is not there")
        return
    sessions = [session for path in sorted(_CHAT.glob("*/*.txt")) for session in _sessions(path)]
    hours = sum(len(session.danmaku) for session in sessions) / 60
    calm = Table(title=f"as it is: {len(sessions)} sessions, {hours:.1f} room-hours")
    for heading in ("series", "alerts", "per 10 room-hours"):
        calm.add_column(heading, justify="right")
    counts = [
        sum(len(_alerts(getattr(session, name))) for session in sessions)
        for name in ("danmaku", "popularity")
    ]
    for name, count in zip(("danmaku a minute", "popularity", "both"), (*counts, sum(counts)), strict=True):
        calm.add_row(name, str(count), f"{10 * count / hours:.2f}")
    console.print(calm)
    console.print(_found([trial for session in sessions for trial in _trials(session)]))


def _found(trials: Sequence[_Trial]) -> Table:
    table = Table(title="injected changes of 5 min")
    for heading in ("on", "factor", "trials", "found", "median delay, samples"):
        table.add_column(heading, justify="right")
    for factor in (3.0, 1 / 3):
        those = [trial for trial in trials if trial.factor == factor]
        rows: list[tuple[str, list[int | None]]] = [
            ("the room (either series)", [trial.either for trial in those]),
            ("popularity", [trial.popularity for trial in those]),
        ]
        for low, high in _BANDS:
            band = [trial.danmaku for trial in those if low <= trial.danmaku_before < high]
            rows.append((f"danmaku alone, {low} to {high} a minute", band))
        for name, delays in rows:
            hits = [delay for delay in delays if delay is not None]
            median = f"{statistics.median(hits):g}" if hits else "–"
            share = f"{len(hits) / len(delays):.1%}" if delays else "–"
            table.add_row(name, "× 3" if factor > 1 else "÷ 3", str(len(delays)), share, median)
    return table


def _minutes(path: Path) -> dict[int, tuple[int, int]]:
    """Return danmaku and popularity by minute of the day."""
    minutes: dict[int, tuple[int, int]] = {}
    minute: int | None = None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _MINUTE.match(line):
            minute = int(match[1]) * 60 + int(match[2])
            minutes[minute] = (minutes.get(minute, (0, 0))[0], int(match[3]))
        elif line.startswith("SPEAKERNUM"):
            minute = None
        elif minute is not None and line.strip():
            minutes[minute] = (minutes[minute][0] + 1, minutes[minute][1])
    return minutes


def _sessions(path: Path) -> Iterator[_Session]:
    minutes = _minutes(path)
    stretches: list[list[int]] = []
    for minute in sorted(at for at, (_, popularity) in minutes.items() if popularity != 1):
        if stretches and minute - stretches[-1][-1] <= _GAP_MIN:
            stretches[-1].append(minute)
        else:
            stretches.append([minute])
    for stretch in stretches:
        whole = range(stretch[0], stretch[-1] + 1)
        if len(whole) >= _SESSION_MIN:
            yield _Session(
                danmaku=[float(minutes[at][0]) if at in minutes else None for at in whole],
                popularity=[
                    float(minutes[at][1]) if minutes.get(at, (0, 0))[1] > 1 else None for at in whole
                ],
            )


def _alerts(values: Sequence[float | None]) -> list[int]:
    """Return where alerts begin."""
    detector = Surge(ROOM)
    starts: list[int] = []
    last = -_QUIET_MIN - 1
    for index, value in enumerate(values):
        if detector.step(index * 60_000, value).direction != "none":
            if index - last > _QUIET_MIN:
                starts.append(index)
            last = index
    return starts


def _trials(session: _Session) -> Iterator[_Trial]:
    for start in range(_SESSION_MIN, len(session.danmaku) - _INJECTED_MIN, _EVERY_MIN):
        before = [value for value in session.danmaku[start - _KNOWN_OF[1] : start] if value is not None]
        during = (*session.danmaku[start:][:_INJECTED_MIN], *session.popularity[start:][:_INJECTED_MIN])
        if len(before) < _KNOWN_OF[0] or None in during:
            continue
        for factor in (3.0, 1 / 3):
            yield _Trial(
                factor,
                statistics.median(before),
                _delay(session.danmaku, start, factor, whole=True),
                _delay(session.popularity, start, factor, whole=False),
            )


def _delay(values: Sequence[float | None], start: int, factor: float, *, whole: bool) -> int | None:
    """Return in which sample of an injected change an alert begins, from 1; None when none does."""
    changed = list(values[: start + _INJECTED_MIN])
    for index in range(start, len(changed)):
        value = changed[index]
        assert value is not None
        changed[index] = float(round(value * factor)) if whole else value * factor
    return next((index - start + 1 for index in _alerts(changed) if index >= start), None)


if __name__ == "__main__":
    run()
