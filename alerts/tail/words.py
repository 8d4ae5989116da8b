"""The words of the terminal, Chinese and English."""

from __future__ import annotations

from typing import Final

from alerts.wording import KIND_NAMES

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
    kind: {"zh": name.zh, "en": name.en} for kind, name in KIND_NAMES.items()
}
