"""What the notifier did stands where people look: with the alert, behind its links."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import pytest

from alerts.model import KINDS
from alerts.rulecheck import load
from alerts.settings import DEFAULT_RULES
from alerts.store.episodes import NEWEST, episode_key
from stream.store import connect
from tests.alerts.gateway.made import alert
from tests.services.gateway import gateway, publish
from tests.services.notifying import notifier, told, write_routes
from tests.services.robot import Taker, listening
from tests.services.stage_at_work import stage_at_work
from tests.waiting import until

pytestmark = pytest.mark.services

RULES = load(DEFAULT_RULES.read_text(encoding="utf-8")).rules
RUNBOOKS = sorted({f"/runbooks/{kind}" for kind in KINDS} | {r.runbook_url for r in RULES if r.runbook_url})


async def test_an_alert_shows_its_deliveries(settings, producer, tmp_path):
    routes = write_routes(tmp_path, [{"name": "console", "url": "log://"}])
    async with connect(settings) as redis:
        await redis.hset(episode_key(alert(1)["id"]), NEWEST, orjson.dumps(alert(1)))
    async with gateway(settings) as gate, notifier(settings, routes):
        await publish(settings, producer, alert(1))
        records = await told(settings, 1)
        async with httpx.AsyncClient(base_url=gate.http) as http:

            async def shown() -> list[dict[str, Any]]:
                answer = await http.get(f"/api/v1/alerts/{alert(1)['id']}")
                found: list[dict[str, Any]] = answer.json()["deliveries"]
                return found

            assert await until(shown) == records
    assert [(r["channel"], r["status"], r["routes"]) for r in records] == [("console", "sent", [0])]


async def test_a_test_alert_reaches_the_channel_marked_and_its_delivery_is_shown(
    settings, producer, tmp_path
):
    hook = Taker()
    with listening(hook):
        routes = write_routes(tmp_path, [{"name": "hook", "url": hook.url("webhook+http")}])
        async with (
            notifier(settings, routes),
            gateway(settings) as gate,
            stage_at_work(settings, producer),
            httpx.AsyncClient(base_url=gate.http, timeout=20) as http,
        ):
            sent = (await http.post("/api/v1/alerts/test", json={"severity": "critical"})).json()
    assert [target["receiver"] for target in sent["route"]["targets"]] == ["hook"]
    assert [(one["channel"], one["status"]) for one in sent["deliveries"]] == [("hook", "sent")]
    assert hook.posts[0].json()["title"].startswith("【测试】")


async def test_every_runbook_opens_in_both_languages(settings):
    """There is one for each kind, and for whatever else a rule names."""
    async with gateway(settings) as gate, httpx.AsyncClient(base_url=gate.http) as http:
        for url in RUNBOOKS:
            texts = set()
            for locale in ("zh", "en"):
                answer = await http.get(url, params={"lang": locale})
                assert answer.status_code == 200, url
                assert answer.headers["content-type"].startswith("text/markdown")
                texts.add(answer.text)
                shown = await http.get(url, params={"lang": locale}, headers={"Accept": "text/html,*/*"})
                assert shown.headers["content-type"].startswith("text/html")
                assert f'<html lang="{locale}">' in shown.text
            assert len(texts) == 2, f"{url} is the same text in both languages"
