"""The sentences of an alert, in Chinese and English, with its numbers in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.detectors.reading import Condition, Reading
from alerts.model import Change, Text
from alerts.ruleset import Rule

__all__ = ["labels_of", "sentences"]

_FACTS = ("title", "host", "category", "owner", "cdn", "region", "item_id", "vendor", "operation")


def labels_of(facts: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of an alert: what is known of its subject, in a fixed order, and the condition's own."""
    known = {name: value for name in _FACTS if isinstance(value := facts.get(name), str)}
    return {**known, **more}


def sentences(
    rule: Rule, condition: Condition, reading: Reading, labels: Mapping[str, str], *, subject: str, to: Change
) -> tuple[Text, Text]:
    """Return summary and advice."""
    return Text(f"{rule.kind} {reading.value}", f"{rule.kind} {reading.value}"), Text("", "")
