"""A notifier in the test's deployment, with the receivers and routes of a test."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from alerts.notify.role import serve
from alerts.notify.settings import NotifierSettings
from stream.runtime import Clock
from stream.settings import Settings
from tests.services.gateway import publish
from tests.waiting import PATIENCE

__all__ = ["FastClock", "deliveries", "notifier", "publish", "routes_text", "told", "write_routes"]

FINAL = ("sent", "digested", "dry_run", "unrouted", "superseded")


class FastClock:
    """A clock that runs faster than the machine's, from now on."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began_ms = time.time_ns() // 1_000_000
        self._began = time.monotonic()

    def now_ms(self) -> int:
        return self._began_ms + int(1_000 * self._factor * (time.monotonic() - self._began))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._factor)


def routes_text(receivers: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]] | None = None) -> str:
    """Return a set of routes; without routes the first receiver gets everything."""
    routes = [{"to": [receivers[0]["name"]]}] if routes is None else routes
    return yaml.safe_dump({"receivers": list(receivers), "routes": list(routes)})


def write_routes(
    folder: Path, receivers: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]] | None = None
) -> Path:
    """Write a set of routes to a file."""
    file = folder / "routes.yaml"
    file.write_text(routes_text(receivers, routes), encoding="utf-8")
    return file


@contextlib.asynccontextmanager
async def notifier(
    settings: Settings, routes: Path, *, clock: Clock | None = None, **fields: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a notifier until the block ends."""
    own = NotifierSettings(
        **{**settings.model_dump(), "routes_file": routes, "public_url": "http://watch.test", **fields}
    )
    stop = asyncio.Event()
    running = asyncio.create_task(serve(own, stop, clock=clock))
    try:
        yield running
        assert not running.done(), running.exception()
    finally:
        stop.set()
        await running


async def deliveries(
    settings: Settings, enough: Callable[[list[dict[str, Any]]], bool], deadline_s: float = 40
) -> list[dict[str, Any]]:
    """Follow ``live.deliveries`` until there are enough records, repeats dropped; return them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TopicPartition(settings.topic("deliveries"), 0)])
    try:
        async with asyncio.timeout(deadline_s * PATIENCE):
            while not enough(list(found.values())):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in map(orjson.loads, (record.value for record in records)):
                        found[record["id"], record["status"]] = record
    except TimeoutError:
        raise AssertionError(f"not enough deliveries: {Counter(key[1] for key in found)}") from None
    finally:
        await consumer.stop()
    return list(found.values())


async def told(settings: Settings, count: int, deadline_s: float = 40) -> list[dict[str, Any]]:
    """Wait until so many changes of alerts have a final record; return all records."""

    def enough(found: list[dict[str, Any]]) -> bool:
        return len({(r["alert_id"], r["change"]) for r in found if _is_final(r)}) >= count

    return await deliveries(settings, enough, deadline_s)


def _is_final(record: dict[str, Any]) -> bool:
    return record["status"] in FINAL or (record["status"] == "failed" and record["fallback"] is None)
