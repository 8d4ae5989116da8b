"""The benches of the ingest one after the other, their tables, and the file that keeps the figures."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from stream.ingest import IngestSettings
from stream.settings import Settings
from tests.bench.ingest import profile
from tests.bench.ingest.drain import drain
from tests.bench.ingest.latency import latency
from tests.bench.ingest.machine import alone, conditions
from tests.bench.ingest.mix import SHARES, Mix
from tests.bench.ingest.preload import send
from tests.bench.ingest.rooms import many_rooms
from tests.bench.ingest.world import Offsets, World, ends, ensure, world

__all__ = ["Options", "Preloaded", "drains", "preload", "run"]

_OUT: Final = Path(__file__).resolve().parents[3] / "var" / "bench"
_PER_S: Final = 50_000
"""Records per second of event time."""
_CATALOGUES: Final = ("whole", "core")
_WIDTH: Final = 130
_LEAD_S: Final = 3
"""How far the newest event lies behind the clock when its log is made; 10 s ahead of it would be refused."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure and how much of it.

    Attributes:
        parts: which benches; none = all.
        events: records that are drained.
        rooms: rooms of the mix.
        seed: of the mix.
        profile: whether to tell where the time of the drain goes.
        seconds: how long each rate is offered.
        first: whether what is measured runs ahead of everything else on the machine; needs root.
        steady_per_s: records per second of many rooms that have been live for long.
        live_rooms: how many those are; the first has a take-over as well.
        offered: records per second that are offered for the latency.
    """

    parts: tuple[str, ...] = ()
    events: int = 2_000_000
    rooms: int = 1_000
    seed: int = 1
    profile: bool = False
    seconds: int = 20
    first: bool = False
    steady_per_s: int = 3_000
    live_rooms: tuple[int, ...] = (1_000, 10_000)
    offered: tuple[int, ...] = (20_000, 50_000)

    @classmethod
    def short(cls) -> Options:
        """Return options for a look of some minutes: is everything still measured, and about the same?"""
        return cls(events=200_000, seconds=5, steady_per_s=300, live_rooms=(200,), offered=(5_000,))

    def wants(self, part: str) -> bool:
        """Return whether a bench is to run."""
        return not self.parts or part in self.parts


@dataclass(frozen=True, slots=True)
class Preloaded:
    """Feeds that are full.

    Attributes:
        settings: of the deployment that they belong to.
        mix: what they hold.
        wanted: their ends.
    """

    settings: Settings
    mix: Mix
    wanted: Offsets


def run(options: Options | None = None) -> dict[str, Any]:
    """Measure, print and keep the figures."""
    chosen, console = options or Options(), Console(width=_WIDTH)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # it warns of every leader that is not there yet
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        found = asyncio.run(_measure(chosen, Path(folder), console))
    _OUT.mkdir(parents=True, exist_ok=True)
    (_OUT / "ingest.json").write_text(json.dumps(found, indent=1))
    return found


async def _measure(options: Options, folder: Path, console: Console) -> dict[str, Any]:
    async with world(folder, first=options.first) as made:
        found: dict[str, Any] = {"conditions": conditions()}
        if options.wants("drain"):
            found["drain"] = await drains(options, made, await preload(options, made, console), console)
        if options.wants("latency"):
            found["latency"] = await _latencies(options, made, console)
        if options.wants("rooms"):
            found["rooms"] = await _rooms(options, made, console)
        return found


async def preload(options: Options, made: World, console: Console) -> Preloaded:
    """Fill the feeds, in the order of event time, all but the last seconds of it behind the clock."""
    settings = made.settings()
    await ensure(settings)
    began = time.monotonic()
    mix = Mix(
        seed=options.seed,
        rooms=options.rooms,
        partitions=settings.partitions,
        start_ms=time.time_ns() // 1_000_000 - 1_000 * (options.events // _PER_S + _LEAD_S),
        per_s=_PER_S,
    )
    await send(settings, [mix.announcements()])
    await send(settings, mix.slices(options.events))
    shares = ", ".join(f"{feed} {share:.0%}" for feed, share in SHARES.items())
    console.print(
        f"{mix.number} records preloaded in {time.monotonic() - began:.0f} s: {shares};"
        f" {options.rooms} rooms, Zipf, lz4, {_PER_S} a second of event time,"
        f" {settings.partitions} partitions, seed {options.seed}"
    )
    return Preloaded(settings, mix, await ends(settings))


async def drains(
    options: Options, made: World, preloaded: Preloaded, console: Console
) -> dict[str, dict[str, Any]]:
    """Drain the feeds with each catalogue, and print the figures."""
    found: dict[str, dict[str, Any]] = {}
    for catalogue in _CATALOGUES:
        more = _catalogue(catalogue)
        if more is None:
            console.print(f"{catalogue} catalogue: skipped, the ingest has no setting for it yet")
            continue
        stacks = _OUT / f"ingest-{catalogue}.stacks" if options.profile else None
        _OUT.mkdir(parents=True, exist_ok=True)
        async with alone():
            found[catalogue] = await drain(
                made, made.settings(), preloaded.mix, preloaded.wanted, stacks=stacks, **more
            )
        _print_drain(console, catalogue, found[catalogue])
        if stacks:
            console.print(
                *profile.tables(stacks),
                f"stacks, as flame graphs take them: {stacks.relative_to(_OUT.parents[1])}",
            )
    return found


def _catalogue(name: str) -> dict[str, str] | None:
    """Return the settings that choose a catalogue; None when the ingest cannot yet."""
    if "catalogue" in IngestSettings.model_fields:
        return {"catalogue": name}
    return {} if name == "whole" else None


def _print_drain(console: Console, catalogue: str, found: dict[str, Any]) -> None:
    table = Table(
        "drain", "events/s wall", "CPU µs/event", "waited", "store µs", "broker µs", "peak MiB", "load"
    )
    table.add_row(
        f"{catalogue} catalogue",
        f"{found['events_per_s']:,}",
        f"{found['cpu_us_per_event']:.2f}",
        f"{found['waited_share']:.0%}",
        f"{found['store_us_per_event']:.2f}",
        f"{found['broker_us_per_event']:.2f}",
        str(found["peak_mib"]),
        f"{found['load_before']} → {found['load_1m']}",
    )
    console.print(table, "all counted" if not found["miscounted"] else f"MISCOUNTED: {found['miscounted']}")


async def _latencies(options: Options, made: World, console: Console) -> list[dict[str, Any]]:
    found = []
    table = Table(
        "offered/s", "p50", "p99", "worst", "critical p99", "CPU", "looks p50, p99", "not in time", "load"
    )
    for per_s in options.offered:
        settings = made.settings(f"offered-{per_s}.")
        await ensure(settings)
        async with alone():
            got = await latency(
                made, settings, per_s=per_s, seconds=options.seconds, rooms=options.rooms, seed=options.seed
            )
        found.append(got)
        table.add_row(
            f"{per_s:,}",
            f"{got['p50_ms']} ms",
            f"{got['p99_ms']} ms",
            f"{got['max_ms']} ms",
            f"{got['critical_p99_ms']} ms",
            f"{got['cpu_share']:.0%}",
            f"{got['look_p50_ms']}, {got['look_p99_ms']} ms",
            str(got["not_in_store"]),
            f"{got['load_before']} → {got['load_1m']}",
        )
    console.print(
        table, f"append in Kafka → seen in the store, {options.rooms} rooms, {options.seconds} s each"
    )
    return found


async def _rooms(options: Options, made: World, console: Console) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for rooms in options.live_rooms:
        got = await many_rooms(
            made, rooms=rooms, per_s=options.steady_per_s, seed=options.seed, takes_over=not found
        )
        found.append(got)
        _print_rooms(console, got)
    return found


def _print_rooms(console: Console, got: dict[str, Any]) -> None:
    table = Table(
        "rooms", "records/s", "store per room: mean", "median", "worst", "per order id", "RSS", "peak", "load"
    )
    table.add_row(
        str(got["rooms"]),
        str(got["per_s"]),
        f"{got['mean_bytes'] / 1024:.1f} KiB",
        f"{got['median_bytes'] / 1024:.1f} KiB",
        f"{got['max_bytes'] / 1024:.1f} KiB",
        f"{got['order_bytes']} B",
        f"{got['rss_mib']} MiB",
        f"{got['peak_mib']} MiB",
        f"{got['load_before']} → {got['load_1m']}",
    )
    console.print(table, "bytes by key: " + ", ".join(f"{key} {size:,}" for key, size in got["keys"].items()))
    for times in got.get("takeovers", []):
        console.print(
            f"take-over of {times['partitions']} partitions, to the last one's first flush: from the kill"
            f" {times['killed_to_flush_ms']} ms, from the broker's notice {times['noticed_to_flush_ms']} ms,"
            f" from the new assignment {times['assigned_to_flush_ms']} ms; load {times['load_1m']}"
        )
