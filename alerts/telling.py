"""From a decision to the transition that tells it: labels, sentences, numbers, due time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from alerts.actions import action_of
from alerts.conditions import Watch
from alerts.contributions import contributions_of
from alerts.detectors.reading import INFO, Condition, Reading, Subject
from alerts.evidence import evidence_of
from alerts.model import Transition
from alerts.states import FLAPS_TOLD, Decision, severity_of
from alerts.texts import flapping_too, labels_of, sentences

__all__ = ["End", "Place", "transition_of"]

End = Literal["recovered", "room_ended", "rule_removed"]
"""Why an episode is over."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who tells: partition, epoch of its rules owner, version of the rule set."""

    partition: int
    epoch: int
    rule_version: int


def transition_of(
    subject: Subject,
    watch: Watch,
    decision: Decision,
    why: End | None,
    place: Place,
    flaps: int = 0,
    beside: Sequence[tuple[str, str, int]] = (),
) -> Transition:
    """Return the transition of a decision; its position is set by the fold, which numbers them.

    Args:
        subject: as it was judged; its tick is that of the transition.
        watch: the rule.
        decision: what to tell.
        why: the end's reason; None while the episode is open.
        place: who tells it.
        beside: open alerts of the subject that may explain this one: rule, severity, when it began.
        flaps: how many episodes ended lately before this one; from two on the alert says that it flaps.
    """
    rule, condition = watch.rule, watch.conditions[decision.leader]
    reading = condition.read(subject, decision.level) if subject.values else Reading()
    labels = labels_of(subject.facts, {**condition.labels, **reading.labels})
    severity = severity_of(decision.level)
    summary, advice = sentences(
        rule, condition, reading, labels, subject=subject.key, severity=severity, ended=why
    )
    if again := flaps >= FLAPS_TOLD:
        summary = flapping_too(summary, flaps + 1)
    return Transition(
        partition=place.partition,
        epoch=place.epoch,
        position=(-1, -1),
        to=decision.to,
        rule=rule.name,
        rule_version=place.rule_version,
        kind=rule.kind,
        subject=subject.key,
        room_id=subject.room_id,
        severity=severity,
        tick_ms=subject.tick_ms,
        started_at_ms=decision.started_at_ms,
        due_ms=max(decision.held_ms, reading.newest_ms if reading.due_ms is None else reading.due_ms),
        value=reading.value,
        expected=reading.expected,
        threshold=reading.threshold,
        samples=reading.samples,
        confidence=reading.confidence,
        window_s=reading.window_s,
        labels=labels,
        summary=summary,
        advice=advice,
        contributions=[] if why else contributions_of(rule.kind, condition.metric, subject, reading),
        runbook_url=rule.runbook_url or f"/runbooks/{rule.kind}",
        evidence=[]
        if why or not subject.values
        else evidence_of(rule.kind, subject, _read(subject, watch), beside),
        reason=why or ("flapping" if again else reading.reason),
        action=None if why else action_of(rule.action, labels, room_id=subject.room_id, subject=subject.key),
    )


def _read(subject: Subject, watch: Watch) -> Iterator[tuple[Condition, Reading]]:
    """Yield the conditions that have data with their numbers, those in breach first."""
    levels = [(condition.level(subject), condition) for condition in watch.conditions]
    known = [(level, condition) for level, condition in levels if level is not None]
    for level, condition in sorted(known, key=lambda entry: -entry[0]):
        yield condition, condition.read(subject, max(level, INFO))
