"""The rules stage of a candidate over the windows as they come, and how far either side is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from alerts.model import Heartbeat, Transition, parse_transitions_record
from alerts.rules import RulesFold
from alerts.ruleset import RuleSet
from alerts.shadow.difference import Difference
from alerts.windows import RoomEntry, parse_windows

__all__ = ["Beside"]

_LIVE: Final = "live"


class Beside:
    """Judges with a candidate and listens to what the set in force tells.

    Args:
        candidate: the set that is tried.
        partitions: of ``live.windows``.
        since_ms: what is told from then on counts; before, detectors only learn.
    """

    def __init__(self, candidate: RuleSet, *, partitions: int, since_ms: int) -> None:
        self._since_ms = since_ms
        self._folds = {
            number: RulesFold(lambda _: candidate, partition=number) for number in range(partitions)
        }
        self._told = Difference(since_ms)
        self._beats: dict[int, int] = {}
        self._newest: dict[int, tuple[int, tuple[int, int]]] = {}
        self._on_air: dict[int, set[str]] = {number: set() for number in range(partitions)}
        self._sessions: set[tuple[str, int | None]] = set()
        self._room_ms = 0
        self._closed: dict[int, int] = {}

    def windows(self, partition: int, offset: int, append_ms: int, value: bytes) -> None:
        """Judge a record of ``live.windows``.

        Raises:
            BadRecord: it does not have its form.
            StageError: its columns are of a version that this program does not know.
        """
        record, fold = parse_windows(value), self._folds[partition]
        self._told.candidate_told(fold.apply(offset, append_ms, record))
        for room in record.rooms:
            self._note(partition, room, fold.tick_ms)
        if record.last:
            self._count_time(partition, fold.tick_ms)

    def transitions(self, value: bytes) -> None:
        """Take a record of ``live.transitions``; those of an owner that was replaced are dropped, as live.

        Raises:
            BadRecord: it does not have one of its forms.
        """
        record = parse_transitions_record(value)
        if isinstance(record, Transition):
            place = (record.epoch, record.position)
            epoch, position = self._newest.get(record.partition, (-1, (-1, -1)))
            if record.epoch >= epoch and record.position > position:
                self._newest[record.partition] = place
                self._told.against_told((record,))
        elif isinstance(record, Heartbeat):
            self._beats[record.partition] = max(self._beats.get(record.partition, 0), record.tick_ms)

    @property
    def until_ms(self) -> int:
        """Return the instant that both sides have reached in every partition that either speaks of."""
        ticks = {number: fold.tick_ms for number, fold in self._folds.items() if fold.tick_ms}
        known = ticks.keys() | self._beats.keys()
        return min((min(ticks.get(n, 0), self._beats.get(n, 0)) for n in known), default=0)

    @property
    def silent(self) -> Sequence[int]:
        """Return the partitions in which the candidate judges and the engine has not been heard."""
        return [number for number, fold in self._folds.items() if fold.tick_ms and number not in self._beats]

    def settle(self) -> list[dict[str, Any]]:
        """Compare for good what is long over; return the differences among it."""
        return self._told.settle(self.until_ms)

    def report(self) -> dict[str, Any]:
        """Return the difference so far, in the form of a backtest's report."""
        until_ms = max(self._since_ms, self.until_ms)
        extent = {
            "from_ms": self._since_ms,
            "to_ms": until_ms,
            "rooms": len({room_id for room_id, _ in self._sessions}),
            "sessions": len(self._sessions),
            "room_ms": self._room_ms,
            "dropped": self._told.dropped,
        }
        return {"extent": extent, "verdicts": None, **self._told.report(until_ms), "sweep": None}

    def _note(self, partition: int, room: RoomEntry, tick_ms: int) -> None:
        if room.state != _LIVE:
            self._on_air[partition].discard(room.room_id)
            return
        self._on_air[partition].add(room.room_id)
        if tick_ms >= self._since_ms:
            self._sessions.add((room.room_id, room.session_ms))

    def _count_time(self, partition: int, tick_ms: int) -> None:
        before_ms = max(self._since_ms, self._closed.get(partition, tick_ms))
        self._room_ms += len(self._on_air[partition]) * max(0, tick_ms - before_ms)
        self._closed[partition] = tick_ms
