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
        "live_danmaku_users",
        "gauge",
        "Distinct people who wrote.",
        "distinct users of danmaku",
        ("danmaku",),
        ("5m",),
        whole=True,
        zh="弹幕人数",
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
    Metric(
        "live_shares_total",
        "counter",
        "Shares of the room in this session.",
        "count of `share`",
        ("visits",),
        whole=True,
        zh="分享数",
    ),
    Metric(
        "live_follows_total",
        "counter",
        "New followers in this session, each time.",
        "count of `follow`",
        ("visits",),
        whole=True,
        zh="新增关注",
    ),
    Metric(
        "live_interaction_ratio",
        "gauge",
        "Share of viewers who write, like or share.",
        "distinct writers, likers, sharers / visitors (session), / mean `online` of the window's pings or,"
        " without any, / viewers now (5m)",
        ("danmaku", "likes", "visits", "health"),
        ("session", "5m"),
        zh="互动率",
    ),
    Metric(
        "live_follow_ratio",
        "gauge",
        "Share of visitors who followed.",
        "distinct users of `follow` / visitors",
        ("visits",),
        ("session",),
        zh="关注率",
    ),
)
