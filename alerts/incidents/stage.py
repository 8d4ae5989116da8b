"""The fold of ``live.transitions``: record in, alert records and outcomes out; the same log, the same bytes.

Its clock is the highest append time it has seen; it never reads another. Nothing is dropped silently: what is
passed over is counted by reason in ``passed_over``.

Bounds: one episode per rule and subject; ids of resolved episodes for 35 days and at most ``CLOSED_MAX``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
import orjson

from alerts.detectors.monitor import Limits
from alerts.evidence import beside_vendors
from alerts.incidents import episodes, monitor
from alerts.incidents.book import CLOSED_KEEP_MS, CLOSED_MAX, Book
from alerts.incidents.faults import Faults
from alerts.incidents.kept import Entry, Kept, Origin, Written, audit_entry
from alerts.incidents.monitor import Pulse
from alerts.incidents.orders import obey
from alerts.incidents.policy import NO_POLICY, Policy
from alerts.incidents.silences import Silence
from alerts.model import (
    SEVERITY_RANK,
    BadRecord,
    Command,
    Heartbeat,
    Outcome,
    Transition,
    encode,
    parse_transitions_record,
)
from alerts.session import SessionChange
from alerts.stages import Output, Record

__all__ = ["CLOSED_KEEP_MS", "CLOSED_MAX", "PASSED_OVER", "Entry", "Incidents", "Kept", "Written"]

PASSED_OVER: Final = (
    "bad_record",
    "old_epoch",
    "seen_position",
    "no_episode",
    "same_severity",
    "already_open",
)
"""Why an input made no change; the whole list."""

_WATCH_MS: Final = 1_000
"""How often partitions are judged and the policy is looked up, by the stage's clock."""


class _Clock(msgspec.Struct):
    """The stage's clock, epoch milliseconds: newest record, until when a silence is forgiven, last watch."""

    now_ms: int = 0
    grace_ms: int = 0
    watched_ms: int = 0


class Incidents:
    """The only writer of episodes.

    Args:
        partitions: number of partitions of ``live.windows``; each must have a heartbeat.
        limits_at: limits of the watch over them at an instant.
        policy_at: what decides about suppression and escalation at an instant.
    """

    def __init__(
        self,
        partitions: int,
        limits_at: Callable[[int], Limits],
        policy_at: Callable[[int], Policy] = lambda _: NO_POLICY,
    ) -> None:
        self._limits_at = limits_at
        self._policy_at = policy_at
        self.passed_over: Counter[str] = Counter()
        self._clock = _Clock()
        self._pulses = {number: Pulse() for number in range(partitions)}
        self._book = Book()
        self._faults = Faults()
        self._touched: set[int] = set()
        self._audit: dict[int, bytes] = {}
        self._notices: list[Output] = []

    def load(self, kept: Kept, epoch: int) -> None:  # noqa: ARG002 - what it writes carries no epoch
        """Take over what the store kept."""
        for name, value in kept.pulses.items():
            if name == "clock":
                self._clock = msgspec.json.decode(value, type=_Clock)
            elif int(name) in self._pulses:
                self._pulses[int(name)] = msgspec.json.decode(value, type=Pulse)
        watched_ms = self._clock.watched_ms
        policy = self._policy_at(watched_ms) if watched_ms else NO_POLICY
        self._book.load(kept, policy, now_ms=self._clock.now_ms, watched_ms=watched_ms)
        self._faults.load(kept.faults, self._book.open.values())

    @property
    def settled(self) -> bool:
        """Return True: the state may be kept after any record."""
        return True

    def beat(self) -> list[Output]:
        """Return nothing: the log that this stage folds tells whether it is alive."""
        return []

    def written(self) -> Written:
        """Return what changed since the last call."""
        pulses = {str(number): msgspec.json.encode(self._pulses[number]) for number in sorted(self._touched)}
        pulses["clock"] = msgspec.json.encode(self._clock)
        written = replace(self._book.written(pulses, self._audit), faults=self._faults.written())
        self._touched, self._audit = set(), {}
        return written

    def apply(self, record: Record) -> list[Output]:
        """Fold one record of ``live.transitions``.

        Returns:
            What goes out, in order: alert records, notices of silences, and the outcome of a command last.
        """
        self._tick(record.append_ms)
        begin = len(self._book.entries)
        self._be_on_time(record)
        outcome: Outcome | None = None
        try:
            cause = parse_transitions_record(record.value)
        except BadRecord:
            self.passed_over["bad_record"] += 1
        else:
            outcome = self._take(cause, record)
        self._watch(record)
        self._book.forget(CLOSED_MAX)
        for entry in self._book.entries[begin:]:
            self._faults.saw(entry.alert, self._clock.now_ms)
        outputs = [
            Output("alerts", entry.alert.id.encode(), entry.value) for entry in self._book.entries[begin:]
        ]
        outputs += self._notices
        self._notices = []
        if outcome is not None:
            outputs.append(Output("outcomes", outcome.command_id.encode(), encode(outcome.to_record())))
        return outputs

    def _tick(self, append_ms: int) -> None:
        clock = self._clock
        if clock.now_ms == 0:
            for number, pulse in self._pulses.items():
                self._set_pulse(number, replace(pulse, beat_ms=append_ms, tick_ms=append_ms))
        if append_ms - clock.now_ms > monitor.SILENT_MS:
            clock.grace_ms = append_ms + monitor.GRACE_MS
        clock.now_ms = self._book.now_ms = max(clock.now_ms, append_ms)

    def _take(
        self, cause: Transition | Heartbeat | Command | SessionChange, record: Record
    ) -> Outcome | None:
        if isinstance(cause, Command):
            return self._obey(cause, record)
        pulse = self._pulses.get(cause.partition)
        if pulse is None:
            self.passed_over["bad_record"] += 1
        elif cause.epoch < pulse.epoch:
            self.passed_over["old_epoch"] += 1
        elif isinstance(cause, Heartbeat):
            self._set_pulse(cause.partition, replace(pulse, epoch=cause.epoch).beat(cause, record.append_ms))
        elif cause.position <= pulse.position:
            self._set_pulse(cause.partition, replace(pulse, epoch=cause.epoch))
            self.passed_over["seen_position"] += 1
        else:
            self._set_pulse(cause.partition, replace(pulse, epoch=cause.epoch, position=cause.position))
            if isinstance(cause, SessionChange):
                self._faults.turn(cause, self._clock.now_ms)
            else:
                self._settle(cause, record, "rules")
        return None

    def _settle(self, transition: Transition, record: Record, origin: Origin) -> None:
        transition = beside_vendors(transition, self._book.vendors())
        alert = self._book.find(episodes.key_of(transition))
        climb: dict[str, Any] = {}
        if alert is None:
            if transition.to != "firing" or transition.alert_id in self._book.closed:
                self.passed_over["no_episode"] += 1
                return
            after = episodes.opened(transition, record.append_ms)
        elif transition.to == "resolved":
            after = episodes.recovered(alert, transition, record.append_ms)
        elif transition.severity == alert.severity:
            self.passed_over["same_severity"] += 1
            return
        else:
            after = episodes.revised(alert, transition, record.append_ms)
            if SEVERITY_RANK[after.severity] > SEVERITY_RANK[alert.severity]:
                climb = {"since_ms": self._book.now_ms, "steps": 0}
        self._book.commit(after, record, origin, **climb)

    def _obey(self, command: Command, record: Record) -> Outcome:
        outcome = obey(self._book, command, record)
        if outcome.silence is not None:
            if command.do == "unsilence":
                self._notice("silence_ended", outcome.silence, record)
            self._silences_on_time(record)
            made = self._book.silences.get(outcome.silence["id"])
            outcome = outcome if made is None else replace(outcome, silence=made.to_record())
        self._audit[record.offset] = audit_entry(command, outcome, record)
        return outcome

    def _be_on_time(self, record: Record) -> None:
        """Do what is due by the clock: acknowledgements, reminders, the ladder, ends of tests, silences."""
        for alert_id in self._book.due():
            self._wake(alert_id, record)
        self._silences_on_time(record)

    def _silences_on_time(self, record: Record) -> None:
        for silence_id, why in self._book.silences.due(self._book.now_ms):
            if why is None:
                told = self._book.silences.begin(silence_id, self._book.now_ms)
                self._book.review_all(record)
            else:
                hidden = self._book.silences.hidden_by(silence_id)
                told = self._book.silences.end(silence_id, why, self._book.now_ms)
                self._book.review(hidden, record)
            self._tell(told, record)

    def _wake(self, alert_id: str, record: Record) -> None:
        book, now_ms = self._book, self._book.now_ms
        alert, hold = book.bare(alert_id), book.holds[alert_id]
        ack_ms, step = book.acks.get(alert_id), book.next_step(alert_id)
        if hold.ends_ms is not None and hold.ends_ms <= now_ms:
            book.commit(episodes.ended_test(alert, record.append_ms), record, "clock")
        elif ack_ms is not None and ack_ms <= now_ms:
            after = episodes.expired(alert, record.append_ms)
            book.commit(after, record, "clock", since_ms=now_ms, steps=0, remind_ms=None)
        elif hold.remind_ms is not None and hold.remind_ms <= now_ms:
            book.commit(episodes.reminded(alert, record.append_ms), record, "clock", remind_ms=None)
        elif step is not None and step[0] <= now_ms:
            after = episodes.escalated(alert, step[1], record.append_ms)
            book.commit(after, record, "clock", steps=hold.steps + 1)

    def _watch(self, record: Record) -> None:
        now_ms, grace = self._clock.now_ms, self._clock.now_ms < self._clock.grace_ms
        if now_ms - self._clock.watched_ms < _WATCH_MS:
            return
        self._clock.watched_ms = now_ms
        self._follow_policy(record)
        self._book.end_incidents(record)
        self._book.silences.forget(now_ms)
        self._faults.forget(now_ms)
        limits = self._limits_at(now_ms)
        for number, pulse in self._pulses.items():
            after, told = monitor.judge(
                pulse, number, limits=limits, now_ms=now_ms, grace=grace, offset=record.offset
            )
            if after != pulse:
                self._set_pulse(number, after)
            if told is not None:
                self._settle(told, record, "monitor")

    def _follow_policy(self, record: Record) -> None:
        """Go by the sets in force now; look anew at everything when they, or the mute times, changed."""
        book, now_ms = self._book, self._clock.watched_ms
        policy = self._policy_at(now_ms)
        if policy.versions != book.policy.versions:
            book.take_policy(policy, now_ms)
            book.review_all(record)
        elif (mutes := policy.mutes(now_ms)) != book.mutes:
            book.mutes = mutes
            book.review_all(record)

    def _tell(self, silence: Silence, record: Record) -> None:
        what = "silence_started" if silence.state == "active" else "silence_ended"
        self._notice(what, silence.to_record(), record)

    def _notice(self, what: str, silence: dict[str, Any], record: Record) -> None:
        told = {"v": 1, "type": "notice", "notice": what, "at_ms": record.append_ms, "silence": silence}
        self._notices.append(Output("outcomes", silence["id"].encode(), orjson.dumps(told)))

    def _set_pulse(self, number: int, pulse: Pulse) -> None:
        self._pulses[number] = pulse
        self._touched.add(number)
