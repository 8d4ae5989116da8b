"""Simulated and recorded broadcasts on a real broker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from stream.codec import Decoder
from stream.errors import InvalidEvent
from stream.runtime import SystemClock
from stream.sources.bilibili import Archive, Day, Minute
from stream.sources.plan import Plan
from stream.sources.replay import replay
from stream.sources.scenario import parse
from stream.sources.sending import Progress, Tally
from stream.sources.simulate import simulate
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.services
ROOT = Path(__file__).parents[3]
QUIET = Progress("test", shown=False)
SCENARIO = """
speed: 20
duration_s: 100
rooms: [{count: 4, viewers: 60, ramp_s: 0}]
incidents: [{kind: monitor_degraded, room: 1, at_s: 10, for_s: 50, magnitude: 1}]
"""


@pytest.mark.parametrize("settings", [{"partitions": 3}], indirect=True)
async def test_a_simulation_arrives_where_it_belongs(settings, read_all):
    """Every good record passes the codec from the partition and with the append time that the broker gave."""
    tally = Tally()
    plan = Plan(parse(SCENARIO), SystemClock().now_ms())
    await simulate(plan, settings, stop=asyncio.Event(), tally=tally, progress=QUIET)
    reasons: Counter[str] = Counter()
    for feed, sent in tally.sent.items():
        found = await read_all(feed)
        assert len(found) == sent
        decoder = Decoder(feed, settings.partitions)  # type: ignore[arg-type] # a feed's name
        for one in found:
            try:
                decoder.decode(one.value, one.key, one.partition, one.timestamp)
            except InvalidEvent as error:
                reasons[error.reason] += 1
    assert 20 < reasons.total() < 100
    assert not reasons.keys() & {"bad_key", "future"}


async def test_a_stopped_replay_ends_its_rooms(settings, read_all):
    minutes = [Minute(number, 500, ["来了", "好看"]) for number in range(60)]
    archive = Archive([Day("7", "2019-5-10", minutes)], start_ms=SystemClock().now_ms(), speed=60.0)
    stop = asyncio.Event()
    tally = Tally()
    sending = asyncio.ensure_future(replay(archive, settings, stop=stop, tally=tally, progress=QUIET))
    await until(lambda: tally.sent["danmaku"] >= 4, what="four messages")
    stop.set()
    await sending
    assert [json.loads(one.value)["state"] for one in await read_all("rooms")] == ["live", "ended"]
    assert len(await read_all("danmaku")) == tally.sent["danmaku"]


async def test_ctrl_c_ends_a_simulation_with_a_summary(role_environment: dict[str, str], read_all):
    command = [sys.executable, "roomwatch.py", "simulate", "--rooms", "2", "--no-progress", "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **role_environment}, stdout=subprocess.PIPE
    )
    await until(lambda: read_all("health"), 30, what="the first ping")
    async with asyncio.timeout(30 * PATIENCE):
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert process.returncode == 0
    summary = json.loads(out)
    states = Counter(json.loads(one.value)["state"] for one in await read_all("rooms"))
    assert states["ended"] == states["live"] > 0
    assert summary["sent"]["rooms"] == states.total()
    assert summary["sent"]["health"] == len(await read_all("health"))
