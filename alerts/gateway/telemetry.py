"""The gateway's own metrics; the names in one place, the registry passed in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

__all__ = ["STAGES", "GatewayMetrics"]

STAGES: Final = ("broker", "rules", "store", "incidents")
"""What a gateway watches behind it, in the order of the way of an event."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
_CLOSES: Final = ("1001", "1009", "1011", "1012", "1013", "4008", "4400", "4401", "4403", "client")
_FRAMES: Final = ("alert", "subscribed", "gap", "at", "status", "done", "error")
_OUTCOMES: Final = ("done", "error", "pending", "busy")


class GatewayMetrics:
    """Counters and gauges of one gateway process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(namespace="roomwatch", registry=registry)
        self.clients = Gauge(
            "roomwatch_gateway_clients", "WebSocket clients connected now.", registry=registry
        )
        self.frames = Counter(
            "roomwatch_gateway_frames", "Frames sent to clients, by operation.", ["op"], registry=registry
        )
        self.closes = Counter(
            "roomwatch_gateway_closes", "Connections closed, by close code.", ["code"], registry=registry
        )
        self.bad_frames = Counter(
            "roomwatch_gateway_bad_frames", "Frames of clients that were not understood.", registry=registry
        )
        self.bad_records = Counter(
            "roomwatch_gateway_bad_records", "Records of live.alerts that are no alerts.", registry=registry
        )
        self.push = Histogram(
            "roomwatch_gateway_push_seconds",
            "From the append of what caused a change to the moment it was handed to clients.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.replayed = Counter(
            "roomwatch_gateway_replayed_records", "Records sent to clients that caught up.", registry=registry
        )
        self.offset = Gauge(
            "roomwatch_gateway_log_offset",
            "Offset of the newest record of live.alerts read.",
            registry=registry,
        )
        self.held = Gauge(
            "roomwatch_gateway_held_bytes", "Bytes of records held in memory.", registry=registry
        )
        self.unsent = Gauge(
            "roomwatch_gateway_unsent_bytes", "Bytes that clients have not taken yet.", registry=registry
        )
        self.commands = Counter(
            "roomwatch_gateway_commands",
            "Changes asked for, by outcome.",
            ["do", "outcome"],
            registry=registry,
        )
        self.command_seconds = Histogram(
            "roomwatch_gateway_command_seconds",
            "From a change asked for to its outcome.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.degraded = Gauge(
            "roomwatch_gateway_stage_silent",
            "1 while a stage behind the gateway is silent.",
            ["stage"],
            registry=registry,
        )
        for stage in STAGES:
            self.degraded.labels(stage)
        for code in _CLOSES:
            self.closes.labels(code)
        for op in _FRAMES:
            self.frames.labels(op)
        for do in ("ack", "resolve", "assign", "silence", "unsilence", "test"):
            for outcome in _OUTCOMES:
                self.commands.labels(do, outcome)

    def silent(self, stages: Collection[str]) -> None:
        """Show which stages are silent."""
        for stage in STAGES:
            self.degraded.labels(stage).set(stage in stages)

    def watch_lag(self, lag: Callable[[], float]) -> None:
        """Show how many records of the log have not been read yet, asked at each scrape."""
        Gauge(
            "roomwatch_gateway_lag_records", "Records of live.alerts not read yet.", registry=self.registry
        ).set_function(lag)

    def closed(self, code: int) -> None:
        """Count a connection that ended; codes that are not ours count as ``client``."""
        self.closes.labels(str(code) if str(code) in _CLOSES else "client").inc()
