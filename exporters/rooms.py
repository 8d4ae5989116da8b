"""The role `exporter`: starts the pages on their address and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Final

import click
import prometheus_client
import structlog
import uvicorn
from prometheus_client import CollectorRegistry

from exporters.http import Server, application, listen
from exporters.scrape import Exporter
from exporters.settings import ExporterSettings
from exporters.store import LEASE_MS
from stream.errors import StoreError
from stream.runtime import SystemClock, run
from stream.settings import load
from stream.store import connect

__all__ = ["command", "serve"]

_CONNECTIONS_MAX: Final = 64
_KEEP_ALIVE_S: Final = 60
_STOP_S: Final = 5
_RENEWALS: Final = 3
"""In the time of a lease: two may fail."""

_log = structlog.get_logger()


async def serve(settings: ExporterSettings, stop: asyncio.Event) -> None:
    """Answer scrapes until told to stop; running ones are finished first, for a few seconds.

    Raises:
        ServiceError: the address is taken or not ours.
    """
    redis = connect(settings)
    exporter = Exporter(
        redis,
        settings.partitions,
        member=f"{socket.gethostname()}:{settings.exporter_port or os.getpid()}",
        rooms_max=settings.export_rooms_max,
        clock=SystemClock(),
        registry=CollectorRegistry(),
    )
    exporter.telemetry.console.labels(settings.public_url).set(1)
    server = Server(
        uvicorn.Config(
            application(exporter),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_STOP_S,
        )
    )

    async def answer(listener: socket.socket) -> None:
        await server.serve(sockets=[listener])
        stop.set()

    try:
        with listen(settings.exporter_host, settings.exporter_port) as listener:
            host, port = listener.getsockname()[:2]
            _log.info("exporter.listening", url=f"http://{host}:{port}/metrics")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(answer(listener))
                sharing = tasks.create_task(_share(exporter))
                await stop.wait()
                server.should_exit = True
                sharing.cancel()
    finally:
        await redis.aclose()


async def _share(exporter: Exporter) -> None:
    """Keep our part of the partitions and look back, until cancelled; scrapes tell when the store is away."""
    while True:
        with contextlib.suppress(StoreError):
            await exporter.renew()
            await exporter.look_back()
        await asyncio.sleep(LEASE_MS / 1_000 / _RENEWALS)


@click.command("exporter")
@click.option("--host", help="Address to listen on; ROOMWATCH_EXPORTER_HOST, 127.0.0.1.")
@click.option("--port", type=int, help="Port, 0 for a free one; ROOMWATCH_EXPORTER_PORT, 9700.")
def command(host: str | None, port: int | None) -> int:
    """Show the rooms' figures to Prometheus, as text or OpenMetrics, at /metrics."""
    settings = load(ExporterSettings, exporter_host=host, exporter_port=port)
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # the library's own
    return run("exporter", lambda stop: serve(settings, stop), log_level=settings.log_level)
