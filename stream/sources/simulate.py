"""``roomwatch simulate``: believable broadcasts with labelled incidents, sent to the feeds as they happen."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import click
import msgspec
import orjson
from rich.console import Console

from stream import runtime
from stream.errors import SettingsError
from stream.runtime import SystemClock
from stream.settings import Settings, load
from stream.sources import scenario as scenarios
from stream.sources.broadcast import Record, closing, records
from stream.sources.plan import Label, Plan
from stream.sources.sending import Progress, Tally, open_sender

__all__ = ["command", "simulate"]

_DEFAULT: Final = "rooms: [{count: 20, starts_s: [0, 30]}]"


@click.command("simulate")
@click.option(
    "--rooms", type=click.IntRange(1, 100_000), help="How many rooms; the file's groups are repeated."
)
@click.option(
    "--speed", type=click.FloatRange(0.01, 1_000), help="Seconds of the broadcast in one of the clock."
)
@click.option(
    "--scenario", "file", type=click.Path(path_type=Path), help="YAML file; without one, 20 calm rooms."
)
@click.option("--seed", type=int, help="What all draws hang on.")
@click.option("--duration", type=click.FloatRange(1), help="Seconds of the broadcast until all ends.")
@click.option(
    "--labels", type=click.Path(path_type=Path), help="Write the incidents here, one JSON line each."
)
@click.option(
    "--dump", type=click.Path(path_type=Path), help="Write the records here instead of sending them."
)
@click.option("--start-ms", type=int, help="With --dump: epoch milliseconds of the first second.")
@click.option("--progress/--no-progress", default=True, help="Tell on stderr how it goes.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    *,
    rooms: int | None,
    speed: float | None,
    file: Path | None,
    seed: int | None,
    duration: float | None,
    labels: Path | None,
    dump: Path | None,
    start_ms: int | None,
    progress: bool,
    as_json: bool,
) -> int:
    """Send simulated broadcasts to the feeds until the scenario ends or Ctrl-C; then every room ends.

    At a speed above 1 the broadcast's own time is compressed: at_ms stays the clock's, people come, stay and
    pay faster, and the probes ping at their usual pace.
    """
    given: dict[str, Any] = {"speed": speed, "seed": seed, "end_s": duration, "room_count": rooms}
    found = scenarios.load(file, **given) if file else scenarios.parse(_DEFAULT, **given)
    tally, clock = Tally(), SystemClock()
    plan = Plan(found, clock.now_ms() if start_ms is None else start_ms)
    watch = Progress(f"simulate, {len(plan.rooms)} rooms", shown=progress)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(_writing(labels)) if labels else None
        stack.enter_context(watch)
        if dump is not None:
            _dump(plan, stack.enter_context(_writing(dump)), tally, out)
        else:
            settings = load(Settings)
            status = runtime.run(
                "simulate",
                lambda stop: simulate(plan, settings, stop=stop, tally=tally, progress=watch, labels=out),
                log_level=settings.log_level,
            )
            if status:
                return status
    if as_json:
        click.echo(orjson.dumps(tally.as_json()))
    else:
        Console().print(tally.table("sent" if dump is None else "written"))
    return 0


async def simulate(
    plan: Plan,
    settings: Settings,
    *,
    stop: asyncio.Event,
    tally: Tally,
    progress: Progress,
    labels: TextIO | None = None,
) -> None:
    """Send a plan's records as their time comes, then end every room that is live.

    Args:
        plan: what is sent; its start should be now.
        settings: where to.
        stop: ends it early.
        tally: what was sent; kept up to date.
        progress: told how it goes.
        labels: gets a JSON line for each incident as it begins.

    Raises:
        ServiceError: there is no broker, or it refused a record.
    """
    clock = SystemClock()
    async with open_sender(settings, clock, tally) as sender:
        await sender.send(_labelling(plan, labels), stop=stop, progress=progress)
        if stop.is_set():
            now_ms = (clock.now_ms() - plan.start_ms) * plan.scenario.speed
            await sender.send(closing(plan, now_ms), stop=asyncio.Event(), progress=progress)


def _labelling(plan: Plan, out: TextIO | None) -> Iterator[Record]:
    """Yield the plan's records; write each label when the first record at or after its beginning comes."""
    if out is None:
        yield from records(plan)
        return
    labels = plan.labels()
    ahead = next(labels, None)
    for record in records(plan):
        while ahead is not None and ahead.from_ms <= record.at_ms:
            _write_label(out, ahead)
            ahead = next(labels, None)
        yield record


def _write_label(out: TextIO, label: Label) -> None:
    out.write(msgspec.json.encode(label).decode() + "\n")
    out.flush()


def _dump(plan: Plan, out: TextIO, tally: Tally, labels: TextIO | None) -> None:
    if plan.scenario.duration_s is None:
        raise SettingsError("a dump needs an end: give --duration, or duration_s in the scenario")
    for record in _labelling(plan, labels):
        try:
            value: dict[str, str] = {"value": record.value.decode()}
        except UnicodeDecodeError:
            value = {"value_base64": base64.b64encode(record.value).decode()}
        line = {"at_ms": record.at_ms, "feed": record.feed, "key": record.key, **value}
        out.write(orjson.dumps(line).decode() + "\n")
        tally.sent[record.feed] += 1


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[TextIO]:
    try:
        out = path.open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error}") from error
    with out:
        yield out
