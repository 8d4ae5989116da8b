"""The gateway as a process: starts its parts in order, serves, and stops them in reverse within 10 s."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Final

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from alerts.gateway import tokenfile
from alerts.gateway.alertlog import AlertLog
from alerts.gateway.app import make_app, make_http
from alerts.gateway.backtests import Backtests
from alerts.gateway.calls import Desk
from alerts.gateway.changes import Changes
from alerts.gateway.client import Floor
from alerts.gateway.commands import Commands
from alerts.gateway.hub import Hub
from alerts.gateway.limits import Limiter
from alerts.gateway.settings import GatewaySettings, is_loopback
from alerts.gateway.sockets import Sockets
from alerts.gateway.stages import Stages
from alerts.gateway.store import EpochStore
from alerts.gateway.telemetry import GatewayMetrics
from alerts.gateway.tokens import LiveTokens, Tokens
from alerts.gateway.wire import Wire
from alerts.store import IncidentsReader
from alerts.store.backtests import BacktestStore
from alerts.store.deliveries import DeliveriesReader
from alerts.store.rule_sets import ROUTES_TAG, RuleSetStore
from stream import topics
from stream.errors import ServiceError, SettingsError
from stream.runtime import Clock, SystemClock
from stream.store import FiguresReader, connect

__all__ = ["read_tokens", "serve"]

_FRAME_BYTES_MAX: Final = 256 * 1024
"""Largest frame that a client may send: a subscription to a few thousand rooms."""
_TURNS: Final = 16
"""Most clients that hold records from the log while they catch up: about 1 MiB each."""
_STOP_S: Final = 5
_PING_S: Final = 20.0
_PONG_S: Final = 60.0
"""A client that catches up over a thin line gets a ping late, behind what it still has to read."""

_log = structlog.get_logger()


def read_tokens(settings: GatewaySettings) -> Tokens:
    """Return the configured tokens.

    Raises:
        SettingsError: the file is missing or wrong, or there is none and the address is public.
    """
    if bool(settings.gateway_tls_cert) != bool(settings.gateway_tls_key):
        raise SettingsError("ROOMWATCH_GATEWAY_TLS_CERT and ROOMWATCH_GATEWAY_TLS_KEY go together")
    if settings.tokens_file is None:
        if not is_loopback(settings.gateway_host):
            raise SettingsError(
                f"ROOMWATCH_GATEWAY_HOST is {settings.gateway_host}, which others can reach, and"
                " ROOMWATCH_TOKENS_FILE is not set: name a tokens file, or listen on 127.0.0.1"
            )
        return Tokens()
    return tokenfile.read(settings.tokens_file)


async def serve(settings: GatewaySettings, stop: asyncio.Event, *, clock: Clock | None = None) -> None:
    """Serve until ``stop`` is set.

    Raises:
        SettingsError: the settings do not go together.
        ServiceError: the port is taken, or the broker does not answer.
        StoreError: the store does not answer.
    """
    clock = clock or SystemClock()
    tokens = read_tokens(settings)
    with _listening(settings) as sock:
        await topics.ensure(settings)
        async with _parts(settings, tokens, clock) as (app, background):
            server = _Server(_config(app, settings))
            async with asyncio.TaskGroup() as tasks:
                helpers = [tasks.create_task(helper) for helper in background]
                serving = tasks.create_task(server.serve(sockets=[sock]))
                host, port = sock.getsockname()[:2]
                _log.info("gateway.listening", host=host, port=port, tokens=tokens.configured)
                await stop.wait()
                server.should_exit = True
                await serving
                for helper in helpers:
                    helper.cancel()


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _config(app: ASGIApp, settings: GatewaySettings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        ws=Wire,
        ws_max_size=_FRAME_BYTES_MAX,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PONG_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
        ssl_certfile=settings.gateway_tls_cert,
        ssl_keyfile=settings.gateway_tls_key,
    )
    try:
        config.load()
    except OSError as error:
        raise SettingsError(f"ROOMWATCH_GATEWAY_TLS_CERT, ROOMWATCH_GATEWAY_TLS_KEY: {error}") from error
    return config


@contextlib.contextmanager
def _listening(settings: GatewaySettings) -> Iterator[socket.socket]:
    host, port = settings.gateway_host, settings.gateway_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise ServiceError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        sock.setblocking(False)
        yield sock


@contextlib.asynccontextmanager
async def _parts(
    settings: GatewaySettings, tokens: Tokens, clock: Clock
) -> AsyncIterator[tuple[ASGIApp, list[Coroutine[Any, Any, None]]]]:
    """Connect everything; give the application and what must run beside it."""
    metrics = GatewayMetrics(CollectorRegistry())
    hub = Hub(records_max=settings.gateway_records_held, bytes_max=settings.gateway_held_mib * 1024 * 1024)
    silent: list[str] = []
    async with contextlib.AsyncExitStack() as stack:
        redis = connect(settings)
        stack.push_async_callback(redis.aclose)
        reader = IncidentsReader(redis)
        commands = Commands(settings, metrics=metrics, clock=clock)
        log = AlertLog(
            settings,
            hub,
            EpochStore(redis),
            metrics=metrics,
            clock=clock,
            on_new_life=lambda: sockets.close_all(1012, "the log was replaced"),
        )
        changes = Changes(hub, reader, commands, clock)
        turns = asyncio.Semaphore(_TURNS)
        limiter = Limiter(settings.gateway_calls_per_s, settings.gateway_calls_burst)
        floor = Floor(hub, log, changes, metrics, clock, turns, silent, settings.locale, limiter)
        live = LiveTokens(tokens)
        sockets = Sockets(settings, live, floor)
        stages = Stages(settings, reader, clock=clock, on_change=sockets.tell_silent)
        for part in (log, commands, stages):
            stack.push_async_callback(part.stop)
            await part.start()
        desk = Desk(
            settings,
            live,
            hub,
            log,
            reader,
            FiguresReader(redis, settings.partitions),
            changes,
            DeliveriesReader(redis),
            RuleSetStore(redis),
            RuleSetStore(redis, ROUTES_TAG),
            clock,
        )
        backtests = Backtests(settings, BacktestStore(redis), clock)
        http = make_http(desk, metrics.registry, silent, backtests)
        yield (
            make_app(http, sockets, settings, guarded=not tokens.configured),
            [
                log.follow(),
                log.keep_epoch(),
                commands.listen(),
                stages.watch(),
                sockets.look(),
                backtests.work(),
                tokenfile.follow(settings.tokens_file, live, clock=clock, on_change=sockets.close_revoked),
            ],
        )
