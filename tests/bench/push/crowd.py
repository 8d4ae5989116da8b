"""Many WebSocket clients in one process, as cheap as they can be, so that the gateway is what is measured.

``python -m tests.bench.push.crowd PORT CLIENTS [EPOCH OFFSET]`` connects them, subscribes all to everything
(from the resume point on), and then answers each line that it reads with one line of JSON: what its clients
got since the line before. Nothing of a frame is decoded but offset and ``at_ms``, and that once for all.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from base64 import b64encode
from collections import Counter
from typing import Any, Final, cast

import orjson
import uvloop

from tests.waiting import until

__all__ = ["Crowd", "answer_of", "masked", "upgrade"]

_HEAD: Final = re.compile(rb'\{"op":"alert","offset":(\d+)')
_AT_MS: Final = re.compile(rb'"at_ms":(\d+)')
_CONNECT_S: Final = 60.0
_AT_ONCE: Final = 100
"""Clients that connect at the same time."""
_PING: Final = 9
_LONG, _LONGER = 126, 127

Frame = tuple[int, int]
"""Offset and ``at_ms`` of an alert."""


class Crowd:
    """What all clients of this process got.

    Attributes:
        late_ms: milliseconds from ``at_ms`` to the receipt -> how many alerts and clients.
        last_ms: ``at_ms`` -> the longest of them.
    """

    def __init__(self, resume: dict[str, Any] | None) -> None:
        self.resume = resume
        self.subscribed = 0
        self.told: dict[str, Any] = {}
        self.ended = 0
        self.late_ms: Counter[int] = Counter()
        self.last_ms: dict[int, int] = {}
        self.disordered = 0
        self.newest_s = 0.0
        self.began_s = 0.0
        self._known: dict[bytes, list[Frame]] = {}

    def frames(self, data: bytes) -> tuple[list[Frame], bytes, list[bytes]]:
        """Return the alerts of some bytes, what is left of them, and the payloads of pings."""
        known = self._known.get(data)
        if known is not None:
            return known, b"", []
        subscribed = self.subscribed
        alerts, rest, pings = self._cut(data)
        if not rest and not pings and self.subscribed == subscribed:
            if len(self._known) > 1_000:
                self._known.clear()
            self._known[data] = alerts
        return alerts, rest, pings

    def got(self, alerts: list[Frame]) -> None:
        """Note alerts of one client."""
        now_ms = time.time_ns() // 1_000_000
        for _, at_ms in alerts:
            late_ms = now_ms - at_ms
            self.late_ms[late_ms] += 1
            self.last_ms[at_ms] = max(late_ms, self.last_ms.get(at_ms, 0))
        self.newest_s = time.monotonic()

    def taken(self) -> dict[str, Any]:
        """Return what came since the last call."""
        found = {
            "late_ms": self.late_ms,
            "last_ms": self.last_ms,
            "disordered": self.disordered,
            "ended": self.ended,
            "took_s": self.newest_s - self.began_s,
            "cpu_s": time.process_time(),
            **self.told,
        }
        self.late_ms, self.last_ms = Counter(), {}
        return found

    def _cut(self, data: bytes) -> tuple[list[Frame], bytes, list[bytes]]:
        alerts: list[Frame] = []
        pings: list[bytes] = []
        at = 0
        while (frame := _frame(data, at)) is not None:
            begin, end = frame
            if data[at] & 15 == _PING:
                pings.append(data[begin:end])
            elif head := _HEAD.match(data, begin, end):
                found = _AT_MS.search(data, head.end(), end)
                alerts.append((int(head[1]), int(found[1]) if found else 0))
            elif data.startswith(b'{"op":"subscribed"', begin):
                told = orjson.loads(data[begin:end])
                self.told = {"epoch": told["epoch"], "offset": told["offset"]}
                self.subscribed += 1
            at = end
        return alerts, data[at:], pings


def _frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where a frame's payload begins and ends; None when it is not all there."""
    if len(data) < at + 2:
        return None
    size, begin = data[at + 1] & 127, at + 2
    wide = {_LONG: 2, _LONGER: 8}.get(size, 0)
    if wide:
        size, begin = int.from_bytes(data[begin : begin + wide], "big"), begin + wide
    return (begin, begin + size) if len(data) >= begin + size else None


class _Client(asyncio.Protocol):
    def __init__(self, crowd: Crowd, port: int) -> None:
        self._crowd, self._port = crowd, port
        self._rest = b""
        self._open = False
        self._offset = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(upgrade(self._port))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._open = True
            self._subscribe()
        alerts, self._rest, pings = self._crowd.frames(data)
        for payload in pings:
            self._transport.write(masked(10, payload))
        if alerts:
            rising = self._offset
            for offset, _ in alerts:
                self._crowd.disordered += offset <= rising
                rising = offset
            self._offset = rising
            self._crowd.got(alerts)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        self._crowd.ended += 1

    def _subscribe(self) -> None:
        asked: dict[str, Any] = {"op": "subscribe", "rooms": "*"}
        if self._crowd.resume is not None:
            asked["resume"] = self._crowd.resume
        self._crowd.began_s = time.monotonic()
        self._transport.write(masked(1, orjson.dumps(asked)))


def upgrade(port: int) -> bytes:
    """Return the request that begins a connection."""
    key = b64encode(os.urandom(16)).decode()
    return (
        f"GET /ws/v1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: roomwatch.v1\r\n\r\n"
    ).encode()


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame; a mask of zeros leaves the payload as it is."""
    size = len(payload)
    length = bytes([128 | size]) if size < _LONG else bytes([128 | _LONG]) + size.to_bytes(2, "big")
    return bytes([128 | opcode]) + length + bytes(4) + payload


async def _run(port: int, clients: int, resume: dict[str, Any] | None) -> None:
    crowd, loop = Crowd(resume), asyncio.get_running_loop()
    for begin in range(0, clients, _AT_ONCE):
        some = range(begin, min(clients, begin + _AT_ONCE))
        await asyncio.gather(
            *(loop.create_connection(lambda: _Client(crowd, port), "127.0.0.1", port) for _ in some)
        )
        await until(lambda: crowd.subscribed >= some.stop or crowd.ended, _CONNECT_S, what="the clients")  # noqa: B023 - awaited here
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps(crowd.taken()), flush=True)  # noqa: T201 - read by the bench
    while await lines.readline():
        print(json.dumps(crowd.taken()), flush=True)  # noqa: T201


async def answer_of(crowd: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the next answer of such a process."""
    assert crowd.stdout is not None
    line = await crowd.stdout.readline()
    assert line, "the clients' process ended"
    answer: dict[str, Any] = json.loads(line)
    return answer


if __name__ == "__main__":
    _port, _clients, *_resume = sys.argv[1:]
    uvloop.run(
        _run(int(_port), int(_clients), {"epoch": _resume[0], "offset": int(_resume[1])} if _resume else None)
    )
