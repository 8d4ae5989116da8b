"""Rooms and alerts as a whole, worked out by the exporter."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import Metric

__all__ = ["METRICS"]

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "live_room_info",
        "gauge",
        "Facts of a live room as labels; always 1, to be joined on room_id.",
        "fields of the last `live.rooms` record; an unknown one is empty",
        ("rooms",),
        label="title",
        more_labels=("host", "category", "owner", "cdn", "region"),
        derived=True,
        zh="直播间信息",
    ),
    Metric(
        "live_item_on_air",
        "gauge",
        "The item that is on air; always 1, and no sample between two items.",
        "title of the last `item_on` mark, or its `item_id`, until `item_off`",
        ("marks",),
        label="item",
        derived=True,
        zh="讲解商品",
    ),
    Metric(
        "live_next_start_timestamp_seconds",
        "gauge",
        "When a planned room is to begin, epoch seconds; of the 20 that begin next.",
        "`starts_at_ms` / 1000 of rooms that are planned, from 15 min after it on no sample",
        ("rooms",),
        label="title",
        derived=True,
        zh="下一场开播时间",
    ),
    Metric(
        "live_rooms_not_exported",
        "gauge",
        "Live rooms above the cap, without series of their own.",
        "live rooms - ROOMWATCH_EXPORT_ROOMS_MAX, never below 0",
        (),
        scope="deployment",
        derived=True,
        zh="未导出直播间数",
    ),
    Metric(
        "live_alerts",
        "gauge",
        "Open alert episodes.",
        "episodes that are not resolved, by severity and kind, suppressed ones included",
        (),
        label="severity",
        more_labels=("kind",),
        scope="deployment",
        derived=True,
        zh="未关闭告警数",
    ),
    Metric(
        "live_alert_state",
        "gauge",
        "State of a rule on a room: 0 ok, 1 pending, 2 firing, 3 acknowledged, 4 escalated, 5 suppressed.",
        "state of the open episode of the rule on the room",
        (),
        label="rule",
        derived=True,
        zh="告警状态",
    ),
)
