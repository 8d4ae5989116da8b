"""The engine's own counters; labels are bounded, each value stands at zero from the start."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from alerts.incidents.stage import PASSED_OVER

__all__ = ["STAGES", "Telemetry"]

STAGES: Final = ("rules", "incidents")
"""Values of the label ``stage``."""


class Telemetry:
    """Counters of one engine process, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="roomwatch", registry=registry)
        self.folded = Counter("roomwatch_engine_records", "Records folded.", ["stage"], registry=registry)
        self.lost = Counter(
            "roomwatch_engine_records_lost",
            "Records that were gone from the log before they were folded.",
            ["stage"],
            registry=registry,
        )
        self.fenced = Counter(
            "roomwatch_engine_fenced",
            "Times another owner took a partition over.",
            ["stage"],
            registry=registry,
        )
        self.store_retries = Counter(
            "roomwatch_engine_store_retries", "Calls to the store tried again.", ["stage"], registry=registry
        )
        self.outputs = Counter("roomwatch_engine_outputs", "Records written.", ["log"], registry=registry)
        self.lag = Gauge(
            "roomwatch_engine_lag_records",
            "Records of the log that are not folded yet, partitions of this process.",
            ["stage"],
            registry=registry,
        )
        self._passed_over = Counter(
            "roomwatch_engine_passed_over",
            "Inputs that made no change, by reason.",
            ["stage", "reason"],
            registry=registry,
        )
        for reason in PASSED_OVER:
            self._passed_over.labels("incidents", reason)
        self._passed_over.labels("rules", "bad_record")
        for stage in STAGES:
            for counter in (self.folded, self.lost, self.fenced, self.store_retries):
                counter.labels(stage)
            self.lag.labels(stage)

    def count_passed_over(self, stage: str, tally: Tally[str]) -> None:
        """Count what a stage passed over, and empty its tally."""
        for reason, count in tally.items():
            self._passed_over.labels(stage, reason).inc(count)
        tally.clear()
