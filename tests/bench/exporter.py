"""How long a scrape takes, and how long prometheus-client's own writer would take for the same figures.

The writers are compared in one process on 1 000 rooms; the scrape is that of a real exporter on a real store,
over HTTP to the last byte, with every column of the catalogue filled. Processor time and memory (the highest)
are the exporter's.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from alerts.held import Held, pack_states
from alerts.states import AlertState
from alerts.store import rules
from alerts.store.rule_sets import RuleSetStore
from deploy.local.process import Process, free_port, until_ready
from deploy.local.valkey import Valkey
from exporters.page import Snapshot, pieces
from exporters.selection import Selection
from grafana.colours import DEFAULT_RULES
from stream.catalogue import METRICS, ROOM_COLUMNS, Column, Metric
from stream.codec import partition_of
from stream.store import RoomFigures
from tests.exporters import made

ROOMS_COMPARED: Final = 1_000
ROOMS_SCRAPED: Final = (1_000, 10_000)
SCRAPES: Final = 5
_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_START_S: Final = 30.0
_ENCODINGS: Final = ("identity", "gzip")


_Family = GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily


class _Peer:
    """The same columns, as a collector of prometheus-client."""

    def __init__(self, rooms: list[RoomFigures]) -> None:
        self._rooms = rooms

    def collect(self) -> Iterator[_Family]:
        """Yield the families with the samples of each room and column."""
        for metric in METRICS:
            if metric.scope == "room" and metric.exported and not metric.derived:
                yield self._family(metric)

    def _family(self, metric: Metric) -> Any:
        columns = [(i, column) for i, column in enumerate(ROOM_COLUMNS) if column.metric is metric]
        names = [
            "room_id",
            *([metric.label] if metric.label else []),
            *(["window"] if metric.windows else []),
        ]
        family: Any = _KINDS[metric.type](metric.name, metric.help, labels=names)
        for i, column in columns:
            for room in self._rooms:
                _add(family, column, room.room_id, room.values[i])
        return family


_KINDS: Final[dict[str, type[_Family]]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _add(family: Any, column: Column, room_id: str, figure: Any) -> None:
    """Add what a room has in a column."""
    if column.metric.type == "histogram":
        buckets = [(bound, number) for bound, number in figure.items() if bound != "sum"]
        family.add_metric([room_id], buckets, figure["sum"])
    elif isinstance(figure, dict):
        for name, number in figure.items():
            family.add_metric([room_id, name], number)
    else:
        more = (column.label_value, column.window)
        family.add_metric([room_id, *(value for value in more if value is not None)], figure)


def _rooms(count: int, now_ms: int) -> list[RoomFigures]:
    return [made.room(f"room-{number:05}", now_ms=now_ms) for number in range(count)]


def _best_s(work: Any, *, times: int = 3) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def compare(count: int = ROOMS_COMPARED) -> dict[str, float]:
    """Return the seconds that each writer needs for the same rooms, and the ratio."""
    rooms = _rooms(count, 1_760_000_000_000)
    selected = Selection(count).choose(rooms, now_ms=1_760_000_000_000)
    snapshot = Snapshot(selected, [], [], [], [], 1_760_000_000_000)
    registry = CollectorRegistry()
    registry.register(_Peer(rooms))
    ours_s = _best_s(lambda: list(pieces(snapshot, "prometheus")))
    peer_s = _best_s(lambda: generate_latest(registry))
    return {"ours_s": ours_s, "peer_s": peer_s, "ratio": peer_s / ours_s}


async def _scrape(folder: Path, count: int) -> dict[str, Any]:
    """Return times, sizes and memory of an exporter that shows so many rooms."""
    now_ms = time.time_ns() // 1_000_000
    async with Valkey(folder / f"valkey-{count}") as store:
        async with Redis.from_url(store.url) as redis:
            rooms = _rooms(count, now_ms)
            await made.keep(redis, 4, now_ms=now_ms, rooms=rooms)
            await _judge(redis, rooms)
        url = f"http://127.0.0.1:{(port := free_port())}"
        own = {"ROOMWATCH_REDIS_URL": store.url, "ROOMWATCH_EXPORTER_PORT": str(port)}
        command = [sys.executable, str(_REPOSITORY / "roomwatch.py"), "exporter"]
        exporter = Process("exporter", command, log=folder / "exporter.log", env=os.environ | own)
        exporter.start()
        try:
            await until_ready(exporter, lambda: _answers(url), within_s=_START_S)
            return await asyncio.to_thread(_measure, url, exporter.pid or 0)
        finally:
            await exporter.stop()


async def _judge(redis: Redis, rooms: list[RoomFigures]) -> None:
    """Keep what the engine keeps of each room: one room in twenty has a rule that is not yet told."""
    await RuleSetStore(redis).begin(DEFAULT_RULES.read_text(encoding="utf-8"))
    told, breached = (AlertState(1, severity, (2,), (0, 0, 0), 1) for severity in (2, 0))
    pipe = redis.pipeline(transaction=False)
    for number, room in enumerate(rooms):
        states = {"stutter": told if number % 20 else breached}
        packed = pack_states(Held(key=room.room_id, room_id=room.room_id, states=states))
        if packed:
            pipe.hset(rules.state_key(partition_of(room.room_id, 4)), f"s:{room.room_id}", packed)
    await pipe.execute()


async def _answers(url: str) -> bool:
    try:
        await asyncio.to_thread(_get, f"{url}/readyz", "identity")
    except OSError:
        return False
    return True


def _get(url: str, encoding: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept-Encoding": encoding})  # noqa: S310 - our own
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
        body: bytes = answer.read()
    return body


def _measure(url: str, pid: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for encoding in _ENCODINGS:
        took: list[float] = []
        body = b""
        cpu_s = _cpu_s(pid)
        for _ in range(SCRAPES):
            began = time.perf_counter()
            body = _get(f"{url}/metrics", encoding)
            took.append(time.perf_counter() - began)
        cpu_s = (_cpu_s(pid) - cpu_s) / SCRAPES
        found[encoding] = {
            "bytes": len(body), "median_s": median(took), "worst_s": max(took), "cpu_s": cpu_s,
        }  # fmt: skip
        if encoding == "identity":
            found["series"] = sum(not line.startswith(b"#") for line in body.splitlines())
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found["peak_mib"] = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
    return found


def _cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, which other load does not stretch."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(counts: Iterable[int] = ROOMS_SCRAPED) -> dict[int, dict[str, Any]]:
    """Return for each number of rooms what a scrape takes."""
    with tempfile.TemporaryDirectory(prefix="roomwatch-bench-") as folder:
        return {count: asyncio.run(_scrape(Path(folder), count)) for count in counts}


def run() -> dict[str, Any]:
    """Measure and print."""
    writers, scrapes = compare(), measure()
    table = Table("rooms", "series", "encoding", "body", "median", "worst", "CPU", "memory")
    for count, found in scrapes.items():
        for encoding in _ENCODINGS:
            sent = found[encoding]
            table.add_row(
                str(count),
                str(found["series"]),
                encoding,
                f"{sent['bytes'] / 1e6:.1f} MB",
                f"{sent['median_s']:.2f} s",
                f"{sent['worst_s']:.2f} s",
                f"{sent['cpu_s']:.2f} s",
                f"{found['peak_mib']:.0f} MiB",
            )
    Console().print(
        table,
        f"{ROOMS_COMPARED} rooms written: ours {writers['ours_s'] * 1e3:.0f} ms,"
        f" prometheus-client {writers['peer_s'] * 1e3:.0f} ms: {writers['ratio']:.1f} times as fast",
    )
    return {"writers": writers, "scrapes": scrapes}
