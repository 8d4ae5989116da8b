"""The fold of ``live.transitions``: record in, alert records and outcomes out; the same log, the same bytes.

Its clock is the highest append time it has seen; it never reads another. Nothing is dropped silently: what is
passed over is counted by reason in ``passed_over``.

Bounds: one episode per rule and subject; ids of resolved episodes for 35 days and at most ``CLOSED_MAX``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import msgspec
import orjson

from alerts.detectors.monitor import Limits
from alerts.incidents import episodes, monitor
from alerts.incidents.monitor import Pulse
from alerts.model import (
    Alert,
    BadRecord,
    Command,
    Heartbeat,
    Outcome,
    Transition,
    encode,
    parse_alert,
    parse_transitions_record,
)
from alerts.stages import Output, Record

__all__ = ["CLOSED_KEEP_MS", "CLOSED_MAX", "PASSED_OVER", "Entry", "Incidents", "Kept", "Written"]

CLOSED_KEEP_MS: Final = 35 * 24 * 3_600_000
"""How long a resolved episode is known, milliseconds; from the contract."""
CLOSED_MAX: Final = 200_000
"""Most resolved episodes that are known; past it the oldest are forgotten, some 30 MB."""
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
"""How often the partitions are judged, by the stage's clock; heartbeats come as often."""

Cause = Literal["rules", "monitor", "command", "clock"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of an episode: the record that went out, and what the timeline keeps of it."""

    alert: Alert
    value: bytes
    timeline: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store kept of the stage, as it was written.

    Attributes:
        open: id -> newest record of every open episode.
        acks: id -> end of its acknowledgement, epoch milliseconds.
        pulses: partition number -> pulse, and ``clock`` -> clock, as bytes.
        closed: id -> ``at_ms`` of the resolution.
    """

    open: Mapping[str, bytes] = field(default_factory=dict)
    acks: Mapping[str, int] = field(default_factory=dict)
    pulses: Mapping[str, bytes] = field(default_factory=dict)
    closed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What changed since the last call, all values absolute.

    Attributes:
        entries: changes of episodes, in order.
        acks: id -> end of its acknowledgement, None where it has ended.
        pulses: as in ``Kept``.
        forgotten: ids of resolved episodes whose time is over.
    """

    entries: list[Entry]
    acks: dict[str, int | None]
    pulses: dict[str, bytes]
    forgotten: list[str]


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
    """

    def __init__(self, partitions: int, limits_at: Callable[[int], Limits]) -> None:
        self._limits_at = limits_at
        self.passed_over: Counter[str] = Counter()
        self._clock = _Clock()
        self._pulses = {number: Pulse() for number in range(partitions)}
        self._open: dict[str, Alert] = {}
        self._by_key: dict[str, str] = {}
        self._acks: dict[str, int] = {}
        self._closed: OrderedDict[str, int] = OrderedDict()
        self._reset_written()

    def load(self, kept: Kept, epoch: int) -> None:  # noqa: ARG002 - what it writes carries no epoch
        """Take over what the store kept."""
        for alert_id, value in kept.open.items():
            alert = parse_alert(value)
            self._open[alert_id] = alert
            self._by_key[episodes.key_of(alert)] = alert_id
        self._acks = dict(kept.acks)
        self._closed = OrderedDict(sorted(kept.closed.items(), key=lambda item: (item[1], item[0])))
        for name, value in kept.pulses.items():
            if name == "clock":
                self._clock = msgspec.json.decode(value, type=_Clock)
            elif int(name) in self._pulses:
                self._pulses[int(name)] = msgspec.json.decode(value, type=Pulse)

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
        written = Written(self._entries, self._ack_changes, pulses, self._forgotten)
        self._reset_written()
        return written

    def apply(self, record: Record) -> list[Output]:
        """Fold one record of ``live.transitions``.

        Returns:
            What goes out, in order: alert records, and the outcome of a command last.
        """
        self._tick(record.append_ms)
        begin = len(self._entries)
        self._expire(record)
        outcome: Outcome | None = None
        try:
            cause = parse_transitions_record(record.value)
        except BadRecord:
            self.passed_over["bad_record"] += 1
        else:
            outcome = self._take(cause, record)
        self._watch(record)
        self._forget()
        outputs = [Output("alerts", entry.alert.id.encode(), entry.value) for entry in self._entries[begin:]]
        if outcome is not None:
            outputs.append(Output("outcomes", outcome.command_id.encode(), encode(outcome.to_record())))
        return outputs

    def _reset_written(self) -> None:
        self._entries: list[Entry] = []
        self._ack_changes: dict[str, int | None] = {}
        self._touched: set[int] = set()
        self._forgotten: list[str] = []

    def _tick(self, append_ms: int) -> None:
        clock = self._clock
        if clock.now_ms == 0:
            for number, pulse in self._pulses.items():
                self._set_pulse(number, replace(pulse, beat_ms=append_ms, tick_ms=append_ms))
        if append_ms - clock.now_ms > monitor.SILENT_MS:
            clock.grace_ms = append_ms + monitor.GRACE_MS
        clock.now_ms = max(clock.now_ms, append_ms)

    def _take(self, cause: Transition | Heartbeat | Command, record: Record) -> Outcome | None:
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
            self._settle(cause, record, "rules")
        return None

    def _settle(self, transition: Transition, record: Record, cause: Cause) -> None:
        alert = self._find(transition)
        if alert is None:
            if transition.to != "firing" or transition.alert_id in self._closed:
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
        self._put(after, record, cause)

    def _obey(self, command: Command, record: Record) -> Outcome:
        alert = self._open.get(command.id or "")
        if command.do not in ("ack", "resolve"):
            return _refused(command, "unknown_command", f"the incidents stage does not know {command.do}")
        if alert is None:
            if command.id in self._closed:
                return _refused(command, "conflict", f"alert {command.id} is already resolved")
            return _refused(command, "not_found", f"there is no alert {command.id}")
        if command.do == "resolve":
            after = episodes.resolved_by_hand(alert, command, record.append_ms)
        else:
            after = episodes.acknowledged(alert, command, record.append_ms)
            self._set_ack(alert.id, self._clock.now_ms + (command.for_s or episodes.ACK_S) * 1_000)
        self._put(after, record, "command", command)
        return Outcome(command.command_id, "done", alert=after.to_record())

    def _expire(self, record: Record) -> None:
        over = sorted(
            (until, alert_id) for alert_id, until in self._acks.items() if until <= self._clock.now_ms
        )
        for _, alert_id in over:
            self._put(episodes.expired(self._open[alert_id], record.append_ms), record, "clock")

    def _watch(self, record: Record) -> None:
        now_ms, grace = self._clock.now_ms, self._clock.now_ms < self._clock.grace_ms
        if now_ms - self._clock.watched_ms < _WATCH_MS:
            return
        self._clock.watched_ms = now_ms
        limits = self._limits_at(now_ms)
        for number, pulse in self._pulses.items():
            after, told = monitor.judge(
                pulse, number, limits=limits, now_ms=now_ms, grace=grace, offset=record.offset
            )
            if after != pulse:
                self._set_pulse(number, after)
            if told is not None:
                self._settle(told, record, "monitor")

    def _put(self, alert: Alert, record: Record, cause: Cause, command: Command | None = None) -> None:
        value = encode(alert.to_record())
        self._entries.append(Entry(alert, value, _timeline(alert, record, cause, command)))
        if alert.state != "acknowledged" and alert.id in self._acks:
            self._set_ack(alert.id, None)
        if alert.state == "resolved":
            self._open.pop(alert.id, None)
            self._by_key.pop(episodes.key_of(alert), None)
            self._closed[alert.id] = alert.at_ms
        else:
            self._open[alert.id] = alert
            self._by_key[episodes.key_of(alert)] = alert.id

    def _find(self, transition: Transition) -> Alert | None:
        alert_id = self._by_key.get(episodes.key_of(transition))
        return None if alert_id is None else self._open[alert_id]

    def _set_pulse(self, number: int, pulse: Pulse) -> None:
        self._pulses[number] = pulse
        self._touched.add(number)

    def _set_ack(self, alert_id: str, until_ms: int | None) -> None:
        self._ack_changes[alert_id] = until_ms
        if until_ms is None:
            del self._acks[alert_id]
        else:
            self._acks[alert_id] = until_ms

    def _forget(self) -> None:
        oldest_ms = self._clock.now_ms - CLOSED_KEEP_MS
        while self._closed:
            alert_id, at_ms = next(iter(self._closed.items()))
            if at_ms > oldest_ms and len(self._closed) <= CLOSED_MAX:
                return
            del self._closed[alert_id]
            self._forgotten.append(alert_id)


def _refused(command: Command, code: str, message: str) -> Outcome:
    return Outcome(command.command_id, "error", code=code, message=message)


def _timeline(alert: Alert, record: Record, cause: Cause, command: Command | None) -> bytes:
    entry: dict[str, Any] = {
        "change": alert.change,
        "at_ms": alert.at_ms,
        "state": alert.state,
        "severity": alert.severity,
        "value": alert.value,
        "reason": alert.reason,
        "cause": cause,
        "offset": record.offset,
    }
    if command is not None:
        entry |= {
            "do": command.do,
            "command_id": command.command_id,
            "by": command.by,
            "role": command.role,
            "origin": command.origin,
            "comment": command.comment,
            "for_s": command.for_s,
            "verdict": command.verdict,
        }
    return orjson.dumps(entry)
