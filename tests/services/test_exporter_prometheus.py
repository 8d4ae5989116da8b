"""A real Prometheus scrapes the exporter: every expression of ours is understood and returns data."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
import yaml
from redis.asyncio import Redis

from alerts.store.episodes import OPEN
from alerts.store.faults import FAULTS
from alerts.store.rule_sets import RuleSetStore
from alerts.tally import Tally, pack
from deploy import prometheus
from deploy.local.process import Process, free_port
from deploy.local.valkey import Valkey
from grafana.colours import DEFAULT_RULES
from grafana.generate import files
from stream.catalogue import ROOM_COLUMNS
from stream.store import RoomFigures
from tests.exporters import made
from tests.grafana.known import rules_of
from tests.promtool import promtool
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.asyncio(loop_scope="module")]

REPOSITORY = Path(__file__).parents[2]
BOARDS = {name: orjson.loads(content) for name, content in files().items()}
EXPRESSIONS = {
    f"{name} / {panel['title']} / {target['refId']}": target["expr"]
    for name, board in BOARDS.items()
    if name == "room.en.json"
    for panel in board["panels"]
    for target in panel.get("targets", [])
}
ROOMS = ("r1", "rare-pings")
SESSION_MS = 1_760_000_000_000
NO_FIGURES_OF_10_S = "a ping every 20 s gives no figure of 10 s; the expression falls back to 1 min"


@dataclass(frozen=True, slots=True)
class Running:
    """What the tests of this file share."""

    client: httpx.AsyncClient
    end: asyncio.Event
    """Set by the test that lets the room ``ending`` end."""

    async def query(self, expression: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/v1/query", params={"query": expression})
        body = answer.json()
        assert body["status"] == "success", f"{expression}: {body}"
        found: list[dict[str, Any]] = body["data"]["result"]
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Run store, exporter and Prometheus until a minute's rate has its samples; figures grow all the time."""
    folder = tmp_path_factory.mktemp("prometheus")
    async with Valkey(folder / "valkey") as store, Redis.from_url(store.url) as redis:
        end = asyncio.Event()
        growing = asyncio.create_task(_grow(redis, end))
        exporter, scraped = _exporter(store.url, folder)
        server, url = _prometheus(scraped, folder)
        try:
            exporter.start()
            server.start()
            async with httpx.AsyncClient(base_url=url) as client:
                shared = Running(client, end)
                await until(lambda: _has_samples(shared), 60, what="three scrapes")
                yield shared
        finally:
            await server.stop()
            await exporter.stop()
            growing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await growing


def _exporter(store_url: str, folder: Path) -> tuple[Process, str]:
    port = free_port()
    settings = {"REDIS_URL": store_url, "PARTITIONS": "2", "EXPORTER_PORT": str(port)}
    environment = os.environ | {f"ROOMWATCH_{name}": value for name, value in settings.items()}
    command = [sys.executable, str(REPOSITORY / "roomwatch.py"), "exporter"]
    return Process("exporter", command, log=folder / "exporter.log", env=environment), f"127.0.0.1:{port}"


def _prometheus(scraped: str, folder: Path) -> tuple[Process, str]:
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs Debian's package"
    port = free_port()
    config = folder / "prometheus.yml"
    text = prometheus.render({"exporter": scraped}, rule_files=[prometheus.RECORDS, prometheus.RULES])
    config.write_text(text.replace("_interval: 5s", "_interval: 1s").replace("_timeout: 5s", "_timeout: 1s"))
    options = {
        "config.file": config,
        "storage.tsdb.path": folder / "tsdb",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    command = [program, *(f"--{name}={value}" for name, value in options.items())]
    return Process("Prometheus", command, log=folder / "prometheus.log"), f"http://127.0.0.1:{port}"


async def _grow(redis: Redis, end: asyncio.Event) -> None:
    """Keep figures as a running ingest and engine would."""
    await RuleSetStore(redis).begin(DEFAULT_RULES.read_text(encoding="utf-8"))
    alert = {"id": "a" * 20, "rule": "stutter", "kind": "stutter", "room_id": "r1", "started_at_ms": 1}
    await redis.hset(
        OPEN, "a" * 20, orjson.dumps(alert | {"state": "firing", "severity": "warning"}).decode()
    )
    tally = Tally(SESSION_MS, "live", SESSION_MS + 3_600_000, live_ms=3_600_000, fault_ms=90_000)
    await redis.hset(FAULTS, mapping=dict.fromkeys(ROOMS, pack(tally)))
    for step in range(10_000):
        now_ms = time.time_ns() // 1_000_000
        rooms = [_grown(made.room(room_id, now_ms=now_ms), step) for room_id in ROOMS]
        rooms[1] = _without_10_s(rooms[1])
        over: dict[str, Any] = {"state": "ended", "newest_ms": {"rooms": now_ms - 31_000}}
        rooms.append(made.room("ending", now_ms=now_ms, **(over if end.is_set() else {})))
        await made.keep(redis, 2, now_ms=now_ms, rooms=rooms, vendors=[made.vendor(now_ms=now_ms)])
        await asyncio.sleep(0.5)


def _grown(room: RoomFigures, step: int) -> RoomFigures:
    counters = [column.metric.type in ("counter", "histogram") for column in ROOM_COLUMNS]
    values = [_more(v, step) if grows else v for v, grows in zip(room.values, counters, strict=True)]
    return replace(room, session_ms=SESSION_MS, values=values)


def _more(value: Any, step: int) -> Any:
    """Return a counter so much higher; that of an open label has a number for each of its values."""
    return {name: n + step for name, n in value.items()} if isinstance(value, dict) else value + step


def _without_10_s(room: RoomFigures) -> RoomFigures:
    seldom = [column.metric.feeds == ("health",) and column.window == "10s" for column in ROOM_COLUMNS]
    values = [None if none else v for v, none in zip(room.values, seldom, strict=True)]
    return replace(room, values=values, facts=made.FACTS | {"title": "夜场\\测试"})


async def _has_samples(shared: Running) -> bool:
    """Tell whether Prometheus is up, which it says itself, and has scraped often enough."""
    try:
        if (await shared.client.get("/-/ready")).status_code != httpx.codes.OK:
            return False
        counted = await shared.query('min(count_over_time(live_orders_total{status="paid"}[1m]))')
    except httpx.TransportError:
        return False
    return bool(counted) and float(counted[0]["value"][1]) >= 3


@pytest.mark.timeout(120)
@pytest.mark.parametrize("room_id", ROOMS)
async def test_every_expression_of_the_dashboards_returns_data(running: Running, room_id: str):
    empty = {
        name
        for name, expression in EXPRESSIONS.items()
        if not await running.query(expression.replace("$room", room_id))
    }
    assert empty == set()


@pytest.mark.timeout(120)
async def test_an_expression_falls_back_to_a_minute_where_pings_are_rare(running: Running):
    ten = 'live_stall_ratio{room_id="rare-pings",window="10s"}'
    assert await running.query(ten) == [], NO_FIGURES_OF_10_S
    assert await running.query(ten.replace("10s", "1m"))


@pytest.mark.timeout(120)
async def test_series_of_rooms_and_vendors_do_not_tell_which_exporter_showed_them(running: Running):
    """So that they stay the same series when another exporter takes the partition over."""
    for name in ("live_viewers", "live_room_info", "live_vendor_error_ratio"):
        assert all("instance" not in series["metric"] for series in await running.query(name))
    for name in ("roomwatch_up", "live_alerts", "live_rooms_not_exported"):
        assert all("instance" in series["metric"] for series in await running.query(name))


@pytest.mark.timeout(120)
async def test_the_variable_offers_each_room_by_its_title(running: Running):
    """As Grafana does: the pattern on the text of each series, the groups give text and value."""
    (variable,) = (v for v in BOARDS["room.zh.json"]["templating"]["list"] if v["name"] == "room")
    pattern = re.fullmatch(r"/(.*)/g", variable["regex"])
    assert pattern
    offered: dict[str, str] = {}
    for series in await running.query("live_room_info"):
        labels = dict(sorted(series["metric"].items()))
        name = labels.pop("__name__")
        shown = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items())
        found = [
            m.groupdict() for m in re.finditer(pattern[1].replace("(?<", "(?P<"), f"{name}{{{shown}}} 1 0")
        ]
        value = next(groups["value"] for groups in found if groups["value"])
        offered[value] = next(groups["text"] for groups in found if groups["text"])
    assert set(offered) - {"ending"} == set(ROOMS)
    assert offered["rare-pings"] == "夜场\\\\测试"


@pytest.mark.timeout(120)
async def test_a_room_that_ended_leaves_prometheus_with_the_next_scrape(running: Running):
    series = 'live_viewers{room_id="ending"}'

    async def gone() -> bool:
        return await running.query(series) == []

    assert await running.query(series)
    running.end.set()
    await until(gone, 30, what="the end of the room's series")


async def test_the_committed_configuration_is_the_rendered_one_and_right():
    """After a change of the targets: python -m deploy.prometheus."""
    assert prometheus.CONFIG.read_text(encoding="utf-8") == prometheus.render()
    assert "SUCCESS" in promtool("check", "config", str(prometheus.CONFIG))


async def test_a_configuration_with_other_targets_is_right(tmp_path: Path):
    path = tmp_path / "prometheus.yml"
    text = prometheus.render({"exporter": "a:1, b:2"}, rule_files=[prometheus.RECORDS, prometheus.RULES])
    path.write_text(text, encoding="utf-8")
    promtool("check", "config", str(path))
    (job,) = yaml.safe_load(text)["scrape_configs"]
    assert job["job_name"] == "roomwatch-exporter"
    assert job["static_configs"] == [{"targets": ["a:1", "b:2"]}]


async def test_the_example_of_alertmanager_names_alerts_and_receivers_that_exist():
    example = yaml.safe_load(prometheus.ALERTMANAGER.read_text(encoding="utf-8"))
    alerts = {rule.get("alert") for rule in rules_of(prometheus.RULES)}
    named = re.findall(r'alertname="(\w+)"', str(example["inhibit_rules"]))
    assert named
    assert set(named) <= alerts
    routes = [example["route"], *example["route"]["routes"]]
    assert {route["receiver"] for route in routes} == {r["name"] for r in example["receivers"]}


async def test_alertmanager_takes_the_example():
    program = shutil.which("amtool")
    assert program, "amtool is not installed: make test installs Debian's package prometheus-alertmanager"
    checked = await asyncio.create_subprocess_exec(
        program, "check-config", str(prometheus.ALERTMANAGER), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await checked.communicate()
    assert checked.returncode == 0, said.decode()


async def test_the_rules_about_roomwatch_fire_when_they_should():
    tests = prometheus.RULES.with_name("roomwatch.rules.test.yml")
    assert "SUCCESS" in promtool("test", "rules", tests.name, cwd=tests.parent)
