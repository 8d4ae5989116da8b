"""``roomwatch shadow``: reads, judges, tells on stdout; writes nothing anywhere else."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click
import orjson
import structlog
from rich.console import Console

from alerts.backtest.inputs import read_rules
from alerts.backtest.report import PEOPLE
from alerts.backtest.screen import show
from alerts.instants import instant_ms
from alerts.model import BadRecord
from alerts.shadow.beside import Beside
from alerts.shadow.feed import Feed, feed
from alerts.shadow.words import NOTES, WORDS
from alerts.tail.screen import clean
from stream.runtime import run
from stream.settings import Settings, load

__all__ = ["command", "serve"]

_WARM_MS: Final = 1_800_000
"""Read before what counts, milliseconds: detectors know a room's own figures by then."""
_SETTLE_S: Final = 10.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Telling:
    """How it is told.

    Attributes:
        every_s: seconds between two reports.
        as_json: reports as JSON lines; else text.
        for_s: end by itself after so many seconds; None for when it is asked to.
    """

    every_s: float
    as_json: bool
    for_s: float | None


@click.command("shadow")
@click.option("--rules", required=True, type=click.Path(path_type=Path), help="The candidate rule set.")
@click.option(
    "--since",
    default="now",
    show_default=True,
    help="Compare from then on: now, -2h, 2025-10-09T20:00, epoch ms; live.windows is kept for a day.",
)
@click.option(
    "--for", "for_s", type=click.FloatRange(1, 2_592_000), help="Seconds until it ends; default: never."
)
@click.option(
    "--every", "every_s", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True,
    help="Seconds between two reports.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Each report as a line of JSON.")
def command(*, rules: Path, since: str, for_s: float | None, every_s: float, as_json: bool) -> int:
    """Run a candidate rule set live beside the set in force, and tell the difference; nobody is alerted."""
    settings = load(Settings)
    candidate, _ = read_rules(rules)
    now_ms = time.time_ns() // 1_000_000
    since_ms = min(now_ms, instant_ms(since, now_ms=now_ms, zone=ZoneInfo(settings.timezone)))
    beside = Beside(candidate, partitions=settings.partitions, since_ms=since_ms)
    telling = Telling(every_s, as_json, for_s)
    return run(
        "shadow",
        lambda stop: serve(settings, beside, telling, since_ms=since_ms, stop=stop),
        log_level=settings.log_level,
    )


async def serve(
    settings: Settings, beside: Beside, telling: Telling, *, since_ms: int, stop: asyncio.Event
) -> None:
    """Judge and tell until the event is set or the time is over, then tell the whole difference.

    Raises:
        RoomwatchError: the logs cannot be read.
    """
    loop = asyncio.get_running_loop()
    ends_at = None if telling.for_s is None else loop.time() + telling.for_s
    told_at = settled_at = loop.time()
    async with feed(settings, since_ms - _WARM_MS) as logs:
        while not stop.is_set() and (ends_at is None or loop.time() < ends_at):
            await _turn(logs, beside)
            if loop.time() - settled_at >= _SETTLE_S:
                settled_at = loop.time()
                beside.settle()
            if loop.time() - told_at >= telling.every_s:
                told_at = loop.time()
                _tell(settings, beside, telling, final=False)
    _tell(settings, beside, telling, final=True)


async def _turn(logs: Feed, beside: Beside) -> None:
    for partition, record in await logs.next():
        try:
            if partition is None:
                beside.transitions(record.value or b"")
            else:
                beside.windows(partition, record.offset, record.timestamp, record.value or b"")
        except BadRecord as error:
            _log.warning("shadow.record_passed_over", offset=record.offset, error=str(error))


def _tell(settings: Settings, beside: Beside, telling: Telling, *, final: bool) -> None:
    report = {**beside.report(), "notes": _notes(beside), "final": final}
    zone = ZoneInfo(settings.timezone)
    if telling.as_json:
        sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
        sys.stdout.buffer.flush()
    elif final:
        show(report, Console(), locale=settings.locale, zone=zone)
    else:
        click.echo(_line(report, WORDS[settings.locale], zone))


def _line(report: Mapping[str, Any], words: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return how far it is and the numbers, in one line; the notes that matter now after it."""
    at = datetime.fromtimestamp(report["extent"]["to_ms"] / 1000, zone)
    return clean(words["so_far"].format(at=f"{at:%H:%M:%S}", **report["counts"]))


def _notes(beside: Beside) -> Sequence[Mapping[str, str]]:
    silent = ", ".join(map(str, beside.silent))
    more = (
        [{name: text.format(partitions=silent) for name, text in NOTES["silent"].items()}] if silent else []
    )
    return [NOTES["warm"], PEOPLE, *more]
