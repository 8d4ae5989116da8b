"""Who comes, who is there, who stays."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import ROLLING, Metric

__all__ = ["AFTERS_MS", "METRICS"]

AFTERS_MS: Final = {"30s": 30_000, "1m": 60_000, "3m": 180_000, "10m": 600_000}
"""How long after they entered viewers are looked at again, milliseconds."""

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
        "live_leaves_total",
        "counter",
        "Viewers who left in this session, each time.",
        "count of `leave`",
        ("visits",),
        whole=True,
        zh="离开人次",
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
    Metric(
        "live_visitors",
        "gauge",
        "Distinct people who entered.",
        "distinct users of `enter`",
        ("visits",),
        ("session",),
        whole=True,
        zh="观看人数",
    ),
    Metric(
        "live_return_ratio",
        "gauge",
        "Of the people who entered the room's broadcasts of the last days, those who entered this one.",
        "of a sample of the lowest hashes of the visitors of sessions that ended at most so many days before"
        " this one began: those among its visitors; once it has ended; standard error 3.1 % at most while it"
        " is no larger than they were together; null without an earlier session",
        ("visits",),
        label="days",
        label_values=("1", "7"),
        zh="回访率",
    ),
    Metric(
        "live_source_enters_total",
        "counter",
        "Visits to the room in this session, by where they came from.",
        "count of `enter` by source; at most 12 sources, the rest and what names none is `other`",
        ("visits",),
        label="source",
        whole=True,
        zh="来源观看人次",
    ),
    Metric(
        "live_dwell_seconds",
        "histogram",
        "How long viewers stayed in the room, of those who left.",
        "dwell_ms / 1000 of `leave`, at most a day; a column's object has each upper bound, `+Inf` and `sum`",
        ("visits",),
        zh="停留时长",
    ),
    Metric(
        "live_dwell_mean_seconds",
        "gauge",
        "Mean stay of those who left.",
        "sum of dwell_ms / leaves that tell it / 1000",
        ("visits",),
        ("15m",),
        zh="平均停留时长",
    ),
    Metric(
        "live_retention_ratio",
        "gauge",
        "Share of entered viewers who did not leave before a time after they entered.",
        "1 - left before `after` / entered, of those who entered in [t - window - after, t - after);"
        " no data while none of them left within 10 min",
        ("visits",),
        ("session", "5m"),
        "after",
        tuple(AFTERS_MS),
        zh="直播间留存",
    ),
    Metric(
        "live_bounce_ratio",
        "gauge",
        "Share of entered viewers who left within 5 seconds.",
        "entered and left within 5 s / entered",
        ("visits",),
        ("5m",),
        zh="跳出率",
    ),
    Metric(
        "live_retention_entered",
        "gauge",
        "Entered viewers of a cohort, by how long after they entered they are looked at.",
        "count of `enter` in [t - window - after, t - after)",
        ("visits",),
        ("session", "5m"),
        "after",
        tuple(AFTERS_MS),
        exported=False,
        whole=True,
        zh="留存观察人次",
    ),
    Metric(
        "live_retention_left",
        "gauge",
        "Those of a cohort who left before they were looked at.",
        "leaves with dwell_ms < `after` of those who entered in [t - window - after, t - after);"
        " no data while none of them left within 10 min",
        ("visits",),
        ("session", "5m"),
        "after",
        tuple(AFTERS_MS),
        exported=False,
        whole=True,
        zh="留存离开人次",
    ),
)
