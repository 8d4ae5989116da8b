"""A sweep: one number of a rule set, tried out over a range. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import orjson

from alerts.rulecheck import RuleSetError, load
from alerts.ruleset import RULE_KEYS, RuleSet, apply_overrides
from alerts.ruletext import parse
from alerts.wording import Wording
from stream.errors import SettingsError

__all__ = ["STEPS_MAX", "Sweep", "parse_sweep", "swept"]

STEPS_MAX: Final = 100
"""Most values of a sweep; each is a backtest of its own."""
_STEPS: Final = 10
_STEPS_MIN: Final = 2
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_FORM: Final = re.compile(
    rf"(?P<rule>[a-z][a-z0-9_]*)\.(?P<path>\w+(?:\.\w+)?)=(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})(?::(?P<steps>\d+))?"
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is swept.

    Attributes:
        rule: its name.
        path: a key of the rule, or `<metric or detector>.<key>`.
        values: rising, whole numbers where they are whole.
    """

    rule: str
    path: str
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        """Return what is swept as people write it."""
        return f"{self.rule}.{self.path}"


def parse_sweep(text: str) -> Sweep:
    """Return a sweep as it is written on the command line: ``stutter.live_stall_ratio.warning=0.01..0.1:10``.

    Raises:
        SettingsError: it is none.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise SettingsError(
            f"--sweep {text}: not of the form rule.key=low..high or rule.metric.key=low..high, with :steps"
            " after it where 10 are not meant"
        )
    low, high = Fraction(found["low"]), Fraction(found["high"])
    steps = int(found["steps"] or _STEPS)
    if not _STEPS_MIN <= steps <= STEPS_MAX or low >= high:
        raise SettingsError(f"--sweep {text}: needs a range that rises and {_STEPS_MIN} to {STEPS_MAX} steps")
    exact = [low + (high - low) * step / (steps - 1) for step in range(steps)]
    values = tuple(int(value) if value.denominator == 1 else float(value) for value in exact)
    return Sweep(found["rule"], found["path"], values)


def swept(text: str, sweep: Sweep) -> list[tuple[float, RuleSet | Wording]]:
    """Return the rule set with each value of a sweep, or why it would be wrong.

    Args:
        text: of a checked rule set.
        sweep: what to change.

    Raises:
        SettingsError: the set has no such rule, metric, detector or key.
    """
    whole, _, _ = parse(text)
    rules = whole["rules"]
    index = next((at for at, rule in enumerate(rules) if rule["name"] == sweep.rule), None)
    if index is None:
        raise SettingsError(
            f"--sweep: no rule {sweep.rule!r}; there is {', '.join(rule['name'] for rule in rules)}"
        )
    _check_path(rules[index], sweep)
    return [(value, _with(whole, index, sweep.path, value)) for value in sweep.values]


def _check_path(rule: dict[str, Any], sweep: Sweep) -> None:
    head, _, key = sweep.path.rpartition(".")
    if not head:
        known = [name for name in RULE_KEYS if name.endswith("_s") or name == "min_samples"]
        if key not in known:
            raise SettingsError(f"--sweep: {sweep.rule} has no number {key!r}; there is {', '.join(known)}")
        return
    heads = dict.fromkeys(each.get("detector", each.get("metric")) for each in rule["any"])
    if head not in heads:
        raise SettingsError(
            f"--sweep: {sweep.rule} looks at no {head!r}; it looks at {', '.join(map(str, heads))}"
        )


def _with(whole: dict[str, Any], index: int, path: str, value: float) -> RuleSet | Wording:
    rules = list(whole["rules"])
    rules[index] = apply_overrides(rules[index], {path: value})
    try:
        return load(orjson.dumps({**whole, "rules": rules}).decode())
    except RuleSetError as error:
        return error.said
