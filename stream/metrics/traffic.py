"""Who comes and who is there."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import ROLLING, Metric

__all__ = ["METRICS"]

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "live_viewers",
        "gauge",
        "Viewers in the room now.",
        "newest `online` of a ping; without one: enters - leaves, never below 0",
        ("health", "visits"),
        whole=True,
        zh="在线人数",
    ),
    Metric(
        "live_viewers_peak",
        "gauge",
        "Most viewers at once in this session.",
        "max of live_viewers",
        ("health", "visits"),
        ("session",),
        whole=True,
        zh="最高在线",
    ),
    Metric(
        "live_enters_total",
        "counter",
        "Visits to the room in this session.",
        "count of `enter`",
        ("visits",),
        whole=True,
        zh="观看人次",
    ),
    Metric(
        "live_enters_per_second",
        "gauge",
        "Visits begun per second.",
        "enters / window",
        ("visits",),
        ROLLING,
        zh="进房速率",
    ),
)
