"""The console in a real browser, on a real gateway, broker and store."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from playwright.async_api import Page, async_playwright, expect

from alerts.store.episodes import NEWEST, episode_key
from deploy.local.process import free_port
from stream.settings import Settings
from stream.store import connect
from tests.alerts.gateway.made import alert
from tests.services.gateway import answering, gateway, publish
from tests.waiting import PATIENCE, until

pytestmark = [pytest.mark.browser, pytest.mark.services, pytest.mark.timeout(120)]

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_WAIT_MS = 20_000 * PATIENCE

expect.set_options(timeout=_WAIT_MS)


@contextlib.asynccontextmanager
async def _page(url: str, **options: Any) -> AsyncIterator[Page]:
    """Open the console; whatever the browser complains about fails the test."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not installed: apt-get install chromium"
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = await (await browser.new_context(**options)).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None
        )
        await page.goto(url)
        yield page
        await browser.close()
    assert complaints == []


async def test_an_alert_appears_in_chinese_is_acknowledged_and_resolves(settings, producer):
    async with gateway(settings) as gate, answering(settings, producer) as heard, _page(gate.http) as page:
        await expect(page.locator("#link-word")).to_have_text("实时")
        await expect(page.locator("#empty-says")).to_have_text("目前没有未恢复的告警")
        await publish(settings, producer, alert(1, severity="critical"))
        card = page.locator("#alerts > li")
        await expect(card).to_have_count(1)
        for text in ("严重", "卡顿", "直播间 1", "卡顿率 3.4%", "检查推流端网络", "3.4%", "2%", "告警中"):
            await expect(card).to_contain_text(text)
        await expect(page.locator("#empty")).to_be_hidden()

        await card.locator("[data-do=ack]").click()
        await page.locator("#change-comment").fill("我来处理")
        await page.keyboard.press("Tab")
        await page.locator("#change-send").click()
        await until(lambda: bool(heard))
        assert (heard[0].do, heard[0].comment, heard[0].for_s) == ("ack", "我来处理", 3_600)
        await expect(card).to_contain_text("已认领")
        await expect(card.locator("[data-do=ack]")).to_have_count(0)

        await publish(settings, producer, {**alert(1), "change": 3, "state": "resolved"})
        await expect(card).to_have_count(0)
        await expect(page.locator("#empty")).to_be_visible()


async def test_english_is_one_click_away_and_stays(settings, producer):
    async with gateway(settings) as gate, _page(gate.http) as page:
        await publish(settings, producer, alert(0))
        await page.locator("#language").click()
        await expect(page.locator("#alerts > li")).to_contain_text("Picture stalls: 3.4 %")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.reload()
        await expect(page.locator("#link-word")).to_have_text("Live")


async def test_it_goes_on_where_it_was_after_a_restart_of_the_gateway(settings, producer):
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        async with gateway(settings, gateway_port=port) as gate:
            page = await stack.enter_async_context(_page(gate.http))
            await expect(page.locator("#link-word")).to_have_text("实时")
            await publish(settings, producer, alert(0))
            await expect(page.locator("#alerts > li")).to_have_count(1)
        await expect(page.locator("#link")).to_have_attribute("data-state", "lost")
        await publish(settings, producer, alert(1), {**alert(0), "change": 2, "state": "resolved"})
        async with gateway(settings, gateway_port=port):
            await expect(page.locator("#link-word")).to_have_text("实时")
            await expect(page.locator("#alerts > li")).to_have_count(1)
            await expect(page.locator("#alerts > li")).to_contain_text("直播间 1")


async def test_a_silent_stage_is_told_in_a_banner(settings):
    async with gateway(settings) as gate, _page(gate.http) as page:
        await expect(page.locator("#banner")).to_contain_text("监控后台无响应：规则判定")
        await expect(page.locator("#empty-means")).to_contain_text("此处为空不代表直播间没有问题")


async def _keep(settings: Settings, *changes: dict[str, Any]) -> None:
    """Keep an episode as the incidents stage does, without its open list."""
    key = episode_key(changes[-1]["id"])
    async with connect(settings) as redis:
        await redis.hset(key, NEWEST, orjson.dumps(changes[-1]))
        for one in changes:
            names = ("change", "at_ms", "state", "severity", "value", "reason")
            entry = {"cause": "rules", **{name: one[name] for name in names}}
            await redis.hset(key, str(one["change"]), orjson.dumps(entry))


async def test_a_link_shows_its_alert_though_it_is_over(settings):
    over = alert(7, change=2, state="resolved", reason="recovered", verdict="false_alarm", owner="wang")
    await _keep(settings, alert(7), over)
    async with gateway(settings) as gate, _page(f"{gate.http}/?alert={over['id']}") as page:
        named = page.locator("#named")
        for text in (
            "卡顿",
            "直播间 7",
            "卡顿率 3.4%",
            "已恢复",
            "指标恢复",
            "误报",
            "wang",
            over["id"],
            "通知记录",
        ):
            await expect(named).to_contain_text(text)
        await expect(named.locator("[data-do]")).to_have_count(0)
        await expect(named.locator("a.runbook")).to_have_attribute("href", "/runbooks/stutter?lang=zh")
        await expect(page.locator("#alerts > li")).to_have_count(0)
        await page.locator("#language").click()
        await expect(named).to_contain_text("False alarm")
        await page.locator("#named-close").click()
        await expect(named).to_be_hidden()
        assert "alert=" not in page.url


async def test_a_link_to_an_open_alert_follows_it_and_acts_on_it(settings, producer):
    await _keep(settings, alert(1))
    async with (
        gateway(settings) as gate,
        answering(settings, producer) as heard,
        _page(f"{gate.http}/?alert={alert(1)['id']}") as page,
    ):
        named = page.locator("#named")
        await expect(named.locator(".state")).to_have_text("告警中")
        await named.locator("[data-do=ack]").click()
        await page.locator("#change-send").click()
        await until(lambda: bool(heard))
        after = alert(1, change=2, state="acknowledged", owner="local")
        await _keep(settings, alert(1), after)
        await publish(settings, producer, after)
        await expect(named.locator(".state")).to_have_text("已认领")
        await expect(named.locator("[data-do=ack]")).to_have_count(0)


@pytest.mark.parametrize("link", ["silence=0000000000000000dead", "alert=%3Cb%3E"])
async def test_a_link_that_leads_nowhere_says_so(settings, link):
    async with gateway(settings) as gate, _page(f"{gate.http}/?{link}") as page:
        await expect(page.locator("#named")).to_contain_text("找不到这条")
        await expect(page.locator("#named")).to_contain_text("无权查看")
        await expect(page.locator("#link-word")).to_have_text("实时")


async def test_a_link_beyond_a_token_shows_nothing(settings, tmp_path):
    file = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"tok-1").hexdigest()
    file.write_text(f"tokens: [{{name: wall, role: viewer, sha256: {digest}, rooms: [room-2]}}]")
    for number in (1, 2):
        await _keep(settings, alert(number, labels={"title": f"直播间 {number}"}))
    async with gateway(settings, tokens_file=file) as gate:
        for number, text in ((1, "找不到这条告警"), (2, "直播间 2")):
            async with _page(f"{gate.http}/?alert={alert(number)['id']}") as page:
                await page.locator("#login-token").fill("tok-1")
                await page.keyboard.press("Enter")
                await expect(page.locator("#named")).to_contain_text(text)


async def test_a_link_to_a_room_shows_its_alerts_only(settings, producer):
    async with gateway(settings) as gate, _page(f"{gate.http}/?room=room-2") as page:
        await expect(page.locator("#only")).to_contain_text("只显示直播间 room-2 的告警")
        await expect(page.locator("#link-word")).to_have_text("实时")
        await publish(settings, producer, alert(1), alert(2))
        await expect(page.locator("#alerts > li")).to_have_count(1)
        await expect(page.locator("#alerts")).to_contain_text("room-2")
        await page.locator("#only a").click()
        await expect(page.locator("#only")).to_be_hidden()
        await expect(page.locator("#link-word")).to_have_text("实时")
        await expect(page.locator("#alerts > li")).to_have_count(2)
        await publish(settings, producer, alert(3), alert(4))
        await expect(page.locator("#alerts > li")).to_have_count(4)


async def test_text_of_others_is_never_markup(settings, producer):
    evil = "<img src=x onerror=document.title='owned'><b>标题</b>"
    async with gateway(settings) as gate, _page(gate.http) as page:
        await publish(settings, producer, alert(0, labels={"title": evil}, summary={"zh": evil, "en": evil}))
        await expect(page.locator("#alerts .room")).to_have_text(evil)
        assert await page.locator("#alerts img, #alerts b").count() == 0
        assert "owned" not in await page.title()


async def test_a_token_is_asked_for_where_one_is_needed(settings, producer, tmp_path):
    file = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"tok-1").hexdigest()
    file.write_text(f"tokens: [{{name: wall, role: viewer, sha256: {digest}}}]")
    await publish(settings, producer, alert(0))
    async with gateway(settings, tokens_file=file) as gate, _page(gate.http) as page:
        await expect(page.locator("#login")).to_be_visible()
        await page.locator("#login-token").fill("tok-1")
        await page.keyboard.press("Enter")
        await expect(page.locator("#link-word")).to_have_text("实时")
        await expect(page.locator("#alerts > li")).to_have_count(1)
        await page.locator("[data-do=resolve]").click()
        await page.locator("#change-send").click()
        await expect(page.locator("#toasts")).to_contain_text("无权执行此操作")
