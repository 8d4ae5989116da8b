"""What viewers say and like."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import ROLLING, Metric

__all__ = ["METRICS"]

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "live_danmaku_total",
        "counter",
        "Chat lines in this session.",
        "count of danmaku",
        ("danmaku",),
        whole=True,
        zh="弹幕数",
    ),
    Metric(
        "live_danmaku_per_second",
        "gauge",
        "Chat lines per second.",
        "danmaku / window",
        ("danmaku",),
        ROLLING,
        zh="弹幕速率",
    ),
    Metric(
        "live_likes_total",
        "counter",
        "Likes in this session.",
        "sum of `count`",
        ("likes",),
        whole=True,
        zh="点赞数",
    ),
    Metric(
        "live_likes_per_second",
        "gauge",
        "Likes per second.",
        "sum of `count` / window",
        ("likes",),
        ROLLING,
        zh="点赞速率",
    ),
)
