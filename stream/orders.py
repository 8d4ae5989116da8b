"""Which orders were seen in the last 24 hours, in which status, and to which session they belong.

Kept as fixed-size rows, one for each order and status, appended to chunks of one hour of append time: the
store holds a chunk as one string and takes new or changed rows at absolute positions, so a repeat writes
the same bytes. A row is ``ROW_BYTES`` long, an order has two or three: at most 54 bytes. Bounded by time:
chunks older than what is remembered are dropped whole.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from stream.sessions import PROVISIONAL_MS, REMEMBERED_MS

__all__ = ["HOUR_MS", "OFF_AIR", "PROVISIONAL", "ROW_BYTES", "OrderMemory", "OrderRow", "order_key"]

HOUR_MS: Final = 3_600_000
"""Length of a chunk, milliseconds of append time."""
OFF_AIR: Final = 0
"""Stands for a session's start: the order belongs to none."""
PROVISIONAL: Final = 1
"""Stands for a session's start: the order waits for one."""

_STATUSES: Final = ("created", "paid", "cancelled", "refunded", "failed")
_ROW: Final = struct.Struct(">QIHI")
"""Hash of the order; append time within the chunk and status; session's start, high and low part."""
ROW_BYTES: Final = _ROW.size
_STATUS_BITS: Final = 3


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row that the store must take.

    Attributes:
        hour: number of the chunk, hours since the epoch.
        position: number of the row in the chunk.
        raw: its bytes.
    """

    hour: int
    position: int
    raw: bytes


def order_key(room_id: str, order_id: str) -> int:
    """Return the 64-bit hash that stands for an order; ids are taken to be unique within a room."""
    digest = blake2b(f"{room_id}\0{order_id}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


@dataclass(slots=True)
class _Seen:
    append_ms: int
    hour: int
    position: int
    session_ms: int


class OrderMemory:
    """The orders of one partition."""

    def __init__(self) -> None:
        self._seen: dict[int, dict[int, _Seen]] = {}
        self._lengths: dict[int, int] = {}
        self._changed: dict[tuple[int, int], bytes] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def first(self, key: int, status: str, *, append_ms: int, session_ms: int) -> bool:
        """Note a status of an order; tell whether it is new within 24 hours.

        Args:
            key: from ``order_key``.
            status: the order's status.
            append_ms: append time of the record, never falling.
            session_ms: start of the session that the order belongs to, ``OFF_AIR`` or ``PROVISIONAL``.
        """
        number = _STATUSES.index(status)
        statuses = self._seen.setdefault(key, {})
        known = statuses.get(number)
        if known is not None and append_ms - known.append_ms < REMEMBERED_MS:
            return False
        hour = append_ms // HOUR_MS
        position = self._lengths.get(hour, 0)
        self._lengths[hour] = position + 1
        statuses[number] = _Seen(append_ms, hour, position, session_ms)
        self._keep(key, number, statuses[number])
        return True

    def knows(self, key: int, status: str, append_ms: int) -> bool:
        """Tell whether the status of the order was noted within the last 24 hours."""
        known = self._seen.get(key, {}).get(_STATUSES.index(status))
        return known is not None and append_ms - known.append_ms < REMEMBERED_MS

    def session_of(self, key: int, append_ms: int, *, before: str | None = None) -> int | None:
        """Return the session of an order: where it was paid, else first seen; None if forgotten.

        Args:
            key: from ``order_key``.
            append_ms: append time of the record that asks.
            before: its status, if it was noted already: what was noted after it does not count.
        """
        statuses = self._seen.get(key, {})
        asks = None if before is None else statuses.get(_STATUSES.index(before))
        fresh = {
            number: seen
            for number, seen in statuses.items()
            if append_ms - seen.append_ms < REMEMBERED_MS
            and _STATUSES[number] in _OWN
            and (asks is None or (seen.hour, seen.position) < (asks.hour, asks.position))
        }
        if not fresh:
            return None
        own = fresh.get(_PAID) or min(fresh.values(), key=lambda seen: (seen.append_ms, seen.position))
        waited_in_vain = own.session_ms == PROVISIONAL and append_ms - own.append_ms > PROVISIONAL_MS
        return OFF_AIR if waited_in_vain else own.session_ms

    def paired_ms(self, key: int, status: str, *, session_ms: int, append_ms: int) -> int | None:
        """Return the append time of an order's `created`, or for that one of its `paid`, in the same session.

        Returns:
            None where it was not noted within the last 24 hours or belongs elsewhere, and for other statuses.
        """
        other = _PAIRS.get(status)
        known = None if other is None else self._seen.get(key, {}).get(other)
        if known is None or append_ms - known.append_ms >= REMEMBERED_MS or known.session_ms != session_ms:
            return None
        return known.append_ms

    def belongs(self, key: int, status: str, session_ms: int) -> None:
        """Note that an order which waited for a session has got one, or none."""
        number = _STATUSES.index(status)
        known = self._seen.get(key, {}).get(number)
        if known is not None:
            known.session_ms = session_ms
            self._keep(key, number, known)

    def take_changed(self) -> list[OrderRow]:
        """Return the rows that changed since the last call."""
        changed, self._changed = self._changed, {}
        return [OrderRow(hour, position, raw) for (hour, position), raw in changed.items()]

    def forget(self, append_ms: int) -> list[int]:
        """Drop the chunks that are older than what is remembered, and return their hours."""
        gone = [hour for hour in self._lengths if (hour + 1) * HOUR_MS <= append_ms - REMEMBERED_MS]
        if not gone:
            return []
        for hour in gone:
            del self._lengths[hour]
        limit = append_ms - REMEMBERED_MS
        for key in list(self._seen):
            kept = {n: seen for n, seen in self._seen[key].items() if seen.append_ms > limit}
            if kept:
                self._seen[key] = kept
            else:
                del self._seen[key]
        return gone

    def load(self, hour: int, chunk: bytes) -> None:
        """Take in a chunk from the store."""
        self._lengths[hour] = len(chunk) // ROW_BYTES
        for position, (key, number, seen) in enumerate(_rows(hour, chunk)):
            seen.position = position
            self._seen.setdefault(key, {})[number] = seen

    def _keep(self, key: int, number: int, seen: _Seen) -> None:
        within = seen.append_ms - seen.hour * HOUR_MS
        high, low = divmod(seen.session_ms, 1 << 32)
        raw = _ROW.pack(key, within << _STATUS_BITS | number, high, low)
        self._changed[seen.hour, seen.position] = raw


_OWN: Final = frozenset({"created", "paid", "failed"})
"""Statuses that tell where an order belongs; a cancel or refund follows them."""
_PAID: Final = _STATUSES.index("paid")
_PAIRS: Final = {"created": _PAID, "paid": _STATUSES.index("created")}


def _rows(hour: int, chunk: bytes) -> Iterator[tuple[int, int, _Seen]]:
    for key, packed, high, low in _ROW.iter_unpack(chunk):
        append_ms = hour * HOUR_MS + (packed >> _STATUS_BITS)
        yield key, packed & (1 << _STATUS_BITS) - 1, _Seen(append_ms, hour, 0, high << 32 | low)
