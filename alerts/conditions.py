"""From a rule as written to what is asked each tick: places looked up, bounds in order, detectors built.

Takes checked rules only (``alerts.rulecheck``). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Literal

from alerts import contributions, evidence
from alerts.detectors import DETECTORS
from alerts.detectors.reading import CRITICAL, INFO, WARNING, Condition, Subject
from alerts.detectors.threshold import NEVER, PING_WINDOWS, Figure, Side, Threshold
from alerts.model import COMMERCE_KINDS, TRAFFIC_KINDS
from alerts.ruleset import Bound, DetectorCondition, MetricCondition, Rule
from alerts.states import Policy
from stream.catalogue import (
    METRIC_BY_NAME,
    ROOM_COLUMN_INDEX,
    VENDOR_COLUMN_INDEX,
    WINDOWS_MS,
    Metric,
    column,
)

__all__ = ["Scope", "Watch", "figures_of", "is_ping_metric", "samples_of", "scope_of", "watch"]

Scope = Literal["room", "vendor", "monitor"]
"""Whom a rule watches; `monitor` rules are judged by the incidents stage, from heartbeats."""

_PINGED: Final = "live_pings"
_SAME: Final = "="
"""Stands for the label value of the metric itself."""
_SAMPLES: Final[dict[str, tuple[tuple[str, str | None], ...]]] = {
    "live_stalls_per_100_seconds": ((_PINGED, _SAME),),
    "live_interaction_concentration": (("live_interaction_events", None),),
    "live_suspect_ratio": (("live_interaction_events", None),),
    "live_payment_failure_ratio": (("live_orders_in_window", "paid"), ("live_orders_in_window", "failed")),
    "live_conversion_ratio": (("live_clickers", None),),
    "live_vendor_error_ratio": (("live_vendor_calls", None),),
    "live_vendor_timeout_ratio": (("live_vendor_calls", None),),
    "live_vendor_latency_p99_seconds": (("live_vendor_calls", None),),
}
"""Metric -> the counts (metric, label value) whose sum over the same window is its number of samples."""
_OF_MANY: Final = frozenset(("live_interaction_concentration",))
"""Metrics that are odd only where much happens: the ten busiest of twenty people have half of the events."""
_FRAMES: Final = "live_frames_per_second"
_INTERVAL: Final = "live_ping_interval_seconds"
_OFFSET: Final = "live_av_offset_seconds"
_PER_100_S: Final = "live_stalls_per_100_seconds"
_SPREAD: Final[dict[str, tuple[str, str]]] = {
    "live_stall_ratio": ("live_stalled_nodes", "live_stalled_nodes_share")
}
"""Metric -> number and share of the nodes concerned: what it says of players depends on them."""
_PLAYER: Final = "player"


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule made ready for the subjects that share its bounds.

    Attributes:
        order: its place in the set.
        asks: ``level`` of each condition.
        holds_breath: it says nothing new while the room is paused.
        states: states of a room in which it is judged.
    """

    order: int
    rule: Rule
    scope: Scope
    policy: Policy
    conditions: tuple[Condition, ...]
    asks: tuple[Callable[[Subject], int | None], ...]
    holds_breath: bool
    states: frozenset[str]


def watch(rule: Rule, order: int) -> Watch:
    """Return a checked rule made ready."""
    conditions = tuple(_condition(condition, rule) for condition in rule.any)
    planned = any(
        isinstance(condition, DetectorCondition) and DETECTORS[condition.detector].planned
        for condition in rule.any
    )
    return Watch(
        order=order,
        rule=rule,
        scope=scope_of(rule),
        policy=Policy(
            for_ms=round(rule.for_s * 1000),
            keep_firing_ms=round(rule.keep_firing_s * 1000),
            lowest=min(_lowest(condition) for condition in rule.any),
        ),
        conditions=conditions,
        asks=tuple(condition.level for condition in conditions),
        holds_breath=rule.kind in TRAFFIC_KINDS | COMMERCE_KINDS,
        states=frozenset(("live", "paused", "planned") if planned else ("live", "paused")),
    )


def scope_of(rule: Rule) -> Scope:
    """Return whom a rule watches, by its first condition; a checked rule has one scope."""
    first = rule.any[0]
    if isinstance(first, DetectorCondition):
        return DETECTORS[first.detector].scope
    return "vendor" if METRIC_BY_NAME[first.metric].scope == "vendor" else "room"


def is_ping_metric(metric: Metric) -> bool:
    """Return whether the metric's window follows the ping interval of its probe."""
    return metric.label == "probe" and set(PING_WINDOWS) <= set(metric.windows)


def samples_of(metric: Metric, label_value: str | None, window: str | None) -> tuple[str, ...]:
    """Return the names of the columns whose sum is the metric's number of samples; empty when it has none."""
    counts = _SAMPLES.get(metric.name, ())
    if is_ping_metric(metric):
        counts = ((_PINGED, label_value),)
    return tuple(
        column(name, label_value=label_value if value == _SAME else value, window=window).name
        for name, value in counts
        if window in METRIC_BY_NAME[name].windows
    )


def figures_of(rule: Rule) -> frozenset[str]:
    """Return the names of all columns that the rule may read, in any window that an override may give it."""
    names = {name for condition in rule.any for name in _figures_of(condition)}
    explained = contributions.FIGURES if rule.kind in contributions.EXPLAINED_KINDS else ()
    return frozenset((*names, *evidence.FIGURES.get(rule.kind, ()), *explained))


def _figures_of(condition: MetricCondition | DetectorCondition) -> Iterator[str]:
    label_values = condition.where.values()
    if isinstance(condition, DetectorCondition):
        for name in (*DETECTORS[condition.detector].reads, *filter(None, [condition.metric])):
            yield from _columns_of(METRIC_BY_NAME[name], label_values)
        return
    metric = METRIC_BY_NAME[condition.metric]
    yield from _columns_of(metric, label_values)
    more: tuple[str, ...] = ()
    if is_ping_metric(metric):
        more = (_PINGED, _INTERVAL) if metric.name != _OFFSET else (_PINGED, _INTERVAL, _FRAMES)
    elif metric.name == _PER_100_S:
        more = (_INTERVAL,)
    if _PLAYER in label_values:
        more = (*more, *_SPREAD.get(metric.name, ()))
    for name in more:
        yield from _columns_of(METRIC_BY_NAME[name], label_values)
    label_value = condition.where.get(metric.label or "")
    for window in metric.windows:
        yield from samples_of(metric, label_value, window)


def _columns_of(metric: Metric, label_values: Collection[str]) -> Iterator[str]:
    """Yield the columns of a metric; where one of its label values is named, of that one."""
    wanted = set(label_values) & set(metric.label_values)
    for found in metric.columns():
        if wanted and found.label_value not in wanted:
            continue
        if metric.label != "probe" or found.window is None or found.window in PING_WINDOWS:
            yield found.name


def _condition(condition: MetricCondition | DetectorCondition, rule: Rule) -> Condition:
    if isinstance(condition, DetectorCondition):
        return DETECTORS[condition.detector].build(condition, rule)
    return _threshold(condition, rule.min_samples)


def _threshold(condition: MetricCondition, min_samples: int) -> Threshold:
    metric = METRIC_BY_NAME[condition.metric]
    index = VENDOR_COLUMN_INDEX if metric.scope == "vendor" else ROOM_COLUMN_INDEX
    label_value = condition.where.get(metric.label) if metric.label else None
    pings = is_ping_metric(metric)
    windows = PING_WINDOWS if pings else (condition.window,)
    sides = _sides(condition)
    if pings:
        name = f"{metric.name}{{{metric.label}={label_value}}}"
    else:
        name = column(metric.name, label_value=label_value, window=condition.window).name
    signed = {side.sign: side.sign * side.recover for side in sides}
    return Threshold(
        id=name,
        metric=metric.name,
        labels=dict(condition.where),
        feeds=metric.feeds,
        sides=sides,
        figures=tuple(
            Figure(
                at=index[column(metric.name, label_value=label_value, window=window).name],
                samples_at=tuple(index[name] for name in samples_of(metric, label_value, window)),
                frames_at=index[column(_FRAMES, label_value=label_value, window=window).name]
                if condition.not_below_frame
                else None,
                window_s=WINDOWS_MS[window] // 1000 if window in WINDOWS_MS else None,
                nodes_at=_nodes_at(metric.name, label_value, window),
            )
            for window in windows
        ),
        interval_at=index[column(_INTERVAL, label_value=label_value).name] if pings else None,
        min_samples=min_samples,
        total_excess=NEVER if condition.total is None else sides[0].sign * condition.total,
        confidence=condition.lower_bound,
        z=0.0 if condition.lower_bound is None else NormalDist().inv_cdf(condition.lower_bound),
        calm_from=signed.get(-1, -NEVER),
        calm_to=signed.get(1, NEVER),
        few_are_calm=metric.name in _OF_MANY,
        watched_at=index[column(_INTERVAL, label_value=label_value).name]
        if metric.name == _PER_100_S
        else None,
    )


def _nodes_at(metric: str, probe: str | None, window: str | None) -> tuple[int, int] | None:
    """Return the places of the number and the share of the nodes concerned; None where it does not matter."""
    if probe != _PLAYER or metric not in _SPREAD:
        return None
    number, share = (
        ROOM_COLUMN_INDEX[column(name, label_value=probe, window=window).name] for name in _SPREAD[metric]
    )
    return number, share


def _sides(condition: MetricCondition) -> tuple[Side, ...]:
    bounds = (condition.info, condition.warning, condition.critical, condition.recover)
    signs = {">": (1,), "<": (-1,), "outside": (1, -1)}[condition.compare]
    return tuple(_side(sign, *(_end(bound, sign) for bound in bounds)) for sign in signs)


def _end(bound: Bound | None, sign: int) -> float | None:
    """Return the end of a bound on one side, as an excess."""
    if bound is None:
        return None
    return sign * (bound[1 if sign > 0 else 0] if isinstance(bound, tuple) else bound)


def _side(
    sign: int, info: float | None, warning: float | None, critical: float | None, recover: float | None
) -> Side:
    given = [bound for bound in (info, warning, critical) if bound is not None]
    return Side(
        sign=sign,
        info=NEVER if info is None else info,
        warning=NEVER if warning is None else warning,
        critical=NEVER if critical is None else critical,
        recover=min(given) if recover is None else recover,
    )


def _lowest(condition: MetricCondition | DetectorCondition) -> int:
    if isinstance(condition, DetectorCondition):
        return WARNING
    bounds = ((condition.info, INFO), (condition.warning, WARNING), (condition.critical, CRITICAL))
    return next(level for bound, level in bounds if bound is not None)
