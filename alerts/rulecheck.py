"""Reads a rule set and finds every fault in it: where, what is wrong, what is allowed.

A set with a fault is never half taken. The text is read by ``alerts.ruletext``, each part is checked by its
model in ``alerts.ruleset``, then by its meaning in ``alerts.rulesense``. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from alerts.faultwords import NOTHING, names, said
from alerts.invalid import allowed as allowed_by
from alerts.rulesense import condition_faults, override_faults, rule_faults
from alerts.ruleset import (
    Action,
    DetectorCondition,
    Escalation,
    Grouping,
    Inhibition,
    Matcher,
    MetricCondition,
    Override,
    Rule,
    RuleSet,
    Sentence,
    apply_overrides,
)
from alerts.ruletext import Fault, Path, parse, spell, summed
from alerts.wording import Wording
from stream.errors import SettingsError

__all__ = ["RULES_MAX", "RuleSetError", "check", "load"]

RULES_MAX: Final = 200
"""Most rules of a set; each is judged for each room each second."""
_PARTS_MAX: Final = 200
"""Most entries of the other lists, and overrides or conditions of a rule."""
_SECTIONS: Final[dict[str, type[BaseModel]]] = {
    "inhibit": Inhibition,
    "group": Grouping,
    "escalate": Escalation,
}
_SHOWN_MAX: Final = 60
"""Characters of a wrong value that a fault shows."""
_Model = TypeVar("_Model", bound=BaseModel)


class RuleSetError(SettingsError):
    """A rule set is wrong.

    Attributes:
        faults: all of them, in the order of the text.
        said: one sentence about them.
    """

    def __init__(self, faults: list[Fault]) -> None:
        self.said = summed("faulty_rules", faults)
        super().__init__(self.said.en)
        self.faults = faults

    def of(self, language: Literal["zh", "en"]) -> str:
        """Return the sentence for people."""
        return self.said.of(language)


def load(text: str, version: int = 0) -> RuleSet:
    """Return the rule set of a text, YAML or JSON.

    Raises:
        RuleSetError: it has faults.
    """
    ruleset, faults = check(text, version)
    if ruleset is None:
        raise RuleSetError(faults)
    return ruleset


def check(text: str, version: int = 0) -> tuple[RuleSet | None, list[Fault]]:
    """Return the rule set of a text, or None and every fault in it."""
    value, lines, faults = parse(text)
    checker = _Checker(lines, list(faults))
    ruleset = checker.ruleset(value, text, version) if not faults or value is not None else None
    found = sorted(checker.faults, key=lambda fault: fault.line or 0)
    return (None if found else ruleset), found


class _Checker:
    """Collects the faults of one text."""

    def __init__(self, lines: Mapping[Path, int], faults: list[Fault]) -> None:
        self.faults = faults
        self._lines = lines

    def ruleset(self, value: Any, text: str, version: int) -> RuleSet | None:
        """Return the set, which is only right when no fault was found."""
        if not isinstance(value, dict):
            self.add((), said("no_mapping"), names(("rules", *_SECTIONS)))
            return None
        for name in value.keys() - {"rules", *_SECTIONS}:
            self.add((name,), said("unknown_key"), names(("rules", *_SECTIONS)))
        rules = self._rules(self._list(value, "rules", RULES_MAX, needed=True))
        sections = {name: self._section(value, name, form, rules) for name, form in _SECTIONS.items()}
        return RuleSet(version=version, rules=tuple(rules), text=text, **sections)

    def add(self, path: Path, problem: Wording, allowed: Wording = NOTHING) -> None:
        """Note a fault at a path, with the nearest line that is known."""
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), None)
        self.faults.append(Fault(spell(path), problem, allowed, line))

    def _list(self, value: Mapping[str, Any], name: str, most: int, *, needed: bool = False) -> list[Any]:
        found = value.get(name, [])
        if not isinstance(found, list):
            self.add((name,), said("no_list"), said("list_up_to", most=most))
            return []
        if needed and not found:
            self.add((name,), said("empty_list"), said("to_rules", most=most))
        if len(found) > most:
            self.add((name,), said("entries", count=len(found)), said("at_most", most=most))
        return found[:most]

    def _rules(self, written: list[Any]) -> list[Rule]:
        rules = []
        places: dict[str, int] = {}
        for index, entry in enumerate(written):
            rule = self._rule(entry, ("rules", index))
            if rule is None:
                continue
            if rule.name in places:
                other = f"rules[{places[rule.name]}]"
                told = said("name_of", name=rule.name, other=other)
                self.add(("rules", index, "name"), told, said("new_name"))
            places.setdefault(rule.name, index)
            rules.append(rule)
        return rules

    def _rule(self, entry: Any, path: Path) -> Rule | None:
        if not isinstance(entry, dict):
            self.add(path, said("no_mapping"), names(Rule.model_fields))
            return None
        before = len(self.faults)
        conditions = self._conditions(entry, path)
        rest = self._model(Rule, {**entry, "any": []}, path)
        if rest is None or len(self.faults) > before:
            return None
        rule = rest.model_copy(update={"any": tuple(conditions)})
        for where, problem, allowed in rule_faults(rule):
            self.add((*path, *where), problem, allowed)
        if len(self.faults) > before:
            return None
        for index, override in enumerate(rule.overrides):
            self._override(entry, rule, override, (*path, "overrides", index))
        if len(self.faults) == before:
            self._overrides_together(entry, rule, path)
        return rule

    def _conditions(self, entry: Mapping[str, Any], path: Path) -> list[MetricCondition | DetectorCondition]:
        path = (*path, "any")
        written = entry.get("any")
        if not isinstance(written, list) or not 1 <= len(written) <= _PARTS_MAX:
            self.add(path, said("no_conditions"), said("to_conditions", most=_PARTS_MAX))
            return []
        found = (self._condition(part, (*path, index)) for index, part in enumerate(written))
        return [condition for condition in found if condition is not None]

    def _condition(self, written: Any, path: Path) -> MetricCondition | DetectorCondition | None:
        condition: MetricCondition | DetectorCondition | None
        if isinstance(written, dict) and "detector" in written:
            condition = self._model(DetectorCondition, written, path)
        else:
            condition = self._model(MetricCondition, written, path)
        if condition is not None:
            for where, problem, allowed in condition_faults(condition):
                self.add((*path, *where), problem, allowed)
        return condition

    def _override(self, entry: Mapping[str, Any], rule: Rule, override: Override, path: Path) -> None:
        """Check the settings one by one, then the rule as it is with all of them."""
        before = len(self.faults)
        for where, problem, allowed in override_faults(rule, override):
            self.add((*path, *where), problem, allowed)
        if len(self.faults) > before:
            return
        self._trial(apply_overrides(entry, override.set), (*path, "set"))

    def _overrides_together(self, entry: Mapping[str, Any], rule: Rule, path: Path) -> None:
        """Try the pairs that a room may match at once and that set bounds of the same figure."""
        for (first, one), (second, other) in combinations(enumerate(rule.overrides), 2):
            if _meet(one, other):
                both = apply_overrides(apply_overrides(entry, one.set), other.set)
                where = (*path, "overrides", second, "set")
                self._trial(both, where, first)

    def _trial(self, changed: Mapping[str, Any], path: Path, beside: int | None = None) -> None:
        trial = _Checker({}, [])
        trial._rule({**changed, "overrides": []}, ())
        for fault in trial.faults:
            how = "makes_wrong" if beside is None else "together"
            self.add(path, said(how, first=beside, path=fault.path, problem=fault.problem), fault.allowed)

    def _section(self, value: Mapping[str, Any], name: str, form: type[_Model], rules: list[Rule]) -> Any:
        known = {rule.name for rule in rules}
        found = []
        for index, entry in enumerate(self._list(value, name, _PARTS_MAX)):
            part = self._model(form, entry, (name, index))
            if part is None:
                continue
            found.append(part)
            for end in ("source", "target"):
                matcher: Matcher | None = getattr(part, end, None)
                if matcher is None:
                    continue
                if not matcher.model_dump(exclude_none=True):
                    self.add((name, index, end), said("names_nothing"), names(Matcher.model_fields))
                if matcher.rule is not None and matcher.rule not in known:
                    problem = said("no_rule", name=matcher.rule)
                    self.add((name, index, end, "rule"), problem, names(sorted(known)))
        return tuple(found)

    def _model(self, form: type[_Model], written: Any, path: Path) -> _Model | None:
        try:
            return form.model_validate_json(orjson.dumps(written))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                where, problem, allowed = _fault(form, path, detail)
                if spell(where) not in {fault.path for fault in self.faults}:
                    self.add(where, problem, allowed)
        except TypeError as error:
            self.add(path, said("unreadable", error=error), said("values"))
        return None


def _meet(one: Override, other: Override) -> bool:
    """Return whether a room can match both, and both set different keys of the same metric or detector."""
    if any(one.match[key] != other.match[key] for key in one.match.keys() & other.match.keys()):
        return False
    heads = {path.rpartition(".")[0] for path in one.set} & {path.rpartition(".")[0] for path in other.set}
    return bool(heads - {""}) and one.set.keys() != other.set.keys()


def _fault(form: type[BaseModel], path: Path, detail: ErrorDetails) -> tuple[Path, Wording, Wording]:
    """Return path, problem and what is allowed of one of pydantic's errors."""
    inside = tuple(part for part in detail["loc"] if part not in _UNION_ARMS)
    where = (*path, *inside)
    if detail["type"] == "extra_forbidden":
        return where, said("unknown_key"), _keys(form, inside)
    if detail["type"] == "missing":
        return where, said("missing"), NOTHING
    return where, said("is", value=_shown(detail["input"])), allowed_by(detail)


_UNION_ARMS: Final = frozenset(("float", "tuple[float, float]", "constrained-float", "[key]"))
"""What pydantic puts into a path for the arm of a union; people did not write it."""
_NESTED: Final[dict[str, type[BaseModel]]] = {
    "overrides": Override,
    "summary": Sentence,
    "advice": Sentence,
    "action": Action,
}


def _keys(form: type[BaseModel], inside: Path) -> Wording:
    """Return the keys that are known where an unknown one was found."""
    for part in inside[:-1]:
        if isinstance(part, str):
            form = _NESTED.get(part, form)
    return names(form.model_fields)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."
