"""What is sent while faults happen: the seeded mess of all feeds, at the clock's time, some of it twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.settings import Settings
from tests.services.ingesting import BAD, ROOMS, UNNAMED, Mess

__all__ = ["Traffic"]

_ROUND_S: Final = 0.02
_POISON: Final = (
    *BAD,
    ("danmaku", b"\xff\xfe\x00", "not_json"),
    ("orders", b"", "not_json"),
    ("visits", b'{"room_id":"r1"', "not_json"),
    ("vendors", b'"pay"', "not_object"),
    ("marks", b'{"room_id":"r1","at_ms":"now","mark":"note"}', "bad_type"),
    ("likes", b'{"room_id":"r1","user_id":"u","at_ms":-1,"count":1}', "bad_value"),
)
_LATE_MS: Final = 45_000


_NAMES: Final = {"r2": "m4", "r4": "m5", "r5": "x2"}
"""So that each of four partitions has a room."""


class _Spread(Mess):
    """The mess, with rooms in every partition and records of all feeds."""

    def put(self, feed, room_id, at_ms, **fields):
        return super().put(feed, _NAMES.get(room_id, room_id), at_ms, **fields)

    def spoken(self, at_ms):
        """Return what a host says, or a mark."""
        room = self.chance.choice(ROOMS)
        if self.chance.random() < 0.5:
            return self.put("transcript", room, at_ms, text="大家晚上好")
        return self.put("marks", room, at_ms, mark=self.chance.choice(("item_on", "item_off", "note")))


class Traffic:
    """Sends until told to stop.

    Args:
        settings: of the deployment.
        seed: of the mess.
        rate: records a second.

    Attributes:
        sent: number of ``records``, and of those among them that are ``twice`` there, ``poison``, ``late`` or
            from the ``future``.
    """

    def __init__(self, settings: Settings, seed: int, *, rate: int) -> None:
        self.sent: Counter[str] = Counter()
        self._settings = settings
        self._rate = rate
        self._mess = _Spread(seed, settings)
        self._chance = self._mess.chance

    async def run(self, stop: asyncio.Event) -> None:
        """Send at the given rate; what the broker refuses while it is away was not sent."""
        producer = AIOKafkaProducer(**self._settings.kafka_options(), acks="all", linger_ms=5)
        await producer.start()
        pending: set[asyncio.Future[Any]] = set()
        try:
            for room in (*ROOMS, UNNAMED):
                await self._send(producer, pending, self._mess.room(room, "live", _now_ms()))
            began, done = time.monotonic(), 0
            while not stop.is_set():
                for _ in range(int((time.monotonic() - began) * self._rate) - done):
                    done += 1
                    for record in self._some():
                        await self._send(producer, pending, record)
                await asyncio.sleep(_ROUND_S)
            await asyncio.gather(*pending, return_exceptions=True)
        finally:
            await producer.stop()

    def _some(self) -> list[tuple[str, bytes, bytes | None, int | None]]:
        chance = self._chance.random()
        if chance < 0.02:
            feed, value, _ = self._chance.choice(_POISON)
            self.sent["poison"] += 1
            return [(feed, b"r1", value, None)]
        if chance < 0.05:
            room = self._chance.choice(ROOMS)
            what, shift_ms = self._chance.choice((("late", -_LATE_MS), ("future", 60_000)))
            self.sent[what] += 1
            fields = {"user_id": f"user-{self._chance.randrange(40)}", "count": 1}
            return [self._mess.put("likes", room, _now_ms() + shift_ms, **fields)]
        if chance < 0.08:
            return [self._mess.spoken(_now_ms())]
        records: list[tuple[str, bytes, bytes | None, int | None]] = self._mess.some(_now_ms())
        if chance < 0.13:
            self.sent["twice"] += len(records)
            records *= 2
        return records

    async def _send(
        self,
        producer: AIOKafkaProducer,
        pending: set[asyncio.Future[Any]],
        record: tuple[str, bytes, bytes | None, int | None],
    ) -> None:
        feed, key, value, partition = record
        try:
            future = await producer.send(self._settings.topic(feed), value, key, partition=partition)
        except KafkaError:
            self.sent["refused"] += 1
            return
        pending.add(future)
        future.add_done_callback(pending.discard)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.sent["records"] += 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
