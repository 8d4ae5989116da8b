"""A real gateway in this process, a client of it, and a small incidents stage that answers commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from websockets.asyncio.client import ClientConnection, connect

from alerts.gateway.settings import GatewaySettings
from alerts.gateway.shell import serve
from alerts.model import Command, Outcome, encode, parse_transitions_record
from deploy.local.process import free_port
from stream.settings import Settings
from tests.alerts.gateway.made import alert
from tests.waiting import PATIENCE, until

__all__ = ["Client", "Gateway", "answering", "gateway", "publish", "watch"]

ANSWER_S = 10 * PATIENCE


@dataclass(frozen=True)
class Gateway:
    """A gateway that listens."""

    settings: GatewaySettings

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.settings.gateway_port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.settings.gateway_port}/ws/v1"


@contextlib.asynccontextmanager
async def gateway(settings: Settings, **fields: Any) -> AsyncIterator[Gateway]:
    """Run a gateway until the block ends."""
    own = GatewaySettings(**{**settings.model_dump(), "gateway_port": free_port(), **fields})
    stop = asyncio.Event()
    running = asyncio.create_task(serve(own, stop))
    found = Gateway(own)
    try:
        await until(lambda: running.done() or _answers(found), 20, what="the gateway")
        if running.done():
            await running
        yield found
    finally:
        stop.set()
        await running


async def _answers(found: Gateway) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"{found.http}/healthz")).status_code == 200
        except httpx.TransportError:
            return False


class Client:
    """A WebSocket client that speaks frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **frame: Any) -> None:
        await self.connection.send(orjson.dumps(frame).decode())

    async def hear(self, *ops: str) -> dict[str, Any]:
        """Return the next frame, of those operations if any are named; ``status`` only if named."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                frame: dict[str, Any] = orjson.loads(await self.connection.recv())
                if frame["op"] in ops or (not ops and frame["op"] != "status"):
                    return frame

    async def subscribe(self, **fields: Any) -> dict[str, Any]:
        await self.send(op="subscribe", **{"rooms": "*", **fields})
        return await self.hear("subscribed")

    async def offsets(self, count: int) -> list[int]:
        """Return the offsets of the next alerts."""
        return [(await self.hear("alert"))["offset"] for _ in range(count)]


@contextlib.asynccontextmanager
async def watch(url: str, **options: Any) -> AsyncIterator[Client]:
    """Connect a client."""
    async with connect(url, **{"compression": None, "max_size": None, **options}) as connection:
        yield Client(connection)


async def publish(settings: Settings, producer: AIOKafkaProducer, *records: dict[str, Any]) -> list[int]:
    """Append records to ``live.alerts``; return their offsets."""
    sent = [await producer.send(settings.topic("alerts"), orjson.dumps(r), partition=0) for r in records]
    return [(await one).offset for one in sent]


@contextlib.asynccontextmanager
async def answering(settings: Settings, producer: AIOKafkaProducer) -> AsyncIterator[list[Command]]:
    """Run a responder that acknowledges and resolves the episodes of ``made.alert`` and says no to others."""
    heard: list[Command] = []
    part = TopicPartition(settings.topic("transitions"), 0)
    consumer = AIOKafkaConsumer(
        **settings.kafka_options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
    )
    await consumer.start()
    consumer.assign([part])
    known = {alert(number)["id"]: alert(number) for number in range(100)}

    async def respond() -> None:
        async for record in consumer:
            command = parse_transitions_record(record.value)
            if isinstance(command, Command):
                heard.append(command)
                outcome = _settle(command, known)
                await producer.send_and_wait(
                    settings.topic("outcomes"), encode(outcome.to_record()), partition=0
                )

    task = asyncio.create_task(respond())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await consumer.stop()


def _settle(command: Command, known: dict[str, dict[str, Any]]) -> Outcome:
    now = known.get(command.id or "")
    if now is None:
        return Outcome(command.command_id, "error", code="not_found", message="no such alert")
    if now["state"] == "resolved":
        return Outcome(command.command_id, "error", code="conflict", message="already resolved")
    state = "acknowledged" if command.do == "ack" else "resolved"
    known[now["id"]] = {**now, "change": now["change"] + 1, "state": state, "owner": command.by}
    return Outcome(command.command_id, "done", alert=known[now["id"]])
