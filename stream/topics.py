"""The topics and their settings: making them, and refusing another number of partitions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream.errors import ServiceError, SettingsError
from stream.model import FEEDS
from stream.settings import Settings

__all__ = ["DEAD_LETTER_BYTES_MAX", "Topic", "ensure", "topics"]

_HOUR_MS: Final = 3_600_000
DEAD_LETTER_BYTES_MAX: Final = 2 * 1024 * 1024
"""Largest dead letter, bytes: a feed record may reach the broker's own limit of 1 MiB, plus headers."""
_ANSWER_S: Final = 30


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be."""

    name: str
    partitions: int
    retention_ms: int
    extra: dict[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, str]:
        """Return the topic's settings for the broker."""
        return {
            "message.timestamp.type": "LogAppendTime",
            "retention.ms": str(self.retention_ms),
            **self.extra,
        }


def topics(settings: Settings) -> list[Topic]:
    """Return every topic of a deployment."""
    many, name = settings.partitions, settings.topic
    month = 35 * 24 * _HOUR_MS
    large = {"max.message.bytes": str(DEAD_LETTER_BYTES_MAX)}
    return [
        *(Topic(name(feed), many, 72 * _HOUR_MS) for feed in FEEDS),
        Topic(name("windows"), many, 24 * _HOUR_MS),
        Topic(name("deadletter"), many, month, large),
        Topic(name("transitions"), 1, month),
        Topic(name("alerts"), 1, month),
        Topic(name("outcomes"), 1, _HOUR_MS),
        Topic(name("deliveries"), 1, month),
    ]


async def ensure(settings: Settings) -> int:
    """Make the topics that are missing.

    Returns:
        How many were made.

    Raises:
        SettingsError: a topic exists with another number of partitions.
        ServiceError: the broker does not answer, or refuses.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_options(), request_timeout_ms=_ANSWER_S * 1_000)
    try:
        async with asyncio.timeout(_ANSWER_S):
            await admin.start()
            return await _ensure(admin, topics(settings))
    except (KafkaError, OSError, TimeoutError) as error:
        raise ServiceError(
            f"no Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}"
        ) from error
    finally:
        await admin.close()


async def _ensure(admin: AIOKafkaAdminClient, wanted: list[Topic]) -> int:
    known = set(await admin.list_topics())
    missing = [topic for topic in wanted if topic.name not in known]
    if missing:
        answer = await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, replication_factor=-1, topic_configs=topic.config())
                for topic in missing
            ]
        )
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise ServiceError(f"the broker refused to make topic {name}: {error.__name__}")
    for found in await admin.describe_topics([topic.name for topic in wanted if topic.name in known]):
        want = next(topic for topic in wanted if topic.name == found["topic"])
        if len(found["partitions"]) != want.partitions:
            raise SettingsError(
                f"topic {want.name} has {len(found['partitions'])} partitions,"
                f" the settings say {want.partitions};"
                " the number is fixed for a deployment's life"
            )
    return len(missing)
