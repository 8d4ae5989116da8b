"""The topics and their settings: making them, and refusing another number of partitions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from stream.errors import ServiceError, SettingsError
from stream.model import FEEDS
from stream.settings import Settings

__all__ = ["DEAD_LETTER_BYTES_MAX", "Topic", "ensure", "topics"]

_HOUR_MS: Final = 3_600_000
DEAD_LETTER_BYTES_MAX: Final = 2 * 1024 * 1024
"""Largest dead letter, bytes: a feed record may reach the broker's own limit of 1 MiB, plus headers."""
_ANSWER_S: Final = 30
_SETTLE_S: Final = 0.05
"""Between two looks whether new topics have leaders."""


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
        await _make(admin, missing)
    found = await _described(admin, [topic.name for topic in wanted])
    for topic in wanted:
        if found[topic.name] != topic.partitions:
            raise SettingsError(
                f"topic {topic.name} has {found[topic.name]} partitions, the settings say {topic.partitions};"
                " the number is fixed for a deployment's life"
            )
    return len(missing)


async def _make(admin: AIOKafkaAdminClient, missing: list[Topic]) -> None:
    copies = await _replication(admin)
    answer = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, replication_factor=copies, topic_configs=topic.config())
            for topic in missing
        ]
    )
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another role may make them at this moment
            raise ServiceError(f"the broker refused to make topic {name}: {error.__name__}")


async def _replication(admin: AIOKafkaAdminClient) -> int:
    """Return the cluster's default number of copies; aiokafka's request cannot leave it to the broker."""
    broker = (await admin.describe_cluster())["brokers"][0]["node_id"]
    name = "default.replication.factor"
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.BROKER, str(broker), {name: ""})]
    )
    entries = answers[0].resources[0][4]
    return next((int(value) for key, value, *_ in entries if key == name), 1)


async def _described(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Return topic -> number of partitions, once every partition has a leader; the caller bounds the wait."""
    while True:
        found = await admin.describe_topics(names)
        if all(
            not topic["error_code"] and all(part["leader"] >= 0 for part in topic["partitions"])
            for topic in found
        ):
            return {topic["topic"]: len(topic["partitions"]) for topic in found}
        await asyncio.sleep(_SETTLE_S)
