"""What the store holds at one moment, as a page; a scrape reads the store alone, never the ingest."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import prometheus_client
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.model import Kind
from alerts.store import IncidentsReader
from alerts.store import rules as rules_state
from alerts.store.faults import FaultsReader
from alerts.store.rule_sets import RuleSetStore
from exporters.page import Snapshot, pieces
from exporters.selection import Selection
from exporters.store import LEASE_MS, ClosedEpisodes, Share, memory
from exporters.telemetry import Telemetry
from exporters.text import Format
from stream.errors import StoreError
from stream.runtime import Clock
from stream.store import FiguresReader

__all__ = ["STORE_S", "Exporter", "room_rules"]

STORE_S: Final = 4.0
"""Longest wait for the store; below the 5 s in which Prometheus wants its answer."""

_FIRST: Final = 0
"""Whoever shows this partition shows what belongs to none."""
_ROOMLESS: Final[tuple[Kind, ...]] = ("vendor_slow", "monitor_degraded")
"""Kinds whose subject is no room."""


class Exporter:
    """Reads the store and writes the page.

    Args:
        redis: client of the store.
        partitions: number of partitions of the deployment.
        member: name of this exporter among those that share the partitions.
        rooms_max: rooms with series of their own.
        clock: ages end at its time.
        registry: the exporter's own metrics.
    """

    def __init__(
        self,
        redis: Redis,
        partitions: int,
        *,
        member: str,
        rooms_max: int,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._redis = redis
        self._figures = FiguresReader(redis, partitions)
        self._closed = ClosedEpisodes(redis)
        self._share = Share(redis, member, partitions)
        self._shown: list[int] = []
        self._until_s = -math.inf
        self._incidents = IncidentsReader(redis)
        self._faults = FaultsReader(redis)
        self._rule_sets = RuleSetStore(redis)
        self._rules: tuple[int, tuple[str, ...]] = (0, ())
        self._selection = Selection(rooms_max)
        self._clock = clock
        self._registry = registry
        self.telemetry: Final = Telemetry(registry)

    async def read(self) -> Snapshot:
        """Return what the store holds now.

        Raises:
            StoreError: the store does not answer in time.
        """
        if time.monotonic() >= self._until_s:
            await self.renew()
        shown = self._shown
        async with _bounded():
            rooms = await self._figures.rooms(shown)
            vendors = await self._figures.vendors(shown)
            partitions = await self._figures.partitions()
            alerts = await self._incidents.open_alerts(tests=False)
            pending = await rules_state.pending(self._redis, shown)
            rules = await self._room_rules()
            now_ms = self._clock.now_ms()
            selected = self._selection.choose(rooms, now_ms=now_ms)
            faults = await self._faults.read([room.room_id for room in selected.rooms])
        self.telemetry.saw(selected, partitions, now_ms=now_ms)
        leads = _FIRST in shown
        return Snapshot(selected, vendors, alerts, pending, rules, now_ms, leads=leads, faults=faults)

    async def renew(self) -> None:
        """Learn which partitions we show from now on; to be called several times in a lease.

        Raises:
            StoreError: the store does not answer in time.
        """
        asked_s = time.monotonic()
        async with _bounded():
            self._shown = await self._share.renew()
        self._until_s = asked_s + LEASE_MS / 1_000
        self.telemetry.partitions.set(len(self._shown))

    async def look_back(self) -> None:
        """Tell how full the store is and, if we lead, how the alerts of the last day were answered.

        Raises:
            StoreError: the store does not answer in time.
        """
        leads = _FIRST in self._shown and time.monotonic() < self._until_s
        async with _bounded():
            self.telemetry.stored(*await memory(self._redis))
            episodes = await self._closed.read(self._clock.now_ms()) if leads else []
        self.telemetry.answered(episodes)

    async def _room_rules(self) -> tuple[str, ...]:
        """Return the rules of the newest set that watch rooms; its text is read once for each version."""
        newest = await self._rule_sets.current()
        if newest is not None and newest.version != self._rules[0]:
            self._rules = (newest.version, room_rules(newest.yaml))
        return self._rules[1]

    async def reach_store(self) -> None:
        """Do nothing if the store answers.

        Raises:
            StoreError: it does not.
        """
        async with _bounded():
            await self._figures.partitions()

    def page(self, snapshot: Snapshot, form: Format) -> Iterator[bytes]:
        """Yield the whole page: rooms, vendors, alerts, then the exporter's own metrics."""
        series = 0
        for piece in pieces(snapshot, form):
            series += 0 if piece.startswith(b"#") else piece.count(b"\n")
            yield piece
        self.telemetry.series.set(series)
        generate = generate_openmetrics if form == "openmetrics" else prometheus_client.generate_latest
        yield generate(self._registry)


def room_rules(text: str) -> tuple[str, ...]:
    """Return the names of the rules of an accepted set that watch rooms."""
    return tuple(rule["name"] for rule in yaml.safe_load(text)["rules"] if rule["kind"] not in _ROOMLESS)


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(STORE_S):
            yield
    except TimeoutError as error:
        raise StoreError(f"the store did not answer within {STORE_S:g} s") from error
    except RedisError as error:
        raise StoreError(f"the store does not answer: {error}") from error
