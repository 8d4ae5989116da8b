"""What the recorder tells of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["RecorderTelemetry"]


class RecorderTelemetry:
    """Counters of one recorder process.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "roomwatch_recorder_records", "Records of live.windows read.", registry=registry
        )
        self.bad = Counter(
            "roomwatch_recorder_bad_records", "Records passed over because they are none.", registry=registry
        )
        self.lost = Counter(
            "roomwatch_recorder_lost_records",
            "Records that Kafka no longer had when they were to be read.",
            registry=registry,
        )
        self.rows = Counter("roomwatch_recorder_rows", "Rows put on the disk.", registry=registry)
        self.held = Gauge("roomwatch_recorder_held_rows", "Rows not on the disk yet.", registry=registry)
        self.written = Gauge(
            "roomwatch_recorder_written_timestamp_seconds",
            "Newest tick that is on the disk, by partition.",
            ["partition"],
            registry=registry,
        )
        self.writing = Histogram(
            "roomwatch_recorder_write_seconds", "Time to write a file of the tail.", registry=registry
        )
        self.settling = Histogram(
            "roomwatch_recorder_settle_seconds",
            "Time to put a partition's tail away.",
            buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 300),
            registry=registry,
        )
