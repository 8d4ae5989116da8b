"""Episodes and transitions for tests of what a backtest makes of them."""

from __future__ import annotations

from typing import Any

from alerts.backtest.episodes import Episode
from alerts.model import Text, Transition, episode_id

__all__ = ["T0", "episode", "told"]

T0 = 1_760_000_000_000


def told(second: int, to: str, *, started: int, severity: str = "warning", **given: Any) -> Transition:
    """Return a transition of the rule `stutter` about the room `r1`, seconds after T0."""
    values: dict[str, Any] = {
        "partition": 0,
        "epoch": 1,
        "position": (second, 0),
        "to": to,
        "rule": "stutter",
        "rule_version": 1,
        "kind": "stutter",
        "subject": "r1",
        "room_id": "r1",
        "severity": severity,
        "tick_ms": T0 + 1_000 * second,
        "started_at_ms": T0 + 1_000 * started,
        "due_ms": 0,
        "value": 0.03,
        "expected": None,
        "threshold": 0.02,
        "samples": 12,
        "confidence": None,
        "window_s": 10,
        "labels": {},
        "summary": Text("卡顿 3%", "stall 3%"),
        "advice": Text("换线路", "switch"),
        "contributions": [],
        "runbook_url": "",
        "evidence": [],
        "reason": "recovered" if to == "resolved" else None,
        **given,
    }
    return Transition(**values)


def episode(
    begin: int, end: int | None, *, subject: str = "r1", rule: str = "stutter", **given: Any
) -> Episode:
    """Return an episode of seconds after T0, told five seconds after its first breach."""
    started_at_ms = T0 + 1_000 * begin
    values: dict[str, Any] = {
        "id": episode_id(rule, subject, started_at_ms),
        "rule": rule,
        "kind": "stutter",
        "subject": subject,
        "room_id": subject,
        "started_at_ms": started_at_ms,
        "fired_at_ms": started_at_ms + 5_000,
        "severity_max": "warning",
        "value": 0.03,
        "threshold": 0.02,
        "summary": {"zh": "卡顿 3%", "en": "stall 3%"},
        "ended_at_ms": None if end is None else T0 + 1_000 * end,
        "reason": None if end is None else "recovered",
        **given,
    }
    return Episode(**values)
