"""What is told on ``live.windows``: when, in which order, and that it is what the store holds."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import orjson
import pytest

from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMN_INDEX, ROOM_COLUMNS, VENDOR_COLUMNS
from stream.store import FiguresReader, connect
from tests.services.ingesting import Mess, everything_kept, partition_for, running, send
from tests.waiting import until

pytestmark = pytest.mark.services


def now_ms():
    return time.time_ns() // 1_000_000


async def told(read_all, partition):
    records = [r for r in await read_all("windows") if r.partition == partition]
    assert all(r.key == str(partition).encode() and len(r.value) <= 512 * 1024 for r in records)
    return [orjson.loads(r.value) for r in records]


async def ticked(settings, read_all, owners):
    """Tell whether the newest of so many owners of each partition has closed two ticks."""
    for partition in range(settings.partitions):
        closed = [r["epoch"] for r in await told(read_all, partition) if r["last"]]
        if len(set(closed)) != owners or closed.count(closed[-1]) < 2:
            return False
    return True


async def test_ticks_close_each_second_also_when_nothing_happens(settings, read_all):
    for owners in (1, 2):
        async with running(settings):
            await until(partial(ticked, settings, read_all, owners), 40, what="two ticks")
    for partition in range(settings.partitions):
        records = await told(read_all, partition)
        epochs = [r["epoch"] for r in records]
        assert epochs == sorted(epochs)
        assert len(set(epochs)) == 2
        for epoch in set(epochs):
            mine = [r for r in records if r["epoch"] == epoch]
            assert [r["seq"] for r in mine] == list(range(1, len(mine) + 1))
            closed = [r["tick_ms"] for r in mine if r["last"]]
            assert len(closed) >= 2
            assert closed == sorted(set(closed)), "a tick is closed once"
        ticks = [r["tick_ms"] for r in records]
        assert ticks == sorted(ticks)
        assert all(tick % 1_000 == 0 for tick in ticks)
        assert all(r["columns"] == COLUMNS_VERSION and r["v"] == 1 for r in records)
        assert all(not r["rooms"] and not r["vendors"] for r in records)


async def test_the_last_figures_told_are_those_of_the_store(settings, producer, read_all):
    async with running(settings), connect(settings) as redis:
        await send(producer, settings, Mess(11, settings).records(600))
        await everything_kept(settings)
        reader = FiguresReader(redis, settings.partitions)
    held = {room.room_id: room for room in await _rooms(settings)}
    vendors = {(v.vendor, v.operation): v.values for v in await _vendors(settings)}
    last: dict[str, dict] = {}
    calls: dict[tuple[str, str], list] = {}
    for partition in range(settings.partitions):
        for record in await told(read_all, partition):
            last |= {room["room_id"]: room for room in record["rooms"]}
            calls |= {(v["vendor"], v["operation"]): v["values"] for v in record["vendors"]}
    assert last.keys() == held.keys()
    for room_id, room in held.items():
        entry = last[room_id]
        assert len(entry["values"]) == len(ROOM_COLUMNS)
        assert entry["values"] == room.values
        assert (entry["session_ms"], entry["state"]) == (room.session_ms, room.state)
        assert (entry["facts"], entry["newest_ms"]) == (room.facts, room.newest_ms)
        assert partition_for(settings, room_id) == room.partition
    assert calls == vendors
    assert all(len(values) == len(VENDOR_COLUMNS) for values in calls.values())
    assert reader


async def _rooms(settings):
    async with connect(settings) as redis:
        return await FiguresReader(redis, settings.partitions).rooms()


async def _vendors(settings):
    async with connect(settings) as redis:
        return await FiguresReader(redis, settings.partitions).vendors()


async def test_a_critical_event_does_not_wait_for_the_end_of_the_second(settings, producer, read_all):
    """A ping just after a closing record goes out in a record of the same tick that does not close it."""

    async def ping(**fields):
        value = {"room_id": "r1", "at_ms": now_ms(), "probe": "edge", "node": "n", "interval_ms": 1_000}
        await producer.send_and_wait(settings.topic("health"), orjson.dumps(value | fields), b"r1")

    partition = partition_for(settings, "r1")
    async with running(settings):
        for online in range(1, 20):
            await ping(online=online)
            await asyncio.sleep(0.23)

        async def heard():
            records = [r for r in await told(read_all, partition) if r["rooms"]]
            return records if records and viewers_of(records[-1]) == 19 else None

        records = await until(heard, 40, what="the last ping told of")
    early = [r for r in records if not r["last"]]
    assert early, "no room was told of before the end of its second"
    assert {room["room_id"] for r in early for room in r["rooms"]} == {"r1"}
    viewers = [viewers_of(r) for r in records]
    assert viewers == sorted(viewers)


def viewers_of(record):
    return record["rooms"][0]["values"][ROOM_COLUMN_INDEX["live_viewers"]]


async def test_a_new_owner_tells_of_every_room(settings, producer, read_all):
    value = {"room_id": "r1", "at_ms": now_ms(), "state": "live", "title": "t"}
    await producer.send_and_wait(settings.topic("rooms"), orjson.dumps(value), b"r1")
    partition = partition_for(settings, "r1")
    for _ in range(2):
        async with running(settings):
            await everything_kept(settings)
            await asyncio.sleep(1.2)
    records = await told(read_all, partition)
    newest = [r for r in records if r["epoch"] == records[-1]["epoch"]]
    first = next(r for r in newest if r["last"])
    assert [room["room_id"] for room in first["rooms"]] == ["r1"]
    assert first["rooms"][0]["state"] == "live"
