"""One real broker and one real store for the whole session; a deployment of its own for each test.

A test that uses ``settings`` gets a topic prefix and a database that nobody else uses. All of it listens on
the loopback address, lives in the session's temporary folder and ends with the session. Two processes that
share the tests (``make test``) have a session, a broker and a store each.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from redis.asyncio import Redis

from deploy.local.kafka import Kafka
from deploy.local.valkey import DATABASES, Valkey
from stream import topics
from stream.settings import Settings
from tests.services.reading import read_topic

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_BYTECODE = Path(__file__).resolve().parents[1] / "var" / "bytecode"
_databases = itertools.cycle(range(1, DATABASES))


def pytest_configure() -> None:
    """Prepare what tests share.

    An example may take as long as it takes: a deadline would fail on a busy machine. Bytecode is kept even
    where the environment forbids to, in a folder of its own: without it each start of a role takes 2 s more.
    """
    hypothesis.settings.register_profile("roomwatch", deadline=None)
    hypothesis.settings.load_profile("roomwatch")
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        sys.pycache_prefix = os.environ.setdefault("PYTHONPYCACHEPREFIX", str(_BYTECODE))
        sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that may take longest, and end with those whose tests are all quick.

    So neither of two processes that share the files is left alone with a long one. What lies between stays in
    its random order: tests that need the machine run beside tests that wait.
    """
    longest: dict[Path, float] = defaultdict(float)
    for item in items:
        marker = item.get_closest_marker("timeout") or item.get_closest_marker("services")
        allowed = 0.0 if marker is None else float(next(iter(marker.args), 1))
        longest[item.path] = max(longest[item.path], allowed)
    most = max(longest.values(), default=0.0)
    items.sort(key=lambda item: -2 if longest[item.path] == most else -bool(longest[item.path]))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Return the session's Kafka; who stops or kills it starts it again."""
    service = Kafka(tmp_path_factory.mktemp("kafka"))
    asyncio.run(service.start())
    yield service
    asyncio.run(service.stop())


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Return the session's Valkey; who stops or kills it starts it again."""
    service = Valkey(tmp_path_factory.mktemp("valkey"))
    asyncio.run(service.start())
    yield service
    asyncio.run(service.stop())


@pytest.fixture(scope="session")
def kafka(broker: Kafka) -> str:
    """Return ``host:port`` of the session's Kafka."""
    return broker.bootstrap


@pytest.fixture(scope="session")
def valkey(store: Valkey) -> str:
    """Return the URL of the session's Valkey, database 0."""
    return store.url


@contextlib.asynccontextmanager
async def _deployment(broker: Kafka, store: Valkey, data_dir: Path, **fields: Any) -> AsyncIterator[Settings]:
    given: dict[str, Any] = {
        "kafka_bootstrap": broker.bootstrap,
        "redis_url": store.database(next(_databases)),
        "partitions": 2,
        "topic_prefix": f"t{uuid.uuid4().hex[:12]}.",
        "user_key": SecretStr("test-key"),
        "data_dir": data_dir,
        **fields,
    }
    fresh = Settings(**given)
    await topics.ensure(fresh)
    yield fresh
    await _drop(fresh)


@pytest.fixture
async def settings(
    broker: Kafka, store: Valkey, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Settings]:
    """Return the settings of a fresh deployment with its topics made and its database empty.

    Two partitions, unless ``@pytest.mark.parametrize("settings", [{"partitions": 4}], indirect=True)`` says
    otherwise; the mapping may set any field of ``Settings``.
    """
    async with _deployment(broker, store, tmp_path, **getattr(request, "param", {})) as fresh:
        yield fresh


@pytest.fixture
async def other_settings(broker: Kafka, store: Valkey, tmp_path: Path) -> AsyncIterator[Settings]:
    """Return the settings of a second fresh deployment, for tests that run two side by side."""
    folder = tmp_path / "other"
    folder.mkdir()
    async with _deployment(broker, store, folder) as fresh:
        yield fresh


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """Return a started producer of the test's deployment: ``acks=all``, keys and values as bytes."""
    client = AIOKafkaProducer(**settings.kafka_options(), acks="all", max_request_size=4 * 1024 * 1024)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
def read_all(settings: Settings) -> Callable[..., Awaitable[list[ConsumerRecord[bytes, bytes]]]]:
    """Return the coroutine function that gives what a topic holds now, by partition: ``"deadletter"``."""

    async def read(log: str, *, deadline_s: float = 30.0) -> list[ConsumerRecord[bytes, bytes]]:
        return await read_topic(settings, log, deadline_s=deadline_s)

    return read


@pytest.fixture
def role_environment(settings: Settings) -> dict[str, str]:
    """Return the ``ROOMWATCH_*`` variables that put a role process into the test's deployment."""
    assert settings.user_key
    return {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_REDIS_URL": settings.redis_url,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
        "ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "ROOMWATCH_USER_KEY": settings.user_key.get_secret_value(),
        "ROOMWATCH_DATA_DIR": str(settings.data_dir),
    }


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of the real data that lies beside the project; skip without it."""
    if not _DATA.is_dir():
        pytest.skip("the real data (../shared/data) is not on this machine")
    return _DATA


async def _drop(settings: Settings) -> None:
    """Empty the database and delete the topics, so that a long session stays small."""
    async with Redis.from_url(settings.redis_url) as redis:
        await redis.flushdb()
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        own = [name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)]
        await admin.delete_topics(own)
    finally:
        await admin.close()
