"""Which rules watch a room, and what is missing where they cannot: for people who wonder at the silence.

Pure. A rule is *watched* when at least one of its conditions has what it needs, else *blind*. What is needed
is a feed, or a field that producers may leave out; a window without events is data like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from alerts.conditions import scope_of
from alerts.detectors.conversion import ConversionParams
from alerts.detectors.retention import RetentionParams
from alerts.ruleset import DetectorCondition, MetricCondition, RuleSet
from stream.catalogue import METRIC_BY_NAME, ROOM_COLUMN_INDEX, column

__all__ = ["Seen", "coverage"]

_ANY_OF: Final = frozenset(
    (
        "live_viewers",
        "live_interaction_concentration",
        "live_suspect_ratio",
        "live_prohibited_total",
    )
)
"""Metrics that one of their feeds is enough for."""
_WATCHES: Final[Mapping[str, str]] = {
    "cheap_orders": "live_item_cheap_orders",
    "complaints": "live_complaining_users",
    "conversion": "live_conversion_ratio",
    "drift": "live_av_offset_seconds",
    "forecast": "live_viewers",
    "pay_through": "live_pay_through_ratio",
    "refunds": "live_refund_ratio",
    "retention": "live_retention_ratio",
    "silence": "live_pings",
    "words": "live_prohibited_total",
}
"""Detector -> the metric that stands for what it looks at, where the rule names none."""
_PING_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "live_stall_ratio": ("stall_ms", "1m"),
    "live_stalls_per_100_seconds": ("stall_ms", "5m"),
    "live_frames_per_second": ("fps", "1m"),
    "live_bytes_per_second": ("bitrate_kbps", "1m"),
    "live_rtt_seconds": ("rtt_ms", "1m"),
    "live_av_offset_seconds": ("av_offset_ms", "1m"),
}
"""Metric of a probe -> the field of a ping that it rests on, and a window to look at."""
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "live_cpu_ratio": ('live_cpu_ratio{window="1m"}', "health.cpu_ratio"),
    "live_egress_use_ratio": ("live_egress_limit_bytes_per_second", "health.egress_limit_kbps"),
    "live_item_cheap_orders": ("live_item_cheap_orders", "orders.item_id"),
    "live_retention_ratio": ("live_leaves_total", "visits.action=leave"),
    "live_conversion_ratio": ("live_clicks_total", "visits.action=click"),
}
"""Metric -> a column that has data, above zero, where producers send what it needs, and the field."""
_PAID: Final = 'live_orders_total{status="paid"}'
_ENTERED: Final = "live_enters_total"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a room.

    Attributes:
        facts: fields of its records and the item on air.
        values: newest figures in the order of the catalogue, possibly of an older version.
        newest_ms: newest event of each feed that it ever had.
    """

    room_id: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    values: Sequence[Any] = ()
    newest_ms: Mapping[str, int] = field(default_factory=dict)

    def figure(self, name: str) -> Any:
        """Return a figure by the name of its column; None without data."""
        at = ROOM_COLUMN_INDEX[name]
        return self.values[at] if at < len(self.values) else None


def coverage(ruleset: RuleSet, seen: Seen) -> list[dict[str, Any]]:
    """Return for each rule that watches rooms, in the order of the set, whether it can.

    Args:
        ruleset: the set in force.
        seen: the room.

    Returns:
        ``rule``, ``kind``, ``coverage`` (``watched`` or ``blind``) and ``missing``: the feeds, and the fields
        as ``feed.field``, that its conditions lack, each once; also what only some of them lack. ``not_yet``:
        what a watched rule must see more of before it can tell a drop from the room's own normal, as
        ``figure``, how much it ``has`` and ``needs``.
    """
    found = []
    for rule in ruleset.rules:
        if scope_of(rule) != "room":
            continue
        lacking = [tuple(_missing(condition, seen)) for condition in rule.any]
        watched = () in lacking
        not_yet = [one for condition in rule.any for one in _not_yet(condition, seen)]
        found.append(
            {
                "rule": rule.name,
                "kind": rule.kind,
                "coverage": "watched" if watched else "blind",
                "missing": list(dict.fromkeys(name for names in lacking for name in names)),
                "not_yet": not_yet if watched else [],
            }
        )
    return found


def _missing(condition: MetricCondition | DetectorCondition, seen: Seen) -> Iterator[str]:
    """Yield what a condition needs and does not have."""
    if isinstance(condition, DetectorCondition):
        yield from _facts_missing(condition.detector, seen)
        name = condition.metric or _WATCHES.get(condition.detector)
        if name is None:
            return
    else:
        name = condition.metric
    metric = METRIC_BY_NAME[name]
    feeds = [feed for feed in metric.feeds if feed not in seen.newest_ms]
    if feeds and (name not in _ANY_OF or len(feeds) == len(metric.feeds)):
        yield from feeds
        return
    probe = condition.where.get("probe")
    if probe is not None:
        yield from _pings_missing(name, probe, seen)
    elif name in _FIELDS and not seen.figure(_FIELDS[name][0]) and not _is_empty(name, seen):
        yield _FIELDS[name][1]


def _not_yet(condition: MetricCondition | DetectorCondition, seen: Seen) -> Iterator[dict[str, str | int]]:
    """Yield what a detector learns a room's own share from, while there is too little of it."""
    if not isinstance(condition, DetectorCondition):
        return
    if condition.detector == "conversion":
        figure, needs = _PAID, ConversionParams.model_validate(condition.params).baseline_paid
    elif condition.detector == "retention":
        figure, needs = _ENTERED, RetentionParams.model_validate(condition.params).own_entered
    else:
        return
    has = int(seen.figure(figure) or 0)
    if has < needs:
        yield {"figure": figure, "has": has, "needs": needs}


def _facts_missing(detector: str, seen: Seen) -> Iterator[str]:
    if detector == "forecast" and not seen.facts.get("capacity"):
        yield "rooms.capacity"
    elif detector == "not_started" and seen.facts.get("starts_at_ms") is None:
        yield "rooms.starts_at_ms"
    elif detector == "sold_out" and "marks" not in seen.newest_ms:
        yield "marks"
    elif detector == "sold_out" and seen.facts.get("item_id") and seen.facts.get("item_stock") is None:
        yield "marks.stock"


def _pings_missing(metric: str, probe: str, seen: Seen) -> Iterator[str]:
    if seen.figure(column("live_ping_newest_timestamp_seconds", label_value=probe).name) is None:
        yield f"health.probe={probe}"
    elif metric in _PING_FIELDS:
        name, window = _PING_FIELDS[metric]
        pinged = seen.figure(column("live_pings", label_value=probe, window=window).name)
        if pinged and seen.figure(column(metric, label_value=probe, window=window).name) is None:
            yield f"health.{name}"


def _is_empty(metric: str, seen: Seen) -> bool:
    """Tell whether a figure may be nothing although all is told: no cheap order of any item is an object."""
    return metric == "live_item_cheap_orders" and seen.figure(metric) is not None
