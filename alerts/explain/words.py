"""What ``roomwatch explain`` says on the screen, in both languages. Pure."""

from __future__ import annotations

from typing import Final

__all__ = ["WHY_NOT", "WORDS"]

WORDS: Final[dict[str, dict[str, str]]] = {
    "zh": {
        "rule": "规则 {rule} 第 {version} 版",
        "rests": "数值 {value}，应为 {expected}，界限 {bound}；样本 {samples}，置信度 {confidence}，"
        "窗口 {window}",
        "value": "数值",
        "expected": "应为",
        "warning": "警告界限",
        "critical": "严重界限",
        "began": "越界",
        "firing": "告警",
        "acknowledged": "认领",
        "escalated": "升级",
        "suppressed": "抑制",
        "resolved": "恢复",
        "from": "来自",
        "name": "名称",
        "change": "变化",
        "contributions": "变化来自",
        "beside": "同一时间的告警",
        "evidence": "依据",
        "none": "无",
        "open": "未恢复",
        "seconds": "{value} 秒",
        "unknown": "–",
        "note": "说明",
        "nothing": "没有可画的数值。",
    },
    "en": {
        "rule": "rule {rule} version {version}",
        "rests": "value {value}, expected {expected}, bound {bound}; samples {samples},"
        " confidence {confidence}, window {window}",
        "value": "value",
        "expected": "expected",
        "warning": "warning bound",
        "critical": "critical bound",
        "began": "breach",
        "firing": "firing",
        "acknowledged": "acknowledged",
        "escalated": "escalated",
        "suppressed": "suppressed",
        "resolved": "resolved",
        "from": "by",
        "name": "name",
        "change": "change",
        "contributions": "the change comes from",
        "beside": "alerts beside it",
        "evidence": "evidence",
        "none": "none",
        "open": "open",
        "seconds": "{value} s",
        "unknown": "–",
        "note": "note",
        "nothing": "there are no figures to draw",
    },
}

WHY_NOT: Final[dict[str, dict[str, str]]] = {
    "monitor": {
        "zh": "监控自身的告警由心跳判断，心跳不归档；图中只有告警每次变化时的数值。",
        "en": "alerts on the monitoring itself are judged from heartbeats, which are not kept: shown are the"
        " values of its changes only",
    },
    "rows": {
        "zh": "档案中没有这段时间的数据；图中只有告警每次变化时的数值。",
        "en": "the archive holds nothing of that time: shown are the values of its changes only",
    },
    "archive": {
        "zh": "没有可读的档案（由 roomwatch recorder 写入，见 ROOMWATCH_ARCHIVE_DIR）：{why}；"
        "图中只有告警每次变化时的数值。",
        "en": "no archive can be read (roomwatch recorder writes one, see ROOMWATCH_ARCHIVE_DIR): {why};"
        " shown are the values of its changes only",
    },
}
"""Why there are no figures between the changes of an alert."""
