"""A whole shift with the commands alone, over the real gateway, stage, broker and store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis

import roomwatch
from alerts.incidents import Policy
from alerts.ruleset import Escalation
from alerts.store.rule_sets import ROUTES_TAG, RuleSetStore
from stream.errors import ServiceError
from tests.services.gateway import gateway
from tests.services.stage_at_work import stage_at_work
from tests.waiting import until

pytestmark = pytest.mark.services
DEPLOY = Path(__file__).parents[2] / "deploy"
POLICY = Policy(escalate=(Escalation(severity="critical", after_s=1, to="lead"),), versions=(1, 1))
ROUTES = """
people: [{name: primary}, {name: boss}]
teams: [{name: lead, members: [boss]}]
receivers: [{name: chat, url: "env:CHAT"}]
routes: [{match: {severity: [critical]}, to: [chat], mention: [primary]}]
"""
Run = Callable[..., Awaitable[Any]]


def commands(url: str) -> Run:
    """Return what runs a command; with --json its value, else its text.

    The gateway shares the process and logs to the same place: a value is the last line.
    """

    def invoke(*words: str) -> Any:
        done = CliRunner().invoke(roomwatch.door, [*words, "--url", url], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return orjson.loads(done.stdout.splitlines()[-1]) if "--json" in words else done.stdout

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(invoke, *words)

    return run


async def test_a_shift(settings, producer):
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin((DEPLOY / "rules" / "default.yaml").read_text())
        await RuleSetStore(redis, ROUTES_TAG).begin(ROUTES)
    async with gateway(settings) as gate, stage_at_work(settings, producer, lambda _: POLICY) as stage:
        run = commands(gate.http)
        await stage.beat()

        alert_id = await stage.fail("r1", severity="critical")
        (arrived,) = await until(lambda: run("alerts", "list", "--json"))
        assert (arrived["id"], arrived["state"]) == (alert_id, "firing")

        async def escalated() -> bool:
            await stage.beat()
            shown = await run("alerts", "show", alert_id, "--json")
            return bool(shown["alert"]["state"] == "escalated")

        await until(escalated)  # nobody acknowledged it within a second
        shown = await run("alerts", "show", alert_id, "--json")
        assert shown["alert"]["escalated_to"] == "lead"
        assert shown["path"]["route"]["targets"] == [{"receiver": "chat", "mentions": ["primary", "boss"]}]

        acked = await run("alerts", "ack", alert_id, "-m", "迟到了", "--json")
        assert (acked["state"], acked["owner"]) == ("acknowledged", "local")
        assert (await run("alerts", "assign", alert_id, "wang", "--json"))["owner"] == "wang"

        preview = await run("silences", "preview", "room_id=r1", "--json")
        assert (preview["open"], preview["last_day"]) == (1, 1)
        silence = await run("silences", "create", "room_id=r1", "--for", "2h", "-m", "换推流", "--json")
        assert (silence["state"], silence["hidden"]) == ("active", 1)
        assert (await run("alerts", "show", alert_id, "--json"))["alert"]["reason"] == "silenced"

        closed = await run(
            "alerts", "resolve", alert_id, "--verdict", "false_alarm", "-m", "探针坏了", "--json"
        )
        assert (closed["state"], closed["verdict"]) == ("resolved", "false_alarm")

        other = await stage.fail("r2", severity="warning")
        await until(lambda: run("alerts", "list", "--room", "r2", "--json"))
        handed = await run("handover", "--json")
        assert [one["id"] for one in handed["alerts"]] == [other]
        assert [one["id"] for one in handed["silences"]] == [silence["id"]]
        assert [(one["do"], one["comment"]) for one in handed["notes"]] == [
            ("resolve", "探针坏了"),
            ("silence", "换推流"),
            ("ack", "迟到了"),
        ]
        assert (await run("silences", "end", silence["id"], "--json"))["end_reason"] == "by_hand"

        await told_to_people(run, alert_id, silence["id"], runbook=f"{gate.http}/runbooks/stutter?lang=zh")


async def told_to_people(run, alert_id, silence_id, *, runbook):
    """Read what the commands say of the shift in words, in both languages."""
    for words in (
        ("alerts", "list", "--all"),
        ("alerts", "show", alert_id),
        ("alerts", "evidence", alert_id),
        ("silences", "list", "--all"),
        ("handover",),
        ("routes", "preview"),
        ("routes", "preview", "--at", "+6h"),
    ):
        for locale in ("zh", "en"):
            assert await run(*words, "--locale", locale)
    shown = await run("alerts", "show", alert_id)
    assert "探针坏了" in shown
    assert "路径: 规则 stutter (版本 1) → 未抑制 → 路由 (版本 1) chat → 投递 0" in shown
    assert runbook in shown
    assert "误报" in await run("handover")
    assert "误报" not in await run("handover", "--locale", "en")
    for locale, said in (("zh", "不存在"), ("en", "does not exist")):
        with pytest.raises(ServiceError, match=said):
            await run("alerts", "ack", "0" * 20, "--locale", locale)
    assert (await run("silences", "show", silence_id, "--json"))["silence"]["end_reason"] == "by_hand"
    assert await run("silences", "show", silence_id, "--locale", "en")


async def test_rules_by_commands(settings, tmp_path):
    async with Redis.from_url(settings.redis_url) as redis:
        await RuleSetStore(redis).begin((DEPLOY / "rules" / "default.yaml").read_text())
        await RuleSetStore(redis, ROUTES_TAG).begin(ROUTES)
    async with gateway(settings) as gate:
        run = commands(gate.http)
        text = await run("rules", "get")
        file = tmp_path / "rules.yaml"
        file.write_text(text.replace("for_s: 5", "for_s: 7"))
        assert "+    for_s: 7" in await run("rules", "diff", str(file))
        assert (await run("rules", "put", str(file), "-m", "慢一点", "--json"))["version"] == 2
        assert await run("rules", "diff", str(file)) == ""
        with pytest.raises(ServiceError, match="没有这个版本: 77"):
            await run("rules", "get", "--version", "77")
        with pytest.raises(Exception, match="412"):
            await run("rules", "put", str(file), "--version", "1")
        assert (await run("rules", "rollback", "1", "--json"))["version"] == 3
        assert [one["version"] for one in await run("rules", "history", "--json")] == [3, 2, 1]
        assert await run("rules", "get", "--version", "2") == file.read_text()
        file.write_text("rules: [{name: x, kind: stutter, any: []}]")
        with pytest.raises(Exception, match=r"rules\[0\].any"):
            await run("rules", "put", str(file))


def test_a_file_is_checked_without_a_gateway(tmp_path):
    file = tmp_path / "set.yaml"
    file.write_text("routes: [{to: [nowhere]}]")
    done = CliRunner().invoke(roomwatch.door, ["routes", "check", str(file)], standalone_mode=False)
    assert (done.return_value, "routes[0].to[0]" in done.output) == (1, True)
    good = str(DEPLOY / "rules" / "default.yaml")
    done = CliRunner().invoke(roomwatch.door, ["rules", "check", good], standalone_mode=False)
    assert done.return_value == 0
