"""What the demo counts and tells of the alerts."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from deploy.local.process import free_port
from deploy.local.watch import Tally, percentile, summary, watch
from tests.waiting import until


def alert(alert_id: str = "a1", change: int = 1, **more: Any) -> dict[str, Any]:
    """Return the fields of an alert that the demo reads."""
    return {
        "id": alert_id,
        "change": change,
        "kind": "stutter",
        "state": "firing",
        "severity": "warning",
        "at_ms": 1_760_000_000_000,
        "latency_ms": 200,
        "summary": {"zh": "卡顿率 9.0%", "en": "stalls 9.0%"},
        **more,
    }


def test_a_repeated_record_counts_once():
    tally = Tally()
    assert tally.take(alert(), received_ms=1_760_000_000_030)
    assert not tally.take(alert(), received_ms=1_760_000_000_090)
    assert tally.kinds == {"stutter": 1}
    assert tally.delays_ms == [230]


def test_a_later_change_is_news_but_no_new_episode():
    tally = Tally()
    tally.take(alert(), received_ms=1_760_000_000_000)
    assert tally.take(alert(change=2, state="resolved"), received_ms=1_760_000_005_000)
    assert not tally.take(alert(change=1), received_ms=1_760_000_006_000)
    assert tally.kinds == {"stutter": 1}
    assert len(tally.delays_ms) == 1


def test_the_summary_tells_counts_and_delays():
    tally = Tally()
    for number, delay in enumerate((10, 20, 30, 1_000)):
        tally.take(alert(f"a{number}", latency_ms=delay), received_ms=0)
    assert summary(tally, {"likes": 3, "orders": 9, "marks": 0}) == [
        "events sent   12 (orders 9, likes 3)",
        "alerts pushed 4 (stutter 4)",
        "due → here    p50 20 ms, p99 1000 ms, 4 alerts",
    ]


def test_the_summary_of_nothing():
    assert summary(Tally(), {}) == ["events sent   0 (none)", "alerts pushed 0 (none)"]


@given(st.lists(st.integers(0, 10_000), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values, share):
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize(("locale", "wanted"), [("zh", "卡顿率 9.0%"), ("en", "stalls 9.0%")])
async def test_alerts_are_shown_and_a_broken_connection_goes_on_where_it_was(locale, wanted):
    """The server hangs up after the first alert; the client comes back and names its offset."""
    asked: list[dict[str, Any]] = []

    async def talk(socket: ServerConnection) -> None:
        asked.append(orjson.loads(await socket.recv()))
        turn = len(asked)
        for frame in (
            {"op": "subscribed", "epoch": "e1", "offset": 4},
            {"op": "status", "degraded": []},
            {"op": "alert", "offset": 4 + turn, "alert": alert(f"a{turn}")},
        ):
            await socket.send(orjson.dumps(frame).decode())
        if turn > 1:
            await socket.wait_closed()

    tally, page, port = Tally(), io.StringIO(), free_port()
    async with serve(talk, "127.0.0.1", port):
        task = asyncio.create_task(
            watch(port, tally, Console(file=page), locale=locale, zone=ZoneInfo("Asia/Shanghai"))
        )
        await until(lambda: tally.kinds["stutter"] == 2, what="two alerts")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "resume" not in asked[0]
    assert asked[1]["resume"] == {"epoch": "e1", "offset": 5}
    assert page.getvalue().count(wanted) == 2
    assert page.getvalue().startswith("16:53:20 firing")


async def test_a_storm_of_alerts_does_not_flood_the_terminal():
    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(orjson.dumps({"op": "subscribed", "epoch": "e1", "offset": -1}).decode())
        for number in range(200):
            frame = {"op": "alert", "offset": number, "alert": alert(f"a{number}")}
            await socket.send(orjson.dumps(frame).decode())
        await socket.wait_closed()

    tally, page, port = Tally(), io.StringIO(), free_port()
    async with serve(talk, "127.0.0.1", port):
        task = asyncio.create_task(
            watch(port, tally, Console(file=page), locale="zh", zone=ZoneInfo("Asia/Shanghai"))
        )
        await until(lambda: tally.kinds["stutter"] == 200, what="all alerts")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(page.getvalue().splitlines()) == 41
