"""Sessions of a room: when it is on air, and which session an event belongs to.

The records of ``live.rooms`` and the pings are applied in the order of their *turn*: a room record's turn
is its append time, that of any other record is its append time plus the settle time, so that a ``live`` or
``ended`` appended just after the events that it governs is applied first. Other feeds may be read ahead of
these or behind; every change here carries the turn at which it came, and a record sees the changes up to
its own turn and no others. So the result depends on the logs alone, not on who was read first.

What the contract leaves open is decided so:

- A ping of a room that no room record has named opens a session at its ``at_ms``. A later ``live`` record
  *adopts* that session: it keeps its start (its identity), and from then on also holds events back to the
  record's ``at_ms``.
- ``ended`` with an ``at_ms`` before the open session's start is about an older one and changes facts only; so
  does a ``live`` with an ``at_ms`` before the ``ended`` of the last session, which was over by then.
- ``live`` and ``paused`` within a session follow ``at_ms``: an older one does not overrule a newer one.
- A session that ends by silence ends ten minutes after the append time of the room's last record; a room
  record may still come within the settle time after that.
- While a session is open, an event outside of every session is off air at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from stream.figures import new_tally
from stream.figures.returns import VISITORS_KEPT_MS, Past, returned, visitors_of
from stream.model import Feed, Mark, RoomRecord
from stream.tally import Tally

__all__ = ["PROVISIONAL_MS", "REMEMBERED_MS", "SILENCE_MS", "Room", "Session", "Waiting"]

SILENCE_MS: Final = 600_000
"""A session ends after this long without any record of the room, by append time; from the contract."""
PROVISIONAL_MS: Final = 600_000
"""A ``live`` record joins events appended at most this long before it; from the contract."""
REMEMBERED_MS: Final = 86_400_000
"""An ended session takes late events, cancels and refunds for so long, by append time; from the contract."""

PLANNED_MS: Final = 3 * 86_400_000
"""A room is remembered until its planned start, but no longer than this after its newest record."""

State = Literal["planned", "live", "paused", "ended"]

_NOT_FACTS: Final = frozenset({"room_id", "at_ms", "state", "event_id"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that came while nothing was open.

    Attributes:
        append_ms: its append time.
        late: whether it was late in its log.
        event: the event; the user's id is replaced by its hash in hex, text is left out.
    """

    append_ms: int
    late: bool
    event: Any


@dataclass(slots=True, eq=False)
class Session:
    """One broadcast of a room.

    Attributes:
        start_ms: ``at_ms`` of the record that opened it; its identity within the room.
        opened: turn at which it was opened.
        live_ms: ``at_ms`` of the ``live`` record that opened or adopted it; None for one of pings alone.
        named: turn of that record.
        end_ms: first instant after it, None while it is open.
        ended: turn at which it ended.
        reason: ``ended`` or ``silent`` once it ended.
        tally: what is counted of it.
    """

    start_ms: int
    opened: int
    live_ms: int | None = None
    named: int | None = None
    end_ms: int | None = None
    ended: int | None = None
    reason: str | None = None
    tally: Tally = field(default_factory=new_tally)

    def open_at(self, turn: int) -> bool:
        """Tell whether the session is open for a record of this turn."""
        return self.opened <= turn and (self.ended is None or self.ended > turn)

    def holds(self, at_ms: int, turn: int) -> bool:
        """Tell whether an event of this time belongs here, for a record of this turn."""
        if self.opened > turn:
            return False
        start_ms = self.start_ms
        if self.live_ms is not None and self.named is not None and self.named <= turn:
            start_ms = min(start_ms, self.live_ms)
        if at_ms < start_ms:
            return False
        return self.end_ms is None or at_ms < self.end_ms or self.open_at(turn)

    def joins(self, at_ms: int, append_ms: int) -> bool:
        """Tell whether the ``live`` record takes in an event that came while nothing was open."""
        return (
            self.live_ms is not None
            and self.named is not None
            and self.live_ms <= at_ms
            and 0 <= self.named - append_ms <= PROVISIONAL_MS
        )


class Room:
    """A room, its sessions and what is said of it.

    Args:
        room_id: the room.
    """

    __slots__ = (
        "current",
        "facts",
        "fresh_waiting",
        "newest_ms",
        "off_air",
        "on_air",
        "past",
        "paused",
        "planned",
        "room_id",
        "sessions",
        "state_at_ms",
        "waiting",
        "was_named",
    )

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.sessions: list[Session] = []
        """Oldest first; only the last may be open."""
        self.past: dict[int, Past] = {}
        """By start, what is kept of sessions that are remembered no longer."""
        self.current: Session | None = None
        """The open one."""
        self.facts: dict[str, Any] = {}
        self.on_air: dict[str, Any] = {}
        """What the newest marks say."""
        self.newest_ms: dict[Feed, int] = {}
        self.off_air: dict[Feed, int] = {}
        self.waiting: dict[tuple[Feed, int], Waiting] = {}
        """Provisional events by feed and offset, in the order in which they came."""
        self.fresh_waiting: list[tuple[Feed, int]] = []
        """Those of them that the store does not have yet."""
        self.was_named = False
        self.planned = False
        """Whether a `planned` record came since the last session."""
        self.paused = False
        self.state_at_ms = 0

    @property
    def known(self) -> bool:
        """Whether there is more of the room than events that nobody can place."""
        return self.was_named or bool(self.sessions)

    @property
    def last(self) -> Session | None:
        """Return the newest session."""
        return self.sessions[-1] if self.sessions else None

    @property
    def state(self) -> State:
        """Return what the room is doing."""
        if self.current is not None:
            return "paused" if self.paused else "live"
        return "planned" if not self.sessions or self.planned else "ended"

    @property
    def last_ms(self) -> int:
        """Return the append time of the room's newest record."""
        return max(self.newest_ms.values(), default=0)

    @property
    def needed_ms(self) -> int:
        """Return the instant from which nothing more is expected: the newest record, or the planned start."""
        starts_at_ms: int = self.facts.get("starts_at_ms", 0)
        return max(self.last_ms, min(starts_at_ms, self.last_ms + PLANNED_MS))

    @property
    def silent_at_ms(self) -> int:
        """Return the append time at which the room will have been silent for too long."""
        return self.last_ms + SILENCE_MS

    def place(self, at_ms: int, *, turn: int, append_ms: int) -> Session | None:
        """Return the session that an event belongs to, None when it is provisional or off air."""
        for session in reversed(self.sessions):
            if session.holds(at_ms, turn):
                return session
        if self.open_at(turn):
            return None
        for session in self.sessions:
            if session.named is not None and session.named > turn and session.joins(at_ms, append_ms):
                return session
        return None

    def session(self, start_ms: int) -> Session | None:
        """Return the session that began at this instant."""
        return next((session for session in self.sessions if session.start_ms == start_ms), None)

    def open_at(self, turn: int) -> bool:
        """Tell whether a session is open for a record of this turn."""
        return any(session.open_at(turn) for session in self.sessions)

    def ping(self, at_ms: int, turn: int) -> bool:
        """Open a session if this ping is all that is known of the room, and tell whether it did."""
        if self.was_named or self.sessions:
            return False
        self.current = Session(at_ms, turn)
        self.sessions.append(self.current)
        return True

    def record(self, said: RoomRecord, turn: int) -> Session | None:
        """Apply a room record.

        Returns:
            The session that this `live` record opened or adopted, which may take in provisional events.
        """
        self.was_named = True
        self.facts |= {
            name: value
            for name, value in msgspec.structs.asdict(said).items()
            if value is not None and name not in _NOT_FACTS
        }
        current = self.current
        if said.state == "live":
            return self._live(said.at_ms, turn)
        if said.state == "planned":
            self.planned = True
        elif current is not None:
            if said.state == "ended":
                self._end(current, said.at_ms, turn)
            elif said.at_ms >= self.state_at_ms:
                self._set_paused(said.at_ms, paused=True)
        return None

    def _live(self, at_ms: int, turn: int) -> Session | None:
        current, last = self.current, self.last
        if current is not None:
            if at_ms >= self.state_at_ms:
                self._set_paused(at_ms, paused=False)
            if current.live_ms is not None:
                return None
            current.live_ms, current.named = at_ms, turn
            return current
        if last is not None and last.reason == "ended" and last.end_ms is not None and at_ms < last.end_ms:
            return None
        opened = self._opened(at_ms, turn)
        if opened is None:
            return None
        self.planned = False
        self._set_paused(at_ms, paused=False)
        return opened

    def _opened(self, at_ms: int, turn: int) -> Session | None:
        """Return a new session, or the last one again if it began just then; None for an older one."""
        known = self.session(at_ms)
        if known is None:
            known = Session(at_ms, turn, live_ms=at_ms, named=turn)
            self.sessions.append(known)
        elif known is self.last:
            known.end_ms = known.ended = known.reason = None
            known.live_ms, known.named = at_ms, turn
        else:
            return None
        self.current = known
        return known

    def _end(self, current: Session, at_ms: int, turn: int) -> None:
        start_ms = current.start_ms if current.live_ms is None else min(current.start_ms, current.live_ms)
        if at_ms >= start_ms:
            self._close(current, at_ms, turn, "ended")

    def end_by_silence(self, settle_ms: int) -> None:
        """End the open session: nothing came for ``SILENCE_MS``."""
        if self.current is not None:
            silent_at_ms = self.silent_at_ms
            self._close(self.current, silent_at_ms, silent_at_ms + settle_ms, "silent")

    def _close(self, session: Session, end_ms: int, turn: int, reason: str) -> None:
        session.end_ms, session.ended, session.reason = end_ms, turn, reason
        self.current = None
        self.planned = False
        self.on_air.clear()

    def _set_paused(self, at_ms: int, *, paused: bool) -> None:
        self.state_at_ms = at_ms
        self.paused = paused

    def mark(self, mark: Mark, turn: int) -> None:
        """Note what is on air; an older mark does not overrule a newer one, nor outlive its session."""
        last = self.last
        ended = last is not None and last.ended is not None and last.ended > turn
        if ended or mark.at_ms < self.on_air.get("mark_at_ms", 0):
            return
        self.on_air |= {"mark": mark.mark, "mark_at_ms": mark.at_ms}
        item: dict[str, Any] = {"item_id": mark.item_id, "item_title": mark.title}
        item |= {"item_stock": mark.stock, "item_price_fen": mark.price_fen}
        if mark.mark in {"item_on", "item_off"}:
            for name in item:
                self.on_air.pop(name, None)
        if mark.mark == "item_on":
            self.on_air |= {name: value for name, value in item.items() if value is not None}

    def forget_sessions(self, reach_ms: int) -> list[Session]:
        """Drop the sessions that ended longer ago than they are remembered, and return them."""
        limit = reach_ms - REMEMBERED_MS
        gone = [s for s in self.sessions if s.ended is not None and s.ended < limit]
        if gone:
            self.past |= _past(gone)
            self.sessions = [s for s in self.sessions if s not in gone]
        return gone

    def over(self, limit_ms: int) -> bool:
        """Tell whether nothing concerns the room since an instant, but who comes back."""
        return not self.sessions and self.needed_ms < limit_ms and (self.known or not self.past)

    def anew(self) -> Room:
        """Return the room as if nothing had ever been said of it, but for who came."""
        room = Room(self.room_id)
        room.past = self.past
        return room

    def forget_past(self, reach_ms: int) -> list[int]:
        """Drop what is kept of older sessions for too long, and return their starts."""
        gone = [start for start, one in self.past.items() if one.ended_ms < reach_ms - VISITORS_KEPT_MS]
        for start in gone:
            del self.past[start]
        return gone

    def returned(self) -> dict[str, float]:
        """Return who came again to the newest session, see ``stream.figures.returns``, if it has ended."""
        last = self.last
        if last is None or last.ended is None:
            return {}
        earlier = self.past | _past(self.sessions[:-1])
        return returned(visitors_of(last.tally), last.start_ms, earlier.values())


def _past(sessions: Iterable[Session]) -> dict[int, Past]:
    return {
        s.start_ms: Past(s.ended, visitors)
        for s in sessions
        if s.ended is not None and (visitors := visitors_of(s.tally)) is not None
    }
