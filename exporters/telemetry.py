"""The exporter's own metrics, on the same page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from alerts.model import SEVERITIES
from exporters.response import Closed, quantile, tallies
from exporters.selection import Selected
from stream.store.values import PartitionStatus

__all__ = ["OUTCOMES", "STALE_S", "Outcome", "Telemetry"]

Outcome = Literal["ok", "store_away", "busy", "not_read"]
"""How a scrape ended; ``not_read``: the reader went away or was too slow."""
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "store_away", "busy", "not_read")
STALE_S: Final = 15.0
"""A partition whose last flush is older has old figures; the critical bound of `monitor_degraded`."""


class Telemetry:
    """What the exporter tells about itself and about how fresh the figures are.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(namespace="roomwatch", registry=registry)
        self.scrapes: Final = Counter(
            "roomwatch_scrapes", "Scrapes by outcome.", ["outcome"], registry=registry
        )
        for outcome in OUTCOMES:
            self.scrapes.labels(outcome)
        self.seconds: Final = Histogram(
            "roomwatch_scrape_seconds",
            "Time from a scrape's request to its last byte.",
            buckets=(0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
            registry=registry,
        )
        self._up = Gauge(
            "roomwatch_up", "1 while the figures of every partition are fresh, else 0.", registry=registry
        )
        self.series: Final = Gauge(
            "roomwatch_scrape_series", "Room, vendor and alert series on the newest page.", registry=registry
        )
        self.partitions: Final = Gauge(
            "roomwatch_exported_partitions",
            "Partitions whose rooms and vendors are on this exporter's page.",
            registry=registry,
        )
        self._rooms = Gauge("roomwatch_rooms", "Rooms with series of their own.", registry=registry)
        self._unreadable = Gauge(
            "roomwatch_rooms_unreadable",
            "Live rooms left out because another version of roomwatch wrote their figures.",
            registry=registry,
        )
        self._tick_age = Gauge(
            "roomwatch_tick_age_seconds",
            "Seconds since the last flush of a partition.",
            ["partition"],
            registry=registry,
        )
        self._reach_age = Gauge(
            "roomwatch_reach_age_seconds",
            "Seconds between now and how far a feed of a partition was read.",
            ["partition", "feed"],
            registry=registry,
        )

        self.console: Final = Gauge(
            "roomwatch_console", "Always 1; where people find the console.", ["url"], registry=registry
        )
        self._store_used = Gauge(
            "roomwatch_store_used_bytes", "Memory that the store's data take.", registry=registry
        )
        self._store_limit = Gauge(
            "roomwatch_store_limit_bytes",
            "Memory that they may take: the store's `maxmemory`, or all of its machine's.",
            registry=registry,
        )
        self._closed = Gauge(
            "roomwatch_closed_episodes",
            "Alert episodes that were resolved within the last 24 h, by what people say they were.",
            ["rule", "severity", "verdict"],
            registry=registry,
        )
        self._answers = {
            (what, share): Gauge(
                f"roomwatch_episode_{what}_{name}_seconds",
                f"Time from the first change of an episode until it was {what}, {text}; last 24 h.",
                ["severity"],
                registry=registry,
            )
            for what in ("acknowledged", "resolved")
            for share, name, text in ((0.5, "median", "median"), (0.9, "p90", "9 of 10 were faster"))
        }

    def stored(self, used_bytes: int, limit_bytes: int) -> None:
        """Take over how much memory the store needs, and how much it may."""
        self._store_used.set(used_bytes)
        self._store_limit.set(limit_bytes)

    def answered(self, episodes: Sequence[Closed]) -> None:
        """Take over how people answered."""
        self._closed.clear()
        for labels, count in tallies(episodes).items():
            self._closed.labels(*labels).set(count)
        for (what, share), gauge in self._answers.items():
            gauge.clear()
            for severity in SEVERITIES:
                ours = [episode for episode in episodes if episode.severity == severity]
                times = [e.resolved_s if what == "resolved" else e.acknowledged_s for e in ours]
                found = quantile([time_s for time_s in times if time_s is not None], share)
                if found is not None:
                    gauge.labels(severity).set(found)

    def saw(self, selected: Selected, partitions: Iterable[PartitionStatus], *, now_ms: int) -> None:
        """Take over what the store held."""
        self._rooms.set(len(selected.rooms))
        self._unreadable.set(selected.unreadable)
        fresh = True
        for status in partitions:
            age_s = _age_s(now_ms, status.tick_ms)
            fresh = fresh and age_s <= STALE_S
            self._tick_age.labels(str(status.partition)).set(age_s)
            for feed, reach_ms in status.reach_ms.items():
                self._reach_age.labels(str(status.partition), feed).set(_age_s(now_ms, reach_ms))
        self._up.set(fresh)


def _age_s(now_ms: int, then_ms: int) -> float:
    """Return seconds since then; infinite for a partition that was never flushed."""
    return max(0, now_ms - then_ms) / 1000 if then_ms else float("inf")
