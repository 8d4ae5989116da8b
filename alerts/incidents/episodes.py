"""What each cause makes of an episode: a new alert record, or none. Functions of values, nothing else.

    firing ──ack──▶ acknowledged ──expiry, rise in severity──▶ firing
      └────────────────┴──── recovery, room end, by hand ────▶ resolved

Later causes (silence, group, escalation) are further functions of the same form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from alerts.model import SEVERITY_RANK, Alert, Command, Severity, Transition

__all__ = ["ACK_S", "acknowledged", "expired", "key_of", "opened", "recovered", "resolved_by_hand", "revised"]

ACK_S: Final = 3_600
"""How long an acknowledgement holds when the person did not say; seconds, from the contract."""


def key_of(cause: Transition | Alert) -> str:
    """Return what there is at most one open episode of: rule and subject."""
    return f"{cause.rule}|{cause.subject}"


def opened(transition: Transition, at_ms: int) -> Alert:
    """Return change 1 of a new episode.

    Args:
        transition: the one that says that it begins.
        at_ms: append time of its record, epoch milliseconds.
    """
    return Alert(
        id=transition.alert_id,
        change=1,
        at_ms=at_ms,
        started_at_ms=transition.started_at_ms,
        room_id=transition.room_id,
        subject=transition.subject,
        rule=transition.rule,
        kind=transition.kind,
        severity=transition.severity,
        severity_max=transition.severity,
        state="firing",
        incident_id=None,
        latency_ms=at_ms - transition.due_ms,
        **_figures(transition),
    )


def revised(alert: Alert, transition: Transition, at_ms: int) -> Alert:
    """Return the change that a move of severity makes; a rise ends an acknowledgement."""
    rose = SEVERITY_RANK[transition.severity] > SEVERITY_RANK[alert.severity]
    return replace(
        alert,
        change=alert.change + 1,
        at_ms=at_ms,
        severity=transition.severity,
        severity_max=_worse(alert.severity_max, transition.severity),
        state="firing" if rose and alert.state == "acknowledged" else alert.state,
        **{**_figures(transition), "reason": "severity_rose" if rose else "severity_fell"},
    )


def recovered(alert: Alert, transition: Transition, at_ms: int) -> Alert:
    """Return the last change of an episode that the rules stage ended."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, state="resolved", **_figures(transition))


def resolved_by_hand(alert: Alert, command: Command, at_ms: int) -> Alert:
    """Return the last change of an episode that a person ended.

    Nothing new comes for its rule and subject until the rules stage has seen the recover bound held and says
    ``firing`` anew, for that stage still holds the episode open.
    """
    return replace(
        alert,
        change=alert.change + 1,
        at_ms=at_ms,
        state="resolved",
        reason="manual",
        owner=alert.owner or command.by,
        verdict=command.verdict or alert.verdict,
    )


def acknowledged(alert: Alert, command: Command, at_ms: int) -> Alert:
    """Return the change that an acknowledgement makes; a second one renews the first."""
    return replace(
        alert,
        change=alert.change + 1,
        at_ms=at_ms,
        state="acknowledged",
        reason=None,
        owner=command.by,
        verdict=command.verdict or alert.verdict,
    )


def expired(alert: Alert, at_ms: int) -> Alert:
    """Return the change that the end of an acknowledgement makes."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, state="firing", reason="ack_expired")


def _worse(one: Severity, other: Severity) -> Severity:
    return one if SEVERITY_RANK[one] >= SEVERITY_RANK[other] else other


def _figures(transition: Transition) -> dict[str, Any]:
    return {
        "rule_version": transition.rule_version,
        "value": transition.value,
        "expected": transition.expected,
        "threshold": transition.threshold,
        "samples": transition.samples,
        "confidence": transition.confidence,
        "window_s": transition.window_s,
        "labels": transition.labels,
        "summary": transition.summary.to_record(),
        "advice": transition.advice.to_record(),
        "contributions": transition.contributions,
        "runbook_url": transition.runbook_url,
        "evidence": transition.evidence,
        "reason": transition.reason,
    }
