"""One run of the whole system on this machine: its services, its roles and the alerts that it pushed.

Broker and store are started unless ``ROOMWATCH_KAFKA_BOOTSTRAP`` or ``ROOMWATCH_REDIS_URL`` name others;
ports are the usual ones where they are free. Whatever was started is ended by ``stop``, at whatever point it
is called.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console

from deploy.local.counting import FeedCounter
from deploy.local.kafka import Kafka
from deploy.local.process import free_port, port_is_free
from deploy.local.roles import Places, roles
from deploy.local.supervisor import Role, Service, Supervisor
from deploy.local.valkey import Valkey
from deploy.local.watch import Tally, watch
from stream import topics
from stream.errors import RoomwatchError, SettingsError
from stream.settings import Settings, load

__all__ = ["System"]

_READY_S: Final = 60.0
_STOP_S: Final = 8.0
"""For all children together; the contract grants 10 s from the signal to our end."""
_PORTS: Final = range(1, 65_536)
_GATEWAY_PORT: Final = 8700
_EXPORTER_PORT: Final = 9700
_PROMETHEUS_PORT: Final = 9090
_GRAFANA_PORT: Final = 3000


class System:
    """One run of the system.

    Args:
        var: folder that takes ``demo/`` with data and logs, and ``demo.env``.
        console: where people read.
        table: makes the list of roles.
    """

    def __init__(self, var: Path, console: Console, table: Callable[[Places], list[Role]] = roles) -> None:
        self.folder = var / "demo"
        self.env_file = var / "demo.env"
        self.tally = Tally()
        self._console = console
        self._table = table
        self._supervisor = Supervisor(self.folder)
        self._counter: FeedCounter | None = None

    async def run(self) -> None:
        """Start everything, then show alerts until cancelled.

        Raises:
            RoomwatchError: something did not start, or ended by itself.
        """
        places = self._places()
        settings = await self._serve()
        made = await topics.ensure(settings)
        self._counter = FeedCounter(settings)
        await self._counter.start()
        self._say(f"Kafka       {settings.kafka_bootstrap} ({made} topics made)")
        self._say(f"Valkey      {settings.redis_url.rpartition('@')[2]}")  # no password in a terminal
        env = {**_deployment(settings), **places.env()}
        table = self._table(places)
        for role in table:
            self._supervisor.start(role, env)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._supervisor.watch())
                group.create_task(self._announce(table, env))
                group.create_task(self._show(places, settings))
        except* RoomwatchError as failed:
            raise failed.exceptions[0] from None

    async def sent(self) -> dict[str, int]:
        """Return feed -> records that went in since the start; empty when the broker does not tell."""
        return await self._counter.counts() if self._counter else {}

    async def stop(self) -> None:
        """Stop every child; nothing of this run answers afterwards."""
        self.env_file.unlink(missing_ok=True)
        if self._counter:
            await self._counter.stop()
        await self._supervisor.stop(within_s=_STOP_S)

    async def _serve(self) -> Settings:
        given: dict[str, str] = {}
        services: list[Service] = []
        kafka, valkey = Kafka(self.folder / "kafka"), Valkey(self.folder / "valkey")
        services += [] if "ROOMWATCH_KAFKA_BOOTSTRAP" in os.environ else [kafka]
        services += [] if "ROOMWATCH_REDIS_URL" in os.environ else [valkey]
        await self._supervisor.serve(*services)
        if kafka in services:
            given["kafka_bootstrap"] = kafka.bootstrap
        if valkey in services:
            given["redis_url"] = valkey.url
        return load(Settings, **given, data_dir=self.folder / "data")

    def _places(self) -> Places:
        return Places(
            folder=self.folder,
            gateway=self._port("ROOMWATCH_GATEWAY_PORT", _GATEWAY_PORT, "gateway"),
            exporter=self._port("ROOMWATCH_EXPORTER_PORT", _EXPORTER_PORT, "exporter"),
            prometheus=self._port("", _PROMETHEUS_PORT, "Prometheus"),
            grafana=self._port("", _GRAFANA_PORT, "Grafana"),
            ingest_metrics=free_port(),
            engine_metrics=free_port(),
            notifier_metrics=free_port(),
            locale=load(Settings).locale,
        )

    def _port(self, name: str, usual: int, role: str) -> int:
        text = os.environ.get(name, str(usual))
        if not text.isdigit() or int(text) not in _PORTS:
            raise SettingsError(f"{name}: {text!r} is not a port between 1 and 65535")
        if port_is_free(int(text)):
            return int(text)
        other = free_port()
        self._say(f"port {text} is in use, the {role} takes {other}")
        return other

    async def _announce(self, table: list[Role], env: dict[str, str]) -> None:
        for role in table:
            await self._supervisor.ready(role, within_s=_READY_S)
            if role.address:
                self._say(role.address)
        lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in env.items())
        fresh = self.env_file.with_suffix(".new")
        fresh.write_text(lines)
        fresh.rename(self.env_file)
        self._say(f"ready; settings in {self.env_file}; Ctrl-C stops all")

    async def _show(self, places: Places, settings: Settings) -> None:
        zone = ZoneInfo(settings.timezone)
        await watch(places.gateway, self.tally, self._console, locale=settings.locale, zone=zone)

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


def _deployment(settings: Settings) -> dict[str, str]:
    """Return the variables that name this deployment."""
    return {
        "ROOMWATCH_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "ROOMWATCH_REDIS_URL": settings.redis_url,
        "ROOMWATCH_PARTITIONS": str(settings.partitions),
        **({"ROOMWATCH_TOPIC_PREFIX": settings.topic_prefix} if settings.topic_prefix else {}),
        "ROOMWATCH_DATA_DIR": str(settings.data_dir.absolute()),
    }
