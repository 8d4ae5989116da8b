"""The newest records in memory, and the clients that follow them; no I/O.

A client is first *behind*: it takes records from ``since`` at its own pace. Once it has all that exist,
``follow`` makes it *live*, in the same breath in which it learnt so; from then on ``publish`` hands it every
new record that passes its filter. So no record is missed at the seam and none comes twice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from alerts.gateway.filters import Filter
from alerts.gateway.records import NEVER, Record

__all__ = ["Hub", "Listener", "Subscriber"]

_CLIENTS_A_SLICE: Final = 500
"""Clients served before the loop may do other things: 2-5 ms."""


class Listener(Protocol):
    """Who takes frames for a client."""

    def deliver(self, frames: bytes, count: int) -> None:
        """Take ``count`` live frames, joined; must not block."""
        ...


@dataclass(slots=True, eq=False)
class Subscriber:
    """One subscription of a client.

    Attributes:
        listener: takes its frames.
        filter: what it asked for.
        shown_after: see ``Filter.passes``.
        next: lowest offset that it has not been considered for.
    """

    listener: Listener
    filter: Filter
    shown_after: int
    next: int

    def pick(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that it gets, of those it has not been considered for."""
        return [
            record
            for record in records
            if record.offset >= self.next and self.filter.passes(record, shown_after=self.shown_after)
        ]


@dataclass(slots=True)
class _Shared:
    """A batch as every client of one filter gets it, but for records that depend on what it saw before."""

    frames: bytes
    count: int
    personal: bool = field(default=False)


class Hub:
    """Holds the newest records and the live clients.

    Args:
        records_max: most records held.
        bytes_max: most bytes of frames held; at least the newest record is always held.
    """

    def __init__(self, *, records_max: int, bytes_max: int) -> None:
        self.end = -1
        """Offset of the newest record read, -1 when the log is empty."""
        self._records: list[Record] = []
        self._records_max = records_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._newest: dict[str, Record] = {}
        self._live: dict[Filter, set[Subscriber]] = {}

    @property
    def first(self) -> int:
        """Lowest offset that can be served from memory; one past the end when nothing is held."""
        return self._records[0].offset if self._records else self.end + 1

    @property
    def bytes_held(self) -> int:
        """Bytes of the frames held."""
        return self._bytes

    def newest(self, alert_id: str) -> Record | None:
        """Return the newest record held of an episode."""
        return self._newest.get(alert_id)

    def hold(self, records: Sequence[Record], *, end: int) -> None:
        """Take records into memory that were read from the log, in its order.

        Args:
            records: those that are alerts.
            end: offset of the newest that was read, be it an alert or not.
        """
        for record in records:
            self._records.append(record)
            self._bytes += len(record.frame)
            self._newest[record.id] = record
        self.end = max(self.end, end)
        self._forget()

    def clear(self) -> None:
        """Forget everything: the log was replaced. Clients must be told to come anew."""
        self._records.clear()
        self._newest.clear()
        self._bytes, self.end = 0, -1

    def publish(self, records: Sequence[Record], *, end: int) -> Iterator[None]:
        """Hold records and hand them to the live clients; yields now and then to give others their turn."""
        self.hold(records, end=end)
        served = 0
        for wanted, group in list(self._live.items()):
            shared = _share(wanted, records)
            for subscriber in list(group):
                if subscriber.next <= end:  # it neither left nor came since
                    _hand(subscriber, shared, records, end)
                served += 1
                if served % _CLIENTS_A_SLICE == 0:
                    yield

    def since(self, offset: int, *, bytes_max: int) -> list[Record]:
        """Return records held from ``offset`` on, up to ``bytes_max`` of frames, but at least one if any."""
        found: list[Record] = []
        size = 0
        start = bisect_left(self._records, offset, key=lambda record: record.offset)
        for index in range(start, len(self._records)):
            record = self._records[index]
            size += len(record.frame)
            if found and size > bytes_max:
                break
            found.append(record)
        return found

    def follow(self, subscriber: Subscriber) -> bool:
        """Make a subscriber live if it has all that exists; return whether it is."""
        if subscriber.next <= self.end:
            return False
        self._live.setdefault(subscriber.filter, set()).add(subscriber)
        return True

    def leave(self, subscriber: Subscriber) -> None:
        """Serve a subscriber no longer, live or not."""
        subscriber.next = NEVER
        group = self._live.get(subscriber.filter)
        if group is not None:
            group.discard(subscriber)
            if not group:
                del self._live[subscriber.filter]

    def _forget(self) -> None:
        """Let go of the oldest records above the limits."""
        gone = 0
        while len(self._records) - gone > self._records_max or (
            self._bytes > self._bytes_max and len(self._records) - gone > 1
        ):
            record = self._records[gone]
            gone += 1
            self._bytes -= len(record.frame)
            if self._newest.get(record.id) is record:
                del self._newest[record.id]
        del self._records[:gone]


def _share(wanted: Filter, records: Sequence[Record]) -> _Shared:
    """Return what the clients of a filter get, and whether what each saw before decides some of it."""
    resumed = [record for record in records if wanted.passes(record, shown_after=-1)]
    personal = wanted.states is None and any(record.state == "suppressed" for record in resumed)
    return _Shared(b"".join(record.frame for record in resumed), len(resumed), personal)


def _hand(subscriber: Subscriber, shared: _Shared, records: Sequence[Record], end: int) -> None:
    frames, count = shared.frames, shared.count
    if shared.personal or (records and subscriber.next > records[0].offset):
        picked = subscriber.pick(records)
        frames, count = b"".join(record.frame for record in picked), len(picked)
    subscriber.next = end + 1
    if count:
        subscriber.listener.deliver(frames, count)
