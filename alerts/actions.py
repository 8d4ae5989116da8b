"""What an alert asks others to do: ``do`` and a target that names what it is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, get_args

from alerts.ruleset import Action, Label

__all__ = ["TARGET_PLACEHOLDERS", "action_of", "filled", "unknown_in_target"]

TARGET_PLACEHOLDERS: Final = (*get_args(Label), "subject")
"""What a target may name, in braces: labels of the alert, and its subject."""
_PLACE: Final = re.compile(r"\{([^{}]*)\}")


def action_of(
    action: Action | None, labels: Mapping[str, str], *, room_id: str | None, subject: str
) -> dict[str, str] | None:
    """Return a rule's action with its target filled in.

    Args:
        action: of the rule.
        labels: of the alert.
        room_id: of the alert.
        subject: of the alert.

    Returns:
        ``{do, target}``; None without an action, or when the alert lacks a label that the target names:
        nobody switches what is not named.
    """
    if action is None:
        return None
    words = {**labels, "room_id": room_id or "", "subject": subject}
    if not all(words.get(name) for name in _PLACE.findall(action.target)):
        return None
    return {"do": action.do, "target": filled(action.target, words)}


def filled(target: str, words: Mapping[str, str]) -> str:
    """Return a target with its placeholders filled in; what is not known is left out."""
    return _PLACE.sub(lambda place: str(words.get(place[1], "")), target)


def unknown_in_target(target: str) -> list[str]:
    """Return the placeholders of a target that name nothing."""
    return [name for name in _PLACE.findall(target) if name not in TARGET_PLACEHOLDERS]
