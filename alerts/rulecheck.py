"""Reads a rule set and finds every fault in it."""

from __future__ import annotations

import yaml

from alerts.ruleset import Escalation, Grouping, Inhibition, Rule, RuleSet

__all__ = ["load"]


def load(text: str, version: int = 0) -> RuleSet:
    """Return the rule set of a text, YAML or JSON."""
    written = yaml.safe_load(text)
    return RuleSet(
        version=version,
        rules=tuple(Rule.model_validate(rule, strict=False) for rule in written["rules"]),
        inhibit=tuple(Inhibition.model_validate(part, strict=False) for part in written.get("inhibit", ())),
        group=tuple(Grouping.model_validate(part, strict=False) for part in written.get("group", ())),
        escalate=tuple(Escalation.model_validate(part, strict=False) for part in written.get("escalate", ())),
        text=text,
    )
