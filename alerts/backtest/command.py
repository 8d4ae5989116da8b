"""``roomwatch backtest``: a candidate rule set over what was recorded."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from alerts.backtest.answer import Question, answer
from alerts.backtest.inputs import chosen, read_rules, rules_in_force, verdicts
from alerts.backtest.screen import show
from alerts.backtest.sets import Sets, always
from alerts.backtest.sweep import parse_sweep, swept
from alerts.backtest.words import WORDS
from alerts.instants import instant_ms
from stream.archive import Archive
from stream.settings import Settings, load

__all__ = ["command"]

_JOBS: Final = 2
Advance = Callable[[int, int], None]


@click.command("backtest")
@click.option("--rules", required=True, type=click.Path(path_type=Path), help="The candidate rule set.")
@click.option(
    "--from", "begin", help="2025-10-09, 2025-10-09T20:00, -6h, epoch ms; default: all that is kept."
)
@click.option("--to", "end", help="The end, likewise; default: now.")
@click.option("--rooms", help="Only these rooms, comma separated, or @FILE with them; and no vendors.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="A rule set to compare with; default: the one in force then.",
)
@click.option("--sweep", help="Try a number of the set: rule.metric.key=low..high[:steps].")
@click.option("--jobs", type=click.IntRange(1, 64), default=_JOBS, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.option(
    "--progress",
    type=click.Choice(["bar", "json", "none"]),
    default="bar",
    show_default=True,
    help="How to tell on stderr how far it is.",
)
def command(
    *,
    rules: Path,
    begin: str | None,
    end: str | None,
    rooms: str | None,
    against: Path | None,
    sweep: str | None,
    jobs: int,
    as_json: bool,
    progress: str,
) -> int:
    """Run the rules stage over the archive with another rule set, and tell what would have been different."""
    settings = load(Settings)
    zone = ZoneInfo(settings.timezone)
    archive = Archive(settings.archive)
    now_ms = time.time_ns() // 1_000_000
    from_ms, to_ms = (
        None if text is None else instant_ms(text, now_ms=now_ms, zone=zone) for text in (begin, end)
    )
    candidate, text = read_rules(rules)
    wanted = None if sweep is None else parse_sweep(sweep)
    question = Question(
        candidate=candidate,
        against=_against(settings, against),
        from_ms=from_ms,
        to_ms=to_ms,
        rooms=None if rooms is None else chosen(rooms),
        sweep=None if wanted is None else (wanted.name, swept(text, wanted)),
        verdicts=_verdicts(settings, archive, from_ms, to_ms),
    )
    with _telling(progress, WORDS[settings.locale]["playing"]) as advance:
        report = answer(archive, question, jobs=jobs, progress=advance)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
    else:
        show(report, Console(), locale=settings.locale, zone=zone)
    return 0


def _against(settings: Settings, file: Path | None) -> Sets:
    return asyncio.run(rules_in_force(settings)) if file is None else always(read_rules(file)[0])


def _verdicts(settings: Settings, archive: Archive, from_ms: int | None, to_ms: int | None) -> Any:
    begin_ms, end_ms = archive.bounds_ms() or (0, 0)
    first_ms = begin_ms if from_ms is None else from_ms
    return asyncio.run(verdicts(settings, first_ms, end_ms + 1 if to_ms is None else to_ms))


@contextmanager
def _telling(how: str, what: str) -> Iterator[Advance]:
    """Give what tells on stderr how far it is."""
    if how == "bar":
        columns = (TextColumn(what), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task("", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        yield _write_line if how == "json" else lambda _done, _total: None


def _write_line(done: int, total: int) -> None:
    click.echo(orjson.dumps({"done": done, "total": total}), err=True)
