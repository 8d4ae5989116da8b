"""An alert and the figures around it in a terminal. Writes to the console that it is given."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.explain.chart import Line, chart
from alerts.explain.words import WORDS
from alerts.tail.screen import clean
from alerts.texts import number
from alerts.wording import SEVERITY_NAMES

__all__ = ["show"]

Locale = Literal["zh", "en"]
Story = Mapping[str, Any]

_HEIGHT: Final = 14
_WIDTH_LEAST: Final = 20
_AXIS: Final = 16
"""Columns left of the chart, for the numbers."""
_WIDTH_WITHOUT_TERMINAL: Final = 120
_LINES: Final = (("critical", "red"), ("warning", "yellow"), ("expected", "green"), ("value", "cyan"))
"""What is drawn, later ones over earlier ones, and its colour."""
_MARKS: Final = {
    "began": ("·", "dim"), "firing": ("▲", "bold red"), "acknowledged": ("◆", "blue"),
    "escalated": ("▲", "bold magenta"), "suppressed": ("▽", "dim"), "resolved": ("▼", "bold green"),
}  # fmt: skip
_GAP_STEPS: Final = 5
_ROWS_MAX: Final = 20


def show(told: Story, console: Console, *, locale: Locale, zone: ZoneInfo) -> None:
    """Write what is known of an alert.

    Args:
        told: as ``alerts.explain.story`` gives it.
        console: where to.
        locale: of the texts.
        zone: of the times.
    """
    words = WORDS[locale]
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    width = console.width
    parts: list[RenderableType] = [Text(clean(told["alert"]["summary"][locale]), "bold")]
    parts += [Text(line) for line in _head(told, words, locale)]
    parts += list(_drawn(told, words, locale, zone, max(_WIDTH_LEAST, width - _AXIS - 1)))
    parts += [_marks(told, words, locale, zone)]
    if told["alert"]["contributions"]:
        parts += ["", Text(words["contributions"], "bold"), _contributions(told["alert"], words)]
    parts += ["", Text(words["beside"], "bold"), _beside(told["beside"], words, locale, zone)]
    if told["alert"]["evidence"]:
        parts += ["", Text(words["evidence"], "bold"), _evidence(told["alert"]["evidence"], zone)]
    parts += [Text(f"{words['note']}: {note[locale]}", "dim") for note in told["notes"]]
    console.print(Group(*parts), highlight=False, markup=False)


def _head(told: Story, words: Mapping[str, str], locale: Locale) -> Iterator[str]:
    alert, metric = told["alert"], (told["condition"] or {}).get("metric")
    yield f"{alert['id']}  {words['rule'].format(rule=alert['rule'], version=alert['rule_version'])}"
    unknown = words["unknown"]
    figures = {
        "value": _figure(alert["value"], metric, locale, unknown),
        "expected": _figure(alert["expected"], metric, locale, unknown),
        "bound": _figure(alert["threshold"], metric, locale, unknown),
        "samples": unknown if alert["samples"] is None else f"{alert['samples']:,}",
        "confidence": unknown if alert["confidence"] is None else f"{alert['confidence']:.4g}",
        "window": unknown if alert["window_s"] is None else words["seconds"].format(value=alert["window_s"]),
    }
    yield words["rests"].format(**figures)
    if told["condition"] is not None:
        labels = ", ".join(f"{name}={value}" for name, value in told["condition"]["labels"].items())
        yield clean(f"{told['condition']['id']}{f' ({labels})' if labels else ''}")


def _figure(value: float | None, metric: str | None, locale: Locale, unknown: str) -> str:
    if value is None:
        return unknown
    return f"{value:.6g}" if metric is None else number(value, metric, locale)


def _drawn(
    told: Story, words: Mapping[str, str], locale: Locale, zone: ZoneInfo, width: int
) -> Iterator[RenderableType]:
    """Yield the chart with its axes, or that there is nothing to draw."""
    points = told["points"]
    every = [point[name] for point in points for name, _ in _LINES if point[name] is not None]
    if not every:
        yield Text(words["nothing"], "dim")
        return
    low, high = _edges(every)
    rows = chart(
        list(_lines(points)),
        from_ms=told["from_ms"],
        to_ms=told["to_ms"],
        low=low,
        high=high,
        width=width,
        height=_HEIGHT,
    )
    metric = (told["condition"] or {}).get("metric")
    named = {0: high, _HEIGHT // 2: (low + high) / 2, _HEIGHT - 1: low}
    for row, line in enumerate(rows):
        label = _figure(named[row], metric, locale, "") if row in named else ""
        yield Text.assemble((f"{label:>{_AXIS}}", "dim"), ("┤" if row in named else "│"), line)
    yield Text.assemble(" " * (_AXIS + 1), *_under(told, width))
    begin, end = (f"{_at(told[name], zone):%m-%d %H:%M:%S}" for name in ("from_ms", "to_ms"))
    yield Text(" " * (_AXIS + 1) + begin + end.rjust(max(1, width - len(begin))), "dim")
    legend = [(f"━ {words[name]}  ", style) for name, style in reversed(_LINES) if _has(points, name)]
    yield Text.assemble(" " * (_AXIS + 1), *legend)


def _has(points: Sequence[Story], name: str) -> bool:
    return any(point[name] is not None for point in points)


def _edges(every: Sequence[float]) -> tuple[float, float]:
    """Return the values of the lower and the upper edge: a little more than what is drawn."""
    low, high = min(every), max(every)
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return (0.0 if 0 <= low <= (high - low) / 2 else low - margin), high + margin


def _lines(points: Sequence[Story]) -> Iterator[Line]:
    steps = [after["at_ms"] - before["at_ms"] for before, after in pairwise(points)]
    gap_ms = math.ceil(median(steps) * _GAP_STEPS) if steps else 0
    for name, style in _LINES:
        places = [(point["at_ms"], point[name]) for point in points if point[name] is not None]
        if places:
            yield Line(places, style, gap_ms)


def _under(told: Story, width: int) -> Iterator[tuple[str, str]]:
    """Yield the line of marks under the chart."""
    signs: dict[int, tuple[str, str]] = {}
    from_ms, to_ms = told["from_ms"], told["to_ms"]
    for mark in told["marks"]:
        if from_ms <= mark["at_ms"] < to_ms:
            signs[(mark["at_ms"] - from_ms) * width // (to_ms - from_ms)] = _MARKS[mark["what"]]
    yield from (signs.get(column, ("─", "dim")) for column in range(width))


def _marks(told: Story, words: Mapping[str, str], locale: Locale, zone: ZoneInfo) -> Text:
    text = Text()
    for mark in told["marks"]:
        sign, style = _MARKS[mark["what"]]
        severity = f" ({SEVERITY_NAMES[mark['severity']].of(locale)})" if mark["severity"] else ""
        text.append(sign, style)
        text.append(f" {words[mark['what']]}{severity} {_at(mark['at_ms'], zone):%H:%M:%S}   ")
    return text


def _contributions(alert: Story, words: Mapping[str, str]) -> Table:
    table = Table(words["from"], words["name"], words["change"], box=None, pad_edge=False)
    for part in sorted(alert["contributions"], key=lambda part: (part["by"], -abs(part["change"]))):
        table.add_row(clean(part["by"]), clean(part["name"]), f"{part['change']:+.4g}")
    return table


def _beside(
    beside: Sequence[Story], words: Mapping[str, str], locale: Locale, zone: ZoneInfo
) -> RenderableType:
    if not beside:
        return Text(words["none"], "dim")
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in beside[:_ROWS_MAX]:
        over = one["state"] == "resolved"
        end = f"{_at(one['at_ms'], zone):%H:%M:%S}" if over else words["open"]
        began = f"{_at(one['started_at_ms'], zone):%H:%M:%S}"
        severity = SEVERITY_NAMES[one["severity_max"]].of(locale)
        table.add_row(f"{began} – {end}", severity, Text(clean(one["summary"][locale])))
    return table


def _evidence(evidence: Sequence[Story], zone: ZoneInfo) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in evidence:
        text = one.get("text") or one.get("recording_url") or ""
        table.add_row(f"{_at(one['at_ms'], zone):%H:%M:%S}", clean(one["source"]), Text(clean(text)))
    return table


def _at(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, zone)
