"""Sends messages: by HTTP where an answer's body counts, through apprise to everything else.

One call, one verdict; nothing is tried again here. A call takes at most the time given, and no address or
secret is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import apprise
import httpx
import structlog

from alerts.notify.channels import Channel
from alerts.notify.model import SILENCES, Message
from alerts.notify.posts import Post, is_rehearsal, judge, post, postable
from alerts.notify.retry import Verdict
from stream.runtime import Clock

__all__ = ["Sender"]

_SENT: Final = Verdict(ok=True)
_DETAIL_MAX: Final = 200
_THREAD_S: Final = 10.0
"""How much longer than its own limit a call of apprise may take: its plugins are imported by the first."""

_log = structlog.get_logger()


class Sender:
    """Sends to any channel.

    Args:
        http: a client of its own; stays the caller's.
        public_url: where people reach the gateway.
        answer_s: how long a channel has to answer, seconds.
        clock: the time.
    """

    def __init__(self, http: httpx.AsyncClient, *, public_url: str, answer_s: float, clock: Clock) -> None:
        self._http = http
        self._public_url = public_url
        self._answer_s = answer_s
        self._clock = clock
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its warnings name addresses

    async def send(self, channel: Channel, message: Message) -> Verdict:
        """Send a message once."""
        if channel.kind == "broken":
            return Verdict(ok=False, final=True, reason="bad_receiver", detail=channel.fault)
        if channel.kind == "log" or is_rehearsal(channel, message):
            _log.info(
                "notify.message", channel=channel.name, id=message.id, title=message.title, text=message.body
            )
            return _SENT
        if channel.kind == "apprise":
            return await self._apprise(channel, message)
        now_ms = self._clock.now_ms()
        return await self._post(channel, post(channel, message, now_ms=now_ms, public_url=self._public_url))

    async def refresh(self, channel: Channel, alerts: Sequence[Mapping[str, Any]]) -> Verdict:
        """Tell Alertmanager alerts that it knows already."""
        return await self._post(channel, postable(channel, alerts))

    async def _post(self, channel: Channel, request: Post) -> Verdict:
        try:
            async with asyncio.timeout(self._answer_s):
                answer = await self._http.post(request.url, content=request.body, headers=request.headers)
        except (TimeoutError, httpx.TimeoutException):
            return Verdict(ok=False, reason="timeout")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Verdict(ok=False, reason="unreachable", detail=type(error).__name__)
        return judge(
            channel.kind,
            answer.status_code,
            answer.content,
            retry_after=answer.headers.get("retry-after") or answer.headers.get("x-ogw-ratelimit-reset"),
        )

    async def _apprise(self, channel: Channel, message: Message) -> Verdict:
        try:
            async with asyncio.timeout(self._answer_s + _THREAD_S):
                return await asyncio.to_thread(_notify, channel.url, message, self._answer_s)
        except TimeoutError:
            return Verdict(ok=False, reason="timeout")
        except Exception as error:  # noqa: BLE001 - some 150 plugins of others: none of them ends the notifier
            return Verdict(ok=False, reason="apprise", detail=type(error).__name__)


def _notify(url: str, message: Message, answer_s: float) -> Verdict:
    """Send through apprise and block until it is done; its first call imports its plugins."""
    plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if plugin is None:
        return Verdict(ok=False, final=True, reason="bad_address")
    plugin.request_rate_per_sec = 0  # the budget is ours
    result = apprise.Apprise(plugin).notify(
        body=message.body,
        title=message.title,
        notify_type=_type(message),
        body_format=apprise.NotifyFormat.MARKDOWN,
        timeout=answer_s,
    )
    if result:
        return _SENT
    said = [entry.message for entry in result.logs() if entry.level in ("WARNING", "ERROR")]
    return Verdict(ok=False, reason="apprise", detail=said[-1][:_DETAIL_MAX] if said else None)


def _type(message: Message) -> apprise.NotifyType:
    """Return apprise's word for a message, which some services turn into a colour or a resolution."""
    if all(item.occasion == "resolved" for item in message.items):
        return apprise.NotifyType.SUCCESS
    if all(item.occasion in SILENCES for item in message.items):
        return apprise.NotifyType.INFO
    critical = any(item.alert["severity"] == "critical" for item in message.items)
    return apprise.NotifyType.FAILURE if critical else apprise.NotifyType.WARNING
