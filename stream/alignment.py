"""Which records of a partition may be folded now, so that the result does not depend on who was read first.

The feeds of a partition are read side by side, each at its own pace. Three rules hold them together:

- *Turns.* Room records and pings are folded in the order of their turn (see ``stream.sessions``), every other
  record after all room records and pings of its turn or before.
- *Alignment.* No feed runs further ahead of the slowest than ``align_ms``.
- *The barrier.* Where a room may turn out to have been silent for too long, no feed passes that instant
  before all have reached it.

A feed's *reach* here is exclusive: every record appended before it has been read. Whatever must wait stays
in the feed's queue; the shell pauses the feed while its queue is long, so the queues are bounded by
``QUEUE_MAX`` records plus one fetch. The record with the earliest append time can always go on once every
feed was read that far, so nothing waits for ever.
"""

from __future__ import annotations

from collections import deque
from itertools import groupby
from operator import itemgetter
from typing import Final

from stream.model import FEEDS, Feed

__all__ = ["FAR_MS", "QUEUE_MAX", "Alignment", "FeedQueue", "Record"]

Record = tuple[bytes | None, bytes | None, int, int]
"""Value, key, append time (epoch milliseconds, never falling within a queue), offset."""

QUEUE_MAX: Final = 20_000
"""Records of one feed partition above which it is paused; at 200 bytes about 10 MB with their objects."""
FAR_MS: Final = 1 << 62
"""Later than any instant."""
_append_ms: Final = itemgetter(2)


class FeedQueue:
    """The records of one feed partition that were read and not folded.

    Kept in *runs* of one append time, as a record batch of the broker has them.

    Args:
        append_ms: append time of the last record folded before, epoch milliseconds.
    """

    __slots__ = ("_runs", "_size", "append_ms", "reach_ms")

    def __init__(self, append_ms: int = 0) -> None:
        self._runs: deque[tuple[int, list[Record]]] = deque()
        self._size = 0
        self.append_ms = append_ms
        self.reach_ms = append_ms

    def __len__(self) -> int:
        return self._size

    @property
    def head_ms(self) -> int:
        """Return the append time of the next record, ``FAR_MS`` without one."""
        return self._runs[0][0] if self._runs else FAR_MS

    @property
    def folded_ms(self) -> int:
        """Return the instant before which every record has been folded."""
        return min(self.reach_ms, self.head_ms)

    def put(self, records: list[Record]) -> None:
        """Add records as they were read; an append time that falls back is held at the one before it."""
        for append_ms, run in groupby(records, key=_append_ms):
            if append_ms >= self.append_ms:
                self.append_ms = append_ms
                self._runs.append((append_ms, list(run)))
            else:
                last = self.append_ms
                self._runs.append((last, [(value, key, last, offset) for value, key, _, offset in run]))
        self._size += len(records)
        self.reach_ms = max(self.reach_ms, self.append_ms)

    def saw_end(self, reach_ms: int) -> None:
        """Note that every record appended before this instant has been read."""
        self.reach_ms = max(self.reach_ms, reach_ms)

    def take(self, limit_ms: int, most: int) -> list[Record]:
        """Remove and return at most ``most`` records that were appended before ``limit_ms``."""
        runs = self._runs
        taken: list[Record] = []
        while runs and len(taken) < most and runs[0][0] < limit_ms:
            append_ms, run = runs.popleft()
            room = most - len(taken)
            taken += run[:room]
            if len(run) > room:
                runs.appendleft((append_ms, run[room:]))
        self._size -= len(taken)
        return taken


class Alignment:
    """The queues of one partition and the rules between them.

    Args:
        settle_ms: how long a record waits for room records that govern it.
        align_ms: how far a feed may run ahead of the slowest.
    """

    def __init__(self, *, settle_ms: int, align_ms: int) -> None:
        self.queues: Final[dict[Feed, FeedQueue]] = {feed: FeedQueue() for feed in FEEDS}
        self._settle_ms = settle_ms
        self._align_ms = align_ms

    @property
    def horizon_ms(self) -> int:
        """Return the instant that no record folded now can lie behind."""
        return self._slowest_ms() + self._align_ms

    @property
    def earliest_ms(self) -> int:
        """Return the append time of the earliest record that waits, ``FAR_MS`` without one."""
        return min(queue.head_ms for queue in self.queues.values())

    def limit_ms(self, feed: Feed, barrier_ms: int) -> int:
        """Return the append time before which records of a feed may be folded now.

        Args:
            feed: the feed.
            barrier_ms: instant that no feed may pass yet, in append time of all but room records, whose turn
                is earlier; ``FAR_MS`` for none.
        """
        health, rooms = self.queues["health"].folded_ms, self.queues["rooms"].folded_ms - self._settle_ms
        if feed == "vendors":
            return self.horizon_ms
        bound = min(barrier_ms, self.horizon_ms)
        if feed == "rooms":
            return min(barrier_ms + self._settle_ms, self.horizon_ms, health + self._settle_ms + 1)
        if feed == "health":
            return min(bound, rooms)
        return min(bound, rooms, health)

    def passed(self, barrier_ms: int) -> bool:
        """Tell whether every record that may go before a barrier has been folded."""
        return all(
            queue.folded_ms >= barrier_ms + (self._settle_ms if feed == "rooms" else 0)
            for feed, queue in self.queues.items()
        )

    def reach_ms(self) -> dict[Feed, int]:
        """Return for each feed the instant before which everything has been folded."""
        return {feed: queue.folded_ms for feed, queue in self.queues.items()}

    def _slowest_ms(self) -> int:
        return min(queue.reach_ms for queue in self.queues.values())
