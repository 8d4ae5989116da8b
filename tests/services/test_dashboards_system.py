"""A real Prometheus scrapes a running system: every expression of dashboards and rules returns data.

Beside that, one broadcast whose sums are known is sent, shown and taken away in the same system.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from deploy import prometheus
from deploy.local.process import Process, free_port
from grafana.generate import files
from stream.settings import Settings
from tests.grafana.known import rules_of
from tests.promtool import promtool
from tests.services.one_broadcast import a_scrape_shows_what_was_sent
from tests.system import System
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow]

SCENARIO = {
    "seed": 7,
    "room_prefix": "sim",
    "rooms": [
        {"count": 2, "category": "beauty", "viewers": 250, "ramp_s": 0, "lasts_s": 3600,
         "clicks_per_viewer_s": 0.02, "conversion": 0.3},
    ],
    "incidents": [{"kind": "stutter", "room": 0, "at_s": 3, "for_s": 3000, "magnitude": 0.2}],
}  # fmt: skip
OWN_ROOM = "own"
ALERT_RULES = {rule["alert"]: rule["expr"] for rule in rules_of(prometheus.RULES)}
RECORDS = {rule["record"]: rule["expr"] for rule in rules_of(prometheus.RECORDS)}


def _expressions() -> dict[str, str]:
    """Return every expression once: where it stands -> expression."""
    found: dict[str, str] = {}
    for name, content in files().items():
        board = orjson.loads(content)
        asked = [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])]
        asked += [(mark["name"], mark["expr"]) for mark in board["annotations"].get("list", [])]
        for title, expression in asked:
            found.setdefault(expression, f"{name} / {title}")
    return {place + f" / {at}": expression for at, (expression, place) in enumerate(found.items())}


EXPRESSIONS = _expressions()


class Ported(System):
    """A system whose roles show their own metrics, each on a port of its own."""

    def __init__(self, settings: Settings, folder: Path, more: dict[str, str]) -> None:
        super().__init__(settings, folder)
        self.ports: list[int] = []
        self._more = more

    def environment(self) -> dict[str, str]:
        """Give the next role a port."""
        self.ports.append(free_port())
        return super().environment() | self._more | {"ROOMWATCH_METRICS_PORT": str(self.ports[-1])}


@contextlib.asynccontextmanager
async def _taker() -> AsyncIterator[int]:
    """Run a chat that takes every message; give its port."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def _prometheus(system: Ported, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run a Prometheus that scrapes every role each second."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs Debian's package"
    ingest, engine, _gateway, notifier, _exporter = system.ports[:5]
    targets = {"ingest": ingest, "engine": engine, "notifier": notifier}
    targets |= {"gateway": system.gateway_port, "exporter": system.exporter_port}
    places = {role: f"127.0.0.1:{port}" for role, port in targets.items()}
    config = folder / "prometheus.yml"
    text = prometheus.render(places, rule_files=[prometheus.RECORDS, prometheus.RULES])
    config.write_text(text.replace("_interval: 5s", "_interval: 1s").replace("_timeout: 5s", "_timeout: 1s"))
    port = free_port()
    options = {
        "config.file": config,
        "storage.tsdb.path": folder / "tsdb",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    server = Process(
        "Prometheus",
        [program, *(f"--{name}={value}" for name, value in options.items())],
        log=folder / "prometheus.log",
    )
    server.start()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        await server.stop()


async def _query(client: httpx.AsyncClient, expression: str) -> list[dict[str, Any]]:
    body = (await client.get("/api/v1/query", params={"query": expression})).json()
    assert body["status"] == "success", f"{expression}: {body}"
    found: list[dict[str, Any]] = body["data"]["result"]
    return found


async def _sell(send: Callable[..., Any]) -> None:
    """Keep a room of our own live, with all that simulated rooms do not have, and a room that is planned."""
    await send("rooms", "next", state="planned", title="晚场", starts_at_ms=_now_ms() + 3_600_000)
    facts = {"title": "夜场", "host": "小李", "category": "food", "ad_spend_fen": 9_900, "cost_fen": 19_900}
    await send("rooms", OWN_ROOM, state="live", **facts)
    await send("marks", OWN_ROOM, mark="item_on", item_id="i1", title="橘子", stock=9)
    for number in range(100_000):
        user = f"u{number}"
        await send("visits", OWN_ROOM, user_id=user, action="enter", source="feed")
        await send("visits", OWN_ROOM, user_id=user, action="click", item_id="i1")
        await send("visits", OWN_ROOM, user_id=user, action="leave", dwell_ms=1_000 + number % 9_000)
        await send("danmaku", OWN_ROOM, user_id=user, text="卡死了, 没有声音")
        order = {"user_id": user, "order_id": f"o{number}", "amount_fen": 1_000, "source": "feed"}
        await send("orders", OWN_ROOM, status="created", **order)
        await send("orders", OWN_ROOM, status="failed" if number % 9 == 0 else "paid", **order)
        if number % 9 == 1:
            await send("orders", OWN_ROOM, status="refunded", **order)
        vendor = {"vendor": "pay", "operation": "charge", "latency_ms": 90, "outcome": "ok"}
        await send("vendors", None, **vendor)
        ping = {"probe": "edge", "node": "n1", "interval_ms": 1_000, "stall_ms": 0, "fps": 25, "rtt_ms": 40}
        loads = {"cpu_ratio": 0.3, "egress_kbps": 4_000, "egress_limit_kbps": 9_000}
        await send("health", OWN_ROOM, **ping, **loads)
        await asyncio.sleep(0.05)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _sender(settings: Settings, producer: AIOKafkaProducer) -> Callable[..., Any]:
    async def send(feed: str, room_id: str | None, **fields: Any) -> None:
        named = {} if room_id is None else {"room_id": room_id}
        value = orjson.dumps({**named, "at_ms": _now_ms(), **fields})
        key = (room_id or fields["vendor"]).encode()
        await producer.send(settings.topic(feed), value, key=key)

    return send


async def _close_one(gateway: httpx.AsyncClient) -> bool:
    """Acknowledge a critical alert and close it with a verdict; tell whether there was one."""
    for alert in (await gateway.get("/api/v1/alerts")).json()["items"]:
        if alert["state"] == "firing" and alert["severity"] == "critical":
            path = f"/api/v1/alerts/{alert['id']}"
            taken = await gateway.post(f"{path}/ack", json={"comment": "looking"})
            ended = await gateway.post(f"{path}/resolve", json={"comment": "done", "verdict": "real"})
            return taken.is_success and ended.is_success
    return False


def _ways(expression: str, rooms: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each way to set the variables, and what Grafana then asks; one of it must have data."""
    choices = {"all": [".*"], "one": ["food", "beauty"], "two": ["(beauty|food)"]}
    for category in choices if "$category" in expression else ["all"]:
        many = '=~"$room"' in expression
        for room in ("all", "one") if many else ("one",) if "$room" in expression else ("all",):
            yield (
                f"category {category}, room {room}",
                [
                    expression.replace("$category", kind).replace("$room", one)
                    for kind in choices[category]
                    for one in (rooms if room == "one" else [".*"])
                ],
            )


@pytest.mark.timeout(360)
async def test_every_expression_returns_data_and_a_scrape_shows_what_was_sent(
    settings: Settings, producer: AIOKafkaProducer, tmp_path: Path
):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(yaml.safe_dump(SCENARIO), encoding="utf-8")
    routes = tmp_path / "routes.yaml"
    async with _taker() as chat:
        receivers = [{"name": "chat", "url": f"json://127.0.0.1:{chat}/"}]
        told = {"people": [], "receivers": receivers, "routes": [{"match": {}, "to": ["chat"]}]}
        routes.write_text(yaml.safe_dump(told), encoding="utf-8")
        system = Ported(settings, tmp_path, {"ROOMWATCH_ROUTES_FILE": str(routes)})
        async with (
            system.running("ingest", "engine", "gateway", "notifier", "exporter"),
            _prometheus(system, tmp_path) as client,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{system.gateway_port}") as gateway,
        ):
            await system.ready()
            system.start("simulate", "--scenario", str(scenario))
            selling = asyncio.create_task(_sell(_sender(settings, producer)))
            try:
                await until(lambda: _close_one(gateway), 60, what="an alert to be closed")
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(a_scrape_shows_what_was_sent(settings, producer, system))
                    tasks.create_task(_all_return_data(client, system))
                await _rules_look_at_data(client)
            finally:
                selling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await selling


async def _all_return_data(client: httpx.AsyncClient, system: System) -> None:
    wanted = EXPRESSIONS | {f"record {name}": name for name in RECORDS}
    found: set[tuple[str, str]] = set()
    empty: list[str] = []

    async def none_is_empty() -> bool:
        system.check()
        rooms = [series["metric"]["room_id"] for series in await _query(client, "live_room_info")]
        empty.clear()
        for name, expression in wanted.items():
            for way, asked in _ways(expression, [OWN_ROOM, *rooms]):
                if (name, way) in found or await _any_has_data(client, asked):
                    found.add((name, way))
                else:
                    empty.append(f"{name}, {way}: {expression}")
        return not empty

    try:
        await until(none_is_empty, 90, what="data for every expression")
    except (AssertionError, TimeoutError) as error:
        raise AssertionError("without data:\n" + "\n".join(empty)) from error


async def _any_has_data(client: httpx.AsyncClient, expressions: Sequence[str]) -> bool:
    for expression in expressions:
        if await _query(client, expression):
            return True
    return False


async def _rules_look_at_data(client: httpx.AsyncClient) -> None:
    """The rule itself is rightly empty while all is well; what it compares has data."""
    for name, expression in ALERT_RULES.items():
        await _query(client, expression)
        left, _, right = re.split(r" (==|<|>) (?=[^<>]*$)", expression)
        for side in (left, right):
            if not re.fullmatch(r"[\d.]+", side):
                assert await _query(client, side), f"{name}: {side}"


def test_promtool_understands_every_expression_of_the_dashboards(tmp_path: Path):
    path = tmp_path / "rules.yml"
    rules = [
        {"record": f"e{number}", "expr": expression} for number, expression in enumerate(EXPRESSIONS.values())
    ]
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    assert f"{len(EXPRESSIONS)} rules found" in promtool("check", "rules", str(path))
