"""Several exporters show every room, and none of them twice."""

from __future__ import annotations

import itertools
import re
import time

import orjson
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parse
from redis.asyncio import Redis

from alerts.store.episodes import CLOSED, OPEN, episode_key
from exporters import scrape, store
from exporters.scrape import Exporter
from exporters.store import Share
from stream.runtime import SystemClock
from stream.settings import Settings
from stream.store import connect
from tests.exporters import made
from tests.waiting import until

pytestmark = pytest.mark.services

PARTITIONS = 4
LEASE_MS = 2_000


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LEASE_MS", LEASE_MS)
    monkeypatch.setattr(scrape, "LEASE_MS", LEASE_MS)


def _lease_left(asked_s: float) -> bool:
    """Tell whether what was held then is held still; on a busy machine nothing can be said otherwise."""
    return time.monotonic() - asked_s < LEASE_MS / 1_000


def _exporter(redis: Redis, name: str) -> Exporter:
    return Exporter(
        redis,
        PARTITIONS,
        member=name,
        rooms_max=1_000,
        clock=SystemClock(),
        registry=CollectorRegistry(),
    )


async def _viewers(exporter: Exporter) -> set[str]:
    page = b"".join(exporter.page(await exporter.read(), "prometheus")).decode()
    return {s.labels["room_id"] for f in parse(page) if f.name == "live_viewers" for s in f.samples}


async def test_one_exporter_shows_every_partition_at_once_and_again_when_it_comes_back(settings: Settings):
    async with connect(settings) as redis:
        assert await Share(redis, "a:9700", PARTITIONS).renew() == [0, 1, 2, 3]
        assert await Share(redis, "a:9700", PARTITIONS).renew() == [0, 1, 2, 3]


async def test_a_second_exporter_waits_for_the_leases_that_the_first_lets_run_out(settings: Settings):
    async with connect(settings) as redis:
        first, second = Share(redis, "a", PARTITIONS), Share(redis, "b", PARTITIONS)
        assert await first.renew() == [0, 1, 2, 3]
        assert await second.renew() == []

        async def even() -> bool:
            asked_s = time.monotonic()
            kept, taken = await first.renew(), await second.renew()
            assert not (_lease_left(asked_s) and set(kept) & set(taken))
            return (len(kept), len(taken)) == (2, 2)

        await until(even, 20, what="even shares")


async def test_the_partitions_of_an_exporter_that_died_are_taken_over(settings: Settings):
    async with connect(settings) as redis:
        assert await Share(redis, "dead", PARTITIONS).renew() == [0, 1, 2, 3]
        heir = Share(redis, "heir", PARTITIONS)

        async def all_taken() -> bool:
            return len(await heir.renew()) == PARTITIONS

        await until(all_taken, 20, what="the take-over")
        assert list(await redis.hkeys(store.MEMBERS)) == [b"heir"]


async def test_more_exporters_than_partitions_leave_some_without_and_none_twice(settings: Settings):
    async with connect(settings) as redis:
        shares = [Share(redis, f"e{number}", PARTITIONS) for number in range(6)]

        async def settled() -> bool:
            asked_s = time.monotonic()
            held = [await share.renew() for share in shares]
            if _lease_left(asked_s):
                assert all(not set(a) & set(b) for a, b in itertools.combinations(held, 2))
            return sorted(len(part) for part in held) == [0, 0, 1, 1, 1, 1]

        await until(settled, 30, what="one partition each")


async def test_their_pages_together_hold_each_room_once(settings: Settings):
    now_ms = time.time_ns() // 1_000_000
    rooms = [made.room(f"room-{number}", now_ms=now_ms) for number in range(40)]
    async with connect(settings) as redis:
        await made.keep(redis, PARTITIONS, now_ms=now_ms, rooms=rooms)
        await redis.hset(OPEN, "a", orjson.dumps({"severity": "info", "kind": "stutter", "room_id": None,
                                                  "rule": "stutter", "state": "firing", "id": "a",
                                                  "started_at_ms": 1}))  # fmt: skip
        exporters = [_exporter(redis, name) for name in ("a", "b")]

        async def complete() -> bool:
            asked_s = time.monotonic()
            shown = []
            for exporter in exporters:
                await exporter.renew()
                shown.append(await _viewers(exporter))
            assert not (_lease_left(asked_s) and shown[0] & shown[1])
            return all(shown) and shown[0] | shown[1] == {room.room_id for room in rooms}

        await until(complete, 20, what="every room on one of the pages")
        leading = [exporter for exporter in exporters if (await exporter.read()).leads]
        assert len(leading) == 1
        for exporter in exporters:
            page = b"".join(exporter.page(await exporter.read(), "prometheus"))
            assert (b"\nlive_alerts{" in page) is (exporter in leading)


async def test_an_exporter_whose_lease_ran_out_asks_before_it_shows_anything(settings: Settings):
    async with connect(settings) as redis:
        now_ms = time.time_ns() // 1_000_000
        await made.keep(redis, PARTITIONS, now_ms=now_ms, rooms=[made.room("r1", now_ms=now_ms)])
        first, second = _exporter(redis, "a"), _exporter(redis, "b")
        assert await _viewers(first) == {"r1"}

        async def taken() -> bool:
            return await _viewers(second) == {"r1"}

        await until(taken, 20, what="the take-over")
        assert await _viewers(first) == set()


async def test_how_the_alerts_of_the_last_day_were_answered_is_told_once(settings: Settings):
    now_ms = time.time_ns() // 1_000_000
    ages_ms = {"new": 60_000, "old": 25 * 3_600_000}
    async with connect(settings) as redis:
        for name, age_ms in ages_ms.items():
            newest = {"rule": "stutter", "severity_max": "critical", "at_ms": now_ms - age_ms, "labels": {}}
            changes = {
                "1": {"at_ms": now_ms - age_ms - 9_000, "state": "firing"},
                "2": {"at_ms": now_ms - age_ms - 5_000, "state": "acknowledged"},
                "3": {"at_ms": now_ms - age_ms, "state": "resolved"},
            }
            fields = {"newest": newest | {"verdict": "real"}} | changes
            await redis.hset(
                episode_key(name), mapping={key: orjson.dumps(value) for key, value in fields.items()}
            )
            await redis.zadd(CLOSED, {name: now_ms - age_ms})
        leading, other = _exporter(redis, "a"), _exporter(redis, "b")
        assert len((await leading.read()).rooms.rooms) == 0
        pages = []
        for exporter in (leading, other):
            await exporter.look_back()
            pages.append(b"".join(exporter.page(await exporter.read(), "prometheus")).decode())
        told = 'roomwatch_closed_episodes{rule="stutter",severity="critical",verdict="real"} 1.0'
        assert told in pages[0]
        assert 'roomwatch_episode_acknowledged_median_seconds{severity="critical"} 4.0' in pages[0]
        assert "roomwatch_closed_episodes{" not in pages[1]
        (used,) = re.findall(r"roomwatch_store_used_bytes ([\d.e+]+)", pages[1])
        (limit,) = re.findall(r"roomwatch_store_limit_bytes ([\d.e+]+)", pages[1])
        assert 0 < float(used) < float(limit)
