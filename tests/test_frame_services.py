"""The fixtures that other tests build on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from redis.asyncio import Redis

from stream.settings import Settings
from tests.waiting import until

pytestmark = pytest.mark.services

seen: set[str] = set()


@pytest.mark.parametrize("_round", range(2))
async def test_each_test_gets_a_deployment_of_its_own(settings: Settings, _round: int):
    assert settings.topic_prefix not in seen
    seen.add(settings.topic_prefix)
    async with Redis.from_url(settings.redis_url) as redis:
        assert await redis.dbsize() == 0
        await redis.set("left", "behind")


async def test_a_sent_record_is_read_back(
    settings: Settings,
    producer: AIOKafkaProducer,
    read_all: Callable[..., Awaitable[list[ConsumerRecord[bytes, bytes]]]],
):
    await producer.send_and_wait(settings.topic("likes"), b"{}", key=b"r1")
    assert [record.value for record in await read_all("likes")] == [b"{}"]
    assert await read_all("marks") == []


@pytest.mark.parametrize("settings", [{"partitions": 3}], indirect=True)
async def test_the_number_of_partitions_can_be_chosen(settings: Settings, producer: AIOKafkaProducer):
    assert settings.partitions == 3
    assert await producer.partitions_for(settings.topic("orders")) == {0, 1, 2}
    assert await producer.partitions_for(settings.topic("alerts")) == {0}


async def test_until_tells_what_did_not_come():
    with pytest.raises(AssertionError, match="rain did not come"):
        await until(lambda: False, 0.05, what="rain")
