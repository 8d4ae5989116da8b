"""The role ``engine``: what it starts, in which order, and when it gives up.

Start: topics, store, rule sets, broker clients, Faust. Stop runs it backwards and takes at most 10 s; cutting
it short loses nothing, for every offset is kept with its effect. A fault of a stage, a stage that stands
still while its log grows, a rebalance without an end, or a Faust that died ends the process with a sentence:
whoever watches it starts it anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Final

import click
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.engine.delivery import Delivery, route_logs
from alerts.engine.logs import KafkaLogs, KafkaOutbox
from alerts.engine.owned import OwnedFolds, Standstill, Unowned
from alerts.engine.plan import Plan
from alerts.engine.rule_sets import RouteSets, RuleSets
from alerts.fold import Fold
from alerts.settings import EngineSettings
from alerts.store.folds import FoldStore
from alerts.telemetry import STAGES, Telemetry
from stream import runtime, topics
from stream.errors import ServiceError, StageError, StoreError
from stream.settings import load
from stream.store import connect

__all__ = ["command", "serve"]

_LOOK_S: Final = 1.0
"""How often the watch looks, seconds."""


@click.command("engine")
def command() -> None:
    """Judge live.windows by the rules and keep the incidents in live.alerts."""
    settings = load(EngineSettings)
    sys.exit(runtime.run("engine", partial(serve, settings), log_level=settings.log_level))


async def serve(settings: EngineSettings, stop: asyncio.Event) -> None:
    """Run both stages until asked to stop.

    Raises:
        RoomwatchError: a setting is wrong, or a stage cannot go on.
    """
    route_logs()
    registry = CollectorRegistry()
    telemetry = Telemetry(registry)
    if settings.metrics_port:
        _show(registry, settings.metrics_host, settings.metrics_port)
    await topics.ensure(settings)
    logs = KafkaLogs(settings, patience_s=settings.engine_patience_s)
    outbox = KafkaOutbox(settings, patience_s=settings.engine_patience_s, telemetry=telemetry)
    async with _store(settings) as redis, _broker(settings, logs, outbox):
        rule_sets = RuleSets(redis)
        await rule_sets.begin(settings.rules_file)
        route_sets = RouteSets(redis)
        await route_sets.begin(settings.routes_file)
        async with asyncio.TaskGroup() as group:
            await _Engine(settings, redis, rule_sets, route_sets, logs, outbox, telemetry, group).run(stop)


def _show(registry: CollectorRegistry, host: str, port: int) -> None:
    try:
        start_http_server(port, host, registry=registry)
    except OSError as error:
        raise ServiceError(f"/metrics cannot listen on {host}:{port}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def _store(settings: EngineSettings) -> AsyncIterator[Redis]:
    async with connect(settings) as redis:
        try:
            await redis.ping()
        except (RedisError, OSError) as error:
            raise StoreError(f"no store at ROOMWATCH_REDIS_URL: {error}") from error
        yield redis


@contextlib.asynccontextmanager
async def _broker(settings: EngineSettings, logs: KafkaLogs, outbox: KafkaOutbox) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(logs)
            await stack.enter_async_context(outbox)
        except KafkaError as error:
            raise ServiceError(f"no Kafka at {settings.kafka_bootstrap}: {error}") from error
        yield


class _Engine:
    """Both stages of this process, while the task group lives."""

    def __init__(
        self,
        settings: EngineSettings,
        redis: Redis,
        rule_sets: RuleSets,
        route_sets: RouteSets,
        logs: KafkaLogs,
        outbox: KafkaOutbox,
        telemetry: Telemetry,
        group: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._rule_sets = rule_sets
        self._route_sets = route_sets
        self._logs = logs
        self._outbox = outbox
        self._telemetry = telemetry
        self._group = group
        self._member = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._plan = Plan(settings, redis, rule_sets.at, route_sets.at)
        self._folds = OwnedFolds(group, self._fold)
        self._delivery = Delivery(settings, self._folds, self._plan.topics())

    async def run(self, stop: asyncio.Event) -> None:
        """Start, wait until asked to stop, and put everything away."""
        tasks = [
            self._group.create_task(self._delivery.start(), name="faust"),
            self._group.create_task(self._rule_sets.follow(), name="rule sets"),
            self._group.create_task(self._route_sets.follow(), name="routes"),
            self._group.create_task(self._watch(), name="watch"),
        ]
        try:
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await self._folds.close()
            await self._delivery.stop(asked=stop.is_set())

    def _fold(self, part: TopicPartition, generation: int) -> Fold:
        return Fold(
            self._plan.job(part.topic, part.partition),
            store=self._owner(part),
            reader=self._logs,
            outbox=self._outbox,
            generation=generation,
            patience_s=self._settings.engine_patience_s,
            telemetry=self._telemetry,
        )

    def _owner(self, part: TopicPartition) -> FoldStore:
        return FoldStore(
            self._redis,
            self._plan.tag(part.topic, part.partition),
            member=self._member,
            lease_ms=int(2_000 * self._settings.engine_session_s),
        )

    async def _unowned(self, ours: Mapping[TopicPartition, int]) -> set[TopicPartition]:
        """Return the logs that nobody folds; none while the store is away, for then nobody can tell."""
        others = [part for part in self._plan.parts() if part not in ours]
        try:
            return {part for part in others if not await self._owner(part).is_owned()}
        except (RedisError, OSError, TimeoutError):
            return set()

    async def _watch(self) -> None:
        """Look at progress, not at processes."""
        loop = asyncio.get_running_loop()
        limit_s = self._settings.engine_stall_s
        standstill, unowned, settled_s = Standstill(limit_s), Unowned(limit_s), loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._delivery.rebalancing:
                settled_s = loop.time()
            elif loop.time() - settled_s > limit_s:
                raise StageError(
                    f"the group {self._settings.group('engine')} did not settle in {limit_s:g} s"
                )
            if fault := self._delivery.fault:
                raise StageError(f"faust ended: {fault!r}") from fault
            folded = self._folds.seen()
            ends = await self._logs.ends(folded) if folded else {}
            standstill.check(folded, ends, loop.time())
            unowned.check(await self._unowned(folded), loop.time())
            self._measure(folded, ends)

    def _measure(self, folded: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> None:
        stages = {topic: stage for stage, topic in self._plan.topics().items()}
        lag = Counter[str]()
        for part, offset in folded.items():
            lag[stages[part.topic]] += max(0, ends[part] - 1 - offset)
        for stage in STAGES:
            self._telemetry.lag.labels(stage).set(lag[stage])
