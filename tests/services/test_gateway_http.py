"""The HTTP interface of a real gateway: lists, changes, health, metrics, and problems for what fails."""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from alerts.settings import DEFAULT_RULES
from alerts.store.episodes import NEWEST, OPEN, OWNER, STARTED, episode_key
from alerts.store.rule_sets import RuleSetStore
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.codec import partition_of
from stream.store import keys
from tests.alerts.gateway.made import alert
from tests.services.gateway import Gateway, answering, gateway, publish, watch
from tests.waiting import until

pytestmark = pytest.mark.services


async def _keep(settings, *changes: dict[str, Any], output: int = -1) -> None:
    """Put episodes into the store as the incidents stage does."""
    async with Redis.from_url(settings.redis_url) as redis:
        for change in changes:
            raw = orjson.dumps(change)
            mapping: dict[Any, Any] = {str(change["change"]): orjson.dumps(_entry(change)), NEWEST: raw}
            await redis.hset(episode_key(change["id"]), mapping=mapping)
            await redis.zadd(STARTED, {change["id"]: change["started_at_ms"]})
            if change["state"] == "resolved":
                await redis.hdel(OPEN, change["id"])
            else:
                await redis.hset(OPEN, change["id"], raw)
        await redis.hset(OWNER, mapping={"output": output, "offset": output})


def _entry(change: dict[str, Any]) -> dict[str, Any]:
    names = ("change", "at_ms", "state", "severity", "value", "reason")
    return {**{name: change[name] for name in names}, "cause": "rules", "offset": 1}


async def _room(settings, room_id: str, *, viewers: float, session_ms: int, category: str = "beauty") -> None:
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    values[ROOM_COLUMN_INDEX["live_viewers"]] = viewers
    entry = {
        "room_id": room_id,
        "session_ms": session_ms,
        "state": "live",
        "facts": {"title": room_id.upper(), "category": category},
        "values": values,
        "newest_ms": {"health": session_ms},
    }
    key = keys.now(partition_of(room_id, settings.partitions))
    async with Redis.from_url(settings.redis_url) as redis:
        await redis.hset(key, room_id, msgspec.msgpack.encode(entry))


def _http(gate: Gateway, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=gate.http, headers=headers, timeout=20)


def _is_problem(answer: httpx.Response, status: int) -> bool:
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
    )


async def test_alerts_are_listed_with_the_point_to_resume_from(settings, producer):
    changes = [alert(n) for n in range(5)]
    await publish(settings, producer, *changes)
    await _keep(settings, *changes, output=4)
    async with gateway(settings) as gate, _http(gate) as http, watch(gate.ws) as client:
        page = (await http.get("/api/v1/alerts", params={"limit": 3})).json()
        assert [item["room_id"] for item in page["items"]] == ["room-4", "room-3", "room-2"]
        rest = (await http.get("/api/v1/alerts", params={"cursor": page["next"]})).json()
        assert [item["room_id"] for item in rest["items"]] == ["room-1", "room-0"]
        assert rest["next"] is None
        only = (await http.get("/api/v1/alerts", params={"room": "room-2", "state": "firing"})).json()
        assert only["items"] == [alert(2)]
        await publish(settings, producer, alert(5))
        await client.subscribe(resume={"epoch": page["epoch"], "offset": page["offset"]})
        assert await client.offsets(1) == [5]


async def test_the_list_never_claims_more_than_the_stage_has_stored(settings, producer):
    """What is in the log but not yet in the store is replayed to whoever resumes from the list."""
    await publish(settings, producer, alert(0), alert(1))
    await _keep(settings, alert(0), output=0)
    async with gateway(settings) as gate, _http(gate) as http, watch(gate.ws) as client:
        page = (await http.get("/api/v1/alerts")).json()
        assert page["items"] == [alert(0)]
        await client.subscribe(resume={"epoch": page["epoch"], "offset": page["offset"]})
        assert await client.offsets(1) == [1]


async def test_an_episode_is_shown_with_its_timeline(settings):
    first, second = alert(0), {**alert(0), "change": 2, "state": "resolved"}
    await _keep(settings, first, second)
    async with gateway(settings) as gate, _http(gate) as http:
        shown = (await http.get(f"/api/v1/alerts/{first['id']}")).json()
        path = shown.pop("path")
        assert shown == {"alert": second, "timeline": [_entry(first), _entry(second)], "deliveries": []}
        assert path["rule"] == {"name": first["rule"], "version": first["rule_version"]}
        assert _is_problem(await http.get("/api/v1/alerts/unknown"), 404)


async def test_changes_go_the_way_of_commands(settings, producer):
    known = alert(3)
    await _keep(settings, known)
    async with gateway(settings) as gate, _http(gate) as http:
        path = f"/api/v1/alerts/{known['id']}"
        pending = await http.post(f"{path}/ack", json={"comment": "nobody hears"})
        assert pending.status_code == 202
        assert pending.json()["status"] == "pending"
        async with answering(settings, producer):
            await until(lambda: _acked(http, path))
            resolved = await http.post(f"{path}/resolve", json={"comment": "", "verdict": "real"})
            assert (resolved.status_code, resolved.json()["state"]) == (200, "resolved")
            assert _is_problem(await http.post(f"{path}/ack", json={"comment": ""}), 409)
            assert _is_problem(await http.post("/api/v1/alerts/none/ack", json={"comment": ""}), 404)


async def _acked(http: httpx.AsyncClient, path: str) -> bool:
    return (await http.post(f"{path}/ack", json={"comment": ""})).status_code == 200


_FAILING: list[tuple[str, str, dict[str, Any], int]] = [
    ("GET", "/api/v1/nothing", {}, 404),
    ("DELETE", "/api/v1/alerts", {}, 405),
    ("GET", "/api/v1/alerts?limit=1001", {}, 422),
    ("GET", "/api/v1/alerts?limit=0", {}, 422),
    ("GET", "/api/v1/alerts?state=loud", {}, 422),
    ("GET", "/api/v1/alerts?cursor=%00", {}, 422),
    ("GET", "/api/v1/rooms?cursor=!!", {}, 422),
    ("GET", "/api/v1/rooms/none", {}, 404),
    ("POST", "/api/v1/alerts/x/ack", {"content": b"{"}, 422),
    ("POST", "/api/v1/alerts/x/ack", {"json": {}}, 422),
    ("POST", "/api/v1/alerts/x/ack", {"json": {"comment": "", "for_s": 0}}, 422),
    ("POST", "/api/v1/alerts/x/resolve", {"json": {"comment": "", "verdict": "maybe"}}, 422),
    ("POST", "/api/v1/alerts/x/ack", {"content": b"x" * 300_000}, 413),
    ("GET", "/runbooks/no_such_kind", {}, 404),
    ("GET", "/runbooks/..%2f..%2fpyproject", {}, 404),
    ("GET", "/api/v1/rooms", {"headers": {"Origin": "http://evil.example"}}, 403),
    ("GET", "/api/v1/rooms", {"headers": {"Host": "evil.example"}}, 403),
]


async def test_whatever_fails_is_a_problem_in_the_language_asked_for(settings):
    async with gateway(settings) as gate, _http(gate) as http:
        for method, path, options, status in _FAILING:
            for language in ("zh", "en"):
                asked = {"Accept-Language": language, **options.get("headers", {})}
                answer = await http.request(method, path, **{**options, "headers": asked})
                assert _is_problem(answer, status), (path, answer.text)
                told = [answer.json()[name] for name in ("title", "detail") if name in answer.json()]
                told += [fault["message"] for fault in answer.json().get("errors", ())]
                chinese = [bool(re.search(r"[\u4e00-\u9fff]", text)) for text in told]
                assert all(one == (language == "zh") for one in chinese), (path, told)


async def test_rooms_come_worst_first_with_figures_by_name(settings):
    await _room(settings, "quiet", viewers=10, session_ms=1_000)
    await _room(settings, "older", viewers=10, session_ms=500)
    await _room(settings, "full", viewers=900, session_ms=2_000)
    await _room(settings, "ill", viewers=1, session_ms=3_000)
    await _keep(settings, alert(0, room_id="ill", severity="critical"), alert(1, room_id="full"))
    async with gateway(settings) as gate, _http(gate) as http:
        page = (await http.get("/api/v1/rooms", params={"limit": 3})).json()
        assert [room["room_id"] for room in page["items"]] == ["ill", "full", "older"]
        assert page["items"][1]["figures"]["live_viewers"] == 900
        assert page["items"][1]["figures"]['live_stall_ratio{probe="edge",window="10s"}'] is None
        rest = (await http.get("/api/v1/rooms", params={"cursor": page["next"]})).json()
        assert [room["room_id"] for room in rest["items"]] == ["quiet"]
        one = (await http.get("/api/v1/rooms/ill")).json()
        assert one["facts"]["title"] == "ILL"
        assert [found["severity"] for found in one["alerts"]] == ["critical"]
        assert one["coverage"] == []  # no rules yet


async def test_a_room_says_which_rules_cannot_watch_it(settings):
    await _room(settings, "r", viewers=10, session_ms=1_000)
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin(DEFAULT_RULES.read_text(encoding="utf-8"))
    async with gateway(settings) as gate, _http(gate) as http:
        found = {each["rule"]: each for each in (await http.get("/api/v1/rooms/r")).json()["coverage"]}
    assert found["stutter"]["coverage"] == "blind"
    assert found["stutter"]["missing"][0].startswith("health")
    assert found["refund_surge"]["missing"] == ["orders"]
    assert {each["coverage"] for each in found.values()} <= {"watched", "blind"}


async def test_a_token_sees_its_rooms_and_does_what_its_role_may(settings, tmp_path):
    file = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"look").hexdigest()
    file.write_text(f"tokens:\n  - {{name: wall, role: viewer, categories: [food], sha256: {digest}}}\n")
    await _room(settings, "a", viewers=1, session_ms=1, category="food")
    await _room(settings, "b", viewers=1, session_ms=1)
    food = alert(0, room_id="a", labels={"category": "food"})
    await _keep(settings, food, alert(1, room_id="b"), alert(2, room_id=None))
    async with gateway(settings, tokens_file=file) as gate:
        async with _http(gate) as http:
            assert _is_problem(await http.get("/api/v1/alerts"), 401)
            assert (await http.get("/healthz")).status_code == 200
        async with _http(gate, "look") as http:
            items = (await http.get("/api/v1/alerts")).json()["items"]
            assert [item["room_id"] for item in items] == [None, "a"]
            assert [room["room_id"] for room in (await http.get("/api/v1/rooms")).json()["items"]] == ["a"]
            assert _is_problem(await http.get("/api/v1/rooms/b"), 404)
            assert _is_problem(await http.get(f"/api/v1/alerts/{alert(1, room_id='b')['id']}"), 404)
            assert _is_problem(await http.post(f"/api/v1/alerts/{food['id']}/ack", json={"comment": ""}), 403)


async def test_readiness_falls_and_clients_are_told_when_a_stage_is_silent(settings, producer):
    heartbeat = orjson.dumps({"v": 1, "type": "heartbeat"})
    async with gateway(settings) as gate, _http(gate) as http, watch(gate.ws) as client:
        await client.subscribe()
        assert (await client.hear("status"))["degraded"] == ["rules"]
        assert _is_problem(await http.get("/readyz"), 503)

        async def beat() -> None:
            while True:
                await producer.send_and_wait(settings.topic("transitions"), heartbeat, partition=0)
                await asyncio.sleep(0.5)

        beating = asyncio.create_task(beat())
        try:
            await until(lambda: _degraded(client, ["incidents"]), 30)
        finally:
            beating.cancel()


async def _degraded(client, stages: list[str]) -> bool:
    return bool((await client.hear("status"))["degraded"] == stages)


async def test_metrics_openapi_and_console_are_served(settings, producer):
    async with gateway(settings) as gate, _http(gate) as http, watch(gate.ws) as client:
        await client.subscribe()
        await publish(settings, producer, alert(0))
        await client.offsets(1)
        text = (await http.get("/metrics")).text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert families["roomwatch_gateway_clients"].samples[0].value == 1
        sent = {
            s.labels["op"]: s.value for s in families["roomwatch_gateway_frames"].samples if "op" in s.labels
        }
        assert sent["alert"] == 1
        described = (await http.get("/openapi.json")).json()
        assert described["paths"]["/api/v1/alerts"]["get"]["responses"]["422"]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
        assert "Problem" in described["components"]["schemas"]
        assert "HTTPValidationError" not in orjson.dumps(described).decode()
        for lang, said in (("zh", "卡顿"), ("en", "tutter")):
            assert said in (await http.get("/runbooks/stutter", params={"lang": lang})).text
        assert "/runbooks/stutter" in (await http.get("/console/runbooks.json")).json()
        page = await http.get("/")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
