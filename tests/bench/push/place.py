"""Where the push benches happen: broker, store, one gateway, and a writer of ``live.alerts``."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from aiokafka import AIOKafkaProducer

from deploy.local.kafka import Kafka
from deploy.local.process import Process
from deploy.local.valkey import Valkey
from stream.settings import Settings
from stream.topics import ensure
from tests.alerts.gateway.made import alert
from tests.bench.push.crowd import answer_of
from tests.system import System
from tests.waiting import until

__all__ = ["Crowd", "Got", "Place", "load", "place"]

_STARTED_MS: Final = 1_760_000_000_000
_LOOP: Final = 2_000_000


@dataclass(slots=True)
class Place:
    """A gateway with its log.

    Attributes:
        number: of the next alert.
    """

    settings: Settings
    system: System
    gateway: Process
    producer: AIOKafkaProducer
    number: int = 0

    async def publish(self, padding: int = 0) -> None:
        """Append one alert, stamped with the present, with so many characters more than it needs."""
        self.number += 1
        made = alert(
            self.number,
            at_ms=time.time_ns() // 1_000_000,
            started_at_ms=_STARTED_MS + self.number,
            evidence=[{"source": "bench", "at_ms": 0, "text": "x" * padding}],
        )
        await self.producer.send(self.settings.topic("alerts"), orjson.dumps(made), partition=0)

    async def steadily(self, per_s: float, seconds: float, padding: int = 0) -> None:
        """Append alerts at a steady rate."""
        began = time.monotonic()
        for step in range(int(per_s * seconds)):
            await asyncio.sleep(max(0.0, began + step / per_s - time.monotonic()))
            await self.publish(padding)

    @contextlib.asynccontextmanager
    async def crowd(self, clients: int, *resume: str | int) -> AsyncIterator[Crowd]:
        """Connect clients in a process of their own."""
        command = ("-m", "tests.bench.push.crowd", str(self.system.gateway_port), str(clients))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            *map(str, resume),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        try:
            yield Crowd(process, await answer_of(process))
        finally:
            process.terminate()
            await process.wait()


class Crowd:
    """The clients of such a process; ``first`` is what it told when all were subscribed."""

    def __init__(self, process: asyncio.subprocess.Process, first: dict[str, Any]) -> None:
        self._process = process
        self.first = first

    async def taken(self) -> dict[str, Any]:
        """Return what they got since the last question."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await answer_of(self._process)

    async def all_of(self, frames: int, deadline_s: float) -> Got:
        """Return what they got once so many frames have come, or the time is over."""
        got = Got()
        end = time.monotonic() + deadline_s
        while got.frames < frames and time.monotonic() < end:
            await asyncio.sleep(0.5)
            got.add(await self.taken())
        return got


class Got:
    """What clients got, of one process or of several.

    Attributes:
        late_ms: milliseconds from an alert's ``at_ms`` to its receipt -> how often.
        last_ms: ``at_ms`` of each alert -> how long until the last client had it.
        cpu_s: CPU time of the newest answer's process since it began.
    """

    def __init__(self) -> None:
        self.late_ms: Counter[int] = Counter()
        self.last_ms: dict[str, int] = {}
        self.disordered, self.ended, self.took_s, self.cpu_s = 0, 0, 0.0, 0.0

    @property
    def frames(self) -> int:
        """How many frames came."""
        return self.late_ms.total()

    def add(self, answer: dict[str, Any]) -> None:
        """Take an answer in."""
        for late_ms, times in answer["late_ms"].items():
            self.late_ms[int(late_ms)] += times
        for at_ms, late_ms in answer["last_ms"].items():
            self.last_ms[at_ms] = max(late_ms, self.last_ms.get(at_ms, 0))
        self.disordered, self.ended = answer["disordered"], answer["ended"]
        self.took_s, self.cpu_s = answer["took_s"], answer["cpu_s"]

    def quantile(self, share: float) -> int:
        """Return the time within which this share of the frames came, milliseconds."""
        return _quantile(self.late_ms, share)

    def last_quantile(self, share: float) -> int:
        """Return the time within which every client had this share of the alerts, milliseconds."""
        return _quantile(Counter(self.last_ms.values()), share)


def _quantile(times: Counter[int], share: float) -> int:
    left = share * times.total()
    for value in sorted(times):
        left -= times[value]
        if left <= 0:
            return value
    return -1


@contextlib.asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """Start broker, store and gateway; many connections may be open in each process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as name:
        folder = Path(name)
        async with Kafka(folder / "kafka") as kafka, Valkey(folder / "valkey") as valkey:
            settings = Settings(
                kafka_bootstrap=kafka.bootstrap, redis_url=valkey.url, partitions=4, data_dir=folder
            )
            await ensure(settings)
            producer = AIOKafkaProducer(**settings.kafka_options(), acks="all")
            await producer.start()
            try:
                system = System(settings, folder)
                async with system.running("gateway"):
                    await until(lambda: _lives(system), 60, what="the gateway")
                    yield Place(settings, system, system.roles[0], producer)
            finally:
                await producer.stop()


async def _lives(system: System) -> bool:
    system.check()
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{system.gateway_port}/healthz")).is_success
        except httpx.TransportError:
            return False


def load() -> str:
    """Return the machine's load and how long a fixed loop takes now, to judge the figures beside it by."""
    began = time.monotonic()
    for _ in range(_LOOP):
        pass
    one_minute = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    return f"load {one_minute}, a loop of {_LOOP:,} steps takes {time.monotonic() - began:.2f} s"
