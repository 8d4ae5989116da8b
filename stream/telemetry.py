"""What the ingest tells of itself: counters, times and queue sizes, all named ``roomwatch_ingest_*``."""

from __future__ import annotations

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from stream.errors import Reason
from stream.model import FEEDS

__all__ = ["IngestTelemetry"]

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class IngestTelemetry:
    """The own metrics of an ingest process.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="roomwatch", registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"roomwatch_ingest_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"roomwatch_ingest_{name}", text, labels, registry=registry)

        def seconds(name: str, text: str) -> Histogram:
            return Histogram(f"roomwatch_ingest_{name}", text, registry=registry, buckets=_SECONDS)

        self.events = counter("events", "Records folded.", "feed")
        self.dead_letters = counter("dead_letters", "Records that were refused.", "feed", "reason")
        self.unknown_fields = gauge("unknown_fields", "1 once a record had a field nobody knows.", "feed")
        self.lost = counter(
            "lost_offsets", "Offsets that retention had deleted before they were read.", "feed"
        )
        self.counted = gauge(
            "counted", "Late, off air, duplicate, overflowing records so far.", "what", "feed"
        )
        self.flush = seconds("flush_seconds", "Time until the store had taken a flush.")
        self.loop_lag = seconds("loop_lag_seconds", "How late the event loop was.")
        self.flush_bytes = counter("flush_bytes", "Bytes of the writes that the store took.")
        self.queue = gauge("queue_records", "Records read and not folded.", "partition", "feed")
        self.lag = gauge("lag_records", "Records not read yet.", "partition", "feed")
        self.reach_age = gauge("reach_age_seconds", "Age of the smallest reach.", "partition")
        self.epoch = gauge("epoch", "Epoch of our ownership; 0 while it is not ours.", "partition")
        self.claims = counter("claims", "Attempts to own a partition.", "outcome")
        self.rooms = gauge("rooms", "Rooms in memory.", "partition")
        self.words_refused = gauge("words_refused", "1 while changed word files are refused for a fault.")
        for feed in FEEDS:
            self.events.labels(feed)
            self.lost.labels(feed)
            self.unknown_fields.labels(feed)
            for reason in get_args(Reason):
                self.dead_letters.labels(feed, reason)
        for outcome in ("granted", "refused", "lost"):
            self.claims.labels(outcome)
