"""How long an alert takes from the moment it is due to a WebSocket client, with the stages running.

A hundred rooms ping each second; each stalls for a while and recovers, out of step with the others. `due` is
the later of the append time of the newest event and the end of the rule's `for`; what is printed is the time
from `due` to the append in `live.alerts` (`latency_ms` of the record) and to the receipt by the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import orjson
import uvloop
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from deploy.local.kafka import Kafka
from deploy.local.process import Process
from deploy.local.valkey import Valkey
from stream.settings import Settings
from stream.topics import ensure
from tests.bench.ingest.offered import OFFERING
from tests.bench.shares import STEPS, Shares, Way, ways
from tests.system import System, alerts_over_websocket
from tests.waiting import until

__all__ = ["SECONDS", "Measured", "measure", "run", "show"]

ROOMS: Final = 100
CALM_S: Final = 12
STALL_S: Final = 12
SECONDS: Final = 90
_MADE_S: Final = 120
"""Longest time that the source of events may take to make them."""
_CYCLE_S: Final = CALM_S + STALL_S + 16


def _ping(room: int, second: int, now_ms: int) -> dict[str, Any]:
    phase = (second + room * 7) % _CYCLE_S
    stalled = CALM_S <= phase < CALM_S + STALL_S
    return {
        "room_id": f"bench-{room:03}", "at_ms": now_ms, "probe": "edge", "node": "edge-1",
        "interval_ms": 1_000, "stall_ms": 400 if stalled else 0, "fps": 25, "online": 100,
    }  # fmt: skip


async def _send(settings: Settings) -> None:
    producer = AIOKafkaProducer(**settings.kafka_options(), acks="all")
    await producer.start()
    try:
        for room in range(ROOMS):
            room_id = f"bench-{room:03}"
            value = {"room_id": room_id, "at_ms": time.time_ns() // 1_000_000, "state": "live"}
            await producer.send_and_wait(settings.topic("rooms"), orjson.dumps(value), room_id.encode())
        began = time.monotonic()
        for step in range(SECONDS * ROOMS):
            await asyncio.sleep(max(0.0, began + step / ROOMS - time.monotonic()))
            ping = _ping(step % ROOMS, step // ROOMS, time.time_ns() // 1_000_000)
            await producer.send(settings.topic("health"), orjson.dumps(ping), ping["room_id"].encode())
    finally:
        await producer.stop()


def _row(table: Table, name: str, figures: list[int]) -> None:
    cuts = quantiles(figures, n=100, method="inclusive")
    table.add_row(name, str(len(figures)), f"{cuts[49]:.0f} ms", f"{cuts[98]:.0f} ms", f"{max(figures)} ms")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run gave: frames of alerts that a client got, the way of each new one, who used the cores."""

    frames: list[dict[str, Any]]
    ways: list[Way]
    shares: Table


async def measure(folder: Path, *roles: str, beside: Callable[[Settings], Process] | None = None) -> Measured:
    """Return what a client got.

    Args:
        folder: of broker, store and logs.
        roles: those that run.
        beside: gives a process that runs meanwhile; it says ``OFFERING`` when it begins.
    """
    async with Kafka(folder / "kafka") as kafka, Valkey(folder / "valkey") as valkey:
        settings = Settings(
            kafka_bootstrap=kafka.bootstrap, redis_url=valkey.url, partitions=4, data_dir=folder
        )
        await ensure(settings)
        system = System(settings, folder)
        async with contextlib.AsyncExitStack() as stack:
            others = {"broker": kafka.pid, "store": valkey.pid, "bench, its pings and client": os.getpid()}
            if beside is not None:
                process = beside(settings)
                process.start()
                stack.push_async_callback(process.stop)
                others["source of events"] = process.pid
            await stack.enter_async_context(system.running(*roles))
            await system.ready()
            if beside is not None:
                await until(lambda: process.tail(1) == OFFERING, _MADE_S, what="the source of events")
            shares = Shares({role.name: role.pid for role in system.roles} | others)
            watching = asyncio.create_task(
                alerts_over_websocket(system.gateway_port, enough=lambda _: False, deadline_s=SECONDS + 10)
            )
            await _send(settings)
            frames, table = await watching, shares.table()
        return Measured(frames, await ways(settings, frames), table)


def run() -> None:
    """Start everything, measure, print."""
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        show(uvloop.run(measure(Path(folder), "ingest", "engine", "gateway")))


def show(measured: Measured) -> None:
    """Print how late alerts were, where the time went, and who used the cores."""
    frames = measured.frames
    first = [frame for frame in frames if frame["alert"]["change"] == 1 and frame["alert"]["room_id"]]
    table = Table("due to", "alerts", "p50", "p99", "worst")
    if len(first) > 1:
        _row(table, "live.alerts (latency_ms)", [frame["alert"]["latency_ms"] for frame in first])
        received = [
            frame["received_ms"] - frame["alert"]["at_ms"] + frame["alert"]["latency_ms"] for frame in first
        ]
        _row(table, "WebSocket client", received)
    for name, figures in zip(STEPS, zip(*measured.ways, strict=True), strict=False):
        _row(table, name, list(figures))
    Console().print(table, measured.shares, f"{ROOMS} rooms, {len(frames)} frames of alerts in {SECONDS} s")
