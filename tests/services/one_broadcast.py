"""What is sent to the feeds of a running system is what a scrape shows; the room's end takes it away.

It plays in the system of ``test_dashboards_system``, beside what the dashboards ask.
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from stream.settings import Settings
from tests.promtool import promtool
from tests.system import System
from tests.waiting import PATIENCE, until

__all__ = ["a_scrape_shows_what_was_sent"]

GONE_WITHIN_S = 60
"""From the contract: a room's series are gone so long after it ended."""


SHOWN = {
    "live_room_info,r1,夜场,小李,,,cdn-1,": 1,
    "live_enters_total,r1": 4,
    "live_viewers,r1": 321,
    "live_danmaku_total,r1": 4,
    "live_likes_total,r1": 40,
    "live_clicks_total,r1": 4,
    "live_orders_total,r1,created": 4,
    "live_orders_total,r1,paid": 3,
    "live_orders_total,r1,failed": 1,
    "live_gmv_yuan_total,r1": 31.5,
    "live_order_value_yuan,r1,session": 10.5,
    "live_conversion_ratio,r1,session": 0.75,
    "live_stall_ratio,r1,edge,1m": 0.25,
    "live_frames_per_second,r1,edge,1m": 25,
    "live_av_offset_seconds,r1,edge,1m": 0.02,
    "live_alert_state,r1,conversion_drop": 0,
    "roomwatch_up": 1,
}
"""What the page must say; the last but one needs a rule set, which the engine makes."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Sender:
    """Sends records of one room to the feeds."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def __call__(self, feed: str, **fields: Any) -> None:
        value = orjson.dumps({"room_id": "r1", "at_ms": _now_ms(), **fields})
        await self._producer.send_and_wait(self._settings.topic(feed), value, key=b"r1")


async def _page(port: int) -> str:
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics", timeout=30)
        except httpx.TransportError:
            return ""
    return answer.text if answer.status_code == 200 else ""


async def _figures(port: int) -> dict[str, float]:
    """Return metric and label values -> value, of one scrape."""
    families = parse_prometheus(await _page(port))
    return {",".join((s.name, *s.labels.values())): s.value for family in families for s in family.samples}


async def _show(send: _Sender) -> None:
    """Send a short broadcast whose sums are known."""
    await send("rooms", state="live", title="夜场", host="小李", cdn="cdn-1")
    for number in range(4):
        user = f"u{number}"
        await send("visits", user_id=user, action="enter")
        await send("visits", user_id=user, action="click", item_id="i1")
        await send("danmaku", user_id=user, text="好看")
        await send("likes", user_id=user, count=10)
        order = {"user_id": user, "order_id": f"o{number}", "amount_fen": 1_050}
        await send("orders", status="created", **order)
        await send("orders", status="paid" if number else "failed", **order)
    for _ in range(3):
        ping = {"probe": "edge", "node": "n1", "interval_ms": 1_000, "fps": 25, "av_offset_ms": 20}
        await send("health", stall_ms=250, online=321, **ping)


async def a_scrape_shows_what_was_sent(
    settings: Settings, producer: AIOKafkaProducer, system: System
) -> None:
    """Send a broadcast, look at the page, end the room, and wait until nothing of it is left."""
    send = _Sender(settings, producer)
    port = system.exporter_port
    await _show(send)

    wrong: dict[str, float | None] = {}

    async def complete() -> dict[str, float]:
        system.check()
        figures = await _figures(port)
        wrong.clear()
        wrong.update({name: figures.get(name) for name in SHOWN if figures.get(name) != SHOWN[name]})
        return {} if wrong or "live_fault_ratio,r1,session" not in figures else figures

    try:
        figures = await until(complete, 60, what="the figures on the page")
    except AssertionError as error:
        raise AssertionError(f"not what was sent: {wrong}") from error
    assert 0 <= figures["live_fault_ratio,r1,session"] <= 1
    assert figures["live_feed_age_seconds,r1,health"] < 60 * PATIENCE
    assert promtool("check", "metrics", text=await _page(port)) == ""

    await send("rooms", state="ended")

    async def gone() -> bool:
        system.check()
        return not any(",r1" in name for name in await _figures(port))

    await until(gone, GONE_WITHIN_S / PATIENCE, what="the end of the room's series")
