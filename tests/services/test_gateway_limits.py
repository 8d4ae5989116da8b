"""A gateway under strain: slow readers, too many clients, stopping as a process."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import struct
import sys
import time
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from deploy.local.process import free_port, leashed
from tests.alerts.gateway.made import alert
from tests.services.gateway import Client, answering, gateway, publish, watch
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

_REPOSITORY = Path(__file__).resolve().parents[2]
_PAD = "很长的说明" * 400


class _Stalled:
    """A client that shakes hands, subscribes, and does not read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> _Stalled:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws/v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        payload = b'{"op":"subscribe","rooms":"*"}'
        writer.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        return cls(reader, writer)

    async def close_code(self) -> int:
        """Read all that came and return the code of the close frame at its end."""
        while True:
            head = await self.reader.readexactly(2)
            size = head[1]
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            payload = await self.reader.readexactly(size)
            if head[0] == 0x88:
                return int(struct.unpack("!H", payload[:2])[0])


async def test_a_client_that_stops_reading_is_closed_and_others_are_undisturbed(settings, producer):
    async with gateway(settings) as gate, watch(gate.ws) as good:
        await good.subscribe()
        stalled = await _Stalled.open(gate.settings.gateway_port)
        await until(lambda: _metric(gate.http, "roomwatch_gateway_clients", 2.0))
        sent = 0
        began = time.monotonic()
        while not await _metric(gate.http, 'roomwatch_gateway_closes_total{code="4008"}', 1.0):
            await publish(
                settings,
                producer,
                *(alert(n, summary={"zh": _PAD, "en": ""}) for n in range(sent, sent + 50)),
            )
            assert await good.offsets(50) == list(range(sent, sent + 50))
            sent += 50
            assert time.monotonic() - began < 60
        assert await _metric(gate.http, "roomwatch_gateway_clients", 1.0)
        assert await stalled.close_code() == 4008
        stalled.writer.close()
        await publish(settings, producer, alert(sent))
        assert await good.offsets(1) == [sent]


async def test_a_client_that_catches_up_slowly_is_waited_for(settings, producer):
    """It takes longer than a live client may, and still gets every record once."""
    await publish(settings, producer, *(alert(n, summary={"zh": _PAD, "en": ""}) for n in range(1_500)))
    async with gateway(settings, gateway_records_held=100) as gate, watch(gate.ws) as client:
        epoch = (await client.subscribe())["epoch"]
        async with watch(gate.ws, max_queue=1) as slow:
            await slow.send(op="subscribe", rooms="*", resume={"epoch": epoch, "offset": -1})
            await asyncio.sleep(12)  # longer than a live frame may wait
            assert await slow.offsets(1_500) == list(range(1_500))


async def test_commands_are_bounded_in_rate_and_size_and_say_so(settings, producer):
    limits = {"gateway_calls_per_s": 0.001, "gateway_calls_burst": 2}
    async with gateway(settings, **limits) as gate, answering(settings, producer):
        async with watch(gate.ws) as client, watch(gate.ws) as other:
            await publish(settings, producer, alert(1))
            for one in (client, other):
                await one.subscribe()
            await client.offsets(1)
            for ref in ("a", "b"):
                await client.send(op="ack", id=alert(1)["id"], comment="", ref=ref)
                assert (await client.hear("done"))["ref"] == ref
            await other.send(
                op="ack", id=alert(1)["id"], comment="", ref="c"
            )  # of the same token and address
            refused = await other.hear("error")
            assert (refused["of"], refused["code"], refused["ref"]) == ("ack", "too_many", "c")
            await other.send(op="subscribe", rooms="*")
            assert (await other.hear("error"))["code"] == "too_many"
            await client.send(op="ack", id=alert(1)["id"], comment="", ref="d", more="x" * 33_000)
            refused = await client.hear("error")
            assert (refused["of"], refused["code"], refused["ref"]) == ("ack", "too_large", "d")
        async with watch(gate.ws) as again:  # whoever comes back is served
            assert (await again.subscribe(rooms=["r" * 60] * 1_000))["offset"] == 0


async def test_more_clients_than_allowed_are_told_to_come_later(settings):
    async with gateway(settings, gateway_clients_max=1) as gate, watch(gate.ws) as first:
        await first.subscribe()
        async with watch(gate.ws) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await second.hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013


async def test_the_process_stops_within_ten_seconds_with_a_close_for_every_client(role_environment):
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", "roomwatch", "gateway"]),
        env={**os.environ, **role_environment, "ROOMWATCH_GATEWAY_PORT": str(port)},
        cwd=_REPOSITORY,
    )
    try:
        await until(lambda: _listens(port), 30)
        async with connect(f"ws://127.0.0.1:{port}/ws/v1") as connection:
            client = Client(connection)
            await client.subscribe()
            stalled = await _Stalled.open(port)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await client.hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert await asyncio.wait_for(process.wait(), 20) == 0
            assert time.monotonic() - began < 10
            stalled.writer.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ROOMWATCH_GATEWAY_HOST": "192.0.2.1"}, "ROOMWATCH_TOKENS_FILE is not set"),
        ({"ROOMWATCH_TOKENS_FILE": "/nowhere/tokens.yaml"}, "cannot be read"),
        ({"ROOMWATCH_GATEWAY_PORT": "99999"}, "ROOMWATCH_GATEWAY_PORT"),
    ],
)
async def test_a_gateway_that_may_not_start_says_why_in_one_sentence(role_environment, variables, said):
    process = await asyncio.create_subprocess_exec(
        *leashed([sys.executable, "-m", "roomwatch", "gateway"]),
        env={**os.environ, **role_environment, **variables},
        cwd=_REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    lines = errors.decode().strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


async def _metric(url: str, name: str, value: float) -> bool:
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{url}/metrics")).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return found is not None and float(found[1]) == value


async def _listens(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        except httpx.TransportError:
            return False
