"""Every metric once: name, type, unit, labels, windows, formula.

Docs, rules and dashboards are checked against it. A *metric* is what Prometheus shows. A *column* is one
figure of a room (or vendor) in ``live.windows``: metric, value of its one label, window.
``ROOM_COLUMNS`` and ``VENDOR_COLUMNS`` give the order of ``values``; the order of a ``COLUMNS_VERSION``
never changes once released, a new metric makes a new version.

A column's value is in the unit of its metric's name: yuan, seconds, ratio 0..1. ``None`` is "no data".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from stream.model import FEEDS, PROBES, Feed

__all__ = [
    "COLUMNS_VERSION",
    "METRICS",
    "METRIC_BY_NAME",
    "ROOM_COLUMNS",
    "ROOM_COLUMN_INDEX",
    "VENDOR_COLUMNS",
    "VENDOR_COLUMN_INDEX",
    "WINDOWS_MS",
    "Column",
    "Metric",
    "Window",
    "column",
]

Window = Literal["10s", "1m", "5m", "15m", "session"]
"""The label ``window``; ``session`` is the total of the session."""

WINDOWS_MS: Final[dict[str, int]] = {"10s": 10_000, "1m": 60_000, "5m": 300_000, "15m": 900_000}
"""Length of each rolling window, milliseconds."""

_ALL: Final[tuple[Window, ...]] = ("10s", "1m", "5m", "15m")
_QUALITY: Final[tuple[Window, ...]] = ("10s", "1m", "5m")
_STATUSES: Final = ("created", "paid", "cancelled", "refunded", "failed")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: the exported name, in base units.
        type: Prometheus type.
        help: one English sentence, the ``# HELP`` text.
        formula: how the figure comes from events, for the docs.
        feeds: feeds that it uses; the figure ends at the smallest reach of them.
        windows: values of the label ``window``; empty for none.
        label: the one further label, if any.
        label_values: its values when they are known beforehand; empty with ``label`` set means an open label,
            whose column is an object label value -> figure.
        more_labels: the rest of the labels, for the few derived metrics that have more than one.
        scope: what it describes; a room's metrics carry ``room_id``, a vendor's ``vendor`` and ``operation``,
            those of the whole deployment only their own labels.
        exported: False for columns that travel in ``live.windows`` for the rules only.
        derived: True where the exporter works it out at scrape time and no column travels.
        whole: whether its figures are whole numbers.
        zh: the Chinese name shown to people.
    """

    name: str
    type: Literal["gauge", "counter", "histogram"]
    help: str
    formula: str
    feeds: tuple[Feed, ...]
    windows: tuple[Window, ...] = ()
    label: str | None = None
    label_values: tuple[str, ...] = ()
    more_labels: tuple[str, ...] = ()
    scope: Literal["room", "vendor", "deployment"] = "room"
    exported: bool = True
    derived: bool = False
    whole: bool = False
    zh: str = ""

    def columns(self) -> Iterable[Column]:
        """Yield the metric's columns, windows fastest."""
        for value in self.label_values or (None,):
            for window in self.windows or (None,):
                yield Column(self, value, window)


@dataclass(frozen=True, slots=True)
class Column:
    """One figure: a metric, the value of its label, a window."""

    metric: Metric
    label_value: str | None
    window: Window | None

    @property
    def name(self) -> str:
        """Return the column as Prometheus would write the series, ``room_id`` aside."""
        labels = []
        if self.label_value is not None:
            labels.append(f'{self.metric.label}="{self.label_value}"')
        if self.window is not None:
            labels.append(f'window="{self.window}"')
        return self.metric.name + ("{" + ",".join(labels) + "}" if labels else "")


METRICS: Final[tuple[Metric, ...]] = (
    # traffic
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
        _ALL,
        zh="进房速率",
    ),
    # interaction
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
        _ALL,
        zh="弹幕速率",
    ),
    Metric(
        "live_likes_total", "counter", "Likes in this session.", "sum of `count`", ("likes",), whole=True,
        zh="点赞数"
    ),
    Metric(
        "live_likes_per_second",
        "gauge",
        "Likes per second.",
        "sum of `count` / window",
        ("likes",),
        _ALL,
        zh="点赞速率",
    ),
    # commerce
    Metric(
        "live_clicks_total",
        "counter",
        "Clicks on items in this session.",
        "count of `click`",
        ("visits",),
        whole=True,
        zh="商品点击次数",
    ),
    Metric(
        "live_orders_total",
        "counter",
        "Orders in this session, by status; each order counts once per status.",
        "orders by status, once per order and status within 24 h",
        ("orders",),
        label="status",
        label_values=_STATUSES,
        whole=True,
        zh="订单数",
    ),
    Metric(
        "live_gmv_yuan_total",
        "counter",
        "Paid goods in this session before refunds, yuan.",
        "sum of `amount_fen` of paid goods / 100",
        ("orders",),
        zh="成交额",
    ),
    Metric(
        "live_refund_yuan_total",
        "counter",
        "Refunds of this session's orders, yuan.",
        "sum of `amount_fen` of refunds / 100",
        ("orders",),
        zh="退款额",
    ),
    Metric(
        "live_order_value_yuan",
        "gauge",
        "Mean value of a paid order, yuan.",
        "GMV / paid goods orders",
        ("orders",),
        ("session", "15m"),
        zh="客单价",
    ),
    Metric(
        "live_conversion_ratio",
        "gauge",
        "Share of people clicking items who paid.",
        "distinct payers / distinct clickers",
        ("visits", "orders"),
        ("session", "5m", "15m"),
        zh="商品点击-成交率",
    ),
    Metric(
        "live_payment_failure_ratio",
        "gauge",
        "Share of payments that failed.",
        "failed / (failed + paid)",
        ("orders",),
        ("1m", "5m"),
        zh="支付失败率",
    ),
    # quality
    Metric(
        "live_stall_ratio",
        "gauge",
        "Share of watched time in which the picture stood still.",
        "sum of stall_ms / sum of interval_ms",
        ("health",),
        _ALL,
        "probe",
        PROBES,
        zh="卡顿率",
    ),
    Metric(
        "live_smooth_ratio",
        "gauge",
        "Share of watched time without stall, all probes.",
        "1 - sum of stall_ms / sum of interval_ms",
        ("health",),
        ("session", "5m"),
        zh="流畅度",
    ),
    Metric(
        "live_frames_per_second",
        "gauge",
        "Frames per second, mean of pings.",
        "mean of fps",
        ("health",),
        _QUALITY,
        "probe",
        PROBES,
        zh="帧率",
    ),
    Metric(
        "live_bytes_per_second",
        "gauge",
        "Bit rate in bytes per second, mean of pings.",
        "mean of bitrate_kbps * 125",
        ("health",),
        _QUALITY,
        "probe",
        PROBES,
        zh="码率",
    ),
    Metric(
        "live_rtt_seconds",
        "gauge",
        "Round-trip time, mean of pings.",
        "mean of rtt_ms / 1000",
        ("health",),
        _QUALITY,
        "probe",
        PROBES,
        zh="往返时延",
    ),
    Metric(
        "live_av_offset_seconds",
        "gauge",
        "Sound ahead of picture, median of pings; above zero means early sound.",
        "median of av_offset_ms / 1000",
        ("health",),
        _QUALITY,
        "probe",
        PROBES,
        zh="音画偏移",
    ),
    Metric(
        "live_feed_age_seconds",
        "gauge",
        "Seconds since the newest event of a feed.",
        "now - newest at_ms",
        (),
        label="feed",
        label_values=FEEDS,
        derived=True,
        zh="数据延迟",
    ),
    # rooms and alerts as a whole, worked out by the exporter
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
    # columns for the rules only
    Metric(
        "live_pings",
        "gauge",
        "Pings in the window.",
        "count of pings",
        ("health",),
        _QUALITY,
        "probe",
        PROBES,
        exported=False,
        whole=True,
        zh="心跳数",
    ),
    Metric(
        "live_ping_interval_seconds",
        "gauge",
        "Median interval_ms of the last 15 minutes.",
        "median of interval_ms / 1000",
        ("health",),
        (),
        "probe",
        PROBES,
        exported=False,
        zh="心跳间隔",
    ),
    Metric(
        "live_ping_newest_timestamp_seconds",
        "gauge",
        "Append time of the session's newest ping of each probe, epoch seconds to the millisecond.",
        "append time of the newest ping of the probe / 1000",
        ("health",),
        (),
        "probe",
        PROBES,
        exported=False,
        zh="最近心跳",
    ),
    Metric(
        "live_clickers",
        "gauge",
        "Distinct people clicking items.",
        "distinct clickers",
        ("visits",),
        ("session", "5m", "15m"),
        exported=False,
        whole=True,
        zh="商品点击人数",
    ),
    Metric(
        "live_payers",
        "gauge",
        "Distinct people who paid.",
        "distinct payers of goods",
        ("orders",),
        ("session", "5m", "15m"),
        exported=False,
        whole=True,
        zh="成交人数",
    ),
    Metric(
        "live_orders_in_window",
        "gauge",
        "Orders of the window by status.",
        "orders by status",
        ("orders",),
        ("1m", "5m", "15m"),
        "status",
        _STATUSES,
        exported=False,
        whole=True,
        zh="窗口订单数",
    ),
    # vendors
    Metric(
        "live_vendor_error_ratio",
        "gauge",
        "Share of calls that failed.",
        "errors / calls",
        ("vendors",),
        ("1m", "5m"),
        scope="vendor",
        zh="供应商错误率",
    ),
    Metric(
        "live_vendor_timeout_ratio",
        "gauge",
        "Share of calls that timed out.",
        "timeouts / calls",
        ("vendors",),
        ("1m", "5m"),
        scope="vendor",
        zh="供应商超时率",
    ),
    Metric(
        "live_vendor_calls",
        "gauge",
        "Calls in the window.",
        "count of calls",
        ("vendors",),
        ("1m", "5m"),
        scope="vendor",
        exported=False,
        whole=True,
        zh="供应商调用数",
    ),
)
METRIC_BY_NAME: Final[dict[str, Metric]] = {metric.name: metric for metric in METRICS}

COLUMNS_VERSION: Final = 1
"""The version that ``live.windows`` names in ``columns``."""


def _columns(scope: str) -> tuple[Column, ...]:
    return tuple(c for m in METRICS if m.scope == scope and not m.derived for c in m.columns())


ROOM_COLUMNS: Final = _columns("room")
VENDOR_COLUMNS: Final = _columns("vendor")
ROOM_COLUMN_INDEX: Final[dict[str, int]] = {c.name: i for i, c in enumerate(ROOM_COLUMNS)}
VENDOR_COLUMN_INDEX: Final[dict[str, int]] = {c.name: i for i, c in enumerate(VENDOR_COLUMNS)}


def column(metric: str, *, label_value: str | None = None, window: str | None = None) -> Column:
    """Return the column of a metric.

    Raises:
        KeyError: the metric has no such label value or window; the text lists what it has.
    """
    known = METRIC_BY_NAME.get(metric)
    if known is None:
        raise KeyError(f"no metric {metric!r}")
    for found in known.columns():
        if found.label_value == label_value and found.window == window:
            return found
    raise KeyError(f"{metric} has only {', '.join(c.name for c in known.columns())}")
