"""One WebSocket client: its frames in, its frames out, and its way from where it was to what happens now."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from alerts.gateway import session
from alerts.gateway.alertlog import AlertLog, LogGone
from alerts.gateway.changes import Changes, Refused
from alerts.gateway.hub import Hub, Subscriber
from alerts.gateway.limits import Limiter
from alerts.gateway.messages import Code, Locale
from alerts.gateway.outbox import Outbox
from alerts.gateway.records import Episodes, Record
from alerts.gateway.telemetry import GatewayMetrics
from alerts.gateway.tokens import Caller
from alerts.gateway.wire import Wire
from alerts.model import Outcome
from alerts.wording import Wording
from stream.errors import ServiceError
from stream.runtime import Clock

__all__ = ["AT_MS", "Client", "Floor"]

AT_MS: Final = 30_000
"""A subscribed client hears from us at least this often, milliseconds; from the contract."""
_CHUNK_BYTES: Final = 256 * 1024
"""Frames written at once to a client that catches up: each time it must have taken those before."""
_PATIENCE_S: Final = 1.0
"""How long a client that catches up may keep a turn at the log without reading."""
_AHEAD_S: Final = 5.0
"""How long a client waits that knows newer records than this gateway has read yet."""
_AGAIN_S: Final = 1.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Floor:
    """What all clients of a gateway share.

    Attributes:
        turns: bounds how many clients hold records from the log at once.
        silent: the stages behind the gateway that are silent now.
        locale: of clients that did not choose.
        limiter: bounds how many frames of a token and address are done, as calls over HTTP are.
    """

    hub: Hub
    log: AlertLog
    changes: Changes
    metrics: GatewayMetrics
    clock: Clock
    turns: asyncio.Semaphore
    silent: list[str]
    locale: Locale
    limiter: Limiter


class Client:
    """One client that was let in.

    Args:
        wire: its connection.
        caller: who it is.
        origin: its address, for the audit.
        floor: what it shares with the others.
        tasks: of its connection.
    """

    __slots__ = (
        "_bad",
        "_catching_up",
        "_floor",
        "_key",
        "_last_sent_ms",
        "_origin",
        "_tasks",
        "caller",
        "closed",
        "locale",
        "outbox",
        "subscriber",
        "wire",
    )

    def __init__(
        self, wire: Wire, caller: Caller, *, origin: str, floor: Floor, tasks: asyncio.TaskGroup
    ) -> None:
        self.wire = wire
        self.caller = caller
        self.locale: Locale = floor.locale
        self.outbox = Outbox(wire)
        self.subscriber: Subscriber | None = None
        self.closed: int | None = None
        self._origin = origin
        self._floor = floor
        self._key = f"{caller.name} {origin}"
        self._tasks = tasks
        self._bad = 0
        self._last_sent_ms = 0
        self._catching_up: asyncio.Task[None] | None = None
        wire.on_taken = self.outbox.taken

    def send(self, frame: bytes, op: str, *, count: int = 1, live: bool = False) -> None:
        """Send frames, now or when the client has taken those before."""
        self._last_sent_ms = self._floor.clock.now_ms()
        self._floor.metrics.frames.labels(op).inc(count)
        self.outbox.send(frame, now_ms=self._last_sent_ms, live=live)

    def deliver(self, frames: bytes, count: int) -> None:
        """Send live records."""
        self.send(frames, "alert", count=count, live=True)

    def tell_silent(self) -> None:
        """Tell which stages are silent."""
        self.send(session.answer("status", degraded=list(self._floor.silent)), "status")

    def look(self, now_ms: int) -> None:
        """Close the client if it reads too slowly; tell it where we are if it has not heard for long."""
        if self.outbox.overdue(now_ms):
            self.close(4008, "reads too slowly")
        elif self.subscriber is not None and now_ms - self._last_sent_ms >= AT_MS:
            self.send(session.answer("at", offset=self.subscriber.next - 1), "at")

    def close(self, code: int, reason: str) -> None:
        """Close the connection and let go of all that it holds."""
        if self.closed is not None:
            return
        self.closed = code
        self.wire.finish(code, reason)
        self.leave()

    def leave(self) -> None:
        """Be served no longer."""
        self.outbox.drop()
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None
        if self.subscriber is not None:
            self._floor.hub.leave(self.subscriber)
            self.subscriber = None

    async def handle(self, text: str | bytes | None) -> None:
        """Do what a frame asks for; ``None`` stands for a binary one."""
        request = session.BadFrame("a text frame is expected") if text is None else session.parse(text)
        if not isinstance(request, session.BadFrame) and (wait_s := self._wait_s(request)) > 0:
            self._floor.metrics.commands.labels(request.op, "too_many").inc()
            self._error(request.op, "too_many", request.ref, f"{math.ceil(wait_s)} s")
            return
        match request:
            case session.BadFrame():
                self._refuse(request)
            case session.Subscribe():
                await self._subscribe(request)
            case session.Ack():
                await self._change(request, for_s=request.for_s)
            case session.Resolve():
                await self._change(request)
            case session.Silence():
                await self._silence(request)

    def _wait_s(self, request: session.Request) -> float:
        """Return for how long not to do what a frame asks for, seconds; a first subscription is always done.

        Many screens may share a token and an address, and all come back at once when a gateway restarts.
        """
        if isinstance(request, session.Subscribe) and self.subscriber is None:
            return 0.0
        return self._floor.limiter.wait_s(self._key, time.monotonic())

    def _refuse(self, frame: session.BadFrame) -> None:
        self._bad += 1
        self._floor.metrics.bad_frames.inc()
        self._error(frame.of, frame.code, frame.ref, frame.detail)
        if self._bad >= session.BAD_FRAMES_MAX:
            self.close(4400, "too many bad frames")

    def _error(
        self, of: str | None, code: Code, ref: session.Ref, detail: Wording | str | None = None
    ) -> None:
        self.send(session.error(of, code, self.locale, ref=ref, detail=detail), "error")

    async def _change(self, request: session.Ack | session.Resolve, for_s: int | None = None) -> None:
        try:
            outcome = await self._floor.changes.ask(
                self.caller,
                request.op,
                request.id,
                comment=request.comment,
                origin=self._origin,
                for_s=for_s,
                verdict=request.verdict,
            )
        except Refused as refused:
            self._error(request.op, refused.code, request.ref, refused.detail)
            return
        self.send(
            session.answer("done", of=request.op, id=request.id, ref=request.ref, **_told(outcome)), "done"
        )

    async def _silence(self, request: session.Silence) -> None:
        try:
            outcome = await self._floor.changes.silence(self.caller, request.body(), origin=self._origin)
        except Refused as refused:
            self._error(request.op, refused.code, request.ref, refused.detail)
            return
        self.send(session.answer("done", of=request.op, ref=request.ref, **_told(outcome)), "done")

    async def _subscribe(self, request: session.Subscribe) -> None:
        floor = self._floor
        self.locale = request.locale or self.locale
        try:
            first = await self._first_needed(request.resume)
        except ServiceError as error:
            self._error("subscribe", "unavailable", request.ref, str(error))
            return
        if not floor.log.epoch:
            self.close(1012, "the log is read anew")
            return
        before = self.subscriber
        if before is not None:
            shown_after = before.shown_after
            self._unsubscribe(before)
        start = session.start(request.resume, epoch=floor.log.epoch, first=first, end=floor.hub.end)
        self.subscriber = Subscriber(
            listener=self,
            filter=request.filter(self.caller.scope),
            shown_after=start.shown_after if before is None else min(shown_after, start.shown_after),
            next=start.next,
        )
        self.send(
            session.answer("subscribed", epoch=floor.log.epoch, offset=floor.hub.end, ref=request.ref),
            "subscribed",
        )
        if start.gap is not None:
            self.send(start.gap.frame(), "gap")
        if floor.silent:
            self.tell_silent()
        if not floor.hub.follow(self.subscriber):
            self._catching_up = self._tasks.create_task(self._catch_up(self.subscriber))

    def _unsubscribe(self, subscriber: Subscriber) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None
        self._floor.hub.leave(subscriber)

    async def _first_needed(self, resume: session.Resume | None) -> int:
        """Return the lowest offset that can be served, asking the broker only if it may matter."""
        hub, log = self._floor.hub, self._floor.log
        if resume is None or resume.epoch != log.epoch or resume.offset + 1 >= hub.first:
            if resume is not None and resume.epoch == log.epoch and resume.offset > hub.end:
                await self._wait_for(resume.offset)
            return hub.first
        return await log.first()

    async def _wait_for(self, offset: int) -> None:
        """Wait until this gateway has read as far as another one had, if the log goes that far."""
        if await self._floor.log.end() < offset:
            return
        deadline = self._floor.clock.now_ms() + int(_AHEAD_S * 1_000)
        while self._floor.hub.end < offset and self._floor.clock.now_ms() < deadline:
            await self._floor.clock.sleep(0.01)

    async def _catch_up(self, subscriber: Subscriber) -> None:
        """Send what the client missed, at its pace, until it has all that exist."""
        hub = self._floor.hub
        episodes = self._floor.log.new_reading()
        while not hub.follow(subscriber):
            if subscriber.next < hub.first:
                await self._from_log(subscriber, episodes)
                continue
            records = hub.since(subscriber.next, bytes_max=_CHUNK_BYTES)
            self._replay(subscriber, records, records[-1].offset + 1 if records else hub.end + 1)
            await self._taken()
        _log.debug("client.caught_up", name=self.caller.name, offset=subscriber.next - 1)

    async def _from_log(self, subscriber: Subscriber, episodes: Episodes) -> None:
        try:
            async with self._floor.turns:
                batch = await self._floor.log.read(subscriber.next, episodes)
                for chunk in _chunks(batch.records):
                    self._replay(subscriber, chunk, chunk[-1].offset + 1)
                    if not await self._taken_within(_PATIENCE_S):
                        break
                else:
                    subscriber.next = batch.next
            await self._taken()
        except LogGone:
            await self._skip_gone(subscriber)
        except ServiceError as error:
            _log.warning("client.catch_up_failed", error=str(error))
            await self._floor.clock.sleep(_AGAIN_S)

    async def _skip_gone(self, subscriber: Subscriber) -> None:
        """Tell of records that retention took while the client caught up."""
        try:
            first = await self._floor.log.first()
        except ServiceError:
            await self._floor.clock.sleep(_AGAIN_S)
            return
        if first > subscriber.next:
            self.send(session.Gap(subscriber.next, first - 1, "retention").frame(), "gap")
            subscriber.next = first
        else:
            await self._floor.clock.sleep(_AGAIN_S)

    def _replay(self, subscriber: Subscriber, records: Sequence[Record], then: int) -> None:
        picked = subscriber.pick(records)
        subscriber.next = then
        if picked:
            self._floor.metrics.replayed.inc(len(picked))
            self.send(b"".join(record.frame for record in picked), "alert", count=len(picked))

    async def _taken(self) -> None:
        """Wait until the client has taken all; as long as it answers pings."""
        await asyncio.sleep(0)
        while not self.outbox.clear and self.wire.open:
            await self.wire.writable.wait()
            self.outbox.taken()

    async def _taken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._taken()
        except TimeoutError:
            return False
        return True


def _told(outcome: Outcome | str) -> dict[str, Any]:
    """Return what a ``done`` frame says of a change; of one not confirmed in time only the command's id."""
    if isinstance(outcome, str):
        return {"status": "pending", "command_id": outcome}
    done = {"status": "done", "command_id": outcome.command_id}
    if outcome.silence is not None:
        return {**done, "id": outcome.silence["id"], "silence": outcome.silence}
    return {**done, "alert": outcome.alert}


def _chunks(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records in pieces that are written at once."""
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.frame)
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
