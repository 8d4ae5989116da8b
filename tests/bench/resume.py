"""A client that comes back after 100 000 records: has it all of them, in order, and how fast.

Half of them the gateway has in memory, half it reads from the log. The client decodes no more than the head
of each frame and runs in a process of its own.
"""

from __future__ import annotations

import asyncio
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table

from tests.alerts.gateway.made import alert
from tests.bench.ingest.machine import usage
from tests.bench.push.place import Place, load, place
from tests.waiting import until

__all__ = ["run"]

RECORDS: Final = 100_000
_A_SEND: Final = 1_000
_DEADLINE_S: Final = 120.0
_MS: Final = 1_760_000_000_000


async def _fill(at: Place, records: int) -> None:
    topic = at.settings.topic("alerts")
    for begin in range(0, records, _A_SEND):
        made = (
            alert(number, at_ms=_MS + number, started_at_ms=_MS + number)
            for number in range(begin, begin + _A_SEND)
        )
        sent = [await at.producer.send(topic, orjson.dumps(one), partition=0) for one in made]
        await asyncio.gather(*sent)


async def _measure(records: int) -> None:
    table = Table("clients", "records", "in order", "records/s", "gateway's CPU a record", "client's CPU")
    async with place() as at:
        await _fill(at, records)
        pid = at.gateway.pid
        assert pid is not None
        async with at.crowd(1) as newest:
            await until(lambda: _reached(at, records - 1), 60, what="the gateway to read the log")
            epoch = newest.first["epoch"]
        for clients in (1, 4):
            before = usage(pid)
            async with at.crowd(clients, epoch, -1) as crowd:
                got = await crowd.all_of(records * clients, _DEADLINE_S)
            spent = usage(pid).since(before)
            complete = got.frames == records * clients and len(got.last_ms) == records
            table.add_row(
                str(clients),
                f"{got.frames:,} of {records * clients:,}",
                "yes" if complete and not got.disordered else "NO",
                f"{got.frames / max(got.took_s, 1e-9):,.0f}",
                f"{spent.cpu_s / max(1, got.frames) * 1e6:.1f} µs",
                f"{got.cpu_s:.1f} s",
            )
    Console().print(table, f"from the subscription to the last record; {load()}")


async def _reached(at: Place, offset: int) -> bool:
    async with at.crowd(1) as crowd:
        return bool(crowd.first["offset"] >= offset)


def run(records: int = RECORDS) -> None:
    """Start everything, measure, print."""
    asyncio.run(_measure(records))
