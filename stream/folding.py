"""From queued records to the state of a partition, one step after the other: decode, place, fold.

Pure: what it could not fold is kept as dead letters for the shell to send, and what it did as offsets for the
shell to store. Nothing is dropped: a record is folded, or a dead letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from stream.alignment import FAR_MS, Alignment, Record
from stream.codec import Decoder, Invalid
from stream.deadletter import DeadLetter
from stream.deadshare import DeadShare
from stream.model import CRITICAL_FEEDS, FEEDS, FLOODS, Event, Feed
from stream.partition import Partition
from stream.sessions import SILENCE_MS, Room

__all__ = ["CHUNK", "Folder"]

CHUNK: Final = 4_000
"""Most records of one feed that one step folds: some 30 ms of work, in rooms with many events each."""


class Folder:
    """Folds the queues of one partition.

    Args:
        number: of the partition.
        partition: its state.
        alignment: its queues.
        decoders: feed -> decoder, which partitions may share.
        topics: feed -> topic, for dead letters.

    Attributes:
        offsets: feed -> offset of the next record to fold.
        appended: feed -> append time of the last record that was folded.
        dead: dead letters that were not sent yet.
        critical: rooms that a critical feed touched since the last flush.
        folded: records folded since the last flush, by feed.
        shares: records and dead letters of the last minute.
        changed: whether anything changed since the last flush.
    """

    def __init__(
        self,
        number: int,
        partition: Partition,
        alignment: Alignment,
        *,
        decoders: Mapping[Feed, Decoder],
        topics: Mapping[Feed, str],
    ) -> None:
        self._number = number
        self._partition = partition
        self._alignment = alignment
        self._decoders = decoders
        self._topics = topics
        self.offsets: dict[Feed, int] = {}
        self.appended: dict[Feed, int] = {}
        self.dead: list[DeadLetter] = []
        self.critical: set[Room] = set()
        self.folded: Counter[Feed] = Counter()
        self.shares = DeadShare()
        self.changed = False

    def step(self) -> bool:
        """Fold at most ``CHUNK`` records of each feed; tell whether anything could be done."""
        barrier = self._partition.barrier_ms(self._alignment.horizon_ms)
        # A session that opens in this step cannot be silent for too long before this:
        bound = min(barrier, self._alignment.earliest_ms + SILENCE_MS)
        if sum(self._fold(feed, bound) for feed in FEEDS):
            return True
        if barrier == FAR_MS or not self._alignment.passed(barrier):
            return False
        self._partition.end_silent(barrier)
        self.changed = True
        return True

    def take_critical(self) -> set[Room]:
        """Return the rooms that a critical feed touched since the last flush, which is now."""
        critical, self.critical = self.critical, set()
        self.changed = False
        self.folded.clear()
        return critical

    def _fold(self, feed: Feed, barrier_ms: int) -> int:
        queue = self._alignment.queues[feed]
        records = queue.take(self._alignment.limit_ms(feed, barrier_ms), CHUNK)
        if not records:
            return 0
        invalids = self._fold_records(feed, records)
        for invalid in invalids:
            value, key, _, offset = records[invalid.index]
            letter = DeadLetter(self._topics[feed], self._number, offset, invalid.error.reason, key, value)
            self.dead.append(letter)
        self.offsets[feed], self.appended[feed] = records[-1][3] + 1, records[-1][2]
        self.folded[feed] += len(records)
        self.shares.add(records[-1][2], records=len(records), dead=len(invalids))
        self.changed = True
        return len(records)

    def _fold_records(self, feed: Feed, records: list[Record]) -> list[Invalid]:
        decoder = self._decoders[feed]
        if feed in FLOODS:
            flood = decoder.decode_flood(records, self._number)
            self._partition.fold_flood(feed, flood, records)
            return flood.invalids
        batch = decoder.decode_batch(records, self._number)
        self._partition.fold(feed, batch.events, records)
        if feed in CRITICAL_FEEDS and feed != "vendors":
            self._note_critical(batch.events)
        return batch.invalids

    def _note_critical(self, events: Sequence[Event | None]) -> None:
        rooms = self._partition.rooms
        for event in events:
            if event is not None:
                self.critical.add(rooms[event.room_id])  # type: ignore[index]  # all of these feeds have rooms
