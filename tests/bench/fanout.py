"""One alert to 5 000 WebSocket clients of one gateway process: how long until all have it, and their memory.

Gateway, broker and store are real; the clients are two processes of 2 500 on loopback that decode nothing.
``cpu`` tells what the gateway and a client process used: where the latter is near the former, the clients are
part of what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench.ingest.machine import Usage, rss_mib, usage
from tests.bench.push.place import Got, load, place

__all__ = ["run"]

CLIENTS: Final = 5_000
PROCESSES: Final = 2
ALERTS: Final = 30
_WARM: Final = 3
_DEADLINE_S: Final = 60.0


async def _measure(clients: int, alerts: int) -> None:
    async with place() as at, contextlib.AsyncExitStack() as stack:
        pid = at.gateway.pid
        assert pid is not None
        empty = rss_mib(pid)
        each = clients // PROCESSES
        crowds = [await stack.enter_async_context(at.crowd(each)) for _ in range(PROCESSES)]
        for _ in range(_WARM):
            await at.publish()
            await asyncio.sleep(1)
        for crowd in crowds:
            await crowd.all_of(_WARM * each, _DEADLINE_S)
        memory, before = rss_mib(pid) - empty, usage(pid)
        cpu_s = [(await crowd.taken())["cpu_s"] for crowd in crowds]
        await at.steadily(1, alerts)
        got = [await crowd.all_of(alerts * each, _DEADLINE_S) for crowd in crowds]
        _print(clients, alerts, got, usage(pid).since(before), memory)
        used = ", ".join(f"{one.cpu_s - since:.1f}" for one, since in zip(got, cpu_s, strict=True))
        Console().print(f"CPU of the clients' processes {used} s; {load()}")


def _print(clients: int, alerts: int, each: list[Got], spent: Usage, memory_mib: float) -> None:
    got = Got()
    for one in each:
        got.late_ms.update(one.late_ms)
        for at_ms, late_ms in one.last_ms.items():
            got.last_ms[at_ms] = max(late_ms, got.last_ms.get(at_ms, 0))
    table = Table("append to receipt", "p50", "p99", title=f"{alerts} alerts to {clients:,} clients")
    table.add_row("a client", f"{got.quantile(0.5)} ms", f"{got.quantile(0.99)} ms")
    table.add_row("the last client", f"{got.last_quantile(0.5)} ms", f"{got.last_quantile(0.99)} ms")
    Console().print(
        table,
        f"{got.frames:,} of {alerts * clients:,} frames; gateway: {memory_mib * 1024 / clients:.1f} KiB"
        f" a client, {spent.cpu_s / max(1, got.frames) * 1e6:.1f} µs of CPU a frame,"
        f" {spent.cpu_s:.1f} s in all,"
        f" {spent.waited_s:.1f} s waited for a core",
    )


def run(clients: int = CLIENTS, alerts: int = ALERTS) -> None:
    """Start everything, measure, print."""
    asyncio.run(_measure(clients, alerts))
