"""The way of a change: checked here, written to ``live.transitions``, confirmed on ``live.outcomes``.

A change is never lost once written; what this process does not hear within ``CONFIRM_S`` is told as pending
and takes effect all the same.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from msgspec.structs import replace

from alerts.gateway.alertlog import make_consumer
from alerts.gateway.telemetry import GatewayMetrics
from alerts.model import BadRecord, Command, Outcome, encode, parse_outcome
from stream.errors import RoomwatchError, ServiceError
from stream.runtime import Clock
from stream.settings import Settings

__all__ = ["CONFIRM_S", "Busy", "Commands"]

CONFIRM_S: Final = 3.0
"""How long a change waits for its outcome, seconds; from the contract."""
_PENDING_MAX: Final = 1_000
_ANSWER_S: Final = 10.0
_POLL_MS: Final = 500

_log = structlog.get_logger()


class Busy(RoomwatchError):  # noqa: N818 - an outcome, not a failure
    """Too many changes wait for their outcome."""


class Commands:
    """Sends changes to the incidents stage and hears what became of them.

    Args:
        settings: where the broker is.
        metrics: counts.
        clock: the time.
    """

    def __init__(self, settings: Settings, *, metrics: GatewayMetrics, clock: Clock) -> None:
        self._topic = settings.topic("transitions")
        self._part = TopicPartition(settings.topic("outcomes"), 0)
        self._metrics = metrics
        self._clock = clock
        self._producer = AIOKafkaProducer(
            **settings.kafka_options(), acks="all", enable_idempotence=True, request_timeout_ms=5_000
        )
        self._consumer: AIOKafkaConsumer = make_consumer(settings)
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    async def start(self) -> None:
        """Connect, and listen from here on.

        Raises:
            ServiceError: the broker does not answer.
        """
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._producer.start()
                await self._consumer.start()
                self._consumer.assign([self._part])
                await self._to_end()
        except (KafkaError, OSError, TimeoutError) as error:
            raise ServiceError(f"the broker does not answer: {str(error) or type(error).__name__}") from error

    async def listen(self) -> None:
        """Hear outcomes, for ever."""
        while True:
            try:
                batches = await self._consumer.getmany(self._part, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError:
                await self._to_end()
                continue
            for record in batches.get(self._part, ()):
                self._hear(record.value or b"")

    async def send(self, command: Command) -> Outcome | str:
        """Send a change; return its outcome, or the command's id when that is not known in time.

        Args:
            command: the change; its ``command_id`` is chosen here.

        Raises:
            Busy: too many changes wait.
            ServiceError: the broker did not take it; it may or may not take effect.
        """
        if len(self._waiting) >= _PENDING_MAX:
            self._metrics.commands.labels(command.do, "busy").inc()
            raise Busy("too many changes wait for their outcome")
        command = replace(command, command_id=secrets.token_hex(16))
        began_ms = self._clock.now_ms()
        outcome = asyncio.get_running_loop().create_future()
        self._waiting[command.command_id] = outcome
        try:
            answer = await self._confirmed(command, outcome)
        finally:
            del self._waiting[command.command_id]
        self._metrics.command_seconds.observe((self._clock.now_ms() - began_ms) / 1_000)
        said = "pending" if answer is None else answer.status
        self._metrics.commands.labels(command.do, said).inc()
        _log.info(
            "command.sent", do=command.do, id=command.id, by=command.by, origin=command.origin, said=said
        )
        return command.command_id if answer is None else answer

    async def post(self, command: Command) -> None:
        """Send a change without waiting for its outcome; one that the broker does not take is logged."""
        command = replace(command, command_id=secrets.token_hex(16))
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._producer.send_and_wait(self._topic, encode(command.to_record()), partition=0)
        except (KafkaError, TimeoutError) as error:
            _log.error("command.not_taken", do=command.do, by=command.by, error=repr(error))

    async def stop(self) -> None:
        """Disconnect; changes that wait are told as pending by their own deadline."""
        await self._producer.stop()
        await self._consumer.stop()

    async def _confirmed(self, command: Command, outcome: asyncio.Future[Outcome]) -> Outcome | None:
        taken = False
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._producer.send_and_wait(self._topic, encode(command.to_record()), partition=0)
                taken = True
                return await outcome
        except TimeoutError as error:
            if taken:
                return None
            raise ServiceError(
                "the broker did not take the change in time; it may take effect yet"
            ) from error
        except KafkaError as error:
            raise ServiceError(f"the broker did not take the change: {error!r}") from error

    def _hear(self, value: bytes) -> None:
        if b'"type":"notice"' in value:
            return
        try:
            outcome = parse_outcome(value)
        except BadRecord as error:
            _log.warning("outcome.bad_record", error=str(error))
            return
        waiting = self._waiting.get(outcome.command_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    async def _to_end(self) -> None:
        end = (await self._consumer.end_offsets([self._part]))[self._part]
        self._consumer.seek(self._part, end)
