"""Sends records at their time, and tells how it goes.

At most ``_UNCONFIRMED_MAX`` records wait for the broker's word; a slow broker slows the sending down,
nothing is dropped. A record that the broker refuses ends the sending with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self

import click
from aiokafka import AIOKafkaProducer
from aiokafka.codec import has_lz4
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from stream import topics
from stream.errors import ServiceError
from stream.runtime import Clock
from stream.settings import Settings
from stream.sources.broadcast import Record

__all__ = ["Progress", "Sender", "Tally", "open_sender"]

_UNCONFIRMED_MAX: Final = 5_000
_PAUSE_S: Final = 0.005
"""Longest sleep between looks at the clock; records go out that much later than their time, or less."""
_SLICE: Final = 500
"""Records sent without letting the network have its turn."""
_LINE_EVERY_MS: Final = 5_000
_REDRAW_EVERY_MS: Final = 500
_LINGER_MS: Final = 5
_CLOSE_S: Final = 30


@dataclass(slots=True)
class Tally:
    """What was sent.

    Attributes:
        sent: records by feed.
        behind_ms: how far the last record went out after its time.
        behind_max_ms: the most of it.
        notes: further counts that a source has to tell, such as lines that it skipped.
    """

    sent: Counter[str] = field(default_factory=Counter)
    behind_ms: int = 0
    behind_max_ms: int = 0
    notes: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "sent": dict(sorted(self.sent.items())),
            "total": self.sent.total(),
            "behind_max_ms": self.behind_max_ms,
            **dict(self.notes),
        }

    def table(self, title: str) -> Table:
        """Return it for people."""
        table = Table("feed", "records", title=title, title_justify="left")
        table.columns[1].justify = "right"
        for feed, count in sorted(self.sent.items()):
            table.add_row(f"live.{feed}", f"{count:,}")
        table.add_row("total", f"{self.sent.total():,}", end_section=True)
        for name, count in sorted(self.notes.items()):
            table.add_row(name.replace("_", " "), f"{count:,}")
        return table


class Progress:
    """Tells on stderr how a sending goes: a table that is redrawn on a terminal, else a line every 5 s.

    Args:
        title: what is sent.
        shown: whether to tell anything.
    """

    def __init__(self, title: str, *, shown: bool) -> None:
        self._title = title
        self._shown = shown
        self._live: Live | None = None
        self._next_ms = 0

    def __enter__(self) -> Self:
        if self._shown and sys.stderr.isatty():
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, tally: Tally, now_ms: int) -> None:
        """Tell it when it is time to."""
        if not self._shown or now_ms < self._next_ms:
            return
        if self._live is not None:
            self._live.update(tally.table(f"{self._title}, {tally.behind_ms} ms behind"), refresh=True)
            self._next_ms = now_ms + _REDRAW_EVERY_MS
            return
        counts = " ".join(f"{feed}={count}" for feed, count in sorted(tally.sent.items()))
        click.echo(
            f"{self._title}: {tally.sent.total()} sent, {tally.behind_ms} ms behind; {counts}", err=True
        )
        self._next_ms = now_ms + _LINE_EVERY_MS


class Sender:
    """Sends records of feeds to their topics.

    Args:
        producer: a started producer.
        settings: name the topics.
        clock: tells when a record's time has come.
        tally: is kept up to date.
    """

    def __init__(self, producer: AIOKafkaProducer, settings: Settings, clock: Clock, tally: Tally) -> None:
        self._producer = producer
        self._settings = settings
        self._clock = clock
        self._tally = tally
        self._unconfirmed: deque[asyncio.Future[Any]] = deque()

    async def send(self, records: Iterable[Record], *, stop: asyncio.Event, progress: Progress) -> None:
        """Send each record when its time comes, until none is left or ``stop`` is set.

        Raises:
            ServiceError: the broker refused a record or did not answer in time.
        """
        for number, record in enumerate(records):
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            while (ahead_ms := record.at_ms - self._clock.now_ms()) > 0:
                progress.tell(self._tally, self._clock.now_ms())
                await self._clock.sleep(min(_PAUSE_S, ahead_ms / 1_000))
                if stop.is_set():
                    return
            if stop.is_set():
                return
            self._tally.behind_ms = -ahead_ms
            self._tally.behind_max_ms = max(self._tally.behind_max_ms, -ahead_ms)
            await self._one(record)
            progress.tell(self._tally, self._clock.now_ms())

    async def confirm(self, most: int = 0) -> None:
        """Wait until at most ``most`` records are without the broker's word."""
        with _broker_errors():
            while len(self._unconfirmed) > most:
                await self._unconfirmed.popleft()

    async def _one(self, record: Record) -> None:
        with _broker_errors():
            self._unconfirmed.append(
                await self._producer.send(
                    self._settings.topic(record.feed), record.value, key=record.key.encode()
                )
            )
        self._tally.sent[record.feed] += 1
        await self.confirm(_UNCONFIRMED_MAX)


@contextlib.contextmanager
def _broker_errors() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise ServiceError(f"the broker did not take a record: {error or type(error).__name__}") from error


@contextlib.asynccontextmanager
async def open_sender(settings: Settings, clock: Clock, tally: Tally) -> AsyncIterator[Sender]:
    """Make the topics that are missing and open a sender; on the way out everything is confirmed.

    Raises:
        ServiceError: there is no broker, or it refused a record.
        SettingsError: the topics have another number of partitions.
    """
    await topics.ensure(settings)
    producer = AIOKafkaProducer(
        **settings.kafka_options(),
        acks="all",
        linger_ms=_LINGER_MS,
        compression_type="lz4" if has_lz4() else None,
    )
    try:
        async with asyncio.timeout(_CLOSE_S):
            await producer.start()
        sender = Sender(producer, settings, clock, tally)
        yield sender
        async with asyncio.timeout(_CLOSE_S):
            await sender.confirm()
    except (KafkaError, TimeoutError) as error:
        raise ServiceError(
            f"no Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}"
        ) from error
    finally:
        await producer.stop()
