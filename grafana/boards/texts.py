"""What panels say that have nothing to show: each sentence tells what to do."""

from __future__ import annotations

from typing import Final

from grafana.spec import Words

__all__ = [
    "CHOOSE",
    "NO_ALERTS",
    "NO_CLICKS",
    "NO_ENDED_ALERTS",
    "NO_NOTIFIER",
    "NO_OFFSETS",
    "NO_ORDERS",
    "NO_PINGS",
    "NO_ROOM",
    "NO_SCRAPE",
    "NO_VENDORS",
    "NO_VISITS",
]

CHOOSE: Final = Words("请在左上角选择正在直播的直播间", "Choose a live room at the top left")
NO_ROOM: Final = Words("没有直播间在播: 看大屏的下一场", "No room is live: see the next shows on the wall")
NO_PINGS: Final = Words(
    "没有心跳: 检查推流与 live.health 上报", "No pings: check the stream and its live.health feed"
)
NO_OFFSETS: Final = Words(
    "心跳没有音画偏移: 让探针上报 av_offset_ms", "Pings carry no offset: let the probe send av_offset_ms"
)
NO_VISITS: Final = Words("没有进房数据: 检查 live.visits 上报", "No visits: check the live.visits feed")
NO_ORDERS: Final = Words(
    "还没有订单; 若已开卖, 检查 live.orders 上报", "No orders; if selling, check the live.orders feed"
)
NO_CLICKS: Final = Words(
    "还没有商品点击或支付; 若有, 检查 live.visits 与 live.orders",
    "No clicks or payments yet; if there are, check live.visits and live.orders",
)
NO_ALERTS: Final = Words(
    "没有告警状态: 检查告警引擎 (roomwatch engine)", "No alert states: check roomwatch engine"
)
NO_ENDED_ALERTS: Final = Words(
    "24 小时内没有这样结束的告警: 结束告警时请选择结论",
    "No such alert ended within 24 h: give a verdict when you close one",
)
NO_VENDORS: Final = Words(
    "没有供应商调用: 检查 live.vendors 上报", "No calls of vendors: check the live.vendors feed"
)
NO_NOTIFIER: Final = Words(
    "没有通知数据: 启动 roomwatch notifier", "Nothing is told to anybody: start roomwatch notifier"
)
NO_SCRAPE: Final = Words(
    "没有抓到数据: 检查 Prometheus 的 targets 页与 ROOMWATCH_METRICS_PORT",
    "Nothing was scraped: see Prometheus' targets page and ROOMWATCH_METRICS_PORT",
)
