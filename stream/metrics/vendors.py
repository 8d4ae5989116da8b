"""How the vendors answer."""

from __future__ import annotations

from typing import Final

from stream.metrics.metric import Metric

__all__ = ["METRICS"]

METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        "live_vendor_latency_seconds",
        "histogram",
        "How long calls took.",
        "latency_ms / 1000; bounds .05 .1 .2 .5 1 2 5 10",
        ("vendors",),
        scope="vendor",
        zh="供应商时延",
    ),
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
    Metric(
        "live_vendor_latency_p99_seconds",
        "gauge",
        "Time that 99 of 100 calls did not exceed.",
        "99th percentile of latency_ms / 1000, at most 1 % off",
        ("vendors",),
        ("1m",),
        scope="vendor",
        exported=False,
        zh="供应商时延P99",
    ),
)
