"""Silences, rules, routes, tests, incidents and the audit over the real gateway, store, broker and stage."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from redis.asyncio import Redis

from alerts.gateway.settings import GatewaySettings
from alerts.gateway.shell import read_tokens, serve
from alerts.incidents import Policy
from alerts.ruleset import Grouping
from alerts.store.rule_sets import ROUTES_TAG, RuleSetStore
from deploy.local.process import free_port
from stream.errors import SettingsError
from tests.alerts.gateway.made import alert
from tests.services.gateway import Gateway, gateway, publish, watch
from tests.services.stage_at_work import stage_at_work
from tests.waiting import until

pytestmark = pytest.mark.services
DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = (DEPLOY / "rules" / "default.yaml").read_text()
ROUTES = """
people: [{name: primary, mobile: "13000000000"}]
receivers: [{name: chat, url: "json://127.0.0.1:1"}]
routes: [{match: {severity: [critical]}, to: [chat], mention: [primary]}]
"""
POLICY = Policy(group=(Grouping(kinds=("stutter",), by="cdn", at_least=5),), versions=(1, 1))


def _http(gate: Gateway, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(base_url=f"{gate.http}/api/v1", headers=headers, timeout=20)


def _ends() -> int:
    return int(time.time() * 1_000) + 3_600_000


async def _begin(settings) -> None:
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin(RULES)
        await RuleSetStore(redis, ROUTES_TAG).begin(ROUTES)


async def _state(http: httpx.AsyncClient, alert_id: str, state: str) -> bool:
    answer = await http.get(f"/alerts/{alert_id}")
    return answer.status_code == 200 and answer.json()["alert"]["state"] == state


def _tokens(tmp_path: Path, **tokens: dict) -> Path:
    file = tmp_path / "tokens.yaml"
    entries = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), **given}
        for name, given in tokens.items()
    ]
    file.write_text(yaml.safe_dump({"tokens": entries}))
    return file


async def test_a_silence_is_previewed_made_listed_and_ended(settings, producer):
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer) as stage:
        first, other = await stage.fail("r1"), await stage.fail("r2", labels={"cdn": "b"})
        await until(lambda: _state(http, other, "firing"))
        matchers = [{"label": "cdn", "op": "=~", "value": "a.*"}]
        preview = (await http.post("/silences/preview", json={"matchers": matchers})).json()
        assert ([one["id"] for one in preview["items"]], preview["open"]) == ([first], 1)
        body = {"matchers": matchers, "ends_at_ms": _ends(), "comment": "换线"}
        made = (await http.post("/silences", json=body)).json()
        assert (made["state"], made["by"], made["hidden"]) == ("active", "local", 1)
        shown = (await http.get(f"/alerts/{first}")).json()
        assert (shown["alert"]["state"], shown["alert"]["reason"]) == ("suppressed", "silenced")
        assert [(one["why"], one["by"]) for one in shown["path"]["suppress"]] == [("silenced", made["id"])]
        assert [one["id"] for one in (await http.get("/silences")).json()["items"]] == [made["id"]]
        ended = await http.delete(f"/silences/{made['id']}")
        assert (ended.status_code, ended.json()["end_reason"]) == (200, "by_hand")
        assert (await http.delete(f"/silences/{made['id']}")).status_code == 409
        assert (await http.delete("/silences/none")).status_code == 404
        assert await _state(http, first, "firing")
        assert (await http.get("/silences", params={"state": "active"})).json()["items"] == []


async def test_a_silence_over_the_socket_is_the_same(settings, producer):
    async with gateway(settings) as gate, watch(gate.ws) as client, stage_at_work(settings, producer):
        await client.subscribe()
        given = {"matchers": [{"label": "room_id", "op": "=", "value": "r1"}], "comment": ""}
        await client.send(op="silence", ref=7, ends_at_ms=_ends(), **given)
        done = await client.hear("done", "error")
        assert (done["of"], done["ref"], done["silence"]["state"]) == ("silence", 7, "active")
        await client.send(op="silence", ends_at_ms=1, **given)
        assert (await client.hear("done", "error"))["code"] == "invalid"


@pytest.mark.parametrize(
    "body",
    [
        {"matchers": [], "ends_at_ms": 1, "comment": ""},
        {"matchers": [{"label": "a", "op": "~", "value": ""}], "ends_at_ms": 1, "comment": ""},
        {"matchers": [{"label": "a", "op": "=", "value": "b"}], "comment": ""},
        {"matchers": [{"label": "a", "op": "=", "value": "b"}], "ends_at_ms": 1, "comment": "past"},
        {"matchers": [{"label": "a", "op": "=~", "value": "("}], "ends_at_ms": 2**50, "comment": ""},
    ],
)
async def test_a_wrong_silence_is_a_problem(settings, producer, body):
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer):
        answer = await http.post("/silences", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_an_alert_is_assigned_and_the_audit_tells_who_did_what(settings, producer):
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer) as stage:
        alert_id = await stage.fail("r1")
        await until(lambda: _state(http, alert_id, "firing"))
        given = await http.post(f"/alerts/{alert_id}/assign", json={"owner": "wang"})
        assert (given.status_code, given.json()["owner"]) == (200, "wang")
        acked = await http.post(f"/alerts/{alert_id}/ack", json={"comment": "看看"})
        assert acked.json()["owner"] == "local"
        entries = (await http.get("/audit")).json()["items"]
        assert [(one["do"], one["by"], one["origin"], one["id"]) for one in entries] == [
            ("ack", "local", "127.0.0.1", alert_id),
            ("assign", "local", "127.0.0.1", alert_id),
        ]


async def test_ten_rooms_of_a_cdn_are_one_incident(settings, producer):
    async with (
        gateway(settings) as gate,
        _http(gate) as http,
        stage_at_work(settings, producer, lambda _: POLICY) as stage,
    ):
        await stage.beat()
        ids = [await stage.fail(f"r{number}") for number in range(10)]
        await until(lambda: _state(http, ids[-1], "suppressed"))
        page = (await http.get("/incidents", params={"open": True})).json()
        (incident,) = page["items"]
        assert (incident["members"], incident["first"]) == (10, ids[:5])
        shown = (await http.get(f"/incidents/{incident['id']}")).json()
        assert [one["id"] for one in shown["alerts"]] == ids
        assert (await http.get("/incidents/none")).status_code == 404


async def test_rules_are_read_changed_with_their_version_and_rolled_back(settings):
    await _begin(settings)
    async with gateway(settings) as gate, _http(gate) as http:
        first = await http.get("/rules")
        assert (first.headers["etag"], first.json()["yaml"]) == ('"1"', RULES)
        text = RULES.replace("for_s: 5", "for_s: 6")
        assert (await http.put("/rules", content=text)).status_code == 428
        assert (await http.put("/rules", content=text, headers={"If-Match": '"9"'})).status_code == 412
        wrong = await http.put("/rules", content="rules: [{name: x}]", headers={"If-Match": '"1"'})
        assert wrong.status_code == 422
        assert {fault["path"] for fault in wrong.json()["errors"]} >= {"rules[0].any", "rules[0].kind"}
        assert (await http.get("/rules")).json()["version"] == 1
        before_ms = int(time.time() * 1_000)
        put = await http.put(
            "/rules", content=text, headers={"If-Match": '"1"'}, params={"comment": "慢一点"}
        )
        assert (put.status_code, put.headers["etag"]) == (200, '"2"')
        assert put.json()["from_ms"] >= before_ms + 1_000
        assert (put.json()["author"], put.json()["comment"]) == ("local", "慢一点")
        assert (await http.put("/rules", content=text, headers={"If-Match": "1"})).status_code == 412
        back = await http.post("/rules/rollback", json={"version": 1})
        assert (back.json()["version"], back.json()["yaml"]) == (3, RULES)
        assert (await http.post("/rules/rollback", json={"version": 99})).status_code == 404
        page = (await http.get("/rules/history", params={"limit": 2})).json()
        assert [one["version"] for one in page["items"]] == [3, 2]
        rest = (await http.get("/rules/history", params={"cursor": page["next"]})).json()
        assert ([one["version"] for one in rest["items"]], rest["next"]) == ([1], None)


async def test_rules_may_be_json_or_what_the_list_gave(settings):
    await _begin(settings)
    async with gateway(settings) as gate, _http(gate) as http:
        as_json = orjson.dumps(yaml.safe_load(RULES))
        assert (await http.put("/rules", content=as_json, headers={"If-Match": "1"})).status_code == 200
        given = {"yaml": RULES, "comment": "wieder"}
        put = await http.put("/rules", json=given, headers={"If-Match": "2"})
        assert (put.json()["yaml"], put.json()["comment"]) == (RULES, "wieder")


async def test_routes_are_previewed_for_alerts_that_are_and_that_may_be(settings, producer):
    await _begin(settings)
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer) as stage:
        told = (await http.post("/routes/preview", json={"severity": "critical"})).json()
        assert [(one["receiver"], one["mentions"][0]["name"]) for one in told["targets"]] == [
            ("chat", "primary")
        ]
        alert_id = await stage.fail("r1")
        await until(lambda: _state(http, alert_id, "firing"))
        told = (await http.post("/routes/preview", json={"id": alert_id})).json()
        assert told["targets"] == []
        other = await http.post("/routes/preview", json={"routes": "routes: [{to: [nowhere]}]"})
        assert other.json()["errors"][0]["path"] == "routes[0].to[0]"
        put = await http.put("/routes", content="routes: []", headers={"If-Match": "1"})
        assert put.json()["version"] == 2
        assert (await http.post("/routes/preview", json={})).json()["targets"] == []


async def test_an_alert_is_shown_with_the_routes_that_were_in_force_when_it_was_told(settings, producer):
    await _begin(settings)
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer) as stage:
        before = await stage.fail("r1", severity="critical")
        await until(lambda: _state(http, before, "firing"))
        put = await http.put("/routes", content="routes: []", headers={"If-Match": "1"})
        await until(lambda: time.time() * 1_000 > put.json()["from_ms"])
        after = await stage.fail("r2", severity="critical")
        await until(lambda: _state(http, after, "firing"))
        shown = [(await http.get(f"/alerts/{one}")).json()["path"]["route"] for one in (before, after)]
        assert [route["version"] for route in shown] == [1, 2]
        assert [len(route["targets"]) for route in shown] == [1, 0]


async def test_a_test_alert_goes_down_the_whole_path_and_counts_nowhere(settings, producer):
    async with gateway(settings) as gate, _http(gate) as http, stage_at_work(settings, producer):
        sent = (await http.post("/alerts/test", json={"kind": "stutter", "severity": "critical"})).json()
        assert sent["alert"]["labels"]["test"] == "true"
        assert (sent["route"], sent["deliveries"]) == (None, [])
        listed = (await http.get("/alerts", params={"state": "firing"})).json()["items"]
        assert [one["id"] for one in listed] == [sent["alert"]["id"]]


async def test_roles_and_limits_hold_for_every_call(settings, producer, tmp_path):
    await _begin(settings)
    file = _tokens(
        tmp_path,
        wall={"role": "viewer"},
        beauty={"role": "oncall", "categories": ["beauty"]},
        admin={"role": "ops"},
    )
    async with gateway(settings, tokens_file=file) as gate, stage_at_work(settings, producer) as stage:
        seen, hidden = await stage.fail("r1"), await stage.fail("r2", labels={"category": "food"})
        async with (
            _http(gate, "admin") as ops,
            _http(gate, "wall") as viewer,
            _http(gate, "beauty") as oncall,
        ):
            await until(lambda: _state(ops, hidden, "firing"))
            silence: dict[str, Any] = {
                "matchers": [{"label": "cdn", "op": "=", "value": "a"}],
                "ends_at_ms": _ends(),
                "comment": "",
            }
            for method, path, body in (
                ("POST", "/silences", silence),
                ("POST", "/silences/preview", silence),
                ("DELETE", "/silences/x", None),
                ("POST", f"/alerts/{seen}/assign", {"owner": "x"}),
                ("POST", "/routes/preview", {}),
                ("POST", "/alerts/test", {}),
                ("POST", "/rules/rollback", {"version": 1}),
                ("GET", "/routes", None),
                ("GET", "/audit", None),
            ):
                assert (await viewer.request(method, path, json=body)).status_code == 403, path
            assert (await viewer.get("/rules")).status_code == 200
            assert (await oncall.put("/rules", content=RULES, headers={"If-Match": "1"})).status_code == 403
            assert (await oncall.post("/alerts/test", json={})).status_code == 403
            assert (await oncall.post(f"/alerts/{hidden}/assign", json={"owner": "x"})).status_code == 404
            assert (await oncall.post("/silences", json=silence)).status_code == 403
            silence["matchers"].append({"label": "category", "op": "=", "value": "beauty"})
            assert (await oncall.post("/silences", json=silence)).status_code == 200
            preview = {"matchers": [{"label": "kind", "op": "=", "value": "stutter"}]}
            found = (await oncall.post("/silences/preview", json=preview)).json()
            assert [one["id"] for one in found["items"]] == [seen]


async def test_a_revoked_token_ends_its_connections_and_calls(settings, tmp_path):
    file = _tokens(tmp_path, wall={"role": "viewer"}, other={"role": "viewer"})
    headers = {"Authorization": "Bearer wall"}
    async with (
        gateway(settings, tokens_file=file) as gate,
        watch(gate.ws, additional_headers=headers) as client,
    ):
        await client.subscribe()
        _tokens(tmp_path, other={"role": "viewer"})
        await client.connection.wait_closed()
        assert client.connection.close_code == 4401
        async with _http(gate, "wall") as http:
            assert (await http.get("/rules")).status_code == 401


async def test_who_calls_too_often_is_told_when_to_try_again(settings):
    async with (
        gateway(settings, gateway_calls_per_s=0.01, gateway_calls_burst=3) as gate,
        _http(gate) as http,
    ):
        answers = [await http.get("/silences") for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["retry-after"]) > 10
        assert answers[3].headers["content-type"] == "application/problem+json"
        assert (await http.get(f"{gate.http}/healthz")).status_code == 200


async def test_everything_is_served_over_tls(settings, producer, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    name = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1")
    process = await asyncio.create_subprocess_exec(
        *made, *name, "-keyout", str(key), "-out", str(cert), stderr=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    trust = ssl.create_default_context(cafile=str(cert))
    given = {**settings.model_dump(), "gateway_port": free_port()}
    own = GatewaySettings(**given, gateway_tls_cert=cert, gateway_tls_key=key)
    stop = asyncio.Event()
    running = asyncio.create_task(serve(own, stop))
    async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{own.gateway_port}", verify=trust) as http:

        async def lives() -> bool:
            try:
                return (await http.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(lives)
        async with watch(f"wss://127.0.0.1:{own.gateway_port}/ws/v1", ssl=trust) as client:
            await client.subscribe()
            (offset,) = await publish(settings, producer, alert(0))
            assert await client.offsets(1) == [offset]
    stop.set()
    await running


@pytest.mark.parametrize("given", [{"gateway_tls_cert": "a.pem"}, {"gateway_tls_key": "a.pem"}])
def test_a_certificate_needs_its_key(given):
    with pytest.raises(SettingsError, match="go together"):
        read_tokens(GatewaySettings(**given))
