"""Expressions about the room that is chosen on the dashboard."""

from __future__ import annotations

__all__ = ["freshest", "of", "rules_in_state", "window"]


def of(metric: str, *matchers: str) -> str:
    """Return the metric's series of the chosen room."""
    chosen = ",".join(('room_id="$room"', *matchers))
    return f"{metric}{{{chosen}}}"


def window(name: str) -> str:
    """Return the matcher of a window."""
    return f'window="{name}"'


def freshest(function: str, metric: str, *matchers: str) -> str:
    """Return an aggregate of the 10 s figures, or of the 1 min ones where pings are rarer."""
    return " or ".join(f"{function}({of(metric, *matchers, window(name))})" for name in ("10s", "1m"))


def rules_in_state(state: int) -> str:
    """Return how many rules are in a state; 0 while others are not."""
    return f"sum({of('live_alert_state')} == bool {state})"
