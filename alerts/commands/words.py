"""The words of the commands, Chinese and English."""

from __future__ import annotations

from typing import Final

from alerts.tail.words import KINDS
from alerts.tail.words import WORDS as TAIL

__all__ = ["word"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "id": ("编号", "id"),
    "owner": ("负责人", "owner"),
    "reason": ("原因", "reason"),
    "began": ("开始", "began"),
    "ended": ("结束", "ends"),
    "by": ("创建人", "by"),
    "comment": ("备注", "comment"),
    "matchers": ("匹配条件", "matchers"),
    "hidden": ("已屏蔽", "hidden"),
    "version": ("版本", "version"),
    "author": ("作者", "author"),
    "from": ("生效", "from"),
    "receiver": ("接收方", "receiver"),
    "mentions": ("提醒", "mentions"),
    "time": ("时间", "time"),
    "what": ("操作", "what"),
    "verdict": ("结论", "verdict"),
    "who": ("操作人", "who"),
    "source": ("来源", "source"),
    "text": ("内容", "text"),
    "role": ("角色", "role"),
    "name": ("名称", "name"),
    "limits": ("可见范围", "sees"),
    "alerts": ("未恢复告警", "open alerts"),
    "silences": ("生效中的静默", "running silences"),
    "notes": ("本班备注", "notes of this shift"),
    "timeline": ("时间线", "timeline"),
    "deliveries": ("投递", "deliveries"),
    "status": ("结果", "status"),
    "channel": ("渠道", "channel"),
    "pending": ("未开始", "pending"),
    "active": ("生效中", "active"),
    "nothing": ("无", "nothing"),
    "advice": ("建议", "advice"),
    "runbook": ("手册", "runbook"),
    "silenced": ("静默", "silenced"),
    "inhibited": ("被抑制", "inhibited"),
    "grouped": ("已归并", "grouped"),
    "muted": ("免打扰时段", "muted"),
    "ack": ("认领", "ack"),
    "resolve": ("关闭", "resolve"),
    "assign": ("转派", "assign"),
    "silence": ("静默", "silence"),
    "unsilence": ("解除静默", "unsilence"),
    "test": ("测试", "test"),
    "rules_changed": ("修改规则", "rules changed"),
    "routes_changed": ("修改路由", "routes changed"),
    "done": ("已提交", "done"),
    "waiting": ("已受理，等待生效", "taken, not confirmed yet"),
    "would_hide": ("将屏蔽的未恢复告警", "open alerts that it would hide"),
    "last_day": ("近 24 小时内会被屏蔽的告警数", "alerts of the last 24 h that it would have hidden"),
    "right": ("没有问题", "no faults"),
    "unknown": ("未知名称", "unknown names"),
    "since": ("自", "since"),
}


def word(name: str, locale: str) -> str:
    """Return a word in a language; one that is not known stands for itself."""
    if name in _WORDS:
        return _WORDS[name][locale == "en"]
    return TAIL[locale].get(name) or KINDS.get(name, {}).get(locale) or name
