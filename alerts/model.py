"""The values that the alert stages hand to each other, and their bytes.

Nothing here reads a clock, a file or a socket. What a stage writes is made by ``orjson`` from records whose
keys stand in a fixed order, so that the same input gives the same bytes. The forms are those of
``docs/records.md`` (``live.transitions``, ``live.outcomes``) and of the contract, section 3
(``live.alerts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, TypeVar, get_args

import msgspec
import orjson

from alerts.session import SessionChange
from stream.errors import RoomwatchError

__all__ = [
    "COMMERCE_KINDS",
    "KINDS",
    "OPEN_STATES",
    "SEVERITIES",
    "SEVERITY_RANK",
    "TRAFFIC_KINDS",
    "ActionName",
    "Alert",
    "BadRecord",
    "Change",
    "Command",
    "Heartbeat",
    "Kind",
    "Outcome",
    "Severity",
    "State",
    "Text",
    "Transition",
    "encode",
    "episode_id",
    "parse_alert",
    "parse_outcome",
    "parse_transitions_record",
]

Kind = Literal[
    "stutter",
    "av_desync",
    "feed_lost",
    "fps_low",
    "bitrate_low",
    "viewer_complaints",
    "traffic_spike",
    "traffic_drop",
    "conversion_drop",
    "payment_failure",
    "vendor_slow",
    "retention_drop",
    "refund_surge",
    "price_error",
    "sold_out",
    "suspect_interaction",
    "prohibited_words",
    "capacity_risk",
    "monitor_degraded",
]
"""What is wrong; the closed list of the contract, section 3."""
Severity = Literal["info", "warning", "critical"]
State = Literal["firing", "acknowledged", "escalated", "suppressed", "resolved"]
"""State of an episode as the world sees it; kept by the incidents stage alone."""
Change = Literal["firing", "severity", "resolved"]
"""What a transition of the rules stage says: the episode begins, its severity moved, it is over."""
ActionName = Literal["switch_vendor", "enable_standby", "scale_out"]
"""What an alert may ask others to do; a closed list."""
CommandName = Literal[
    "ack", "resolve", "assign", "silence", "unsilence", "test", "rules_changed", "routes_changed"
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
SEVERITY_RANK: Final[dict[str, int]] = {name: rank for rank, name in enumerate(SEVERITIES)}
"""0 for info up to 2 for critical."""
OPEN_STATES: Final[tuple[State, ...]] = ("firing", "acknowledged", "escalated", "suppressed")
TRAFFIC_KINDS: Final[frozenset[Kind]] = frozenset(
    ("traffic_spike", "traffic_drop", "retention_drop", "suspect_interaction")
)
COMMERCE_KINDS: Final[frozenset[Kind]] = frozenset(
    ("conversion_drop", "payment_failure", "refund_surge", "price_error", "sold_out")
)
"""With TRAFFIC_KINDS: rules of these kinds hold their breath while the room is paused."""


class BadRecord(RoomwatchError):  # noqa: N818 - an outcome of reading, as InvalidEvent is
    """A record of a topic of ours does not have its form; the text says what is wrong and where."""


def encode(record: Mapping[str, Any]) -> bytes:
    """Return the bytes of a record: JSON in UTF-8, keys in the order given."""
    return orjson.dumps(record)


def episode_id(rule: str, subject: str, started_at_ms: int) -> str:
    """Return the alert id: first 20 hex digits of SHA-256 of ``rule|subject|started_at_ms``."""
    return sha256(f"{rule}|{subject}|{started_at_ms}".encode()).hexdigest()[:20]


class Text(msgspec.Struct, frozen=True):
    """One sentence in both languages."""

    zh: str
    en: str

    def to_record(self) -> dict[str, str]:
        """Return ``{"zh", "en"}``."""
        return {"zh": self.zh, "en": self.en}


class Transition(msgspec.Struct, frozen=True, tag_field="type", tag="transition"):
    """What the rules stage decided about one rule and subject.

    Attributes:
        position: offset of the ``live.windows`` record, index of the transition within it.
        due_ms: when it should have been told: the later of its newest event's append time and the end of
            its `for`.
        value: the figure, in the unit of its metric; ``expected``, ``threshold``, ``samples``, ``confidence``
            and ``window_s`` are None where they do not apply.
        reason: why it ended (`recovered`, `room_ended`, `rule_removed`), or a word on the finding.
        action: ``{do, target}`` that the rule asks for; None for nothing.
    """

    partition: int
    epoch: int
    position: tuple[int, int]
    to: Change
    rule: str
    rule_version: int
    kind: Kind
    subject: str
    room_id: str | None
    severity: Severity
    tick_ms: int
    started_at_ms: int
    due_ms: int
    value: float | None
    expected: float | None
    threshold: float | None
    samples: int | None
    confidence: float | None
    window_s: int | None
    labels: dict[str, str]
    summary: Text
    advice: Text
    contributions: list[dict[str, Any]]
    runbook_url: str
    evidence: list[dict[str, Any]]
    reason: str | None
    action: dict[str, Any] | None = None

    @property
    def alert_id(self) -> str:
        """Return the id of the episode that this belongs to."""
        return episode_id(self.rule, self.subject, self.started_at_ms)

    def to_record(self) -> dict[str, Any]:
        """Return the record of docs/records.md, keys in its order; ``action`` only where there is one."""
        record = {
            "v": 1,
            "type": "transition",
            "partition": self.partition,
            "epoch": self.epoch,
            "position": list(self.position),
            "to": self.to,
            "rule": self.rule,
            "rule_version": self.rule_version,
            "kind": self.kind,
            "subject": self.subject,
            "room_id": self.room_id,
            "severity": self.severity,
            "tick_ms": self.tick_ms,
            "started_at_ms": self.started_at_ms,
            "due_ms": self.due_ms,
            "value": self.value,
            "expected": self.expected,
            "threshold": self.threshold,
            "samples": self.samples,
            "confidence": self.confidence,
            "window_s": self.window_s,
            "labels": self.labels,
            "summary": self.summary.to_record(),
            "advice": self.advice.to_record(),
            "contributions": self.contributions,
            "runbook_url": self.runbook_url,
            "evidence": self.evidence,
            "reason": self.reason,
        }
        return record if self.action is None else {**record, "action": self.action}


class Heartbeat(msgspec.Struct, frozen=True, tag_field="type", tag="heartbeat"):
    """A rules worker's sign of life for one partition, appended each second.

    Attributes:
        records_1m: records that ingest folded in the minute before the newest tick.
        dead_1m: how many of them were dead letters.
    """

    partition: int
    epoch: int
    position: tuple[int, int]
    tick_ms: int
    reach_ms: dict[str, int]
    records_1m: int = 0
    dead_1m: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the record of docs/records.md, keys in its order."""
        return {
            "v": 1,
            "type": "heartbeat",
            "partition": self.partition,
            "epoch": self.epoch,
            "position": list(self.position),
            "tick_ms": self.tick_ms,
            "reach_ms": self.reach_ms,
            "records_1m": self.records_1m,
            "dead_1m": self.dead_1m,
        }


class Command(msgspec.Struct, frozen=True, tag_field="type", tag="command"):
    """What a person asked for, checked by a gateway.

    Attributes:
        id: of the alert, or of the silence to end; None where none is meant.
        owner: who gets an alert that is assigned.
        body: of a silence or a test alert: what it is to be, as the interface has it.
    """

    command_id: str
    do: CommandName
    by: str
    role: str
    origin: str
    comment: str
    id: str | None = None
    for_s: int | None = None
    verdict: str | None = None
    owner: str | None = None
    body: dict[str, Any] | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the record of docs/records.md, keys in its order; the last two only where they are given."""
        more = {"owner": self.owner, "body": self.body}
        return {
            "v": 1,
            "type": "command",
            "command_id": self.command_id,
            "do": self.do,
            "id": self.id,
            "by": self.by,
            "role": self.role,
            "origin": self.origin,
            "comment": self.comment,
            "for_s": self.for_s,
            "verdict": self.verdict,
            **{name: value for name, value in more.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: ``done`` with the alert or silence as it is, or ``error`` and why."""

    command_id: str
    status: Literal["done", "error"]
    alert: dict[str, Any] | None = None
    code: str | None = None
    message: str | None = None
    silence: dict[str, Any] | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the record of docs/records.md, keys in its order."""
        head = {"v": 1, "command_id": self.command_id, "status": self.status}
        if self.status == "done":
            told = {"alert": self.alert} if self.silence is None else {"silence": self.silence}
            return {**head, **told}
        return {**head, "code": self.code, "message": self.message}


class Alert(msgspec.Struct, frozen=True):
    """One change of an episode: the record of ``live.alerts``, contract section 3.

    Attributes:
        escalated_to: whom the ladder named last; a team, a person or a receiver of the routes.
    """

    id: str
    change: int
    at_ms: int
    started_at_ms: int
    room_id: str | None
    subject: str
    rule: str
    rule_version: int
    kind: Kind
    severity: Severity
    severity_max: Severity
    state: State
    value: float | None
    expected: float | None
    threshold: float | None
    samples: int | None
    confidence: float | None
    window_s: int | None
    labels: dict[str, str]
    summary: dict[str, str]
    advice: dict[str, str]
    contributions: list[dict[str, Any]]
    runbook_url: str
    evidence: list[dict[str, Any]]
    incident_id: str | None
    reason: str | None
    latency_ms: int
    owner: str | None = None
    verdict: str | None = None
    action: dict[str, Any] | None = None
    escalated_to: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the public record; ``owner`` and what stands after it only where there is one."""
        record = msgspec.structs.asdict(self)
        for name in _ALERT_OPTIONAL:
            if record[name] is None:
                del record[name]
        return record


_ALERT_OPTIONAL: Final = ("owner", "verdict", "action", "escalated_to")
_TRANSITIONS: Final[msgspec.json.Decoder[Transition | Heartbeat | Command | SessionChange]] = (
    msgspec.json.Decoder(Transition | Heartbeat | Command | SessionChange)
)
_ALERTS: Final = msgspec.json.Decoder(Alert)
_OUTCOMES: Final = msgspec.json.Decoder(Outcome)
_Form = TypeVar("_Form")


def parse_transitions_record(value: bytes) -> Transition | Heartbeat | Command | SessionChange:
    """Return a value of ``live.transitions``.

    Raises:
        BadRecord: it does not have one of the forms of docs/records.md.
    """
    return _decode(_TRANSITIONS, value, "live.transitions")


def parse_outcome(value: bytes) -> Outcome:
    """Return a value of ``live.outcomes``.

    Raises:
        BadRecord: it does not have the form of docs/records.md.
    """
    return _decode(_OUTCOMES, value, "live.outcomes")


def parse_alert(value: bytes) -> Alert:
    """Return a value of ``live.alerts``.

    Raises:
        BadRecord: it does not have the form of the contract, section 3.
    """
    return _decode(_ALERTS, value, "live.alerts")


def _decode(decoder: msgspec.json.Decoder[_Form], value: bytes, topic: str) -> _Form:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecord(f"{topic}: {error}") from error
