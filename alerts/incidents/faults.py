"""How much of each session's live time a critical alert on picture or feed was open. Pure.

Time is the stage's clock: a session's live time begins when the stage learns of it, so do pauses and ends; an
alert is critical from the change that says so to the one that says otherwise or resolves it. Suppressed is
open, too. Alerts that overlap count once.

Bounds: one tally for each session under way, and those that ended in the last ``ENDED_KEEP_MS``; ids of the
open alerts that count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from alerts.model import Alert, Kind
from alerts.session import SessionChange
from alerts.tally import Tally, pack, unpack

__all__ = ["ENDED_KEEP_MS", "FAULT_KINDS", "Faults"]

FAULT_KINDS: Final[frozenset[Kind]] = frozenset(
    ("stutter", "av_desync", "fps_low", "bitrate_low", "feed_lost")
)
"""Alerts on quality and feeds; what viewers complain of is no measurement."""
ENDED_KEEP_MS: Final = 600_000
"""How long an ended session is known, milliseconds: as long as ingest keeps its figures."""


class Faults:
    """The tallies of all sessions."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally] = {}
        self._open: dict[str, set[str]] = {}
        self._ended: dict[str, int] = {}
        self._touched: set[str] = set()

    def load(self, kept: Mapping[str, bytes], alerts: Iterable[Alert]) -> None:
        """Take over what the store kept of sessions, and the open episodes."""
        self._tallies = {room_id: unpack(packed) for room_id, packed in kept.items()}
        ended = [(one.since_ms, room_id) for room_id, one in self._tallies.items() if one.state == "ended"]
        self._ended = {room_id: since_ms for since_ms, room_id in sorted(ended)}
        for alert in alerts:
            if alert.room_id is not None and _counts(alert):
                self._open.setdefault(alert.room_id, set()).add(alert.id)

    def turn(self, change: SessionChange, now_ms: int) -> None:
        """Take in that a session began, paused, went on or ended."""
        room_id, known = change.room_id, self._tallies.get(change.room_id)
        if known is None or (known.session_ms != change.session_ms and change.state != "ended"):
            if change.state == "ended":
                return
            known = Tally(change.session_ms, change.state, now_ms, faulty=room_id in self._open)
        else:
            known = replace(known.at(now_ms), state=change.state, since_ms=now_ms)
        self._ended.pop(room_id, None)
        if change.state == "ended":
            self._ended[room_id] = now_ms
        self._keep(room_id, known)

    def saw(self, alert: Alert, now_ms: int) -> None:
        """Take in a change of an episode."""
        room_id = alert.room_id
        if room_id is None:
            return
        open_ = self._open.get(room_id, set())
        open_ = open_ | {alert.id} if _counts(alert) else open_ - {alert.id}
        if open_:
            self._open[room_id] = open_
        else:
            self._open.pop(room_id, None)
        known, faulty = self._tallies.get(room_id), bool(open_)
        if known is not None and known.faulty != faulty:
            self._keep(room_id, replace(known.at(now_ms), faulty=faulty))

    def forget(self, now_ms: int) -> None:
        """Forget sessions that ended some time ago."""
        while self._ended:
            room_id, at_ms = next(iter(self._ended.items()))
            if now_ms - at_ms < ENDED_KEEP_MS:
                return
            del self._ended[room_id], self._tallies[room_id]
            self._touched.add(room_id)

    def written(self) -> dict[str, bytes | None]:
        """Return what changed since the last call; None where a session is forgotten."""
        known = self._tallies
        changed: dict[str, bytes | None] = {
            room_id: pack(known[room_id]) if room_id in known else None for room_id in sorted(self._touched)
        }
        self._touched = set()
        return changed

    def _keep(self, room_id: str, tally: Tally) -> None:
        self._tallies[room_id] = tally
        self._touched.add(room_id)


def _counts(alert: Alert) -> bool:
    return (
        alert.kind in FAULT_KINDS
        and alert.severity == "critical"
        and alert.state != "resolved"
        and alert.labels.get("test") != "true"
    )
