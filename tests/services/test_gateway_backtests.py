"""Backtests over HTTP: taken, run in a process of their own, shown by any gateway; refused with a reason."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from alerts.gateway import backtests
from alerts.store.backtests import KEEP_S, backtest_key
from alerts.store.rule_sets import RuleSetStore
from stream.settings import Settings
from tests.alerts.backtest.history import RULES, T0, history
from tests.exporters.archive.recording import keep
from tests.services.gateway import Gateway, gateway
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(170)]

RANGE = {"from_ms": 0, "to_ms": 2 * T0}
CANDIDATE = RULES.replace("for_s: 3", "for_s: 8")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive of two partitions, which no test changes."""
    folder = tmp_path_factory.mktemp("recorded")
    keep(folder, history(70, ticks=200), partitions=2, flush_every=300)
    return folder


@pytest.fixture
def archive(settings: Settings, recorded: Path) -> Path:
    shutil.copytree(recorded, settings.archive)
    return settings.archive


@pytest.fixture
async def gate(settings: Settings, archive: Path) -> AsyncIterator[Gateway]:  # noqa: ARG001 - it must be there
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin(RULES)
    async with gateway(settings) as found:
        yield found


def client(gate: Gateway, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=f"{gate.http}/api/v1", headers=headers, timeout=20)


async def ended(http: httpx.AsyncClient, backtest_id: str) -> dict[str, Any]:
    """Return a backtest once it is done or failed."""

    async def over() -> dict[str, Any] | None:
        found: dict[str, Any] = (await http.get(f"/backtests/{backtest_id}")).json()
        assert 0 <= found["progress"] <= 1
        return found if found["status"] in ("done", "failed") else None

    return await until(over, 90, what="the backtest") or {}


def refused(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == status
    found: dict[str, Any] = answer.json()
    return found


async def test_a_backtest_is_taken_run_and_shown_by_every_gateway(settings, gate):
    async with gateway(settings) as other, client(gate) as http, client(other) as elsewhere:
        taken = await http.post("/backtests", json={"rules": CANDIDATE, **RANGE})
        assert taken.status_code == 202
        backtest_id = taken.json()["id"]
        assert taken.headers["location"] == f"/api/v1/backtests/{backtest_id}"
        found = await ended(elsewhere, backtest_id)
        assert found["status"] == "done", found
        assert (found["progress"], found["by"], found["rooms"]) == (1, "local", None)
        counts = found["result"]["counts"]
        assert counts["against"] > 10
        assert counts["moved"] + counts["gone"] > 0
        assert found["result"]["verdicts"] is not None
        assert found == await ended(http, backtest_id)
    async with Redis.from_url(settings.redis_url) as redis:
        assert 0 < await redis.ttl(backtest_key(backtest_id)) <= KEEP_S


async def test_rules_may_be_an_object_and_rooms_may_be_named(gate):
    rule = {
        "name": "stutter", "kind": "stutter", "min_samples": 3,
        "any": [{
            "metric": "live_stall_ratio", "where": {"probe": "edge"}, "window": "10s",
            "compare": ">", "warning": 0.02,
        }],
    }  # fmt: skip
    async with client(gate) as http:
        taken = await http.post("/backtests", json={"rules": {"rules": [rule]}, **RANGE, "rooms": ["r1"]})
        result = (await ended(http, taken.json()["id"]))["result"]
    assert result["extent"]["rooms"] == 1
    assert {each["subject"] for each in (*result["alerts"], *result["gone"])} == {"r1"}
    assert {each["rule"] for each in result["alerts"]} == {"stutter"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"rules": RULES.replace("for_s: 3", "for_s: soon"), **RANGE}, "rules[0].for_s"),
        ({"rules": "", **RANGE}, ""),
        ({"rules": CANDIDATE, "from_ms": 5}, "body.to_ms"),
        ({"rules": CANDIDATE, **RANGE, "rooms": ["a/b"]}, "body.rooms.0"),
        ({"rules": CANDIDATE, **RANGE, "more": 1}, "body.more"),
    ],
)
async def test_what_is_wrong_with_a_request_is_told_with_its_path(gate, body, path):
    async with client(gate) as http:
        found = refused(await http.post("/backtests", json=body), 422)
    assert path in [fault["path"] for fault in found["errors"]]


async def test_a_range_that_falls_and_an_unknown_backtest_are_refused(gate):
    async with client(gate) as http:
        refused(await http.post("/backtests", json={"rules": CANDIDATE, "from_ms": 5, "to_ms": 5}), 422)
        refused(await http.get("/backtests/nothing"), 404)


async def test_a_backtest_that_cannot_be_is_told_as_failed(gate):
    async with client(gate) as http:
        taken = await http.post("/backtests", json={"rules": CANDIDATE, "from_ms": 1, "to_ms": 2})
        found = await ended(http, taken.json()["id"])
    assert found["status"] == "failed"
    assert "nothing of the range" in found["error"]


async def test_without_an_archive_it_says_who_writes_one(settings):
    async with gateway(settings) as gate, client(gate) as http:
        found = refused(await http.post("/backtests", json={"rules": CANDIDATE, **RANGE}), 503)
    assert "it is written by roomwatch recorder" in found["detail"]


async def test_more_than_may_wait_are_refused_and_end_with_the_gateway(settings, gate, monkeypatch):
    monkeypatch.setattr(backtests, "_arguments", lambda *_: ["sleep", "600"])
    async with gateway(settings) as short, client(short) as http, client(gate) as other:
        answers = [await http.post("/backtests", json={"rules": CANDIDATE, **RANGE}) for _ in range(12)]
        taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        assert 8 <= len(taken) <= 9
        assert refused(answers[-1], 503)["code"] == "unavailable"

        async def running() -> bool:
            return bool((await other.get(f"/backtests/{taken[0]}")).json()["status"] == "running")

        await until(running, 30, what="the first to run")
        assert (await other.get(f"/backtests/{taken[-1]}")).json()["status"] == "queued"
    async with Redis.from_url(settings.redis_url) as redis, client(gate) as http:
        record = orjson.loads(await redis.get(backtest_key(taken[0])) or b"")
        await redis.set(backtest_key(taken[0]), orjson.dumps({**record, "seen_ms": 0}))
        found = (await http.get(f"/backtests/{taken[0]}")).json()
    assert (found["status"], found["error"]) == ("failed", "the gateway that ran it is gone")


async def test_only_ops_may_and_only_what_their_token_sees(settings, archive, tmp_path):  # noqa: ARG001
    def entry(name: str, role: str, **limits: Any) -> dict[str, Any]:
        return {"name": name, "role": role, "sha256": hashlib.sha256(name.encode()).hexdigest(), **limits}

    tokens = [entry("watcher", "oncall"), entry("chief", "ops"), entry("shop", "ops", rooms=["r1"])]
    (tmp_path / "tokens.yaml").write_bytes(orjson.dumps({"tokens": tokens}))
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin(RULES)
    body = {"rules": CANDIDATE, **RANGE}
    async with gateway(settings, tokens_file=tmp_path / "tokens.yaml") as gate:
        async with client(gate) as nobody, client(gate, "watcher") as watcher:
            refused(await nobody.post("/backtests", json=body), 401)
            refused(await watcher.post("/backtests", json=body), 403)
        async with client(gate, "chief") as chief, client(gate, "shop") as shop:
            whole = (await chief.post("/backtests", json=body)).json()["id"]
            refused(await shop.post("/backtests", json=body), 403)
            refused(await shop.post("/backtests", json={**body, "rooms": ["r1", "r2"]}), 403)
            own = (await shop.post("/backtests", json={**body, "rooms": ["r1"]})).json()["id"]
            refused(await shop.get(f"/backtests/{whole}"), 404)
            assert (await ended(shop, own))["by"] == "shop"
            assert (await ended(chief, whole))["status"] == "done"
