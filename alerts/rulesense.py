"""What a rule means, checked against what there is: metrics, labels, windows, detectors, placeholders.

Each function yields (path inside its part, what is wrong, what is allowed). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from pydantic import ValidationError

from alerts.actions import TARGET_PLACEHOLDERS, unknown_in_target
from alerts.conditions import samples_of, scope_of
from alerts.detectors import DETECTORS, DetectorType
from alerts.ruleset import RULE_KEYS, Bound, DetectorCondition, MetricCondition, Override, Rule
from alerts.ruletext import Path
from alerts.texts import PLACEHOLDERS, unknown_placeholders
from stream.catalogue import METRIC_BY_NAME, METRICS, Metric

__all__ = ["condition_faults", "override_faults", "rule_faults"]

Faults = Iterator[tuple[Path, str, str]]
_SEVERITIES: Final = ("info", "warning", "critical")
_URL_STARTS: Final = ("/", "http://", "https://")


def rule_faults(rule: Rule) -> Faults:
    """Yield what is wrong with a rule whose conditions are right."""
    scopes = {scope_of(rule.model_copy(update={"any": (condition,)})) for condition in rule.any}
    if len(scopes) > 1:
        yield ("any",), f"watches {' and '.join(sorted(scopes))} at once", "conditions of one of them"
    for index, condition in enumerate(rule.any):
        if any(_same_figure(condition, other) for other in rule.any[:index]):
            yield ("any", index), "looks at the same figure as another condition", "one condition per figure"
    if rule.min_samples and not any(map(_counts_samples, rule.any)):
        yield ("min_samples",), "there is nothing to count: no condition has a number of samples", "0"
    if rule.runbook_url is not None and not rule.runbook_url.startswith(_URL_STARTS):
        yield ("runbook_url",), f"is {rule.runbook_url!r}", "an address that begins with / or http(s)://"
    for unknown in unknown_in_target(rule.action.target) if rule.action else ():
        allowed = ", ".join(f"{{{name}}}" for name in TARGET_PLACEHOLDERS)
        yield ("action", "target"), f"has {{{unknown}}}", allowed
    for name in ("summary", "advice"):
        sentence = getattr(rule, name)
        for language in ("zh", "en") if sentence else ():
            for unknown in unknown_placeholders(getattr(sentence, language)):
                yield (name, language), f"has {{{unknown}}}", ", ".join(f"{{{p}}}" for p in PLACEHOLDERS)


def override_faults(rule: Rule, override: Override) -> Faults:
    """Yield the settings of an override that name nothing of the rule."""
    for path in override.set:
        head, _, key = path.rpartition(".")
        if not head:
            if key not in RULE_KEYS:
                yield ("set", path), "is not a key that can be set", _settable(rule)
            continue
        parts = [part for part in rule.any if _name_of(part) == head]
        if not parts:
            yield ("set", path), f"the rule has no {head!r}", ", ".join(sorted({*map(_name_of, rule.any)}))
        elif key not in _keys_of(parts[0]):
            yield ("set", path), f"{head} has no {key!r}", ", ".join(_keys_of(parts[0]))


def condition_faults(condition: MetricCondition | DetectorCondition) -> Faults:
    """Yield what is wrong with one entry of ``any``."""
    if isinstance(condition, DetectorCondition):
        yield from _detector_faults(condition)
        return
    metric = METRIC_BY_NAME.get(condition.metric)
    if metric is None or not _has_columns(metric):
        yield (
            ("metric",),
            f"no metric {condition.metric!r} that rules can watch",
            _metrics_like(condition.metric),
        )
        return
    misplaced = list(_where_faults(metric, condition))
    yield from misplaced
    if metric.windows and condition.window not in metric.windows:
        yield ("window",), _is(condition.window), ", ".join(metric.windows)
    elif not metric.windows and condition.window is not None:
        yield ("window",), f"{metric.name} has no windows", "no window"
    elif not misplaced:
        yield from _option_faults(metric, condition)
    yield from _bound_faults(condition)


def _where_faults(metric: Metric, condition: MetricCondition | DetectorCondition) -> Faults:
    for name, value in condition.where.items():
        if name != metric.label:
            yield ("where", name), f"{metric.name} has no label {name!r}", metric.label or "no where"
        elif value not in metric.label_values:
            yield (
                ("where", name),
                _is(value),
                ", ".join(metric.label_values) or "open labels cannot be watched",
            )
    if metric.label is not None and metric.label not in condition.where:
        yield ("where",), f"must name the {metric.label}", ", ".join(metric.label_values)


def _option_faults(metric: Metric, condition: MetricCondition) -> Faults:
    if condition.lower_bound is not None:
        counted = samples_of(metric, condition.where.get(metric.label or ""), condition.window)
        if not metric.name.endswith("_ratio") or not counted or condition.compare != ">":
            yield ("lower_bound",), "is for ratios with a number of samples and `>`", "no lower_bound here"
    if condition.not_below_frame and metric.name != "live_av_offset_seconds":
        yield ("not_below_frame",), f"has no meaning for {metric.name}", "live_av_offset_seconds"


def _bound_faults(condition: MetricCondition) -> Faults:
    given = [(name, bound) for name in _SEVERITIES if (bound := getattr(condition, name)) is not None]
    if not given:
        yield (), "has no bound", "at least one of info, warning, critical"
        return
    pair = condition.compare == "outside"
    both = [*given, *([("recover", condition.recover)] if condition.recover is not None else [])]
    wrong = [name for name, bound in both if isinstance(bound, tuple) is not pair]
    for name in wrong:
        yield (
            (name,),
            f"does not go with compare {condition.compare!r}",
            "[low, high]" if pair else "one number",
        )
    for name, bound in both:
        if isinstance(bound, tuple) and bound[0] >= bound[1]:
            yield (name,), f"is {list(bound)}", "the low end first, then the high one"
    if wrong:
        return
    for (milder, bound), (harder, other) in pairwise(given):
        if not _beyond(other, bound, condition.compare):
            yield (
                (harder,),
                f"{_plain(other)} is not beyond {milder} {_plain(bound)}",
                _side(condition.compare),
            )
    mildest, bound = given[0]
    if condition.recover is not None and _beyond(condition.recover, bound, condition.compare):
        yield (
            ("recover",),
            f"{_plain(condition.recover)} is beyond {mildest} {_plain(bound)}",
            "the good side of it",
        )
    yield from _total_faults(condition, given[-1])


def _total_faults(condition: MetricCondition, hardest: tuple[str, Bound]) -> Faults:
    name, bound = hardest
    if condition.total is None:
        return
    if condition.compare == "outside":
        yield ("total",), "does not go with compare 'outside'", "no total here"
    elif not _beyond(condition.total, bound, condition.compare):
        yield ("total",), f"{condition.total} is not beyond {name} {_plain(bound)}", _side(condition.compare)


def _beyond(bound: Bound, other: Bound, compare: str) -> bool:
    """Return whether a bound is harder to reach than another, on every side that it has."""
    if isinstance(bound, tuple) and isinstance(other, tuple):
        return bound[0] <= other[0] and bound[1] >= other[1] and bound != other
    if isinstance(bound, tuple) or isinstance(other, tuple):
        return False
    return bound > other if compare == ">" else bound < other


def _detector_faults(condition: DetectorCondition) -> Faults:
    detector = DETECTORS.get(condition.detector)
    if detector is None:
        yield ("detector",), f"no detector {condition.detector!r}", ", ".join(sorted(DETECTORS))
        return
    yield from _series_faults(detector, condition)
    try:
        params = detector.params.model_validate(condition.params)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = ("params", *detail["loc"])
            if detail["type"] == "extra_forbidden":
                yield where, "is not a parameter", ", ".join(detector.params.model_fields)
            else:
                yield where, _is(detail["input"]), detail["msg"].removeprefix("Input should be ")
        return
    for name in detector.params.model_fields:
        milder = name.replace("critical", "warning", 1)
        if milder != name and not getattr(params, name) >= getattr(params, milder):
            yield ("params", name), f"{getattr(params, name)} is below {milder}", f"{milder} or more"
    recover, warning = getattr(params, "recover", None), getattr(params, "warning", None)
    if recover is not None and warning is not None and recover > warning:
        yield ("params", "recover"), f"{recover} is beyond warning {warning}", "the good side of it"


def _series_faults(detector: DetectorType, condition: DetectorCondition) -> Faults:
    if detector.metrics and condition.metric not in detector.metrics:
        yield ("metric",), _is(condition.metric), ", ".join(detector.metrics)
        return
    if not detector.metrics and condition.metric is not None:
        yield ("metric",), f"{condition.detector} chooses its figures itself", "no metric"
    windows = METRIC_BY_NAME[condition.metric].windows if condition.metric else ()
    if windows and condition.window not in windows:
        yield ("window",), _is(condition.window), ", ".join(windows)
    elif not windows and condition.window is not None:
        yield ("window",), "has no meaning here", "no window"
    for name, value in condition.where.items():
        if value not in detector.where.get(name, ()):
            yield ("where", name), _is(value), ", ".join(detector.where.get(name, ())) or "no where"
    for name, values in detector.where.items():
        if name not in condition.where:
            yield ("where",), f"must name the {name}", ", ".join(values)


def _has_columns(metric: Metric) -> bool:
    return not metric.derived and metric.type != "histogram" and metric.scope in ("room", "vendor")


def _metrics_like(name: str) -> str:
    names = [metric.name for metric in METRICS if _has_columns(metric)]
    close = get_close_matches(name, names, n=3)
    return ", ".join(close) if close else f"the {len(names)} metrics of the catalogue"


def _same_figure(
    one: MetricCondition | DetectorCondition, other: MetricCondition | DetectorCondition
) -> bool:
    return all(
        getattr(one, name, None) == getattr(other, name, None)
        for name in ("metric", "detector", "where", "window")
    )


def _counts_samples(condition: MetricCondition | DetectorCondition) -> bool:
    if isinstance(condition, DetectorCondition):
        return DETECTORS[condition.detector].counts_samples
    metric = METRIC_BY_NAME[condition.metric]
    return bool(samples_of(metric, condition.where.get(metric.label or ""), condition.window))


def _name_of(condition: MetricCondition | DetectorCondition) -> str:
    return condition.detector if isinstance(condition, DetectorCondition) else condition.metric


def _keys_of(condition: MetricCondition | DetectorCondition) -> tuple[str, ...]:
    if isinstance(condition, DetectorCondition):
        return ("window", *DETECTORS[condition.detector].params.model_fields)
    return tuple(name for name in MetricCondition.model_fields if name not in ("metric", "where"))


def _settable(rule: Rule) -> str:
    return ", ".join((*RULE_KEYS, *(f"{name}.<key>" for name in sorted({*map(_name_of, rule.any)}))))


def _is(value: object) -> str:
    return "is missing" if value is None else f"is {value!r}"


def _plain(bound: Bound) -> str:
    return str(list(bound) if isinstance(bound, tuple) else bound)


def _side(compare: str) -> str:
    return {">": "a higher number", "<": "a lower number", "outside": "a wider band"}[compare]
