"""The words of the commands, Chinese and English."""

from __future__ import annotations

from typing import Final

from alerts.tail.words import KINDS
from alerts.tail.words import WORDS as TAIL

__all__ = ["word"]

_REASONS: Final[dict[str, tuple[str, str]]] = {
    "recovered": ("指标恢复", "recovered"),
    "room_ended": ("直播结束", "the room ended"),
    "rule_removed": ("规则已删除", "rule removed"),
    "flapping": ("反复触发", "flapping"),
    "manual": ("人工关闭", "by hand"),
    "severity_rose": ("级别上升", "severity rose"),
    "severity_fell": ("级别下降", "severity fell"),
    "ack_expired": ("认领到期", "acknowledgement ended"),
    "ack_ending": ("认领即将到期", "acknowledgement ends soon"),
    "assigned": ("已转派", "assigned"),
    "not_acknowledged": ("无人认领", "not acknowledged"),
    "test_ended": ("测试结束", "test ended"),
    "silence_ended": ("静默结束", "silence ended"),
    "silence_started": ("静默开始", "silence began"),
    "inhibition_ended": ("抑制结束", "inhibition ended"),
    "ungrouped": ("不再归并", "no longer grouped"),
    "mute_ended": ("免打扰结束", "mute time ended"),
}
"""Why an alert changed; reasons that say more (a missing feed, a detector's word) stand for themselves."""
_DELIVERIES: Final[dict[str, tuple[str, str]]] = {
    "again": ("仍在持续", "goes on"),
    "sent": ("已发送", "sent"),
    "digested": ("已合并发送", "digested"),
    "dry_run": ("演练", "dry run"),
    "failed": ("失败", "failed"),
    "superseded": ("被后续变化取代", "superseded"),
    "unrouted": ("无接收方", "unrouted"),
    "no_route": ("没有匹配的路由", "no route"),
    "no_channel": ("接收方不存在", "no such receiver"),
    "no_action": ("未指定动作", "no action named"),
    "timeout": ("超时", "timeout"),
    "unreachable": ("无法连接", "unreachable"),
    "refused": ("被拒绝", "refused"),
    "rate_limited": ("发送过快", "too fast"),
    "error_inside": ("返回错误码", "error in the answer"),
    "server_error": ("服务端错误", "server error"),
    "bad_receiver": ("接收方配置有误", "receiver not usable"),
    "bad_address": ("地址有误", "bad address"),
    "was never done": ("从未执行", "was never done"),
}
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
    "occasion": ("事由", "occasion"),
    "path": ("路径", "path"),
    "rule": ("规则", "rule"),
    "not_suppressed": ("未抑制", "not suppressed"),
    "real": ("真实", "real"),
    "false_alarm": ("误报", "false alarm"),
    "expected": ("预期内", "expected"),
    "duplicate": ("重复", "duplicate"),
    "attempts": ("次数", "attempts"),
    "message": ("消息", "message"),
    "undo": ("撤销", "undo"),
    **_REASONS,
    **_DELIVERIES,
}


def word(name: str, locale: str) -> str:
    """Return a word in a language; one that is not known stands for itself."""
    if name in _WORDS:
        return _WORDS[name][locale == "en"]
    return TAIL[locale].get(name) or KINDS.get(name, {}).get(locale) or name
