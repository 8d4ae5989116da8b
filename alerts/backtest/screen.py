"""A backtest's report in a terminal: counts, differences, a sweep as table and bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.backtest.words import WORDS
from alerts.tail.screen import clean, lasting

__all__ = ["show"]

_ROWS_MAX: Final = 30
"""Differences that are listed; the rest is counted."""
_BAR: Final = 40
"""Characters of the longest bar of a sweep."""
_STYLES: Final = {"added": "green", "gone": "red", "moved": "yellow"}
_PARTS: Final = ("same", "moved", "added", "gone")
_MS_PER_HOUR: Final = 3_600_000

Report = Mapping[str, Any]


def show(report: Report, console: Console, *, locale: Literal["zh", "en"], zone: ZoneInfo) -> None:
    """Write a report.

    Args:
        report: as ``alerts.backtest.answer`` gives it.
        console: where to.
        locale: of the texts.
        zone: of the times.
    """
    words = WORDS[locale]
    extent, verdicts = report["extent"], report["verdicts"]
    begin, end = (f"{_at(extent[name], zone):%Y-%m-%d %H:%M}" for name in ("from_ms", "to_ms"))
    parts: list[RenderableType] = [
        words["range"].format(
            begin=begin, end=end, hours=round(extent["room_ms"] / _MS_PER_HOUR, 1), **_two(extent)
        ),
        words["counts"].format(**report["counts"]),
    ]
    if verdicts is not None:
        parts.append(words["verdicts"].format(**verdicts))
    if report["rules"]:
        parts.append(_rules(report, words))
    parts.append(_differences(report, words, zone, locale))
    if report["sweep"] is not None:
        parts += [_sweep(report["sweep"], words), *_refusals(report["sweep"], words, locale)]
    console.print(Group(*parts), highlight=False)
    for note in report["notes"]:
        console.print(Text(f"{words['note']}: {note[locale]}", "dim"), soft_wrap=True)


def _two(extent: Report) -> dict[str, int]:
    return {name: extent[name] for name in ("rooms", "sessions")}


def _rules(report: Report, words: Mapping[str, str]) -> Table:
    table = Table(words["rule"], *(words[part] for part in _PARTS), words["open"])
    for each in report["rules"]:
        counts = (Text(str(each[part]), _STYLES.get(part, "") if each[part] else "") for part in _PARTS)
        table.add_row(each["rule"], *counts, lasting(each["open_ms"]))
    return table


def _differences(report: Report, words: Mapping[str, str], zone: ZoneInfo, locale: str) -> RenderableType:
    found = sorted(
        [each for each in report["alerts"] if each["change"] != "same"]
        + [{**each, "change": "gone"} for each in report["gone"]],
        key=lambda each: (each["fired_at_ms"], each["id"]),
    )
    if not found:
        return words["none"]
    table = Table(words["when"], words["change"], words["alert"], words["lasted"], words["was"])
    for each in found[:_ROWS_MAX]:
        change = Text(words[each["change"]], _STYLES[each["change"]])
        text = Text(clean(each["summary"][locale]))
        if verdict := each.get("verdict"):
            text.append(f" ({verdict})", "bold")
        table.add_row(
            f"{_at(each['fired_at_ms'], zone):%m-%d %H:%M:%S}",
            change,
            text,
            _lasted(each, words),
            _was(each, words, zone),
        )
    more = len(found) - _ROWS_MAX
    return Group(table, words["more"].format(count=more)) if more > 0 else table


def _lasted(each: Report, words: Mapping[str, str]) -> str:
    return words["still"] if each["ended_at_ms"] is None else lasting(each["lasted_ms"])


def _was(each: Report, words: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return what of a moved alert was otherwise."""
    was = each.get("was")
    if was is None:
        return ""
    told = []
    if was["fired_at_ms"] != each["fired_at_ms"]:
        told.append(f"{_at(was['fired_at_ms'], zone):%H:%M:%S}")
    if was["severity_max"] != each["severity_max"]:
        told.append(f"{was['severity_max']} → {each['severity_max']}")
    if was["ended_at_ms"] != each["ended_at_ms"]:
        ended_ms = was["ended_at_ms"]
        told.append(f"→ {words['still'] if ended_ms is None else f'{_at(ended_ms, zone):%H:%M:%S}'}")
    return ", ".join(told)


def _sweep(sweep: Report, words: Mapping[str, str]) -> Table:
    judged = any(each.get("verdicts") for each in sweep["values"])
    more = [words["lost"], words["spared"]] if judged else []
    heads = (words["value"], words["alerts"], words["added"], words["gone"], *more, words["open"], "")
    table = Table(*heads, title=sweep["name"], title_justify="left")
    most = max((each.get("candidate", 0) for each in sweep["values"]), default=0)
    for each in sweep["values"]:
        if "refused" not in each:
            table.add_row(*_swept(each, judged=judged, most=most))
    return table


def _refusals(sweep: Report, words: Mapping[str, str], locale: str) -> Iterator[Text]:
    """Yield a line for each value that would make the set wrong."""
    for each in sweep["values"]:
        if "refused" in each:
            why = words["refused"].format(why=each["refused"][locale])
            yield Text(f"{each['value']:.6g} {why}", "dim")


def _swept(each: Report, *, judged: bool, most: int) -> Iterator[RenderableType]:
    yield f"{each['value']:.6g}"
    yield from (str(each[name]) for name in ("candidate", "added", "gone"))
    if judged:
        yield str(each["verdicts"]["real_lost"])
        yield str(each["verdicts"]["false_spared"])
    yield lasting(each["open_ms"])
    yield Text(
        "█" * max(1 if each["candidate"] else 0, round(_BAR * each["candidate"] / max(1, most))), "cyan"
    )


def _at(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, zone)
