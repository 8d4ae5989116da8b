"""The words of the terminal, Chinese and English."""

from __future__ import annotations

from typing import Final

__all__ = ["KINDS", "WORDS"]

WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "critical": "严重",
        "warning": "警告",
        "info": "提示",
        "firing": "告警中",
        "acknowledged": "已认领",
        "escalated": "已升级",
        "suppressed": "已抑制",
        "resolved": "已恢复",
        "open": "未恢复告警",
        "severity": "级别",
        "kind": "类型",
        "room": "直播间",
        "summary": "摘要",
        "state": "状态",
        "since": "持续",
    },
    "en": {
        "critical": "CRITICAL",
        "warning": "WARNING",
        "info": "INFO",
        "firing": "firing",
        "acknowledged": "acknowledged",
        "escalated": "escalated",
        "suppressed": "suppressed",
        "resolved": "resolved",
        "open": "open alerts",
        "severity": "severity",
        "kind": "kind",
        "room": "room",
        "summary": "summary",
        "state": "state",
        "since": "for",
    },
}
KINDS: Final[dict[str, dict[str, str]]] = {
    "stutter": {"zh": "画面卡顿", "en": "stutter"},
    "av_desync": {"zh": "音画不同步", "en": "sound and picture apart"},
    "feed_lost": {"zh": "信号中断", "en": "feed lost"},
    "fps_low": {"zh": "帧率过低", "en": "low frame rate"},
    "bitrate_low": {"zh": "码率过低", "en": "low bit rate"},
    "viewer_complaints": {"zh": "观众投诉", "en": "viewers complain"},
    "traffic_spike": {"zh": "流量突增", "en": "traffic spike"},
    "traffic_drop": {"zh": "流量骤降", "en": "traffic drop"},
    "conversion_drop": {"zh": "转化下滑", "en": "conversion drop"},
    "payment_failure": {"zh": "支付失败", "en": "payments fail"},
    "vendor_slow": {"zh": "供应商变慢", "en": "vendor slow"},
    "retention_drop": {"zh": "留存下滑", "en": "retention drop"},
    "refund_surge": {"zh": "退款激增", "en": "refund surge"},
    "price_error": {"zh": "价格异常", "en": "price error"},
    "sold_out": {"zh": "已售罄", "en": "sold out"},
    "suspect_interaction": {"zh": "可疑互动", "en": "suspect interaction"},
    "prohibited_words": {"zh": "违禁词", "en": "prohibited words"},
    "capacity_risk": {"zh": "容量风险", "en": "capacity risk"},
    "monitor_degraded": {"zh": "监控异常", "en": "monitoring degraded"},
}
