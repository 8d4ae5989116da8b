"""What a rule means, checked against what there is: metrics, labels, windows, detectors, placeholders.

Each function yields (path inside its part, what is wrong, what is allowed). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import pairwise
from typing import Final

from pydantic import ValidationError

from alerts.actions import TARGET_PLACEHOLDERS, unknown_in_target
from alerts.conditions import samples_of, scope_of
from alerts.detectors import DETECTORS, DetectorType
from alerts.faultwords import names, said
from alerts.invalid import allowed as allowed_by
from alerts.ruleset import RULE_KEYS, Bound, DetectorCondition, MetricCondition, Override, Rule
from alerts.ruletext import Path
from alerts.texts import PLACEHOLDERS, unknown_placeholders
from alerts.wording import Wording
from stream.catalogue import METRIC_BY_NAME, METRICS, Metric

__all__ = ["condition_faults", "override_faults", "rule_faults"]

Faults = Iterator[tuple[Path, Wording, Wording]]
_SEVERITIES: Final = ("info", "warning", "critical")
_URL_STARTS: Final = ("/", "http://", "https://")


def rule_faults(rule: Rule) -> Faults:
    """Yield what is wrong with a rule whose conditions are right."""
    scopes = {scope_of(rule.model_copy(update={"any": (condition,)})) for condition in rule.any}
    if len(scopes) > 1:
        both = Wording("、".join(sorted(scopes)), " and ".join(sorted(scopes)))
        yield ("any",), said("two_scopes", scopes=both), said("one_scope")
    for index, condition in enumerate(rule.any):
        if any(_same_figure(condition, other) for other in rule.any[:index]):
            yield ("any", index), said("same_figure"), said("one_condition")
    if rule.min_samples and not any(map(_counts_samples, rule.any)):
        yield ("min_samples",), said("nothing_to_count"), names(["0"])
    if rule.runbook_url is not None and not rule.runbook_url.startswith(_URL_STARTS):
        yield ("runbook_url",), _is(rule.runbook_url), said("addresses")
    for unknown in unknown_in_target(rule.action.target) if rule.action else ():
        yield ("action", "target"), said("no_placeholder", name=unknown), _braced(TARGET_PLACEHOLDERS)
    for name in ("summary", "advice"):
        sentence = getattr(rule, name)
        for language in ("zh", "en") if sentence else ():
            for unknown in unknown_placeholders(getattr(sentence, language)):
                yield (name, language), said("no_placeholder", name=unknown), _braced(PLACEHOLDERS)


def override_faults(rule: Rule, override: Override) -> Faults:
    """Yield the settings of an override that name nothing of the rule."""
    for path in override.set:
        head, _, key = path.rpartition(".")
        if not head:
            if key not in RULE_KEYS:
                yield ("set", path), said("not_settable"), _settable(rule)
            continue
        parts = [part for part in rule.any if _name_of(part) == head]
        if not parts:
            yield ("set", path), said("rule_has_no", name=head), names(sorted({*map(_name_of, rule.any)}))
        elif key not in _keys_of(parts[0]):
            yield ("set", path), said("has_no", head=head, name=key), names(_keys_of(parts[0]))


def condition_faults(condition: MetricCondition | DetectorCondition) -> Faults:
    """Yield what is wrong with one entry of ``any``."""
    if isinstance(condition, DetectorCondition):
        yield from _detector_faults(condition)
        return
    metric = METRIC_BY_NAME.get(condition.metric)
    if metric is None or not _has_columns(metric):
        yield ("metric",), said("no_metric", name=condition.metric), _metrics_like(condition.metric)
        return
    misplaced = list(_where_faults(metric, condition))
    yield from misplaced
    if metric.windows and condition.window not in metric.windows:
        yield ("window",), _is(condition.window), names(metric.windows)
    elif not metric.windows and condition.window is not None:
        yield ("window",), said("no_windows", metric=metric.name), said("no_window")
    elif not misplaced:
        yield from _option_faults(metric, condition)
    yield from _bound_faults(condition)


def _where_faults(metric: Metric, condition: MetricCondition | DetectorCondition) -> Faults:
    for name, value in condition.where.items():
        if name != metric.label:
            told = said("no_label", metric=metric.name, name=name)
            yield ("where", name), told, names([metric.label or ""], "no_where")
        elif value not in metric.label_values:
            yield ("where", name), _is(value), names(metric.label_values, "open_label")
    if metric.label is not None and metric.label not in condition.where:
        yield ("where",), said("must_name", name=metric.label), names(metric.label_values)


def _option_faults(metric: Metric, condition: MetricCondition) -> Faults:
    if condition.lower_bound is not None:
        counted = samples_of(metric, condition.where.get(metric.label or ""), condition.window)
        if not metric.name.endswith("_ratio") or not counted or condition.compare != ">":
            yield ("lower_bound",), said("lower_bound"), said("no_lower_bound")
    if condition.not_below_frame and metric.name != "live_av_offset_seconds":
        told = said("no_meaning_for", metric=metric.name)
        yield ("not_below_frame",), told, names(["live_av_offset_seconds"])


def _bound_faults(condition: MetricCondition) -> Faults:
    given = [(name, bound) for name in _SEVERITIES if (bound := getattr(condition, name)) is not None]
    if not given:
        yield (), said("no_bound"), said("some_bound")
        return
    pair = condition.compare == "outside"
    both = [*given, *([("recover", condition.recover)] if condition.recover is not None else [])]
    wrong = [name for name, bound in both if isinstance(bound, tuple) is not pair]
    for name in wrong:
        told = said("not_with_compare", compare=condition.compare)
        yield (name,), told, said("low_and_high" if pair else "one_number")
    for name, bound in both:
        if isinstance(bound, tuple) and bound[0] >= bound[1]:
            yield (name,), said("is", value=list(bound)), said("low_first")
    if wrong:
        return
    for (milder, bound), (harder, other) in pairwise(given):
        if not _beyond(other, bound, condition.compare):
            told = said("not_beyond", bound=_plain(other), name=milder, other=_plain(bound))
            yield (harder,), told, _side(condition.compare)
    mildest, bound = given[0]
    if condition.recover is not None and _beyond(condition.recover, bound, condition.compare):
        told = said("beyond", bound=_plain(condition.recover), name=mildest, other=_plain(bound))
        yield ("recover",), told, said("good_side")
    yield from _total_faults(condition, given[-1])


def _total_faults(condition: MetricCondition, hardest: tuple[str, Bound]) -> Faults:
    name, bound = hardest
    if condition.total is None:
        return
    if condition.compare == "outside":
        yield ("total",), said("not_with_compare", compare="outside"), said("no_total")
    elif not _beyond(condition.total, bound, condition.compare):
        told = said("not_beyond", bound=condition.total, name=name, other=_plain(bound))
        yield ("total",), told, _side(condition.compare)


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
        yield ("detector",), said("no_detector", name=condition.detector), names(sorted(DETECTORS))
        return
    yield from _series_faults(detector, condition)
    try:
        params = detector.params.model_validate(condition.params)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = ("params", *detail["loc"])
            if detail["type"] == "extra_forbidden":
                yield where, said("no_parameter"), names(detector.params.model_fields)
            else:
                yield where, _is(detail["input"]), allowed_by(detail)
        return
    for name in detector.params.model_fields:
        milder = name.replace("critical", "warning", 1)
        if milder != name and not getattr(params, name) >= getattr(params, milder):
            told = said("below", bound=getattr(params, name), name=milder)
            yield ("params", name), told, said("or_more", name=milder)
    recover, warning = getattr(params, "recover", None), getattr(params, "warning", None)
    if recover is not None and warning is not None and recover > warning:
        told = said("beyond", bound=recover, name="warning", other=warning)
        yield ("params", "recover"), told, said("good_side")


def _series_faults(detector: DetectorType, condition: DetectorCondition) -> Faults:
    if detector.metrics and condition.metric not in detector.metrics:
        yield ("metric",), _is(condition.metric), names(detector.metrics)
        return
    if not detector.metrics and condition.metric is not None:
        yield ("metric",), said("own_figures", detector=condition.detector), said("no_own_metric")
    windows = METRIC_BY_NAME[condition.metric].windows if condition.metric else ()
    if windows and condition.window not in windows:
        yield ("window",), _is(condition.window), names(windows)
    elif not windows and condition.window is not None:
        yield ("window",), said("no_meaning"), said("no_window")
    for name, value in condition.where.items():
        if value not in detector.where.get(name, ()):
            yield ("where", name), _is(value), names(detector.where.get(name, ()), "no_where")
    for name, values in detector.where.items():
        if name not in condition.where:
            yield ("where",), said("must_name", name=name), names(values)


def _has_columns(metric: Metric) -> bool:
    return not metric.derived and metric.type != "histogram" and metric.scope in ("room", "vendor")


def _metrics_like(name: str) -> Wording:
    known = [metric.name for metric in METRICS if _has_columns(metric)]
    close = get_close_matches(name, known, n=3)
    return names(close) if close else said("metrics", count=len(known))


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


def _settable(rule: Rule) -> Wording:
    return names((*RULE_KEYS, *(f"{name}.<key>" for name in sorted({*map(_name_of, rule.any)}))))


def _braced(placeholders: Iterable[str]) -> Wording:
    return names(f"{{{name}}}" for name in placeholders)


def _is(value: object) -> Wording:
    return said("missing") if value is None else said("is", value=repr(value))


def _plain(bound: Bound) -> str:
    return str(list(bound) if isinstance(bound, tuple) else bound)


def _side(compare: str) -> Wording:
    return said({">": "higher", "<": "lower", "outside": "wider"}[compare])
