"""The role ``notifier``: waits for its turn, then tells people what is in ``live.alerts``.

Any number may run; one is at work, and another takes over when its lease in the store ends. ``preview`` shows
the messages that the templates make.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import uuid
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click
import httpx
import structlog
from prometheus_client import CollectorRegistry, start_http_server
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.model import KINDS, SEVERITIES
from alerts.notify.logs import DeliveryLog
from alerts.notify.preview import shown
from alerts.notify.routes import Routes
from alerts.notify.sending import Sender
from alerts.notify.settings import NotifierSettings
from alerts.notify.store import NotifierStore
from alerts.notify.telemetry import NotifierMetrics
from alerts.notify.templates import read_templates
from alerts.notify.term import Term
from alerts.notify.wording import Wordsmith
from alerts.store import IncidentsReader
from stream import runtime, topics
from stream.errors import FencedError, ServiceError, StoreError
from stream.runtime import Clock, SystemClock
from stream.settings import load
from stream.store import connect

__all__ = ["command", "serve"]

_LOOK_S: Final = 0.25
"""How often a notifier that waits looks whether it is its turn, seconds."""

_log = structlog.get_logger()


@click.group("notifier", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Tell people: live.alerts to chat, mail, webhooks and Alertmanager, as the routes say."""
    if context.invoked_subcommand is None:
        settings = load(NotifierSettings)
        sys.exit(runtime.run("notifier", partial(serve, settings), log_level=settings.log_level))


@command.command()
@click.option("--kind", type=click.Choice(KINDS), default="stutter", help="of the made-up alert")
@click.option("--severity", type=click.Choice(SEVERITIES), default="critical", help="of the made-up alert")
@click.option("--locale", type=click.Choice(("zh", "en")), help="default ROOMWATCH_LOCALE")
@click.option(
    "--bytes-max", type=click.IntRange(min=200), default=20_000, help="size of the channel's messages"
)
@click.option("--digest", type=click.IntRange(min=2, max=1_000), help="a digest of so many alerts")
@click.option("--templates", type=click.Path(path_type=Path), help="default ROOMWATCH_NOTIFY_TEMPLATES_DIR")
def preview(
    kind: str, severity: str, locale: str | None, bytes_max: int, digest: int | None, templates: Path | None
) -> None:
    """Show the messages that the templates make of made-up alerts; sends nothing."""
    settings = load(NotifierSettings, locale=locale, notify_templates_dir=templates)
    for part in shown(
        _words(settings), kind, severity, locale=settings.locale, bytes_max=bytes_max, many=digest
    ):
        click.echo(part)


async def serve(settings: NotifierSettings, stop: asyncio.Event, *, clock: Clock | None = None) -> None:
    """Be the notifier whenever it is our turn, until asked to stop.

    Raises:
        RoomwatchError: a setting is wrong, or the broker or the store is away for too long.
    """
    clock = clock or SystemClock()
    metrics = NotifierMetrics(CollectorRegistry())
    words = _words(settings)
    _show(metrics.registry, settings)
    await topics.ensure(settings)
    member = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    async with contextlib.AsyncExitStack() as stack:
        redis = await stack.enter_async_context(connect(settings))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=settings.notify_answer_s))
        deliveries = await stack.enter_async_context(DeliveryLog(settings))
        sender = Sender(http, public_url=settings.public_url, answer_s=settings.notify_answer_s, clock=clock)
        store = NotifierStore(redis, member=member, lease_ms=int(1_000 * settings.notify_lease_s))
        await _answers(redis)
        routes = Routes(settings, redis, metrics)
        await routes.begin()
        while await _our_turn(store, stop):
            term = Term(
                settings,
                routes=routes,
                words=words,
                store=store,
                incidents=IncidentsReader(redis),
                sender=sender,
                deliveries=deliveries,
                metrics=metrics,
                clock=clock,
            )
            try:
                await term.run(stop)
            except* FencedError as group:
                _log.warning("notify.replaced", error=str(group.exceptions[0]))


async def _our_turn(store: NotifierStore, stop: asyncio.Event) -> bool:
    """Wait until no other notifier is at work; return whether to begin."""
    while not stop.is_set():
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            if not await store.is_owned():
                return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()
    return False


async def _answers(redis: Redis) -> None:
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        raise StoreError(f"no store at ROOMWATCH_REDIS_URL: {error}") from error


def _words(settings: NotifierSettings) -> Wordsmith:
    templates = read_templates(settings.notify_templates_dir)
    return Wordsmith(templates, settings.public_url, ZoneInfo(settings.timezone))


def _show(registry: CollectorRegistry, settings: NotifierSettings) -> None:
    if not settings.metrics_port:
        return
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry=registry)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        raise ServiceError(f"/metrics cannot listen on {where}: {error.strerror}") from error
