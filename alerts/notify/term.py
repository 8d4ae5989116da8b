"""A term: the time for which this process is the notifier, from its claim until it stops or is replaced.

One task takes in ``live.alerts``, one the notices on ``live.outcomes``, one for each channel sends, one
renews the lease, one reminds Alertmanager. All of them change the desk under one lock and keep it before they
go on. A term that is asked to end lets calls that are under way finish, for as long as it may.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import orjson
import structlog

from alerts.incidents.silences import Refusal
from alerts.model import BadRecord, parse_alert
from alerts.notify.channels import Channel
from alerts.notify.desk import Desk
from alerts.notify.logs import DeliveryLog, SourceLog
from alerts.notify.model import Delivery, Message
from alerts.notify.notices import NOTICE_MARK, began, parse_notice
from alerts.notify.posts import refreshed
from alerts.notify.routes import LOOK_S, Routes
from alerts.notify.sending import Sender
from alerts.notify.settings import NotifierSettings
from alerts.notify.store import NotifierStore, patiently
from alerts.notify.telemetry import NotifierMetrics
from alerts.notify.wording import Wordsmith
from alerts.stages import Record
from alerts.store import IncidentsReader
from stream.runtime import Clock

__all__ = ["Term"]

_HELD_MAX: Final = 20_000
"""Changes that wait for channels before no more are taken in; they stay in the log."""
_FINISH_S: Final = 7.0
"""Time for calls under way when the term ends; the whole role has 10 s."""
_FULL_S: Final = 0.2
"""Pause while so much waits."""
_REFRESH_ALERTS: Final = 500
"""Alerts of one reminder to Alertmanager."""
_log = structlog.get_logger()


class Term:
    """One term of the notifier.

    Args:
        settings: of the role.
        routes: in force; when they change, the term ends.
        words: makes the texts.
        store: the notifier's part of the store.
        incidents: open alerts, for reminders.
        sender: sends.
        deliveries: the log of delivery records.
        metrics: counts.
        clock: the time.
    """

    def __init__(
        self,
        settings: NotifierSettings,
        *,
        routes: Routes,
        words: Wordsmith,
        store: NotifierStore,
        incidents: IncidentsReader,
        sender: Sender,
        deliveries: DeliveryLog,
        metrics: NotifierMetrics,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._routes = routes
        self._store = store
        self._incidents = incidents
        self._sender = sender
        self._deliveries = deliveries
        self._metrics = metrics
        self._clock = clock
        self._channels: dict[str, Channel] = dict(routes.channels)
        self._desk = Desk(self._channels, words, settings.patience)
        self._lock = asyncio.Lock()
        self._wakes = {name: asyncio.Event() for name in self._channels}
        self._ending = asyncio.Event()
        self._offset = -1
        self._notices = -1
        self._now_ms = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Be the notifier until asked to stop, or until the routes changed.

        Raises:
            FencedError: another notifier took over (within a group).
            StageError: the store or the broker was away too long.
        """
        self._offset = await patiently(self._store.claim)
        self._notices = await patiently(self._store.notices)
        await self._keep(self._desk.load(await patiently(self._store.load), now_ms=self._now()))
        since_ms = self._now() - int(1_000 * self._settings.notify_begin_s)
        async with (
            SourceLog(self._settings, "alerts", offset=self._offset, since_ms=since_ms) as alerts,
            SourceLog(self._settings, "outcomes", offset=self._notices, since_ms=since_ms) as notices,
        ):
            self._offset, self._notices = alerts.begin - 1, notices.begin - 1
            await self._keep([])
            _log.info("notify.began", offset=self._offset, channels=len(self._channels))
            self._metrics.active.set(1)
            try:
                await self._run(alerts, notices, stop)
            finally:
                self._metrics.active.set(0)
        await patiently(self._store.leave)

    async def _run(self, alerts: SourceLog, notices: SourceLog, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:

            def begin(part: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
                return group.create_task(self._to_the_end(part))

            beside = [begin(self._renew()), begin(self._until_asked(stop))]
            if managers := [to for to in self._channels.values() if to.kind == "alertmanager"]:
                beside.append(begin(self._remind(managers)))
            workers = [begin(self._take_in(alerts)), begin(self._take_notices(notices))]
            workers += [begin(self._work(to)) for to in self._channels.values()]
            await self._ending.wait()
            self._wake()
            await asyncio.wait(workers, timeout=_FINISH_S)
            for task in (*beside, *workers):
                task.cancel()

    async def _to_the_end(self, part: Coroutine[Any, Any, None]) -> None:
        """Run a part of the term; the others end with it, even if a library swallows their cancellation."""
        try:
            await part
        finally:
            self._ending.set()

    async def _until_asked(self, stop: asyncio.Event) -> None:
        """Wait until the process is to stop or the routes changed."""
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await stop.wait()
                    return
            if await self._routes.changed():
                return

    async def _take_in(self, log: SourceLog) -> None:
        while not self._ending.is_set():
            if sum(self._desk.waiting(name) for name in self._channels) > _HELD_MAX:
                await asyncio.sleep(_FULL_S)
                continue
            records = await log.read()
            if records:
                async with self._lock:
                    found = [told for record in records for told in self._take(record)]
                    self._offset = records[-1].offset
                    await self._keep(found)
                self._wake()
                await log.note(self._offset)
            self._metrics.lag.set(log.lag(self._offset))

    async def _take_notices(self, log: SourceLog) -> None:
        """Take in notices of silences; what else stands in that log is for gateways."""
        while not self._ending.is_set():
            records = await log.read()
            if not records:
                continue
            async with self._lock:
                found = [told for record in records for told in self._take_notice(record)]
                self._notices = records[-1].offset
                await self._keep(found)
            self._wake()

    def _take_notice(self, record: Record) -> list[Delivery]:
        if NOTICE_MARK not in record.value:
            return []
        try:
            notice = parse_notice(record.value)
            targets = self._routes.concerned(notice)
        except (BadRecord, Refusal) as error:
            self._metrics.bad_records.inc()
            _log.warning("notify.bad_notice", offset=record.offset, error=str(error))
            return []
        return self._desk.take_silence(notice, targets, now_ms=self._now()) if began(notice) else []

    def _take(self, record: Record) -> list[Delivery]:
        try:
            parse_alert(record.value)
        except BadRecord as error:
            self._metrics.bad_records.inc()
            _log.warning("notify.bad_record", offset=record.offset, error=str(error))
            return []
        alert = orjson.loads(record.value)
        return self._desk.take(alert, self._routes.targets(alert), now_ms=self._now())

    async def _work(self, channel: Channel) -> None:
        """Send what there is for a channel, one message after the other."""
        while not self._ending.is_set():
            async with self._lock:
                message, look_ms, records = self._desk.step(channel.name, now_ms=self._now())
                if message is not None or records:
                    await self._keep(records)
            if records:
                self._wake()
            if message is None:
                await self._nap(self._wakes[channel.name], look_ms)
            else:
                await self._send(channel, message)

    async def _send(self, channel: Channel, message: Message) -> None:
        verdict = await self._sender.send(channel, message)
        async with self._lock:
            records = self._desk.settle(message, verdict, now_ms=self._now(), chance=random.random())  # noqa: S311 - spreads repeats, no secret
            await self._keep(records)
        self._metrics.attempts.labels(channel.name, verdict.reason or "ok").inc()
        if verdict.ok:
            for item in message.items:
                self._metrics.delay.observe(max(0, self._now() - item.alert["at_ms"]) / 1_000)
        else:
            self._wake()
            _log.warning(
                "notify.attempt_failed",
                channel=channel.name,
                id=message.id,
                attempts=message.attempts,
                reason=verdict.reason,
                code=verdict.code,
                detail=verdict.detail,
                given_up=bool(records),
            )

    async def _keep(self, records: Sequence[Delivery]) -> None:
        """Write delivery records, then keep the desk; a crash between the two repeats the records."""
        if records:
            await self._deliveries.write(records)
        written, offset, notices = self._desk.written(), self._offset, self._notices
        await patiently(lambda: self._store.keep(written, records, offset=offset, notices=notices))
        for record in records:
            self._metrics.deliveries.labels(record.status).inc()
        for name in self._channels:
            self._metrics.waiting.labels(name).set(self._desk.waiting(name))
            self._metrics.failing.labels(name).set(self._desk.failing(name))

    async def _renew(self) -> None:
        while not self._ending.is_set():
            await asyncio.sleep(self._settings.notify_lease_s / 4)
            await patiently(self._store.renew)

    async def _remind(self, managers: Sequence[Channel]) -> None:
        """Tell each Alertmanager again what is open, or it takes it for over."""
        while not self._ending.is_set():
            await self._clock.sleep(self._settings.notify_refresh_s)
            alerts = {alert["id"]: alert for alert in await patiently(self._incidents.open_alerts)}
            for channel in managers:
                told = self._desk.told_on(channel.name)
                await self._remind_one(
                    channel,
                    [
                        refreshed(
                            alerts[name],
                            labels,
                            severity,
                            now_ms=self._now(),
                            public_url=self._settings.public_url,
                        )
                        for name, (labels, severity) in told.items()
                        if name in alerts
                    ],
                )

    async def _remind_one(self, channel: Channel, told: Sequence[dict[str, object]]) -> None:
        for begin in range(0, len(told), _REFRESH_ALERTS):
            verdict = await self._sender.refresh(channel, told[begin : begin + _REFRESH_ALERTS])
            self._metrics.attempts.labels(channel.name, verdict.reason or "ok").inc()
            if not verdict.ok:
                _log.warning("notify.not_reminded", channel=channel.name, reason=verdict.reason)

    async def _nap(self, wake: asyncio.Event, look_ms: int | None) -> None:
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(wake.wait())]
        if look_ms is not None:
            seconds = max(0, look_ms - self._now()) / 1_000
            waits.append(asyncio.ensure_future(self._clock.sleep(seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        wake.clear()

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def _now(self) -> int:
        """Return the clock, which never steps back."""
        self._now_ms = max(self._now_ms, self._clock.now_ms())
        return self._now_ms
