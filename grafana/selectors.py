"""Expressions about the rooms that are chosen on a dashboard."""

from __future__ import annotations

from typing import Final

__all__ = ["CHOSEN_INFO", "freshest", "of", "of_category", "of_rooms", "rules_in_state", "window"]

CHOSEN_INFO: Final = 'live_room_info{category=~"$category"}'
"""The live rooms of the chosen categories, with their facts."""


def of(metric: str, *matchers: str) -> str:
    """Return the metric's series of the chosen room."""
    chosen = ",".join(('room_id="$room"', *matchers))
    return f"{metric}{{{chosen}}}"


def of_category(expression: str) -> str:
    """Return what an expression has of rooms of the chosen categories."""
    return f"{expression} and on (room_id) {CHOSEN_INFO}"


def of_rooms(metric: str, *matchers: str, over: str = "") -> str:
    """Return the metric's series of the chosen rooms, one or all, of the chosen categories.

    Args:
        metric: its name.
        matchers: further matchers.
        over: a range such as ``5m``, for its growth a second.
    """
    chosen = ",".join(('room_id=~"$room"', *matchers))
    series = f"{metric}{{{chosen}}}"
    return of_category(f"rate({series}[{over}])" if over else series)


def window(name: str) -> str:
    """Return the matcher of a window."""
    return f'window="{name}"'


def freshest(function: str, metric: str, *matchers: str) -> str:
    """Return an aggregate of the 10 s figures, or of the 1 min ones where pings are rarer."""
    return " or ".join(f"{function}({of(metric, *matchers, window(name))})" for name in ("10s", "1m"))


def rules_in_state(state: int) -> str:
    """Return how many rules are in a state; 0 while others are not."""
    return f"sum({of('live_alert_state')} == bool {state})"
