"""Records between whoever delivers them and the fold that takes them; bounded, nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final

from alerts.stages import Record

__all__ = ["BATCH_MAX", "INBOX_BYTES", "INBOX_MAX", "Inbox"]

INBOX_MAX: Final = 4_096
"""Records that may wait; past it they are read from the log instead."""
INBOX_BYTES: Final = 32 * 1024 * 1024
"""Bytes that may wait, at least one record: those of ``live.windows`` have up to 512 KiB."""
BATCH_MAX: Final = 512
"""Records taken from the inbox at once."""


class Inbox:
    """Records on their way from an agent to its fold; at most ``INBOX_MAX`` of ``INBOX_BYTES`` wait.

    The log itself is the buffer: what does not fit is dropped and ``missed`` says so, for the fold to read it
    from the log. So an agent never waits, and a slow partition holds up no other.
    """

    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self.missed = True
        """Whether the log may hold more than was handed over; true at first."""
        self.delivered = -1
        """Offset of the newest record that came, taken or dropped."""
        self.end = 0
        """Offset of the log's next record, as far as whoever delivers knows."""
        self.closed = False

    def __len__(self) -> int:
        return len(self._records)

    @property
    def behind(self) -> int:
        """How many records the log is known to hold that have not been delivered."""
        return max(0, self.end - 1 - self.delivered)

    def put(self, record: Record, end: int = 0) -> None:
        """Hand a record over, and where its log ends as far as is known."""
        self.delivered, self.end = record.offset, max(end, record.offset + 1)
        full = len(self._records) >= INBOX_MAX or self._bytes + len(record.value) > INBOX_BYTES
        if self.closed or (full and self._records):
            self.missed = True
            return
        self._records.append(record)
        self._bytes += len(record.value)
        self._changed.set()

    async def take(self, *, within_s: float) -> list[Record]:
        """Return the oldest records, at most ``BATCH_MAX``; none when time is over or it was closed."""
        if not self._records and not self.closed and within_s > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._changed.wait()
        taken = [self._records.popleft() for _ in range(min(BATCH_MAX, len(self._records)))]
        self._bytes -= sum(len(record.value) for record in taken)
        return taken

    def pass_over(self, offset: int) -> None:
        """Drop the records up to this offset: they were read from the log."""
        while self._records and self._records[0].offset <= offset:
            self._bytes -= len(self._records.popleft().value)

    def close(self) -> None:
        """Take no more; whoever waits goes on."""
        self.closed = True
        self._records.clear()
        self._bytes = 0
        self._changed.set()
