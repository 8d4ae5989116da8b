"""Every metric that a dashboard or a rule may ask for, with its labels: ours, the roles', Prometheus' own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from alerts.gateway.telemetry import GatewayMetrics
from alerts.notify.telemetry import NotifierMetrics
from alerts.telemetry import Telemetry as EngineTelemetry
from deploy import prometheus
from exporters.telemetry import Telemetry as ExporterTelemetry
from stream.catalogue import METRICS, Metric
from stream.telemetry import IngestTelemetry

__all__ = ["LABELS", "METRIC_OF", "NAME", "SCRAPED", "rules_of", "windows_of"]

NAME = re.compile(r"\b((?:room|category):\w+:\w+|live_\w+|roomwatch_\w+|up|scrape_duration_seconds)\b(?!\()")
SCRAPED = {"instance", "job"}
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}


def rules_of(path: Path) -> list[dict[str, Any]]:
    """Return the rules of a file."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _catalogue(metric: Metric) -> set[str]:
    scope = {"room": {"room_id"}, "vendor": {"vendor", "operation"}, "deployment": set()}[metric.scope]
    label = {metric.label} if metric.label else set()
    return scope | label | {*metric.more_labels} | ({"window"} if metric.windows else set())


def _own() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for role in (IngestTelemetry, EngineTelemetry, GatewayMetrics, ExporterTelemetry, NotifierMetrics):
        registry = CollectorRegistry()
        role(registry)
        for collector, names in registry._collector_to_names.items():
            labels = set(getattr(collector, "_labelnames", ()))
            found |= {name: labels | ({"le"} if name.endswith("_bucket") else set()) for name in names}
        families = [family for family in registry.collect() if family.name.startswith("roomwatch_process_")]
        found |= {f"{f.name}_total" if f.type == "counter" else f.name: set() for f in families}
    return found


def _names(metric: Metric) -> list[str]:
    if metric.type == "histogram":
        return [metric.name + suffix for suffix in _SUFFIXES["histogram"]]
    return [metric.name]


METRIC_OF = {name: metric for metric in METRICS if metric.exported for name in _names(metric)}
LABELS: dict[str, set[str]] = {
    "up": set(),
    "scrape_duration_seconds": set(),
    **{
        name: _catalogue(metric) | ({"le"} if name.endswith("_bucket") else set())
        for name, metric in METRIC_OF.items()
    },
    **_own(),
    **{
        rule["record"]: {"room_id"} if rule["record"].startswith("room:") else {"category"}
        for rule in rules_of(prometheus.RECORDS)
    },
}
"""Name of a series -> its labels, those of the scrape aside."""


def windows_of(name: str) -> tuple[str, ...]:
    """Return the values of the label ``window``."""
    metric = METRIC_OF.get(name)
    return metric.windows if metric else ()
