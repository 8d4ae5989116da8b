"""The console in a real browser, on a real gateway, broker and store."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from deploy.local.process import free_port
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
        for text in ("严重", "画面卡顿", "直播间 1", "卡顿率 3.4%", "检查推流端网络", "3.4%", "2%", "告警中"):
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
