"""What is clicked and bought."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import Metric

__all__ = ["METRICS"]

STATUSES: Final = ("created", "paid", "cancelled", "refunded", "failed")

METRICS: Final[tuple[Metric, ...]] = (
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
        label_values=STATUSES,
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
        STATUSES,
        exported=False,
        whole=True,
        zh="窗口订单数",
    ),
)
