"""What each cause makes of an episode: a new alert record, or none. Functions of values, nothing else.

    firing ──ack──▶ acknowledged ──expiry, rise in severity──▶ firing
      │                └──── nobody in time ────▶ escalated ──ack──▶ acknowledged
      └────────────────┴──── recovery, room end, by hand ────▶ resolved

Suppression lies over these states and hides them; ``dressed`` puts it on.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from alerts.model import SEVERITY_RANK, Alert, Command, Severity, Transition, episode_id

__all__ = [
    "ACK_S",
    "TEST_RULE",
    "acknowledged",
    "assigned",
    "dressed",
    "ended_test",
    "escalated",
    "expired",
    "key_of",
    "opened",
    "recovered",
    "reminded",
    "resolved_by_hand",
    "revised",
    "tested",
]

ACK_S: Final = 3_600
"""How long an acknowledgement holds when the person did not say; seconds, from the contract."""

TEST_RULE: Final = "test"
"""Rule of test alerts; they carry the label ``test`` and count nowhere."""


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
        action=transition.action,
        **_figures(transition),
    )


def revised(alert: Alert, transition: Transition, at_ms: int) -> Alert:
    """Return the change that a move of severity makes; a rise ends an acknowledgement.

    What was asked for first stays: the room's facts change with it, and its undoing must find it again.
    """
    rose = SEVERITY_RANK[transition.severity] > SEVERITY_RANK[alert.severity]
    return replace(
        alert,
        change=alert.change + 1,
        at_ms=at_ms,
        severity=transition.severity,
        severity_max=_worse(alert.severity_max, transition.severity),
        state="firing" if rose and alert.state == "acknowledged" else alert.state,
        action=alert.action or transition.action,
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
        escalated_to=None,
    )


def expired(alert: Alert, at_ms: int) -> Alert:
    """Return the change that the end of an acknowledgement makes."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, state="firing", reason="ack_expired")


def assigned(alert: Alert, command: Command, at_ms: int) -> Alert:
    """Return the change that gives an episode another owner; its state stays."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, reason="assigned", owner=command.owner)


def reminded(alert: Alert, at_ms: int) -> Alert:
    """Return the change that reminds the owner that the acknowledgement ends soon."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, reason="ack_ending")


def escalated(alert: Alert, to: str, at_ms: int) -> Alert:
    """Return the change of a step of the ladder: nobody acknowledged in time."""
    return replace(
        alert,
        change=alert.change + 1,
        at_ms=at_ms,
        state="escalated",
        reason="not_acknowledged",
        escalated_to=to,
    )


def dressed(alert: Alert, reason: str | None) -> Alert:
    """Return an episode as it is shown: suppressed for a reason, or as it is without one."""
    return alert if reason is None else replace(alert, state="suppressed", reason=reason)


def tested(command: Command, at_ms: int) -> Alert:
    """Return change 1 of a test alert, marked in its rule, its labels and its sentences."""
    wanted = command.body or {}
    started_at_ms = at_ms // 1_000 * 1_000
    room_id = wanted.get("room_id")
    subject = f"test/{command.command_id}"
    severity: Severity = wanted.get("severity") or "warning"
    return Alert(
        id=episode_id(TEST_RULE, subject, started_at_ms),
        change=1,
        at_ms=at_ms,
        started_at_ms=started_at_ms,
        room_id=room_id,
        subject=subject,
        rule=TEST_RULE,
        rule_version=0,
        kind=wanted.get("kind") or "monitor_degraded",
        severity=severity,
        severity_max=severity,
        state="firing",
        value=None,
        expected=None,
        threshold=None,
        samples=None,
        confidence=None,
        window_s=None,
        labels={**(wanted.get("labels") or {}), "test": "true"},
        summary={
            "zh": f"【测试】{command.by} 发送的测试告警，请忽略。{command.comment}",
            "en": f"[test] A test alert sent by {command.by}; please ignore. {command.comment}".rstrip(),
        },
        advice={"zh": "这是测试，无需处理。", "en": "This is a test, nothing needs to be done."},
        contributions=[],
        runbook_url=f"/runbooks/{wanted.get('kind') or 'monitor_degraded'}",
        evidence=[],
        incident_id=None,
        reason=None,
        latency_ms=0,
    )


def ended_test(alert: Alert, at_ms: int) -> Alert:
    """Return the last change of a test alert."""
    return replace(alert, change=alert.change + 1, at_ms=at_ms, state="resolved", reason="test_ended")


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
