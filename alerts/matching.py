"""Matchers over an alert: what a silence hides, what a route or a mute time is for. Pure.

All matchers of a list must match. Patterns run in linear time (RE2) and are anchored at both ends, so that
nobody's pattern holds up the stage; a label that an alert does not have is the empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

import re2

__all__ = ["MATCHERS_MAX", "OPERATORS", "VALUE_MAX", "Matcher", "matches", "parse_matcher", "values_of"]

Operator = Literal["=", "!=", "=~"]
OPERATORS: Final[tuple[Operator, ...]] = ("=", "!=", "=~")
MATCHERS_MAX: Final = 20
"""Most matchers of one silence."""
VALUE_MAX: Final = 500
"""Longest value or pattern, characters."""
_PATTERN_BYTES: Final = 1 << 20
"""Most memory that one compiled pattern may take."""
_OWN: Final = ("room_id", "kind", "rule", "severity")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label.

    Attributes:
        label: ``room_id``, ``kind``, ``rule``, ``severity`` or any of an alert's labels.
        op: ``=``, ``!=`` or ``=~``.
        value: text, or a pattern that the whole label must match.

    Raises:
        ValueError: the operator is none, or the pattern is not one.
    """

    label: str
    op: Operator
    value: str
    _test: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.op == "=":
            test = self.value.__eq__
        elif self.op == "!=":
            test = self.value.__ne__
        elif self.op == "=~":
            pattern = _compiled(self.value)

            def test(text: object) -> bool:
                return pattern.fullmatch(text) is not None
        else:
            raise ValueError(f"operator {self.op!r}, allowed: {' '.join(OPERATORS)}")
        object.__setattr__(self, "_test", test)

    def matches(self, values: Mapping[str, str]) -> bool:
        """Return whether labels as ``values_of`` gives them match."""
        return self._test(values.get(self.label, ""))

    def to_record(self) -> dict[str, str]:
        """Return it as the interface has it."""
        return {"label": self.label, "op": self.op, "value": self.value}


def parse_matcher(written: Mapping[str, Any]) -> Matcher:
    """Return a matcher from ``{label, op, value}``.

    Raises:
        ValueError: it is none.
    """
    return Matcher(str(written["label"]), written["op"], str(written["value"]))


def values_of(alert: Any) -> dict[str, str]:
    """Return the labels that matchers look at, of an alert record or of a value with the same attributes."""
    own = alert if isinstance(alert, Mapping) else {name: getattr(alert, name) for name in (*_OWN, "labels")}
    return {**own["labels"], **{name: own[name] or "" for name in _OWN}}


def matches(matchers: Sequence[Matcher], values: Mapping[str, str]) -> bool:
    """Return whether all matchers match."""
    return all(matcher.matches(values) for matcher in matchers)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _PATTERN_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        told = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"pattern {pattern!r}: {told}") from error
