"""Send a seeded mess, run the ingest, compare the store with the recount: what the ingest's tests share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.process import leashed
from stream.alignment import Alignment
from stream.codec import partition_of
from stream.ingest import IngestSettings, ingest
from stream.model import FEEDS
from stream.partition import Partition
from stream.store import connect
from stream.store.loading import load, load_progress
from stream.store.partition import Claim
from stream.users import UserHasher
from tests.stream.compare import compare_operation, compare_room
from tests.stream.recount import Record, recount
from tests.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("r1", "r2", "r3", "r4", "r5")
UNNAMED = "only-pings"
TEXTS = ("好看", "666", "买", "画面好卡", "卡了 加微信", "怎么买")
SPAN_MS = 120_000
BAD = (
    ("likes", b"not json", "not_json"),
    ("danmaku", b"[1]", "not_object"),
    ("health", b'{"room_id":"r1","at_ms":1}', "missing_field"),
    (
        "orders",
        b'{"room_id":"r1","user_id":"u","at_ms":"x","order_id":"o","status":"paid","amount_fen":1}',
        "bad_type",
    ),
    ("rooms", b'{"room_id":"r 1","at_ms":1,"state":"live"}', "bad_value"),
    ("visits", b'{"room_id":"r2","user_id":"u","at_ms":1,"action":"enter"}', "bad_key"),
)


class Mess:
    """A seeded mix of everything: sessions, pauses, late, future, repeated, misplaced and broken records."""

    def __init__(self, seed, settings, *, start_ms=None):
        self.chance = random.Random(seed)
        self.settings = settings
        self.start_ms = start_ms or time.time_ns() // 1_000_000 - SPAN_MS
        self.orders = 0

    def records(self, number):
        """Give (feed, key, value, partition or None) of so many records, times rising to about now."""
        yield self.room("r1", "live", self.start_ms)
        for count in range(number):
            at_ms = self.start_ms + SPAN_MS * count // number
            for record in self.some(at_ms):
                yield record
                if self.chance.random() < 0.05:
                    yield record

    def some(self, at_ms):  # noqa: C901, PLR0911 - one branch and return for each kind of record
        chance = self.chance
        shift = chance.choice((0, 0, 0, 0, -5, -800, -25_000, -50_000, 4_000))
        at_ms += shift
        room = chance.choice(ROOMS)
        kind = chance.random()
        if kind < 0.03:
            state = chance.choice(("planned", "live", "live", "live", "paused", "ended"))
            return [self.room(chance.choice(ROOMS), state, at_ms, title=f"t{chance.randrange(9)}")]
        if kind < 0.05:
            feed, value, _ = chance.choice(BAD)
            return [(feed, b"r1", value, None)]
        if kind < 0.06:
            return [self.put("likes", room, time.time_ns() // 1_000_000 + 3_600_000, user_id="u", count=1)]
        if kind < 0.2:
            return [self.order(room, at_ms)]
        if kind < 0.4:
            return [self.ping(chance.choice((*ROOMS, UNNAMED)), at_ms)]
        if kind < 0.45:
            return [self.call(at_ms)]
        user = f"user-{chance.randrange(40)}"
        if kind < 0.6:
            action = chance.choice(("enter", "enter", "leave", "click", "cart", "follow", "share"))
            fields: dict[str, Any] = {}
            if chance.random() < 0.8:
                fields["source"] = f"source-{chance.randrange(15)}"
            if action == "click":
                fields["item_id"] = f"item-{chance.randrange(4)}"
            if action == "leave" and chance.random() < 0.8:
                fields["dwell_ms"] = int(chance.expovariate(1 / 60_000))
            return [self.put("visits", room, at_ms, user_id=user, action=action, **fields)]
        if kind < 0.8:
            return [self.put("danmaku", room, at_ms, user_id=user, text=chance.choice(TEXTS))]
        return [self.put("likes", room, at_ms, user_id=user, count=chance.randrange(1, 20))]

    def room(self, room_id, state, at_ms, **facts):
        return self.put("rooms", room_id, at_ms, state=state, **facts)

    def order(self, room, at_ms):
        if not self.orders or self.chance.random() < 0.5:
            self.orders += 1
        number = self.chance.randrange(max(1, self.orders - 20), self.orders + 1)
        room = ROOMS[number % len(ROOMS)]
        status = self.chance.choice(("created", "paid", "paid", "cancelled", "refunded", "failed"))
        kind = self.chance.choice(("goods", "goods", "goods", "gift"))
        more = {"source": f"source-{self.chance.randrange(15)}"} if self.chance.random() < 0.8 else {}
        return self.put(
            "orders",
            room,
            at_ms,
            user_id=f"user-{number % 40}",
            order_id=f"o{number}",
            status=status,
            kind=kind,
            amount_fen=self.chance.randrange(1, 100_000),
            coupon_fen=self.chance.randrange(500),
            giveaway_fen=self.chance.randrange(500),
            item_id=f"item-{self.chance.randrange(4)}",
            **more,
        )

    def ping(self, room, at_ms):
        chance = self.chance
        fields = {"online": chance.randrange(900)} if chance.random() < 0.5 else {}
        return self.put(
            "health",
            room,
            at_ms,
            probe=chance.choice(("ingest", "edge", "player")),
            node=f"n{chance.randrange(3)}",
            interval_ms=1_000,
            stall_ms=chance.choice((0, 0, 0, 300)),
            fps=chance.uniform(10, 30),
            bitrate_kbps=chance.uniform(500, 4_000),
            av_offset_ms=chance.uniform(-200, 200),
            dropped_frames=chance.choice((0, 0, 7)),
            cpu_ratio=chance.random(),
            egress_kbps=chance.uniform(0, 90_000),
            egress_limit_kbps=chance.choice((90_000, 100_000)),
            **fields,
        )

    def call(self, at_ms):
        fields = {"vendor": "pay", "operation": "charge", "at_ms": at_ms, "outcome": "ok"}
        fields["outcome"] = self.chance.choice(("ok", "timeout", "error"))
        fields["latency_ms"] = self.chance.expovariate(1 / 300)
        return ("vendors", b"pay", json.dumps(fields).encode(), None)

    def put(self, feed, room_id, at_ms, **fields):
        value = json.dumps({"room_id": room_id, "at_ms": at_ms, **fields}, ensure_ascii=False)
        return (feed, room_id.encode(), value.encode(), None)


async def send(producer, settings, records, *, pause_every=0):
    """Send records in order; a little pause now and then lets append times spread."""
    for count, (feed, key, value, partition) in enumerate(records):
        await producer.send(settings.topic(feed), value, key, partition=partition)
        if pause_every and count % pause_every == 0:
            await producer.flush()
            await asyncio.sleep(0.01)
    await producer.flush()


@contextlib.asynccontextmanager
async def running(settings, **more):
    """Run the ingest in this process."""
    stop = asyncio.Event()
    task = asyncio.create_task(ingest(IngestSettings(**{**settings.model_dump(), **more}), stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait_for(task, 15)


async def start_process(environment, log, **more):
    """Start ``roomwatch ingest`` as a process of its own."""
    names = {f"ROOMWATCH_{name.upper()}": str(value) for name, value in more.items()}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *leashed([sys.executable, "-m", "roomwatch", "ingest"]),
            cwd=REPOSITORY, env={**os.environ, **environment, **names}, stdout=output, stderr=output,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def store_of(settings):
    """Connect to the store; the client's own types say that any answer may be text."""
    client: Any = connect(settings)
    async with client:
        yield client


async def everything_kept(settings, deadline_s=40.0):
    """Wait until the store's offsets are those of the ends of all feeds."""
    parts = [
        TopicPartition(settings.topic(feed), number)
        for feed in FEEDS
        for number in range(settings.partitions)
    ]
    feeds = settings.feed_topics()
    client = AIOKafkaConsumer(**settings.kafka_options(), enable_auto_commit=False)
    await client.start()
    try:
        ends = await client.end_offsets(parts)
    finally:
        await client.stop()
    async with store_of(settings) as redis:

        async def kept():
            for number in range(settings.partitions):
                fields = await redis.hgetall(f"{{p{number}}}:owner")
                for part in parts:
                    if part.partition == number and ends[part]:
                        offset = int(fields.get(f"offset:{feeds[part.topic]}".encode(), -1))
                        if offset != ends[part]:
                            return False
            return True

        await until(kept, deadline_s, what="every record folded and kept")


async def state_of(settings, number):
    """Return the partition that the store holds, and the owner's fields."""
    hasher = UserHasher(settings.user_key.get_secret_value().encode())
    partition = Partition(hasher, lateness_ms=settings.lateness_ms, settle_ms=30)
    async with store_of(settings) as redis:
        fields = {k.decode(): v.decode() for k, v in (await redis.hgetall(f"{{p{number}}}:owner")).items()}
        claim = Claim(number, int(fields["epoch"]), int(fields["flush"]), fields)
        load_progress(claim, partition, Alignment(settle_ms=30, align_ms=10_000))
        await load(redis, claim, partition)
    return partition, fields


async def recounted(settings, read_all):
    """Return the recount of each partition's logs, as they lie in the broker now."""
    records: dict[int, list[Record]] = {number: [] for number in range(settings.partitions)}
    for feed in FEEDS:
        for found in await read_all(feed):
            record = Record(feed, found.partition, found.offset, found.timestamp, found.key, found.value)
            records[found.partition].append(record)
    return {number: recount(found) for number, found in records.items()}


async def check(settings, read_all):
    """Assert that the store holds what the recount of all feeds says, and return the recount."""
    wanted = await recounted(settings, read_all)
    for number, counted in wanted.items():
        partition, fields = await state_of(settings, number)
        reach_ms = min(int(value) for name, value in fields.items() if name.startswith("reach:"))
        assert set(partition.rooms) == set(counted["rooms"])
        for room_id, room in partition.rooms.items():
            compare_room(room, counted["rooms"][room_id], partition._users, reach_ms=reach_ms)
        for name, operation in partition.operations.items():
            compare_operation(operation, counted["vendors"][name], reach_ms=reach_ms)
        found = {feed: partition.counts[f"late:{feed}"] for feed in counted["late"]}
        assert found == dict(counted["late"])
        duplicates = sum(room.duplicates for room in counted["rooms"].values())
        assert partition.counts["duplicate:orders"] == duplicates
    return wanted


async def check_dead_letters(settings, read_all, wanted):
    """Assert that each bad record has its dead letter, with where it lay, why it is bad, and its value."""
    found = {}
    for record in await read_all("deadletter"):
        headers = {name: raw.decode() for name, raw in record.headers}
        assert record.partition == int(headers["partition"])
        found[headers["topic"], int(headers["partition"]), int(headers["offset"])] = headers["reason"]
    expected = {
        (settings.topic(feed), number, offset): reason
        for number, counted in wanted.items()
        for (feed, offset), reason in counted["dead"].items()
    }
    assert found == expected
    return found


def partition_for(settings, room_id):
    return partition_of(room_id, settings.partitions)
