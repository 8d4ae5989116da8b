"""Who used the cores while a bench ran, and where the time of an alert went, stage by stage.

The stages are read from the logs afterwards: a transition names the record of ``live.windows`` that caused
it, and every log tells append times. ``due`` is the transition's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from stream.settings import Settings
from tests.bench.ingest.machine import usage
from tests.system import read_log

__all__ = ["STEPS", "Shares", "Way", "ways"]

STEPS: Final = (
    "due → live.windows",
    "live.windows → live.transitions",
    "live.transitions → live.alerts",
    "live.alerts → client",
)
_READ_S: Final = 60

Way = tuple[int, ...]
"""Milliseconds that an alert took for each of ``STEPS``."""


class Shares:
    """Processor time of processes from now on.

    Args:
        pids: process id by the name to show.
    """

    def __init__(self, pids: Mapping[str, int | None]) -> None:
        self._pids = {name: pid for name, pid in pids.items() if pid is not None}
        self._before = {name: usage(pid) for name, pid in self._pids.items()}

    def table(self) -> Table:
        """Return the table of what was used until now, dearest first."""
        spent = {name: usage(pid).since(self._before[name]) for name, pid in self._pids.items()}
        table = Table("process", "CPU", "of a core", "ready, but no core")
        for name, one in sorted(spent.items(), key=lambda pair: -pair[1].cpu_s):
            table.add_row(name, f"{one.cpu_s:.1f} s", f"{one.cpu_s / one.at_s:.0%}", f"{one.waited_s:.1f} s")
        return table


async def ways(settings: Settings, frames: Iterable[Mapping[str, Any]]) -> list[Way]:
    """Return the way of each new alert among the frames that a client got."""
    transitions = {
        (value["rule"], value["subject"], value["started_at_ms"]): (append_ms, value)
        for append_ms, value in await read_log(settings, "transitions")
        if value["type"] == "transition" and value["to"] == "firing"
    }
    alerts = dict(enumerate(append_ms for append_ms, _ in await read_log(settings, "alerts")))
    found = []
    windows = {number: await _append_times(settings, number) for number in range(settings.partitions)}
    for frame in frames:
        alert = frame["alert"]
        key = alert["rule"], alert["subject"], alert["started_at_ms"]
        if alert["change"] != 1 or key not in transitions:
            continue
        told_ms, cause = transitions[key]
        marks = [cause["due_ms"], windows[cause["partition"]][cause["position"][0]], told_ms]
        marks += [alerts[frame["offset"]], frame["received_ms"]]
        found.append(tuple(after - before for before, after in pairwise(marks)))
    return found


async def _append_times(settings: Settings, partition: int) -> dict[int, int]:
    """Return the append time of every record of a partition of ``live.windows``, by its offset."""
    consumer = AIOKafkaConsumer(**settings.kafka_options(), auto_offset_reset="earliest")
    where = TopicPartition(settings.topic("windows"), partition)
    found: dict[int, int] = {}
    await consumer.start()
    try:
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        async with asyncio.timeout(_READ_S):
            while end and await consumer.position(where) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found.update((record.offset, record.timestamp) for record in records)
    finally:
        await consumer.stop()
    return found
