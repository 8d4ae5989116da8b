"""How many records went into the feeds, by the broker's own offsets: whoever sent them is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.errors import ServiceError
from stream.settings import Settings

__all__ = ["FeedCounter"]

_START_S: Final = 15.0
_ANSWER_S: Final = 1.0
"""For a look while people wait for the end."""


class FeedCounter:
    """Counts from its start; one connection, kept open so that the last look is quick."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = AIOKafkaConsumer(**settings.kafka_options())
        self._feeds = {
            TopicPartition(topic, number): feed
            for topic, feed in settings.feed_topics().items()
            for number in range(settings.partitions)
        }
        self._before: Counter[str] = Counter()

    async def start(self) -> None:
        """Note where the feeds end now.

        Raises:
            ServiceError: the broker does not tell in time.
        """
        try:
            async with asyncio.timeout(_START_S):
                await self._client.start()
                self._before = await self._ends()
        except (KafkaError, TimeoutError) as error:
            raise ServiceError(
                f"Kafka at {self._settings.kafka_bootstrap} does not tell its offsets"
            ) from error

    async def counts(self) -> dict[str, int]:
        """Return feed -> records since the start; empty when the broker does not tell in time."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_ANSWER_S):
                return dict(await self._ends() - self._before)
        return {}

    async def stop(self) -> None:
        """Close the connection."""
        await self._client.stop()

    async def _ends(self) -> Counter[str]:
        ends = await self._client.end_offsets(list(self._feeds))
        counts: Counter[str] = Counter()
        for part, end in ends.items():
            counts[self._feeds[part]] += end
        return counts
