"""The notifier's own metrics; the names in one place, the registry passed in."""

from __future__ import annotations

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerts.notify.model import Status

__all__ = ["NotifierMetrics"]

_SECONDS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class NotifierMetrics:
    """Counters and gauges of one notifier process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.attempts = Counter(
            "roomwatch_notify_attempts",
            "Calls to channels, by outcome: ok, or why not.",
            ["channel", "outcome"],
            registry=registry,
        )
        self.deliveries = Counter(
            "roomwatch_notify_deliveries",
            "What became of changes of alerts, by status.",
            ["status"],
            registry=registry,
        )
        self.waiting = Gauge(
            "roomwatch_notify_waiting",
            "Changes that a channel was not told yet.",
            ["channel"],
            registry=registry,
        )
        self.failing = Gauge(
            "roomwatch_notify_failing",
            "1 while the last message to a channel was given up.",
            ["channel"],
            registry=registry,
        )
        self.delay = Histogram(
            "roomwatch_notify_delay_seconds",
            "From the change of an alert to the moment that a channel had taken it.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            "roomwatch_notify_lag_records", "Records of live.alerts not taken in yet.", registry=registry
        )
        self.active = Gauge(
            "roomwatch_notify_active", "1 while this process is the one that tells.", registry=registry
        )
        self.bad_records = Counter(
            "roomwatch_notify_bad_records", "Records of live.alerts that are no alerts.", registry=registry
        )
        self.routes_refused = Gauge(
            "roomwatch_notify_routes_refused",
            "1 while changed routes are refused for a fault.",
            registry=registry,
        )
        for status in get_args(Status):
            self.deliveries.labels(status)
