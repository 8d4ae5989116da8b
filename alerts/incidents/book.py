"""The open episodes with all that lies over them: suppression, acknowledgements, the ladder. Pure.

Every change goes through ``commit`` (an episode changed) or ``review`` (what lies over it did). What is due
by time stands in a heap of (instant, id); an entry that is no longer true is passed over, so that the order
of what happens does not depend on when the state was read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

import msgspec
from msgspec.structs import replace

from alerts.incidents import episodes, holds
from alerts.incidents.groups import SPEAKING, Groups
from alerts.incidents.holds import ENDED, Cause, Hold
from alerts.incidents.inhibitions import Inhibitions
from alerts.incidents.kept import Entry, Kept, Origin, Written, timeline_entry
from alerts.incidents.policy import NO_POLICY, Policy
from alerts.incidents.silences import Silences
from alerts.matching import values_of
from alerts.model import Alert, Command, encode, parse_alert
from alerts.stages import Record

__all__ = ["CLOSED_KEEP_MS", "CLOSED_MAX", "REMIND_MS", "Book"]

CLOSED_KEEP_MS: Final = 35 * 24 * 3_600_000
"""How long a resolved episode is known, milliseconds; from the contract."""
CLOSED_MAX: Final = 200_000
"""Most resolved episodes that are known; past it the oldest are forgotten, some 30 MB."""
REMIND_MS: Final = 300_000
"""How long before its end an owner is reminded of an acknowledgement that is at least twice as long."""


class Book:
    """Open episodes by id, and what is due for them."""

    def __init__(self) -> None:
        self.open: dict[str, Alert] = {}
        self.holds: dict[str, Hold] = {}
        self.acks: dict[str, int] = {}
        self.closed: OrderedDict[str, int] = OrderedDict()
        self.silences = Silences()
        self.policy: Policy = NO_POLICY
        self.mutes: tuple[int, ...] = ()
        self.now_ms = 0
        self.entries: list[Entry] = []
        self._groups = Groups()
        self._inhibitions = Inhibitions()
        self._by_key: dict[str, str] = {}
        self._vendors: set[str] = set()
        self._due: list[tuple[int, str]] = []
        self.reset_written()

    def load(self, kept: Kept, policy: Policy, *, now_ms: int, watched_ms: int) -> None:
        """Take over what the store kept; the policy is the one in force when it was written."""
        self.now_ms = now_ms
        self.acks = dict(kept.acks)
        self.closed = OrderedDict(sorted(kept.closed.items(), key=lambda item: (item[1], item[0])))
        self.silences.load(kept.silences)
        self._groups.load(kept.incidents)
        for alert_id, value in kept.open.items():
            alert = parse_alert(value)
            packed = kept.holds.get(alert_id)
            hold = holds.until_now(alert) if packed is None else holds.unpack(packed)
            self.open[alert_id], self.holds[alert_id] = alert, hold
            self._by_key[episodes.key_of(alert)] = alert_id
            self._note_vendor(alert)
            self.silences.hides(alert_id, set(), _silences(hold), None)
        self.take_policy(policy, watched_ms)

    def take_policy(self, policy: Policy, watched_ms: int) -> None:
        """Go by another policy from now on; what it changes shows in the next review."""
        self.policy = policy
        self.mutes = policy.mutes(watched_ms) if watched_ms else ()
        self._inhibitions = Inhibitions(policy.inhibit)
        self._groups.regroup(policy.group)
        self._due = []
        for alert_id in self.in_order(self.open):
            alert, hold = self.open[alert_id], self.holds[alert_id]
            self._inhibitions.place(alert, hold.opened)
            self._groups.read_anew(alert, hold.opened, hold.incident, hold.rank)
            self._schedule(alert_id)

    def find(self, key: str) -> Alert | None:
        """Return the open episode of a rule and subject, as it is without suppression."""
        alert_id = self._by_key.get(key)
        return None if alert_id is None else self.bare(alert_id)

    def bare(self, alert_id: str) -> Alert:
        """Return an open episode as it is without suppression."""
        alert, under = self.open[alert_id], self.holds[alert_id].under
        return alert if alert.state == under else replace(alert, state=under)

    def vendors(self) -> list[Alert]:
        """Return the open episodes of vendors in the order in which they were opened."""
        return [self.open[alert_id] for alert_id in self.in_order(self._vendors)]

    def in_order(self, ids: Iterable[str]) -> list[str]:
        """Return ids of open episodes in the order in which they were opened."""
        return sorted((one for one in ids if one in self.open), key=lambda one: (self.holds[one].opened, one))

    def commit(
        self, alert: Alert, record: Record, origin: Origin, command: Command | None = None, **hold: int | None
    ) -> Alert:
        """Make a change of an episode, and of the others whose suppression hangs on it.

        Args:
            alert: after the change, as it is without suppression.
            record: what caused it.
            origin: what it was.
            command: of a person.
            hold: fields of its hold that change with it.

        Returns:
            The episode as it is shown.
        """
        self._note_vendor(alert)
        if alert.state == "resolved":
            affected = self._close(alert, record, origin, command)
            shown = alert
        else:
            before = self.holds.get(alert.id) or Hold(record.offset, alert.state, self.now_ms)
            if alert.state != "acknowledged":
                hold["remind_ms"] = None
            now = replace(before, under=alert.state, **hold)
            affected = self._inhibitions.place(alert, now.opened)
            affected |= self._groups.place(alert, now.opened, self.now_ms)
            shown = self._show(alert, now, record, origin, command)
        self.review(affected, record)
        return shown

    def _note_vendor(self, alert: Alert) -> None:
        if alert.room_id is None and "/" in alert.subject:
            (self._vendors.discard if alert.state == "resolved" else self._vendors.add)(alert.id)

    def review(self, ids: Iterable[str], record: Record) -> None:
        """Look anew at what lies over episodes; make the changes that follow."""
        for alert_id in self.in_order(ids):
            alert, hold = self.open[alert_id], self.holds[alert_id]
            causes, incident, rank = self._over(alert, hold)
            if (causes, incident, rank) == (hold.causes, hold.incident, hold.rank):
                continue
            after = replace(hold, causes=causes, incident=incident, rank=rank)
            if hold.causes and not causes:
                after = replace(after, since_ms=self.now_ms, steps=0)
            shown = _shown(replace(alert, state=hold.under, incident_id=incident), causes)
            if (shown.state, shown.incident_id) == (alert.state, alert.incident_id) and (
                not causes or shown.reason == alert.reason
            ):
                self._hold(alert_id, after)
                continue
            reason = shown.reason if causes else _ended(hold, incident)
            changed = replace(shown, change=alert.change + 1, at_ms=record.append_ms, reason=reason)
            self._write(changed, after, record, "suppression", None)

    def review_all(self, record: Record) -> None:
        """Look anew at what lies over every open episode."""
        self.review(list(self.open), record)

    def end_incidents(self, record: Record) -> None:
        """End incidents that have been too small for long."""
        left = self._groups.due(self.now_ms)
        self.review(left, record)
        for alert_id in self.in_order(left):
            self._groups.read_anew(self.open[alert_id], self.holds[alert_id].opened, None, 0)

    def due(self) -> list[str]:
        """Return ids of the episodes for which something is due, soonest first."""
        found = []
        while self._due and self._due[0][0] <= self.now_ms:
            at_ms, alert_id = heappop(self._due)
            if at_ms == self._due_at(alert_id) and alert_id not in found:
                found.append(alert_id)
        return found

    def next_step(self, alert_id: str) -> tuple[int, str] | None:
        """Return when an episode escalates next and to whom, None for never."""
        alert, hold = self.open[alert_id], self.holds[alert_id]
        if hold.causes or hold.under not in ("firing", "escalated"):
            return None
        ladder = self.policy.ladder(alert.severity)
        if hold.steps >= len(ladder):
            return None
        step = ladder[hold.steps]
        return hold.since_ms + round(step.after_s * 1_000), step.to

    def set_ack(self, alert_id: str, until_ms: int | None) -> None:
        """Let an acknowledgement end at another time; None for none."""
        if until_ms is None and alert_id not in self.acks:
            return
        self._acks[alert_id] = until_ms
        if until_ms is None:
            del self.acks[alert_id]
        else:
            self.acks[alert_id] = until_ms

    def forget(self, closed_max: int) -> None:
        """Forget what was resolved long ago."""
        oldest_ms = self.now_ms - CLOSED_KEEP_MS
        while self.closed:
            alert_id, at_ms = next(iter(self.closed.items()))
            if at_ms > oldest_ms and len(self.closed) <= closed_max:
                return
            del self.closed[alert_id]
            self._forgotten.append(alert_id)

    def written(self, pulses: dict[str, bytes], audit: dict[int, bytes]) -> Written:
        """Return what changed since the last call."""
        incidents = {
            one.id: (msgspec.json.encode(one), one.started_at_ms, one.ended_at_ms)
            for one in self._groups.touched.values()
        }
        silences = {one: self.silences.packed(one) for one in sorted(self.silences.touched)}
        written = Written(
            self.entries,
            self._acks,
            pulses,
            self._forgotten,
            self._holds,
            silences,
            incidents,
            self._groups.joined,
            audit,
            self.now_ms,
        )
        self.reset_written()
        return written

    def reset_written(self) -> None:
        """Count changes from here on."""
        self.entries = []
        self._acks: dict[str, int | None] = {}
        self._holds: dict[str, bytes | None] = {}
        self._forgotten: list[str] = []
        self.silences.touched = set()
        self._groups.joined = []
        self._groups.touched = {}

    def _show(
        self, alert: Alert, hold: Hold, record: Record, origin: Origin, command: Command | None
    ) -> Alert:
        causes, incident, rank = self._over(alert, hold)
        if (causes, incident, rank) != (hold.causes, hold.incident, hold.rank):
            hold = replace(hold, causes=causes, incident=incident, rank=rank)
        shown = _shown(
            alert if alert.incident_id == incident else replace(alert, incident_id=incident), causes
        )
        self._write(shown, hold, record, origin, command)
        return shown

    def _over(self, alert: Alert, hold: Hold) -> tuple[tuple[Cause, ...], str | None, int]:
        """Return why an episode is suppressed now, and its incident and rank there."""
        incident, rank = self._groups.of(alert.id)
        found: list[tuple[holds.Why, str]] = []
        if self.silences.any_open:
            found += [("silenced", one) for one in self.silences.matching(values_of(alert))]
        if source := self._inhibitions.inhibiting(alert.id):
            found.append(("inhibited", source))
        if incident is not None and rank > SPEAKING:
            found.append(("grouped", incident))
        found += [("muted", name) for name in self.policy.muted_by(alert, self.mutes, self.now_ms)]
        since = {(cause.why, cause.by): cause.since_ms for cause in hold.causes}
        causes = tuple(Cause(why, by, since.get((why, by), self.now_ms)) for why, by in found)
        return causes, incident, rank

    def _write(
        self, alert: Alert, hold: Hold, record: Record, origin: Origin, command: Command | None
    ) -> None:
        self._hold(alert.id, hold)
        self.open[alert.id] = alert
        self._by_key[episodes.key_of(alert)] = alert.id
        if hold.under != "acknowledged":
            self.set_ack(alert.id, None)
        self._schedule(alert.id)
        self._enter(alert, record, origin, hold.causes, command)

    def _hold(self, alert_id: str, hold: Hold) -> None:
        before = self.holds.get(alert_id)
        self.silences.hides(alert_id, _silences(before) if before else set(), _silences(hold), self.now_ms)
        self.holds[alert_id] = hold
        self._holds[alert_id] = holds.pack(hold)

    def _close(self, alert: Alert, record: Record, origin: Origin, command: Command | None) -> set[str]:
        hold = self.holds.pop(alert.id)
        self.silences.hides(alert.id, _silences(hold), set(), self.now_ms)
        self._holds[alert.id] = None
        self.set_ack(alert.id, None)
        del self.open[alert.id]
        del self._by_key[episodes.key_of(alert)]
        self.closed[alert.id] = alert.at_ms
        self._groups.remove(alert, self.now_ms)
        self._enter(alert, record, origin, (), command)
        return self._inhibitions.remove(alert.id)

    def _enter(
        self, alert: Alert, record: Record, origin: Origin, causes: tuple[Cause, ...], command: Command | None
    ) -> None:
        timeline = timeline_entry(alert, record, origin, causes, command)
        self.entries.append(Entry(alert, encode(alert.to_record()), timeline))

    def _schedule(self, alert_id: str) -> None:
        at_ms = self._due_at(alert_id)
        if at_ms is not None:
            heappush(self._due, (at_ms, alert_id))

    def _due_at(self, alert_id: str) -> int | None:
        hold = self.holds.get(alert_id)
        if hold is None:
            return None
        step = self.next_step(alert_id)
        times = (self.acks.get(alert_id), hold.remind_ms, hold.ends_ms, step[0] if step else None)
        return min((at_ms for at_ms in times if at_ms is not None), default=None)


def _shown(alert: Alert, causes: tuple[Cause, ...]) -> Alert:
    return episodes.dressed(alert, causes[0].why if causes else None)


def _ended(before: Hold, incident: str | None) -> str:
    """Return the reason of a change that ends suppression, or that only moves in or out of an incident."""
    if before.causes:
        return ENDED[before.causes[0].why]
    return "ungrouped" if incident is None else "grouped"


def _silences(hold: Hold) -> set[str]:
    return {cause.by for cause in hold.causes if cause.why == "silenced"}
