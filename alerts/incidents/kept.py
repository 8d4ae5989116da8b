"""What the stage keeps, as it is read and written, and the entries of timelines and of the audit. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from alerts.incidents.holds import Cause
from alerts.model import Alert, Command, Outcome
from alerts.stages import Record

__all__ = ["Entry", "Kept", "Origin", "Written", "audit_entry", "timeline_entry"]

Origin = Literal["rules", "monitor", "command", "clock", "suppression"]
"""What made a change: a transition, the watch over ourselves, a person, time, or another alert or silence."""


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
        holds: id -> hold of every open episode; an older version kept none.
        silences: id -> silence.
        incidents: id -> open incident.
        faults: room -> tally of its session; an older version kept none.
    """

    open: Mapping[str, bytes] = field(default_factory=dict)
    acks: Mapping[str, int] = field(default_factory=dict)
    pulses: Mapping[str, bytes] = field(default_factory=dict)
    closed: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, bytes] = field(default_factory=dict)
    silences: Mapping[str, bytes] = field(default_factory=dict)
    incidents: Mapping[str, bytes] = field(default_factory=dict)
    faults: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What changed since the last call, all values absolute; None where something is gone.

    Attributes:
        entries: changes of episodes, in order.
        acks: id -> end of its acknowledgement.
        pulses: as in ``Kept``.
        forgotten: ids of resolved episodes whose time is over.
        holds: id -> hold.
        silences: id -> silence.
        incidents: id -> incident, its start, and its end, None while it is open.
        members: incident, alert and rank of new members.
        audit: offset of each command in ``live.transitions`` -> who asked for what, and what became of it.
        now_ms: the stage's clock.
        faults: room -> tally of its session.
    """

    entries: list[Entry]
    acks: dict[str, int | None]
    pulses: dict[str, bytes]
    forgotten: list[str]
    holds: dict[str, bytes | None] = field(default_factory=dict)
    silences: dict[str, bytes | None] = field(default_factory=dict)
    incidents: dict[str, tuple[bytes, int, int | None]] = field(default_factory=dict)
    members: list[tuple[str, str, int]] = field(default_factory=list)
    audit: dict[int, bytes] = field(default_factory=dict)
    now_ms: int = 0
    faults: dict[str, bytes | None] = field(default_factory=dict)


def timeline_entry(
    alert: Alert, record: Record, origin: Origin, causes: Sequence[Cause], command: Command | None
) -> bytes:
    """Return what a timeline keeps of a change."""
    entry: dict[str, Any] = {
        "change": alert.change,
        "at_ms": alert.at_ms,
        "state": alert.state,
        "severity": alert.severity,
        "value": alert.value,
        "reason": alert.reason,
        "cause": origin,
        "offset": record.offset,
    }
    if causes:
        entry["suppressed_by"] = [cause.to_record() for cause in causes]
    if alert.state == "escalated":
        entry["escalated_to"] = alert.escalated_to
    if command is not None:
        entry |= _asked(command)
    return orjson.dumps(entry)


def audit_entry(command: Command, outcome: Outcome, record: Record) -> bytes:
    """Return who asked for what, when, from where, and what became of it."""
    about = command.id or (outcome.silence or outcome.alert or {}).get("id")
    return orjson.dumps(
        {
            "at_ms": record.append_ms,
            "offset": record.offset,
            "id": about,
            **_asked(command),
            "body": command.body,
            "status": outcome.status,
            "code": outcome.code,
        }
    )


def _asked(command: Command) -> dict[str, Any]:
    return {
        "do": command.do,
        "command_id": command.command_id,
        "by": command.by,
        "role": command.role,
        "origin": command.origin,
        "comment": command.comment,
        "for_s": command.for_s,
        "verdict": command.verdict,
        "owner": command.owner,
    }
