"""The real incidents stage at work in a test's deployment, without the engine's processes around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis

from alerts.detectors.monitor import Limits
from alerts.incidents import Incidents, Kept, Policy
from alerts.incidents.policy import NO_POLICY
from alerts.model import Heartbeat, Transition, encode, parse_transitions_record
from alerts.stages import Record
from alerts.store import incidents as incidents_store
from alerts.store.folds import FoldStore, incidents_tag
from stream.settings import Settings
from tests.alerts.journal import Journal

__all__ = ["Stage", "stage_at_work"]


class Stage:
    """What a test does to the stage's log."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._topic = settings.topic("transitions")
        self._producer = producer
        self._journal = Journal()

    async def fail(self, room: str, to: str = "firing", **given: object) -> str:
        """Let the rules stage say something of a room; return the alert's id."""
        values = {"subject": room, "room_id": room, "labels": {"cdn": "a", "category": "beauty"}, **given}
        record = self._journal.transition(0, to, **values)
        await self._producer.send_and_wait(self._topic, record.value, partition=0)
        told = parse_transitions_record(record.value)
        assert isinstance(told, Transition)
        return told.alert_id

    async def beat(self) -> None:
        """Let a second pass for the stage."""
        beat = Heartbeat(0, 1, (0, 0), 0, {})
        await self._producer.send_and_wait(self._topic, encode(beat.to_record()), partition=0)


@contextlib.asynccontextmanager
async def stage_at_work(
    settings: Settings, producer: AIOKafkaProducer, policy_at: Callable[[int], Policy] = lambda _: NO_POLICY
) -> AsyncIterator[Stage]:
    """Fold ``live.transitions`` until the block ends."""
    never_ms = 10**12  # nobody sends heartbeats here
    stage = Incidents(1, lambda _: Limits(never_ms, never_ms), policy_at)
    stage.load(Kept(), epoch=1)
    part = TopicPartition(settings.topic("transitions"), 0)
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    consumer.assign([part])

    stop = asyncio.Event()  # cancelling a client of Kafka while it connects may be swallowed by it

    async def work() -> None:
        async with Redis.from_url(settings.redis_url) as redis:
            owner = FoldStore(redis, incidents_tag(), member="test", lease_ms=60_000)
            claim = await owner.claim(1)
            while not stop.is_set():
                batch = (await consumer.getmany(part, timeout_ms=100)).get(part, [])
                made = []
                for record in batch:
                    made += stage.apply(Record(record.offset, record.timestamp, record.value or b""))
                sent = [
                    await producer.send(settings.topic(one.log), one.value, key=one.key, partition=0)
                    for one in made
                ]
                at = [
                    (await each).offset for each, one in zip(sent, made, strict=True) if one.log == "alerts"
                ]
                if batch:
                    commands = incidents_store.commands(stage.written())
                    claim = await owner.apply(
                        claim, offset=batch[-1].offset, output=max(at, default=-1), commands=commands
                    )

    task = asyncio.create_task(work())
    try:
        yield Stage(settings, producer)
    finally:
        stop.set()
        await task
        await consumer.stop()
