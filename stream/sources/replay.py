"""``roomwatch replay``: recorded broadcasts sent to the feeds again, their time moved to now."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console

from stream import runtime
from stream.errors import SettingsError
from stream.runtime import SystemClock
from stream.settings import Settings, load
from stream.sources.bilibili import Archive, Day, day_files, read_day
from stream.sources.sending import Progress, Tally, open_sender

__all__ = ["command", "read_days", "replay"]

_TOLD_MAX: Final = 20
"""Skipped lines that are told one by one; the rest are counted."""
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,32}")
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _prefix(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise click.BadParameter(f"{value!r}; allowed are 1-32 characters of A-Z a-z 0-9 _ . : -")
    return value


def _minute(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    found = _CLOCK.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r}; allowed is a time of day such as 20:30")
    return int(found[1]) * 60 + int(found[2])


@click.command("replay")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(["bilibili-archive"]), default="bilibili-archive")
@click.option("--speed", type=click.FloatRange(0.01, 10_000), default=1.0, help="Recorded seconds in one.")
@click.option("--room-prefix", default="bili", callback=_prefix, help="Put before the recorded room, with -.")
@click.option(
    "--from", "from_minute", default="0:00", callback=_minute, help="Leave out the day before h:mm."
)
@click.option("--seed", type=int, default=1, help="What made-up senders and seconds hang on.")
@click.option("--progress/--no-progress", default=True, help="Tell on stderr how it goes.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    *,
    paths: tuple[Path, ...],
    kind: str,  # noqa: ARG001 - one format so far
    speed: float,
    room_prefix: str,
    from_minute: int,
    seed: int,
    progress: bool,
    as_json: bool,
) -> int:
    """Send recorded chat to the feeds as if it came now; PATHS are day files or folders of them.

    Every room's first day begins at once. Popularity becomes the online of an edge ping, sent every recorded
    minute but at least every 5 s and at most every second of the clock.
    """
    tally, clock = Tally(), SystemClock()
    days = read_days(paths, tally)
    archive = Archive(
        days,
        start_ms=clock.now_ms(),
        speed=speed,
        from_minute=from_minute,
        prefix=room_prefix,
        seed=seed,
        counts=tally.notes,
    )
    settings = load(Settings)
    with Progress(f"replay, {len({day.room for day in days})} rooms", shown=progress) as watch:
        status = runtime.run(
            "replay",
            lambda stop: replay(archive, settings, stop=stop, tally=tally, progress=watch),
            log_level=settings.log_level,
        )
    if status == 0:
        if as_json:
            click.echo(orjson.dumps(tally.as_json()))
        else:
            Console().print(tally.table("sent"))
    return status


def read_days(paths: tuple[Path, ...], tally: Tally) -> list[Day]:
    """Read the days; lines that are skipped are told on stderr and counted.

    Raises:
        SettingsError: a path cannot be read, or there is no message at all.
    """

    def complain(path: Path, line: int, what: str) -> None:
        tally.notes["lines_skipped"] += 1
        if tally.notes["lines_skipped"] <= _TOLD_MAX:
            click.echo(f"{path}:{line}: {what}; skipped", err=True)

    days = [read_day(file, complain) for file in day_files(paths)]
    if tally.notes["lines_skipped"] > _TOLD_MAX:
        click.echo(f"… and {tally.notes['lines_skipped'] - _TOLD_MAX} more lines skipped", err=True)
    if not any(day.minutes for day in days):
        raise SettingsError(f"cannot replay {paths[0]}: there is no TIMEh:mONLINEn line in it")
    return days


async def replay(
    archive: Archive, settings: Settings, *, stop: asyncio.Event, tally: Tally, progress: Progress
) -> None:
    """Send an archive's records as their time comes; when stopped, end the rooms that are live.

    Raises:
        ServiceError: there is no broker, or it refused a record.
    """
    clock = SystemClock()
    async with open_sender(settings, clock, tally) as sender:
        await sender.send(archive.records(), stop=stop, progress=progress)
        if stop.is_set():
            await sender.send(archive.closing(clock.now_ms()), stop=asyncio.Event(), progress=progress)
