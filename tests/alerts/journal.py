"""Records of ``live.transitions`` for tests of the incidents stage, and a reader's view of what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from alerts.detectors.monitor import Limits
from alerts.incidents import Incidents, Kept, Written
from alerts.model import Command, Heartbeat, Text, Transition, encode
from alerts.session import SessionChange
from alerts.stages import Output, Record

__all__ = ["T0", "Journal", "fresh", "merged", "play", "without_repeats"]

T0 = 2_000_000_000_000  # in the future, so that the store does not expire what a test resolves


class Journal:
    """A log of ``live.transitions`` being written; each record is appended at the time given after T0."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._positions: dict[int, int] = {}

    def add(self, at_ms: int, value: bytes) -> Record:
        record = Record(len(self.records), T0 + at_ms, value)
        self.records.append(record)
        return record

    def transition(self, at_ms: int, to: str = "firing", **given: Any) -> Record:
        partition = given.get("partition", 0)
        self._positions[partition] = self._positions.get(partition, 0) + 1
        values: dict[str, Any] = {
            "partition": partition,
            "epoch": 1,
            "position": (self._positions[partition], 0),
            "to": to,
            "rule": "stutter",
            "rule_version": 1,
            "kind": "stutter",
            "subject": "r1",
            "room_id": "r1",
            "severity": "warning",
            "tick_ms": T0 + at_ms,
            "started_at_ms": T0,
            "due_ms": T0 + at_ms - 100,
            "value": 0.03,
            "expected": None,
            "threshold": 0.02,
            "samples": 12,
            "confidence": None,
            "window_s": 10,
            "labels": {"title": "夜场", "cdn": "a"},
            "summary": Text("卡顿 3%", "stall 3%"),
            "advice": Text("换线路", "switch cdn"),
            "contributions": [],
            "runbook_url": "/runbooks/stutter",
            "evidence": [],
            "reason": "recovered" if to == "resolved" else None,
            **given,
        }
        return self.add(at_ms, encode(Transition(**values).to_record()))

    def session(self, at_ms: int, state: str, room_id: str = "r1", **given: Any) -> Record:
        self._positions[0] = self._positions.get(0, 0) + 1
        values: dict[str, Any] = {
            "partition": 0,
            "epoch": 1,
            "position": (self._positions[0], 0),
            "room_id": room_id,
            "session_ms": T0,
            "state": state,
            "tick_ms": T0 + at_ms,
            **given,
        }
        return self.add(at_ms, encode(SessionChange(**values).to_record()))

    def beat(self, at_ms: int, partition: int = 0, *, behind_ms: int = 500, **given: Any) -> Record:
        values: dict[str, Any] = {
            "partition": partition,
            "epoch": 1,
            "position": (0, 0),
            "tick_ms": T0 + at_ms - behind_ms,
            "reach_ms": {"health": T0 + at_ms - behind_ms, "orders": T0 + at_ms},
            **given,
        }
        return self.add(at_ms, encode(Heartbeat(**values).to_record()))

    def command(self, at_ms: int, do: str, alert_id: str | None, **given: Any) -> Record:
        values: dict[str, Any] = {
            "command_id": f"c{len(self.records)}",
            "do": do,
            "by": "li",
            "role": "oncall",
            "origin": "127.0.0.1",
            "comment": "在看",
            "id": alert_id,
            **given,
        }
        return self.add(at_ms, encode(Command(**values).to_record()))


def fresh(partitions: int = 1) -> Incidents:
    """Return a stage that has seen nothing."""
    stage = Incidents(partitions, lambda _: Limits())
    stage.load(Kept(), epoch=1)
    return stage


def play(stage: Incidents, records: Iterable[Record]) -> list[dict[str, Any]]:
    """Fold records; return the alert records that came out."""
    return [
        orjson.loads(output.value)
        for record in records
        for output in stage.apply(record)
        if output.log == "alerts"
    ]


def without_repeats(outputs: Iterable[Output | bytes]) -> list[bytes]:
    """Return alert records as a reader keeps them: none whose change is not above the highest of its id."""
    seen: dict[str, int] = {}
    kept = []
    for output in outputs:
        value = output if isinstance(output, bytes) else output.value
        record = orjson.loads(value)
        if record["change"] > seen.get(record["id"], 0):
            seen[record["id"]] = record["change"]
            kept.append(value)
    return kept


def merged(kept: Kept, written: Written) -> Kept:
    """Return the store after a write."""
    open_, acks, pulses, closed = dict(kept.open), dict(kept.acks), dict(kept.pulses), dict(kept.closed)
    for entry in written.entries:
        if entry.alert.state == "resolved":
            open_.pop(entry.alert.id, None)
            closed[entry.alert.id] = entry.alert.at_ms
        else:
            open_[entry.alert.id] = entry.value
    for alert_id, until_ms in written.acks.items():
        acks.pop(alert_id, None)
        if until_ms is not None:
            acks[alert_id] = until_ms
    for alert_id in written.forgotten:
        closed.pop(alert_id, None)
    incidents = {name: None if ended else value for name, (value, _, ended) in written.incidents.items()}
    return Kept(
        open_,
        acks,
        pulses | written.pulses,
        closed,
        _laid_over(kept.holds, written.holds),
        _laid_over(kept.silences, written.silences),
        _laid_over(kept.incidents, incidents),
        _laid_over(kept.faults, written.faults),
    )


def _laid_over(kept: Mapping[str, bytes], written: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {name: value for name, value in {**kept, **written}.items() if value is not None}
