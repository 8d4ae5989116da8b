"""The Faust app: which partitions are ours, and the records that arrive on them. Faust stays in this file.

Faust does low-rate, partition-assigned delivery and nothing else. Its agents only hand records to the inbox
of their partition's fold, so that no exception of a stage ever reaches an agent (Faust would take the event
as done). Offsets that it commits are for lag tools; what counts is the offset in the store. It runs in our
loop without its Worker: signals, logging and the end of the process are ours.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import faust
import structlog
from aiokafka import TopicPartition

from alerts.settings import EngineSettings
from alerts.stages import Record

__all__ = ["Delivery", "Folds", "route_logs"]

_STOP_S: Final = 6.0
"""Time that Faust gets to leave its group; the whole role has 10 s."""


class Folds(Protocol):
    """Who folds: told of assignments, handed the records."""

    async def assigned(self, parts: set[TopicPartition], generation: int) -> None:
        """Begin with these partitions; all earlier ones were taken away before."""
        ...

    async def revoked(self, parts: set[TopicPartition]) -> None:
        """Put these partitions away; within two seconds, for the whole group waits."""
        ...

    def deliver(self, part: TopicPartition, record: Record, end: int) -> None:
        """Take a record, and where its log ends as far as is known; never waits."""
        ...


class _App(faust.App):
    async def on_first_start(self) -> None:
        """Make no directories: they are for tables, and there are none."""


class Delivery:
    """The Faust app with one agent per stage.

    Args:
        settings: group, brokers, session time-out.
        folds: who folds.
        topics: one topic for each agent, by the agent's name.
    """

    def __init__(self, settings: EngineSettings, folds: Folds, topics: dict[str, str]) -> None:
        self._folds = folds
        self._app = _App(settings.group("engine"), **_options(settings))
        self._app.on_partitions_assigned.connect(self._assigned)
        self._app.on_partitions_revoked.connect(self._revoked)
        for name, topic in topics.items():
            source = self._app.topic(topic, key_serializer="raw", value_serializer="raw", value_type=bytes)
            self._app.agent(source, name=name, concurrency=1)(self._agent())

    async def start(self) -> None:
        """Join the group and begin to deliver."""
        await self._app.start()

    async def stop(self, *, asked: bool) -> None:
        """Leave the group; harmless when it did not start.

        Faust waits for the thread of its consumer without a bound and holds our loop meanwhile, and that
        thread may wait for our loop. So a thread of ours ends the process when the time is over; nothing is
        lost by it, for every offset is kept with its effect.

        Args:
            asked: whether the process is to end; if not, it ends with a failure.
        """
        watch = threading.Timer(_STOP_S, _cut_short, [0 if asked else 1])
        watch.daemon = True
        watch.start()
        await self._app.stop()
        watch.cancel()

    @property
    def fault(self) -> BaseException | None:
        """What Faust died of; None while it lives."""
        if not self._app.crashed:
            return None
        reason: BaseException | None = self._app.crash_reason
        return reason or RuntimeError("faust crashed without a reason")

    @property
    def rebalancing(self) -> bool:
        """Whether the group is sorting itself out."""
        return bool(self._app.rebalancing)

    async def _assigned(self, _: Any, /, *args: Any, **__: Any) -> None:
        (assigned,) = args
        parts = {TopicPartition(part.topic, part.partition) for part in assigned}
        await self._folds.assigned(parts, self._app.consumer_generation_id)

    async def _revoked(self, _: Any, /, *args: Any, **__: Any) -> None:
        (revoked,) = args
        await self._folds.revoked({TopicPartition(part.topic, part.partition) for part in revoked})

    def _agent(self) -> Callable[[Any], Awaitable[None]]:
        async def deliver(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                record = Record(message.offset, round(message.timestamp * 1_000), message.value or b"")
                end = self._app.consumer.highwater(message.tp) or 0
                self._folds.deliver(TopicPartition(message.topic, message.partition), record, end)

        return deliver


def _cut_short(status: int) -> None:
    structlog.get_logger().warning("engine.faust_hangs", after_s=_STOP_S)
    os._exit(status)


def route_logs() -> None:
    """Send warnings of Faust, mode and aiokafka through structlog."""
    handler = _ToStructlog(level=logging.WARNING)
    for name in ("faust", "mode", "aiokafka"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
        library.setLevel(logging.WARNING)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning(
            "library.warned", library=record.name, text=record.getMessage(), error=error and repr(error)
        )


def _options(settings: EngineSettings) -> dict[str, Any]:
    session_s = settings.engine_session_s
    return {
        "broker": ";".join(f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")),
        "broker_credentials": _credentials(settings),
        "broker_client_id": "roomwatch-engine",
        "broker_session_timeout": session_s,
        "broker_heartbeat_interval": session_s / 4,
        # Members rejoin within a heartbeat; who does not is dead and must not hold the others up.
        "broker_rebalance_timeout": 2 * session_s,
        "broker_request_timeout": max(2 * session_s, 30.0),
        "broker_max_poll_records": 100,
        # Everything that is kept is read; the hole and the offset in the store decide what is new.
        "consumer_auto_offset_reset": "earliest",
        # Records that wait in Faust, up to 512 KiB each; agents never wait, so few suffice.
        "stream_buffer_maxsize": 64,
        "store": "memory://",
        "autodiscover": False,
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "loop": asyncio.get_running_loop(),
    }


def _credentials(settings: EngineSettings) -> Any:
    options = settings.kafka_options()
    context: ssl.SSLContext | None = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return context and faust.SSLCredentials(context)
