"""The routes in force, and the channels and targets that follow from them.

The file is looked at every few seconds; one that cannot be used is refused, and the routes before it stay.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from alerts.notify.channels import Channel, channels
from alerts.notify.model import Target
from alerts.notify.settings import NotifierSettings
from alerts.notify.telemetry import NotifierMetrics
from alerts.routing import Person, RouteSet, load, plan
from stream.errors import SettingsError

__all__ = ["LOOK_S", "Routes"]

LOOK_S: Final = 5.0
"""How often the file is looked at, seconds."""

_log = structlog.get_logger()


class Routes:
    """Who gets what.

    Args:
        settings: where the file is.
        metrics: tells of refused routes.

    Raises:
        SettingsError: the file cannot be read or used.
    """

    def __init__(self, settings: NotifierSettings, metrics: NotifierMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._zone = ZoneInfo(settings.timezone)
        self._text = self._read()
        self._set, self.channels = self._made(self._text)

    def targets(self, alert: Mapping[str, Any]) -> list[Target]:
        """Return whom the routes name for a change of an alert."""
        found = plan(self._set, alert, at_ms=alert["at_ms"], zone=self._zone)
        return [
            Target(target.receiver, target.routes, self._mentions(target.receiver, target.mentions))
            for target in found.targets
        ]

    async def changed(self) -> bool:
        """Return whether there are other channels or routes than at the last call."""
        try:
            text = await asyncio.to_thread(self._read)
            if text == self._text:
                return False
            self._text = text
            self._set, self.channels = self._made(text)
        except SettingsError as error:
            self._metrics.routes_refused.set(1)
            _log.warning("notify.routes_refused", error=str(error))
            return False
        self._metrics.routes_refused.set(0)
        _log.info("notify.routes_read", channels=len(self.channels), routes=len(self._set.routes))
        return True

    def _read(self) -> str:
        file = self._settings.routes_file
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"ROOMWATCH_ROUTES_FILE: {file} cannot be read: {error}") from error

    def _made(self, text: str) -> tuple[RouteSet, dict[str, Channel]]:
        found = load(text)
        return found, channels(found.receivers, os.environ, locale=self._settings.locale)

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
