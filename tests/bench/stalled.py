"""One client that stops reading among 1 000: what the others notice, and when it is closed.

The same alerts are sent three times at the same rate: with everyone reading, with one more client that
subscribes and never reads again, and with everyone reading once more. What is printed is the ratio of the
others' p99 to that of both rounds round it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Final

import httpx
import orjson
from rich.console import Console
from rich.table import Table

from tests.bench.push.crowd import masked, upgrade
from tests.bench.push.place import Crowd, Got, Place, load, place

__all__ = ["run"]

CLIENTS: Final = 999
PER_S: Final = 10
SECONDS: Final = 15
PADDING: Final = 10_000
"""Characters that each alert is longer: with evidence they have some kilobytes."""
_DEADLINE_S: Final = 30.0
_BUFFER_BYTES: Final = 4_096
_CLOSED: Final = 'roomwatch_gateway_closes_total{code="4008"}'


@contextlib.contextmanager
def _stalled(port: int) -> Iterator[None]:
    """Connect a client that subscribes to everything and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        client.connect(("127.0.0.1", port))
        client.sendall(upgrade(port))
        _read(client, b"\r\n\r\n")
        client.sendall(masked(1, orjson.dumps({"op": "subscribe", "rooms": "*"})))
        _read(client, b'"op":"subscribed"')
        yield


def _read(client: socket.socket, wanted: bytes) -> None:
    got = b""
    while wanted not in got:
        more = client.recv(_BUFFER_BYTES)
        assert more, "the gateway closed the connection"
        got += more


async def _closed_after(at: Place, began_s: float) -> float | None:
    """Return how long it takes until the gateway has closed a client that reads too slowly; None = never."""
    async with httpx.AsyncClient() as client:
        while time.monotonic() - began_s < SECONDS + _DEADLINE_S:
            shown = await client.get(f"http://127.0.0.1:{at.system.gateway_port}/metrics")
            if any(
                line.startswith(_CLOSED) and not line.endswith(" 0.0") for line in shown.text.splitlines()
            ):
                return time.monotonic() - began_s
            await asyncio.sleep(0.2)
    return None


async def _round(at: Place, crowd: Crowd) -> Got:
    await crowd.taken()
    await at.steadily(PER_S, SECONDS, PADDING)
    return await crowd.all_of(PER_S * SECONDS * CLIENTS, _DEADLINE_S)


async def _measure() -> None:
    async with place() as at, at.crowd(CLIENTS) as crowd:
        await at.steadily(PER_S, 3, PADDING)
        await crowd.all_of(PER_S * 3 * CLIENTS, _DEADLINE_S)
        calm = [await _round(at, crowd)]
        with _stalled(at.system.gateway_port):
            watching = asyncio.create_task(_closed_after(at, time.monotonic()))
            beside = await _round(at, crowd)
            closed_s = await watching
        calm.append(await _round(at, crowd))
    table = Table("others: append to receipt", "frames", "p50", "p99", title=f"{PER_S} alerts a second")
    for name, got in (("all read", calm[0]), ("one does not", beside), ("all read", calm[1])):
        table.add_row(name, f"{got.frames:,}", f"{got.quantile(0.5)} ms", f"{got.quantile(0.99)} ms")
    both = Got()
    for got in calm:
        both.late_ms.update(got.late_ms)
    ratio = beside.quantile(0.99) / max(1, both.quantile(0.99))
    told = "not closed" if closed_s is None else f"closed after {closed_s:.1f} s"
    Console().print(table, f"{CLIENTS} others: p99 {ratio:.2f} times; {told}; {load()}")


def run() -> None:
    """Start everything, measure, print."""
    asyncio.run(_measure())
