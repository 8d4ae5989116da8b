"""The routes in force, and the channels and targets that follow from them.

They are those of the store, as the engine keeps them. A set whose fallbacks go round in a circle is refused:
the newest one before it that can be used is in force then. A single receiver that cannot be used, say because
a variable is not set, is told of in the log, and its fallback takes over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts import routing
from alerts.incidents.silences import read_matchers
from alerts.notify.channels import Channel, channels
from alerts.notify.model import Target
from alerts.notify.settings import NotifierSettings
from alerts.notify.telemetry import NotifierMetrics
from alerts.routing import Person, RouteSet, concerned, load, plan
from alerts.store.rule_sets import ROUTES_TAG, KeptSet, RuleSetStore
from stream.errors import SettingsError, StoreError

__all__ = ["LOOK_S", "Routes"]

LOOK_S: Final = 1.0
"""How often the store is asked for newer routes, seconds; they hold a second after they were accepted."""
_TRIED_MAX: Final = 10
"""Older sets that are tried when the newest cannot be used."""

_log = structlog.get_logger()


class Routes:
    """Who gets what.

    Args:
        settings: the first set's file, language and time zone.
        redis: a client of the store.
        metrics: tells of refused routes.
    """

    def __init__(self, settings: NotifierSettings, redis: Redis, metrics: NotifierMetrics) -> None:
        self.channels: dict[str, Channel] = {}
        self._settings = settings
        self._store = RuleSetStore(redis, ROUTES_TAG)
        self._metrics = metrics
        self._zone = ZoneInfo(settings.timezone)
        self._set: RouteSet | None = None
        self._newest = 0

    async def begin(self) -> None:
        """Read the routes of the store; where it holds none, make the file's its version 1.

        Raises:
            SettingsError: the file cannot be read, or no set can be used.
            StoreError: the store does not answer.
        """
        try:
            newest = await self._store.current() or await self._store.begin(await self._first())
            known = await self._store.versions(newest.version, count=_TRIED_MAX)
        except (RedisError, OSError) as error:
            raise StoreError(f"the store does not tell the routes: {error}") from error
        self._newest = newest.version
        for kept in reversed(known or [newest]):
            if (fault := self._use(kept)) is None:
                return
        raise SettingsError(f"the routes cannot be used: {fault}")

    async def changed(self) -> bool:
        """Return whether there are other routes in force than at the last call."""
        try:
            newest = await self._store.current()
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("notify.store_away", error=str(error))
            return False
        if newest is None or newest.version <= self._newest:
            return False
        self._newest = newest.version
        return self._use(newest) is None

    def targets(self, alert: Mapping[str, Any]) -> list[Target]:
        """Return whom the routes name for a change of an alert."""
        assert self._set is not None, "begin comes first"
        return self._targets(plan(self._set, alert, at_ms=alert["at_ms"], zone=self._zone).targets)

    def concerned(self, notice: Mapping[str, Any]) -> list[Target]:
        """Return whom a notice of a silence concerns."""
        assert self._set is not None, "begin comes first"
        silence = notice["silence"]
        matchers = read_matchers(silence["matchers"])
        return self._targets(
            concerned(self._set, matchers, by=silence["by"], at_ms=notice["at_ms"], zone=self._zone)
        )

    def _targets(self, found: Sequence[routing.Target]) -> list[Target]:
        return [
            Target(target.receiver, target.routes, self._mentions(target.receiver, target.mentions))
            for target in found
        ]

    async def _first(self) -> str:
        file = self._settings.routes_file
        try:
            text = await asyncio.to_thread(file.read_text, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"ROOMWATCH_ROUTES_FILE: {file} cannot be read: {error}") from error
        load(text)
        return text

    def _use(self, kept: KeptSet) -> SettingsError | None:
        """Go by a set, or return why not."""
        try:
            found = load(kept.yaml, kept.version)
            made = channels(found.receivers, os.environ, locale=self._settings.locale)
        except SettingsError as error:
            self._metrics.routes_refused.set(1)
            _log.error("notify.routes_refused", version=kept.version, error=str(error))
            return error
        self._set, self.channels = found, made
        for broken in (to for to in made.values() if to.kind == "broken"):
            _log.error("notify.bad_receiver", channel=broken.name, error=broken.fault)
        self._metrics.routes_refused.set(int(kept.version < self._newest))
        _log.info("notify.routes", version=kept.version, channels=len(made), routes=len(found.routes))
        return None

    def _mentions(self, name: str, people: tuple[Person, ...]) -> tuple[str, ...]:
        kind = self.channels[name].kind
        if kind == "feishu":
            known = [person.user_id for person in people]
        elif kind in ("dingtalk", "wecom"):
            known = [person.mobile and _digits(person.mobile) for person in people]
        else:
            known = [person.name for person in people]
        return tuple(dict.fromkeys(who for who in known if who))


def _digits(mobile: str) -> str:
    """Return a mobile number as the robots take it: digits, without China's +86."""
    return "".join(sign for sign in mobile.removeprefix("+86") if sign.isdigit())
