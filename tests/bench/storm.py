"""Ten thousand rooms of one CDN fail within ten seconds: who is told, and what others wait for.

The rules stage is played: transitions and heartbeats as it writes them. The incidents stage, the gateway,
broker and store are the real ones; 200 clients are connected. Meanwhile rooms of other CDNs fail ten times a
second; printed is the time from the append of their transition to the receipt by the clients, once before the
storm and once in it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from alerts.model import Heartbeat, Text, Transition, encode
from deploy.local.kafka import Kafka
from deploy.local.valkey import Valkey
from stream.settings import Settings
from stream.topics import ensure
from tests.system import System, alerts_over_websocket

ROOMS: Final = 10_000
STORM_S: Final = 10
CLIENTS: Final = 200
OTHERS_PER_S: Final = 10
CALM_S: Final = 10
AFTER_S: Final = 40
PARTITIONS: Final = 4
_STEP_S: Final = 0.05


class _Rules:
    """The rules stage as its log shows it."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._topic = settings.topic("transitions")
        self._producer = producer
        self._positions = [0] * PARTITIONS
        self._in_turn = asyncio.Lock()

    async def beat(self) -> None:
        """Append heartbeats each second, for ever."""
        while True:
            now_ms = time.time_ns() // 1_000_000
            for partition in range(PARTITIONS):
                await self._append(Heartbeat(partition, 1, (0, 0), now_ms, {"health": now_ms}).to_record())
            await asyncio.sleep(1)

    async def fail(self, number: int, room_id: str, cdn: str) -> None:
        """Append that a room begins to stutter; positions rise in the order of the log."""
        async with self._in_turn:
            await self._append(self._transition(number, room_id, cdn).to_record())

    def _transition(self, number: int, room_id: str, cdn: str) -> Transition:
        partition = number % PARTITIONS
        self._positions[partition] += 1
        now_ms = time.time_ns() // 1_000_000
        return Transition(
            partition=partition, epoch=1, position=(self._positions[partition], 0), to="firing",
            rule="stutter", rule_version=1, kind="stutter", subject=room_id, room_id=room_id,
            severity="critical", tick_ms=now_ms, started_at_ms=now_ms // 1_000 * 1_000, due_ms=now_ms,
            value=0.4, expected=None, threshold=0.05, samples=10, confidence=None, window_s=10,
            labels={"cdn": cdn, "title": "夜场"}, summary=Text("卡顿 40%", "stall 40%"),
            advice=Text("换线路", "switch the CDN"), contributions=[], runbook_url="/runbooks/stutter",
            evidence=[], reason=None,
        )  # fmt: skip

    async def _append(self, record: dict[str, Any]) -> None:
        await self._producer.send(self._topic, encode(record), partition=0)


class _Incidents(System):
    """A system whose engine runs the incidents stage only."""

    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        return {**super().environment(), "ROOMWATCH_ENGINE_STAGES": "incidents"}


async def _others(rules: _Rules, prefix: str, seconds: float) -> None:
    """Let rooms of other CDNs fail, no five of them of one."""
    for number in range(int(seconds * OTHERS_PER_S)):
        await rules.fail(number, f"{prefix}-{number}", f"cdn-{prefix}-{number}")
        await asyncio.sleep(1 / OTHERS_PER_S)


async def _storm(rules: _Rules) -> None:
    began, each = time.monotonic(), int(ROOMS * _STEP_S / STORM_S)
    for first in range(0, ROOMS, each):
        for number in range(first, first + each):
            await rules.fail(number, f"storm-{number}", "cdn-storm")
        await asyncio.sleep(max(0.0, began + (first + each) * STORM_S / ROOMS - time.monotonic()))


async def _measure(folder: Path) -> list[list[dict[str, Any]]]:
    async with Kafka(folder / "kafka") as kafka, Valkey(folder / "valkey") as valkey:
        settings = Settings(
            kafka_bootstrap=kafka.bootstrap, redis_url=valkey.url, partitions=PARTITIONS, data_dir=folder
        )
        await ensure(settings)
        producer = AIOKafkaProducer(**settings.kafka_options(), acks="all", linger_ms=5)
        await producer.start()
        rules = _Rules(settings, producer)
        beating = asyncio.create_task(rules.beat())
        try:
            system = _Incidents(settings, folder)
            async with system.running("engine", "gateway"):
                await system.ready()
                deadline_s = 2 * CALM_S + STORM_S + AFTER_S
                port = system.gateway_port
                watching = [
                    asyncio.create_task(
                        alerts_over_websocket(port, enough=lambda _: False, deadline_s=deadline_s)
                    )
                    for _ in range(CLIENTS)
                ]
                await asyncio.sleep(CALM_S / 2)
                await _others(rules, "calm", CALM_S)
                await asyncio.gather(_storm(rules), _others(rules, "during", STORM_S))
                return await asyncio.gather(*watching)
        finally:
            beating.cancel()
            await producer.stop()


def _row(table: Table, name: str, frames: list[dict[str, Any]]) -> None:
    late = [frame["received_ms"] - frame["alert"]["at_ms"] for frame in frames]
    if len(late) > 1:
        cuts = quantiles(late, n=100, method="inclusive")
        table.add_row(name, str(len(late)), f"{cuts[49]:.0f} ms", f"{cuts[98]:.0f} ms", f"{max(late)} ms")


def run() -> None:
    """Start everything, measure, print."""
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        clients = asyncio.run(_measure(Path(folder)))
    every = [frame for frames in clients for frame in frames if frame["alert"]["change"] == 1]
    table = Table("other rooms: append to receipt", "frames", "p50", "p99", "worst")
    for prefix in ("calm", "during"):
        _row(table, prefix, [one for one in every if one["alert"]["subject"].startswith(prefix)])
    spoke = {one["alert"]["id"] for one in every if one["alert"]["subject"].startswith("storm")}
    Console().print(
        table, f"{ROOMS} rooms in {STORM_S} s: {len(spoke)} alerts of them told to {CLIENTS} clients"
    )
