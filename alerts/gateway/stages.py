"""Which stage behind the gateway is silent: a pure judgement, and a watch that asks broker and store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import RedisError

from alerts.gateway.alertlog import make_consumer
from alerts.store import IncidentsReader
from stream.errors import ServiceError
from stream.runtime import Clock
from stream.settings import Settings

__all__ = ["SILENT_MS", "Progress", "Stages"]

SILENT_MS: Final = 5_000
"""A stage without progress for this long is silent; milliseconds, the warning bound of `monitor_degraded`."""
_LOOK_S: Final = 1.0
_ANSWER_S: Final = 3.0


@dataclass(slots=True)
class Progress:
    """When each stage was last seen to go on."""

    _since_ms: dict[str, int] = field(default_factory=dict)
    _seen: dict[str, int | None] = field(default_factory=dict)

    def look(self, *, now_ms: int, end: int | None, folded: int | None) -> list[str]:
        """Return the silent stages, in the order of the way of an event.

        Args:
            now_ms: the time, epoch milliseconds.
            end: offset of the newest record of ``live.transitions``, to which each rules worker appends a
                heartbeat a second; None when the broker does not answer.
            folded: offset up to which the incidents stage has read them, None when the store does not answer.
        """
        silent = []
        if end is None:
            silent.append("broker")
        elif self._stalled("rules", end, now_ms):
            silent.append("rules")
        if folded is None:
            silent.append("store")
        elif self._stalled("incidents", folded, now_ms) and (end is None or folded < end):
            silent.append("incidents")
        return silent

    def _stalled(self, stage: str, at: int, now_ms: int) -> bool:
        if self._seen.get(stage) != at:
            self._seen[stage] = at
            self._since_ms[stage] = now_ms
        return now_ms - self._since_ms[stage] >= SILENT_MS


class Stages:
    """Watches the stages behind a gateway.

    Args:
        settings: where broker and store are.
        reader: of the incidents stage's store.
        clock: the time.
        on_change: called with the silent stages when they change.
    """

    def __init__(
        self,
        settings: Settings,
        reader: IncidentsReader,
        *,
        clock: Clock,
        on_change: Callable[[list[str]], None],
    ) -> None:
        self.silent: list[str] = []
        self._reader = reader
        self._clock = clock
        self._on_change = on_change
        self._part = TopicPartition(settings.topic("transitions"), 0)
        self._consumer: AIOKafkaConsumer = make_consumer(settings)
        self._progress = Progress()

    async def start(self) -> None:
        """Connect.

        Raises:
            ServiceError: the broker does not answer.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise ServiceError(f"the broker does not answer: {str(error) or type(error).__name__}") from error

    async def watch(self) -> None:
        """Look each second, for ever."""
        while True:
            end, folded = await asyncio.gather(self._end(), self._folded())
            silent = self._progress.look(now_ms=self._clock.now_ms(), end=end, folded=folded)
            if silent != self.silent:
                self.silent = silent
                self._on_change(silent)
            await self._clock.sleep(_LOOK_S)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def _end(self) -> int | None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return int((await self._consumer.end_offsets([self._part]))[self._part]) - 1
        except (KafkaError, OSError, TimeoutError):
            return None

    async def _folded(self) -> int | None:
        try:
            async with asyncio.timeout(_ANSWER_S):
                return (await self._reader.position())[1]
        except (RedisError, OSError, TimeoutError):
            return None
