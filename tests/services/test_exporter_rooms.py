"""The exporter on a real store, over HTTP: right, bounded, and plain about what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus
from redis.asyncio import Redis

from alerts.held import Held, pack_states
from alerts.states import AlertState
from alerts.store import rules
from alerts.store.episodes import OPEN
from alerts.store.rule_sets import RuleSetStore
from deploy.local.process import free_port, leashed
from deploy.local.valkey import Valkey
from exporters import http
from exporters.rooms import serve
from exporters.settings import ExporterSettings
from stream.catalogue import METRICS, ROOM_COLUMN_INDEX
from tests.exporters import made
from tests.promtool import promtool
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.services

REPOSITORY = Path(__file__).parents[2]
RULES = "rules: [{name: stutter, kind: stutter}, {name: slow, kind: vendor_slow}]"
ALERT: dict[str, Any] = {
    "id": "a" * 20,
    "rule": "stutter",
    "kind": "stutter",
    "room_id": "r1",
    "state": "firing",
    "severity": "critical",
    "started_at_ms": 1,
}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[Valkey]:
    """Return a store that the test may stop and freeze."""
    async with Valkey(tmp_path / "valkey") as service:
        yield service


@pytest.fixture
async def redis(own_store: Valkey) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_store.url) as client:
        yield client


@pytest.fixture
async def client(own_store: Valkey) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an exporter that runs in this process."""
    settings = ExporterSettings(
        redis_url=own_store.url, partitions=2, exporter_port=free_port(), export_rooms_max=2_000
    )
    stop = asyncio.Event()
    role = asyncio.create_task(serve(settings, stop))
    base = f"http://127.0.0.1:{settings.exporter_port}"
    async with httpx.AsyncClient(base_url=base, timeout=30) as http_client:
        await until(lambda: _lives(http_client), what="the exporter")
        yield http_client
    stop.set()
    await role


async def _lives(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def _page(client: httpx.AsyncClient) -> dict[str, float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = parse_prometheus(answer.text)
    return {f"{s.name}{','.join(s.labels.values())}": s.value for family in families for s in family.samples}


async def test_the_page_shows_what_the_store_holds(client: httpx.AsyncClient, redis: Redis):
    now_ms = _now_ms()
    room = made.room("r1", now_ms=now_ms)
    await made.keep(redis, 2, now_ms=now_ms, rooms=[room], vendors=[made.vendor(now_ms=now_ms)])
    await redis.hset(OPEN, ALERT["id"], orjson.dumps(ALERT))
    await RuleSetStore(redis).begin(RULES)
    page = await _page(client)
    assert page["live_viewersr1"] == room.values[ROOM_COLUMN_INDEX["live_viewers"]]
    assert page["live_alertscritical,stutter"] == 1
    assert page["live_alert_stater1,stutter"] == 2
    assert "live_alert_stater1,slow" not in page
    assert 1 <= page["live_feed_age_secondsr1,health"] < 60
    assert page["roomwatch_up"] == 1
    assert page["roomwatch_rooms"] == 1
    assert page["roomwatch_tick_age_seconds1"] < 60


async def test_a_rule_that_is_breached_but_not_yet_told_is_pending(client: httpx.AsyncClient, redis: Redis):
    now_ms = _now_ms()
    rooms = [made.room(room_id, now_ms=now_ms) for room_id in ("r1", "r2")]
    await made.keep(redis, 2, now_ms=now_ms, rooms=rooms)
    for partition, key, severity in ((0, "r1", 0), (1, "r2", 2), (1, "pay/charge", 0)):
        breached = AlertState(1, severity, (2,), (0, 0, 0), 1)
        held = Held(key=key, room_id=None, states={"stutter": breached})
        packed = pack_states(held)
        assert packed
        await redis.hset(rules.state_key(partition), f"s:{key}", packed)
    page = await _page(client)
    assert {name: value for name, value in page.items() if name.startswith("live_alert_state")} == {
        "live_alert_stater1,stutter": 1,
        "live_alert_stater2,stutter": 0,
    }


async def test_both_formats_are_accepted_by_their_readers(client: httpx.AsyncClient, redis: Redis):
    now_ms = _now_ms()
    await made.keep(redis, 2, now_ms=now_ms, rooms=[made.room("r1", now_ms=now_ms)])
    text = (await client.get("/metrics")).text
    assert promtool("check", "metrics", text=text) == ""
    openmetrics = await client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}
    )
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = [family.name for family in parse_openmetrics(openmetrics.text)]
    assert len(names) == len(set(names)) > len([metric for metric in METRICS if metric.exported])


async def test_gzip_carries_the_same_lines(client: httpx.AsyncClient, redis: Redis):
    now_ms = _now_ms()
    await made.keep(redis, 2, now_ms=now_ms, rooms=[made.room("r1", now_ms=now_ms)])
    plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    figures = [line for line in plain.text.splitlines() if line.startswith("live_stall_ratio")]
    assert figures == [line for line in packed.text.splitlines() if line.startswith("live_stall_ratio")]


async def test_a_room_that_ended_is_gone(client: httpx.AsyncClient, redis: Redis):
    now_ms = _now_ms()
    ended = made.room("r1", now_ms=now_ms, state="ended", newest_ms={"rooms": now_ms - 31_000})
    await made.keep(redis, 2, now_ms=now_ms, rooms=[ended, made.room("r2", now_ms=now_ms)])
    page = await _page(client)
    assert {name for name in page if name.startswith("live_viewers")} == {
        "live_viewersr2",
        "live_viewers_peakr2,session",
    }


async def test_old_figures_are_told(client: httpx.AsyncClient, redis: Redis):
    await made.keep(redis, 2, now_ms=_now_ms() - 20_000, rooms=[])
    assert (await _page(client))["roomwatch_up"] == 0


async def test_an_empty_store_is_a_page_without_rooms(client: httpx.AsyncClient):
    page = await _page(client)
    assert page["live_rooms_not_exported"] == 0
    assert page["roomwatch_up"] == 0


async def test_a_store_that_is_away_is_told_at_once_and_the_next_scrape_after_it_works(
    client: httpx.AsyncClient, own_store: Valkey
):
    await own_store.kill()
    for path in ("/metrics", "/readyz"):
        answer = await client.get(path)
        assert answer.status_code == 503
        assert answer.text.startswith("the store does not answer")
    assert (await client.get("/healthz")).status_code == 200
    await own_store.start()
    assert (await client.get("/readyz")).status_code == 200
    page = await _page(client)
    assert page["roomwatch_scrapes_totalstore_away"] == 1


@pytest.mark.timeout(90)
async def test_a_store_that_hangs_holds_no_scrape_and_only_so_many_wait(
    client: httpx.AsyncClient, own_store: Valkey
):
    assert own_store.pid
    os.kill(own_store.pid, signal.SIGSTOP)
    try:
        asked = [client.get("/metrics") for _ in range(http.SCRAPES_MAX + 1)]
        async with asyncio.timeout(20 * PATIENCE):
            answers = await asyncio.gather(*asked)
    finally:
        os.kill(own_store.pid, signal.SIGCONT)
    assert {answer.status_code for answer in answers} == {503}
    (refused,) = (answer for answer in answers if "scrapes are running" in answer.text)
    assert refused.headers["retry-after"] == "5"
    assert (await _page(client))["roomwatch_scrapes_totalstore_away"] == http.SCRAPES_MAX


async def test_a_reader_that_does_not_read_is_cut_off(
    client: httpx.AsyncClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    """The page is far larger than all buffers on the way; the limit is shortened so that the test is."""
    monkeypatch.setattr(http, "SEND_S", 0.5)
    async with _reader(client, redis) as writer:
        await until(lambda: _counted(client, "not_read"), what="the cut")
        assert not writer.is_closing()


async def test_a_reader_that_leaves_is_no_error(client: httpx.AsyncClient, redis: Redis):
    async with _reader(client, redis) as writer:
        writer.transport.abort()
        await until(lambda: _counted(client, "not_read"), what="the count")


@asynccontextmanager
async def _reader(client: httpx.AsyncClient, redis: Redis) -> AsyncIterator[asyncio.StreamWriter]:
    """Ask for a large page and read no more than its first line; the next page is small again."""
    now_ms = _now_ms()
    rooms = [made.room(f"room-{number:04d}", now_ms=now_ms) for number in range(2_000)]
    await made.keep(redis, 2, now_ms=now_ms, rooms=rooms)
    sock = socket.create_connection(("127.0.0.1", client.base_url.port or 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reader, writer = await asyncio.open_connection(sock=sock, limit=1_024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    await redis.flushdb()
    yield writer
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _counted(client: httpx.AsyncClient, outcome: str) -> bool:
    return (await _page(client))[f"roomwatch_scrapes_total{outcome}"] == 1


async def test_other_paths_and_methods_are_refused(client: httpx.AsyncClient):
    assert (await client.get("/")).status_code == 404
    assert (await client.post("/metrics")).status_code == 405


async def _role(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "roomwatch.py", "exporter"]),
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_role_says_where_it_listens_and_stops_when_told(own_store: Valkey):
    role = await _role({"ROOMWATCH_REDIS_URL": own_store.url, "ROOMWATCH_EXPORTER_PORT": "0"})
    assert role.stderr
    try:
        said = orjson.loads(await asyncio.wait_for(role.stderr.readline(), 20 * PATIENCE))
        assert said["event"] == "exporter.listening"
        async with httpx.AsyncClient() as client:
            assert (await client.get(said["url"])).status_code == 200
        role.terminate()
        assert await asyncio.wait_for(role.wait(), 10 * PATIENCE) == 0
    finally:
        if role.returncode is None:
            role.kill()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ROOMWATCH_EXPORTER_PORT", "99999", b"ROOMWATCH_EXPORTER_PORT"),
        ("ROOMWATCH_EXPORT_ROOMS_MAX", "0", b"ROOMWATCH_EXPORT_ROOMS_MAX"),
        ("ROOMWATCH_EXPORTER_HOST", "203.0.113.7", b"cannot listen on 203.0.113.7:9700"),
    ],
)
async def test_a_wrong_setting_is_one_sentence_and_status_1(name: str, value: str, sentence: bytes):
    role = await _role({name: value})
    said, errors = await asyncio.wait_for(role.communicate(), 20 * PATIENCE)
    assert role.returncode == 1
    assert sentence in said + errors
    assert b"Traceback" not in said + errors
