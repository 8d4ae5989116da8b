"""The rooms and vendors of one partition: folds events into them in the order of ``stream.alignment``.

Pure: no clock, no I/O. What it holds is bounded by rooms (live, or ended within 24 hours), panes per room,
waiting events per room (``stream.provisional``) and orders of 24 hours. Everything counted is in ``counts``:
``late``, ``off_air``, ``duplicate`` and ``overflow`` by feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from stream.alignment import Record
from stream.cells import Batch, FloodBatch, part_of
from stream.codec import Flood
from stream.figures import FEED_FIGURES
from stream.figures.words import add_title_words
from stream.model import FEEDS, FLOODS, Feed, Order
from stream.native import Part
from stream.operations import Operation
from stream.orders import OFF_AIR, PROVISIONAL, OrderMemory, order_key
from stream.panes import LateRule, oldest_brief, oldest_panes
from stream.provisional import FOLLOWS, Provisional
from stream.sessions import REMEMBERED_MS, Room, Session, Waiting
from stream.silences import Silences
from stream.tally import Tally
from stream.users import UserHasher
from stream.words import Source, Words

__all__ = ["Partition"]


class Partition:
    """Everything that is known of one partition's rooms and vendors.

    Args:
        users: hashes user ids.
        lateness_ms: how far an event may be behind the newest of its feed partition.
        settle_ms: how long events wait for room records that govern them.
        whole: False counts the core of the catalogue only, see ``stream.cells.Batch``.
    """

    def __init__(self, users: UserHasher, *, lateness_ms: int, settle_ms: int, whole: bool = True) -> None:
        self._users = users
        self._whole = whole
        self.words: Words | None = None
        """The word lists to look for; the shell sets them."""
        self._settle_ms = settle_ms
        self.rooms: dict[str, Room] = {}
        self.operations: dict[str, Operation] = {}
        self.orders = OrderMemory()
        self.late: Final[dict[Feed, LateRule]] = {feed: LateRule(lateness_ms) for feed in FEEDS}
        self.counts: Counter[str] = Counter()
        self.forgot_ms = 0
        self.touched: set[Room] = set()
        self.touched_operations: set[Operation] = set()
        self.provisional: Final = Provisional(users, self.orders)
        self._silences: Final = Silences(self.rooms)
        self._folds: Final = {
            "rooms": self._fold_rooms,
            "marks": self._fold_marks,
            "vendors": self._fold_vendors,
            "orders": self._fold_orders,
            "health": self._fold_health,
            "transcript": self._fold_transcript,
        }

    def fold(self, feed: Feed, events: Sequence[Any], records: Sequence[Record]) -> None:
        """Fold records of a feed that does not flood.

        Args:
            feed: the feed.
            events: what the records say, in order; None, a dead letter, is passed over.
            records: the records.
        """
        self._folds[feed](events, records)

    def fold_flood(self, feed: Feed, flood: Flood, records: Sequence[Record]) -> None:
        """Fold records of a feed that floods; nearly everything goes through this.

        Args:
            feed: the feed.
            flood: what the records say; dead letters are passed over.
            records: the records.
        """
        late = self.late[feed].late_ones(flood.events)
        if late:
            self.counts[f"late:{feed}"] += len(late)
        for room_id, part in flood.events.rooms():
            room = self._room(room_id)
            if (late and not late.isdisjoint(part.places)) or not self._fold_together(feed, room, part):
                for at in part.places:
                    self._fold_one(feed, flood.event(at), records[at], late=at in late)

    def barrier_ms(self, horizon_ms: int) -> int:
        """Return when a room may have been silent for too long, ``FAR_MS`` if not up to a horizon."""
        return self._silences.first_ms(horizon_ms)

    def end_silent(self, at_ms: int) -> None:
        """End the session of every room that was silent until an instant that all feeds have reached."""
        for room in self._silences.over(at_ms):
            room.end_by_silence(self._settle_ms)
            self.touched.add(room)

    def expire_waiting(self, reach_ms: int) -> None:
        """Let provisional events go off air that no `live` record can join any more.

        Args:
            reach_ms: instant before which every record of every feed has been folded.
        """
        for room, feed in self.provisional.expire(reach_ms):
            self._off_air(room, feed)
            self.touched.add(room)

    def forget(self, reach_ms: int) -> tuple[list[tuple[Room, list[Session]]], list[Room]]:
        """Drop sessions and rooms that nothing can concern any more.

        Args:
            reach_ms: smallest reach of all feeds, epoch milliseconds.

        Returns:
            Rooms with the sessions that they forgot, and rooms that are gone but for who came to them.
        """
        shrunk = [(room, old) for room in self.rooms.values() if (old := room.forget_sessions(reach_ms))]
        limit = reach_ms - REMEMBERED_MS
        gone = [room for room in self.rooms.values() if room.over(limit)]
        for room in gone:
            del self.rooms[room.room_id]
            self.touched.discard(room)
            self.provisional.rooms.discard(room)
            if room.past:
                self.rooms[room.room_id] = room.anew()
        return shrunk, gone

    def merge(self, rooms: Iterable[Room] = (), operations: Iterable[Operation] = ()) -> None:
        """Bring what came for rooms and operations into their totals and panes."""
        for room in rooms:
            for session in room.sessions:
                session.tally.merge(self._oldest)
        for operation in operations:
            operation.tally.merge(self._oldest)

    @property
    def forgot_ms(self) -> int:
        """Return the reach at which what nobody needs was last dropped; older panes are not begun again."""
        return self._forgot_ms

    @forgot_ms.setter
    def forgot_ms(self, reach_ms: int) -> None:
        self._forgot_ms = reach_ms
        self._oldest = (*oldest_panes(reach_ms), oldest_brief(reach_ms))

    def adopt(self, room: Room) -> None:
        """Take in a room from the store."""
        self.rooms[room.room_id] = room
        if room.waiting:
            self.provisional.rooms.add(room)
        if room.current is not None:
            self._silences.watch(room)

    def _room(self, room_id: str) -> Room:
        room = self.rooms.get(room_id)
        if room is None:
            room = self.rooms[room_id] = Room(room_id)
        return room

    def _fold_together(self, feed: Feed, room: Room, part: Part) -> bool:
        """Count events of one room at once if the open session holds them all; tell whether it does."""
        session = room.current
        if (
            session is None
            or session.opened > part.first_append_ms + self._settle_ms
            or part.oldest_ms < session.start_ms
        ):
            return False
        room.newest_ms[feed] = part.last_append_ms
        self.touched.add(room)
        FEED_FIGURES[feed].add(self._flood_batch(session.tally, part, late=False))
        return True

    def _fold_one(self, feed: Feed, event: Any, record: Record, *, late: bool) -> None:
        """Count an event in the session that holds its time, keep it for one, or let it go off air."""
        _, _, append_ms, offset = record
        room = self._room(event.room_id)
        room.newest_ms[feed] = max(append_ms, room.newest_ms.get(feed, 0))
        self.touched.add(room)
        came = Waiting(append_ms, late, event)
        turn = append_ms + self._settle_ms
        session = room.place(event.at_ms, turn=turn, append_ms=append_ms)
        if session is None:
            self._homeless(room, feed, offset, came)
            return
        user = self._users.short(event.user_id) if feed in FLOODS else 0
        if not session.holds(event.at_ms, turn):
            # It would have waited had the `live` record not been read ahead, and lost its text by that.
            came = Waiting(append_ms, late, self._users.scrubbed(event))
        self._count(feed, offset, session, came, user)

    def _fold_health(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        for event, record in zip(events, records, strict=True):
            if event is not None:
                room = self._room(event.room_id)
                if room.ping(event.at_ms, record[2] + self._settle_ms):
                    room.newest_ms["health"] = record[2]
                    self._silences.watch(room)
                self._fold_one("health", event, record, late=self._note_late("health", event.at_ms))

    def _fold_transcript(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        for event, record in zip(events, records, strict=True):
            if event is not None:
                late = self._note_late("transcript", event.at_ms)
                self._fold_one("transcript", event, record, late=late)

    def _fold_rooms(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        for event, (_, _, append_ms, offset) in zip(events, records, strict=True):
            if event is None:
                continue
            self._note_late("rooms", event.at_ms)
            room = self._room(event.room_id)
            room.newest_ms["rooms"] = append_ms
            self.touched.add(room)
            known, title = room.current, room.facts.get("title")
            joined = room.record(event, append_ms)
            if room.current is not known or room.facts.get("title") != title:
                self._read_title(room, room.facts.get("title"), "room_title", "rooms", offset)
            if joined is not None:
                self._silences.watch(room)
                self._join(room, joined)

    def _fold_marks(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        for event, (_, _, append_ms, offset) in zip(events, records, strict=True):
            if event is not None:
                self._note_late("marks", event.at_ms)
                room = self._room(event.room_id)
                room.newest_ms["marks"] = append_ms
                room.mark(event, append_ms + self._settle_ms)
                self.touched.add(room)
                if event.mark == "item_on":
                    self._read_title(room, event.title, "item_title", "marks", offset)

    def _read_title(self, room: Room, title: str | None, source: Source, feed: Feed, offset: int) -> None:
        """Look for words in a title that the open session got."""
        if title and self._whole and self.words and room.current is not None:
            tally = room.current.tally
            add_title_words(tally, self.words, title, source, feed=feed, offset=offset)

    def _fold_vendors(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        (figures, late_rule) = FEED_FIGURES["vendors"], self.late["vendors"]
        for call, record in zip(events, records, strict=True):
            if call is None:
                continue
            name = f"{call.vendor}/{call.operation}"
            found = self.operations.get(name)
            if found is None:
                found = self.operations[name] = Operation(call.vendor, call.operation)
            found.newest_ms = record[2]
            late = late_rule.late(call.at_ms)
            self.counts["late:vendors"] += late
            figures.add(self._batch_of_one(found.tally, call, 0, record, late=late))
            self.touched_operations.add(found)

    def _fold_orders(self, events: Sequence[Any], records: Sequence[Record]) -> None:
        for order, (_, _, append_ms, offset) in zip(events, records, strict=True):
            if order is None:
                continue
            late = self._note_late("orders", order.at_ms)
            room = self._room(order.room_id)
            room.newest_ms["orders"] = append_ms
            self.touched.add(room)
            self._order(room, offset, Waiting(append_ms, late, order))

    def _order(self, room: Room, offset: int, came: Waiting) -> None:
        """Count an order where it belongs, once in each status."""
        order, append_ms = came.event, came.append_ms
        key = order_key(order.room_id, order.order_id)
        if self.orders.knows(key, order.status, append_ms):
            self.counts["duplicate:orders"] += 1
            return
        if order.status in FOLLOWS:
            own = self.orders.session_of(key, append_ms)
            session = None if own is None else room.session(own)
            waits = own == PROVISIONAL
        else:
            session = room.place(order.at_ms, turn=append_ms + self._settle_ms, append_ms=append_ms)
            waits = session is None and self._may_wait(room, append_ms)
        start_ms = session.start_ms if session else PROVISIONAL if waits else OFF_AIR
        self.orders.first(key, order.status, append_ms=append_ms, session_ms=start_ms)
        if session is not None:
            self._count("orders", offset, session, came, self._users.short(order.user_id))
        elif waits:
            self._wait(room, "orders", offset, came)
        else:
            self._off_air(room, "orders")

    def _count(self, feed: Feed, offset: int, session: Session, came: Waiting, user: int) -> None:
        if feed in FLOODS:
            part = part_of(came.event, user, came.append_ms, offset)
            FEED_FIGURES[feed].add(self._flood_batch(session.tally, part, late=came.late))
            return
        record: Record = (None, None, came.append_ms, offset)
        batch = self._batch_of_one(session.tally, came.event, user, record, late=came.late)
        if isinstance(came.event, Order):
            batch.paired_ms = (self._paired_ms(came, session.start_ms),)
        FEED_FIGURES[feed].add(batch)

    def _paired_ms(self, came: Waiting, session_ms: int) -> int | None:
        order = came.event
        key = order_key(order.room_id, order.order_id)
        return self.orders.paired_ms(key, order.status, session_ms=session_ms, append_ms=came.append_ms)

    def _flood_batch(self, tally: Tally, part: Part, *, late: bool) -> FloodBatch:
        return FloodBatch(tally, part, late, self._whole, self.words, self._oldest)

    def _batch_of_one(self, tally: Tally, event: Any, user: int, record: Record, *, late: bool) -> Batch:
        return Batch(tally, (event,), (user,), (record,), (0,), late, self._whole, self.words)

    def _note_late(self, feed: Feed, at_ms: int) -> bool:
        late = self.late[feed].late(at_ms)
        if late:
            self.counts[f"late:{feed}"] += 1
        return late

    def _may_wait(self, room: Room, append_ms: int) -> bool:
        return not room.open_at(append_ms + self._settle_ms)

    def _homeless(self, room: Room, feed: Feed, offset: int, came: Waiting) -> None:
        """Keep an event for a session that may yet begin, or let it go off air."""
        if self._may_wait(room, came.append_ms):
            self._wait(room, feed, offset, came)
        else:
            self._off_air(room, feed)

    def _wait(self, room: Room, feed: Feed, offset: int, came: Waiting) -> None:
        if not self.provisional.keep(room, feed, offset, came):
            self.counts[f"overflow:{feed}"] += 1
            self._off_air(room, feed)

    def _join(self, room: Room, session: Session) -> None:
        """Count the provisional events that a `live` record takes in."""
        for feed, offset, came in self.provisional.join(room, session):
            user = getattr(came.event, "user_id", None)
            self._count(feed, offset, session, came, int(user[:16], 16) if user else 0)

    def _off_air(self, room: Room, feed: Feed) -> None:
        self.counts[f"off_air:{feed}"] += 1
        room.off_air[feed] = room.off_air.get(feed, 0) + 1
