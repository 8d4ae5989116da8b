"""The exporter's pages over HTTP, each request bounded.

So many scrapes at once, so long for a reader that takes its bytes slowly: past a bound the answer is 503 with
a sentence, or a cut connection. The page is sent while it is written; a small one is a single write.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from exporters.page import Snapshot
from exporters.scrape import Exporter
from exporters.telemetry import Outcome
from exporters.text import CONTENT_TYPE, accepts_gzip, negotiate
from stream.errors import ServiceError, StoreError

__all__ = ["SCRAPES_MAX", "SEND_S", "Server", "application", "listen"]

SCRAPES_MAX: Final = 4
"""Scrapes at once: two Prometheus servers, and two people who look by hand."""
SEND_S: Final = 30.0
"""Longest time in which a reader takes the whole page."""
_SEND_BYTES: Final = 256 * 1024
"""Smaller pieces are joined."""

_log = structlog.get_logger()


class _MetricsPage:
    """``GET /metrics``, as an ASGI application, so that its bounds reach to the last byte."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._running >= SCRAPES_MAX:
            self._count("busy")
            refusal = f"{SCRAPES_MAX} scrapes are running; try again later\n"
            await PlainTextResponse(refusal, 503, {"Retry-After": "5"})(scope, receive, send)
            return
        self._running += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self._running -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        try:
            snapshot = await self._exporter.read()
        except StoreError as error:
            self._count("store_away")
            await PlainTextResponse(f"{error}\n", 503)(scope, receive, send)
            return
        finished = asyncio.Event()
        try:
            async with asyncio.timeout(SEND_S):
                response = self._response(snapshot, Request(scope), finished)
                await response(scope, receive, send)
        except TimeoutError:
            _log.warning("scrape.not_read", seconds=SEND_S)
        finally:
            self._count("ok" if finished.is_set() else "not_read")
            self._exporter.telemetry.seconds.observe(time.perf_counter() - started)

    def _response(self, snapshot: Snapshot, request: Request, finished: asyncio.Event) -> StreamingResponse:
        form = negotiate(request.headers.get("accept", ""))
        gzip = accepts_gzip(request.headers.get("accept-encoding", ""))
        headers = {"Content-Type": CONTENT_TYPE[form], "Vary": "Accept, Accept-Encoding"}
        if gzip:
            headers["Content-Encoding"] = "gzip"
        body = _body(self._exporter.page(snapshot, form), finished, gzip=gzip)
        return StreamingResponse(body, headers=headers)

    def _count(self, outcome: Outcome) -> None:
        self._exporter.telemetry.scrapes.labels(outcome).inc()


async def _body(page: Iterator[bytes], finished: asyncio.Event, *, gzip: bool) -> AsyncIterator[bytes]:
    """Yield the bytes of a page, serving other requests in between; set the event once all were taken."""
    packer = zlib.compressobj(level=1, wbits=31) if gzip else None
    waiting: list[bytes] = []
    size = 0
    for raw in page:
        waiting.append(packer.compress(raw) if packer else raw)
        size += len(raw)
        if size >= _SEND_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
            await asyncio.sleep(0)
    yield b"".join([*waiting, packer.flush() if packer else b""])
    finished.set()


def application(exporter: Exporter) -> Starlette:
    """Return the pages: ``/metrics``, ``/healthz`` (lives), ``/readyz`` (the store answers)."""

    async def healthz(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> PlainTextResponse:
        try:
            await exporter.reach_store()
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return PlainTextResponse("ready\n")

    return Starlette(
        routes=[
            Route("/metrics", _MetricsPage(exporter), methods=["GET"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
        ]
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServiceError: the address is taken or not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {host}:{port}: {error.strerror};"
            " ROOMWATCH_EXPORTER_HOST and ROOMWATCH_EXPORTER_PORT name another place"
        ) from error


class Server(uvicorn.Server):
    """Leaves signals to the role."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
