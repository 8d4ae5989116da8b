"""The dashboard "On call": what is open, how fast it is answered, what it was worth, and who was told."""

from __future__ import annotations

from typing import Final

from grafana.boards.texts import NO_ALERTS, NO_ENDED_ALERTS, NO_NOTIFIER, NO_VENDORS
from grafana.boards.wall import TO_CONSOLE, TO_ROOM
from grafana.colours import ALERT_STATES, SOME_IS_BAD, judged
from grafana.spec import BoardSpec, Cell, PanelSpec, Query, Shelf, Words

__all__ = ["ONCALL"]

_SEVERITY: Final = Words("{{severity}}", "{{severity}}")
_JUDGED: Final = 'sum by (rule) (roomwatch_closed_episodes{verdict=~"real|false_alarm"})'
_CALL: Final = Words("{{vendor}} {{operation}}", "{{vendor}} {{operation}}")
_CHANNEL: Final = Words("{{channel}}", "{{channel}}")


def _open(severity: str, words: Words, *, judged: bool) -> PanelSpec:
    return PanelSpec(
        kind="stat",
        title=words,
        description=Words(
            "未关闭的告警数, 含已认领与已抑制。到告警台处理。",
            "Open alerts, acknowledged and suppressed ones included. Handle them in the console.",
        ),
        no_data=NO_ALERTS,
        unit="locale",
        queries=[Query(f'sum(live_alerts{{severity="{severity}"}})', words)],
        steps=SOME_IS_BAD if judged else None,
        decimals=0,
    )


def _answer(what: str, words: Words, description: Words) -> PanelSpec:
    return PanelSpec(
        kind="stat",
        title=words,
        description=description,
        no_data=NO_ENDED_ALERTS,
        unit="s",
        queries=[Query(f'max(roomwatch_episode_{what}_seconds{{severity="critical"}})', words)],
        decimals=0,
    )


_STATS: Final = (
    _open("critical", Words("严重", "Critical"), judged=True),
    _open("warning", Words("警告", "Warning"), judged=True),
    _open("info", Words("提示", "Info"), judged=False),
    _answer(
        "acknowledged_median",
        Words("认领用时", "Time to acknowledge"),
        Words(
            "24 小时内严重告警从首次推送到认领的中位用时。变长时看班次与通知渠道。",
            "Median from the first push of a critical alert to its acknowledgement, 24 h. When it grows, "
            "look "
            "at the roster and the channels.",
        ),
    ),
    _answer(
        "resolved_median",
        Words("恢复用时", "Time to resolve"),
        Words(
            "24 小时内严重告警从首次推送到结束的中位用时。",
            "Median from the first push of a critical alert to its end, 24 h.",
        ),
    ),
    PanelSpec(
        kind="stat",
        title=Words("失败的通知渠道", "Channels that fail"),
        description=Words(
            "最近一条消息被放弃的渠道数。不为 0 时检查渠道的密钥与网络, 期间看告警台。",
            "Channels whose last message was given up. Above 0: check its key and the network, and watch the "
            "console meanwhile.",
        ),
        no_data=NO_NOTIFIER,
        unit="locale",
        queries=[Query("sum(max by (channel) (roomwatch_notify_failing))", Words("失败", "failing"))],
        steps=SOME_IS_BAD,
        decimals=0,
    ),
)

_OPEN: Final = (
    PanelSpec(
        kind="table",
        title=Words("待处理", "To handle"),
        description=Words(
            "无人认领的告警(告警中或已升级), 按直播间与规则。点规则到告警台认领。",
            "Alerts that nobody has acknowledged, by room and rule. Click a rule to acknowledge it.",
        ),
        no_data=Words("没有待处理的告警, 无需处理", "No alert waits for anybody: nothing to do"),
        unit="short",
        sort=2,
        width=10,
        cells=(
            Cell(source="room_id", title=Words("room_id", "room_id"), link=TO_ROOM),
            Cell(source="rule", title=Words("规则", "Rule"), link=TO_CONSOLE),
            Cell(
                source="sum by (room_id, rule) (live_alert_state == 2 or live_alert_state == 4)",
                title=Words("状态", "State"),
                unit="short",
                states=ALERT_STATES,
            ),
        ),
    ),
    PanelSpec(
        kind="series",
        title=Words("未关闭告警, 按类型", "Open alerts by kind"),
        description=Words(
            "只画有未关闭告警的类型。许多直播间同时上升多半是同一原因。",
            "Kinds with open alerts. Many rooms rising together are mostly one cause.",
        ),
        no_data=Words("没有未关闭的告警, 无需处理", "No alert is open: nothing to do"),
        unit="short",
        queries=[Query("sum by (kind) (live_alerts) > 0", Words("{{kind}}", "{{kind}}"))],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("未关闭告警, 按级别", "Open alerts by severity"),
        description=Words("未关闭的告警数, 按级别。", "Open alerts by severity."),
        no_data=NO_ALERTS,
        unit="short",
        queries=[Query("sum by (severity) (live_alerts)", _SEVERITY)],
        decimals=0,
    ),
)

_ANSWERS: Final = (
    PanelSpec(
        kind="bars",
        title=Words("各规则准确率", "Precision by rule"),
        description=Words(
            "24 小时内有结论的告警中, 真实的 ÷ (真实的 + 误报)。低于一半的规则该调参, 先回测。",
            "Of the alerts with a verdict within 24 h: real ÷ (real + false alarm). Below a half the rule "
            "wants "
            "tuning; backtest first.",
        ),
        no_data=NO_ENDED_ALERTS,
        unit="percentunit",
        queries=[
            Query(
                f'(sum by (rule) (roomwatch_closed_episodes{{verdict="real"}}) or 0 * {_JUDGED}) / {_JUDGED}',
                Words("{{rule}}", "{{rule}}"),
            )
        ],
        decimals=0,
    ),
    PanelSpec(
        kind="bars",
        title=Words("已结束告警, 按结论", "Closed alerts by verdict"),
        description=Words(
            "24 小时内结束的告警, 按结论; none 为没人给结论。",
            "Alerts that ended within 24 h, by verdict; none: nobody gave one.",
        ),
        no_data=NO_ENDED_ALERTS,
        unit="locale",
        queries=[Query("sum by (verdict) (roomwatch_closed_episodes)", Words("{{verdict}}", "{{verdict}}"))],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("认领用时, 按级别", "Time to acknowledge by severity"),
        description=Words(
            "24 小时内九成告警不超过的认领用时。",
            "Time that 9 of 10 acknowledgements of the last 24 h did not exceed.",
        ),
        no_data=NO_ENDED_ALERTS,
        unit="s",
        queries=[Query("max by (severity) (roomwatch_episode_acknowledged_p90_seconds)", _SEVERITY)],
    ),
    PanelSpec(
        kind="series",
        title=Words("恢复用时, 按级别", "Time to resolve by severity"),
        description=Words(
            "24 小时内九成告警不超过的恢复用时。", "Time that 9 of 10 of the last 24 h did not exceed."
        ),
        no_data=NO_ENDED_ALERTS,
        unit="s",
        queries=[Query("max by (severity) (roomwatch_episode_resolved_p90_seconds)", _SEVERITY)],
    ),
)

_VENDORS: Final = (
    PanelSpec(
        kind="series",
        title=Words("供应商超时率", "Vendor timeouts"),
        description=Words(
            "1 分钟内超时的调用占比。橙色起联系供应商或切换。",
            "Share of calls of the last minute that timed out. From orange on, call or switch the vendor.",
        ),
        no_data=NO_VENDORS,
        unit="percentunit",
        queries=[Query('max by (vendor, operation) (live_vendor_timeout_ratio{window="1m"})', _CALL)],
        steps=judged("live_vendor_timeout_ratio"),
    ),
    PanelSpec(
        kind="series",
        title=Words("供应商错误率", "Vendor errors"),
        description=Words("1 分钟内失败的调用占比。", "Share of calls of the last minute that failed."),
        no_data=NO_VENDORS,
        unit="percentunit",
        queries=[Query('max by (vendor, operation) (live_vendor_error_ratio{window="1m"})', _CALL)],
    ),
    PanelSpec(
        kind="series",
        title=Words("供应商时延 P99", "Vendor latency p99"),
        description=Words(
            "5 分钟内 99% 的调用不超过的时延。", "Time that 99 of 100 calls of the last 5 min did not exceed."
        ),
        no_data=NO_VENDORS,
        unit="s",
        queries=[
            Query(
                "histogram_quantile(0.99, sum by (le, vendor, operation) "
                "(rate(live_vendor_latency_seconds_bucket[5m])))",
                _CALL,
            )
        ],
        steps=judged("live_vendor_latency_p99_seconds"),
    ),
)

_DELIVERIES: Final = (
    PanelSpec(
        kind="series",
        title=Words("通知去向", "What became of messages"),
        description=Words(
            "每分钟通知数, 按去向: 已发、并入摘要、失败等。失败上升时看渠道。",
            "Messages a minute by what became of them. When failed rises, look at the channels.",
        ),
        no_data=NO_NOTIFIER,
        unit="suffix:/min",
        queries=[
            Query(
                "sum by (status) (rate(roomwatch_notify_deliveries_total[5m])) * 60",
                Words("{{status}}", "{{status}}"),
            )
        ],
    ),
    PanelSpec(
        kind="series",
        title=Words("渠道调用, 按结果", "Calls of channels by outcome"),
        description=Words(
            "每分钟调用渠道的次数, 按渠道与结果。",
            "Calls of channels a minute, by channel and outcome.",
        ),
        no_data=NO_NOTIFIER,
        unit="suffix:/min",
        queries=[
            Query(
                "sum by (channel, outcome) (rate(roomwatch_notify_attempts_total[5m])) * 60",
                Words("{{channel}} {{outcome}}", "{{channel}} {{outcome}}"),
            )
        ],
    ),
    PanelSpec(
        kind="series",
        title=Words("排队的通知", "Messages that wait"),
        description=Words(
            "还没有告诉渠道的变化数。持续上升: 渠道限额用尽或不可达。",
            "Changes that a channel was not told yet. Rising: its budget is spent or it is away.",
        ),
        no_data=NO_NOTIFIER,
        unit="short",
        queries=[Query("max by (channel) (roomwatch_notify_waiting)", _CHANNEL)],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("推送用时", "Time to push"),
        description=Words(
            "从变化的原因到推给客户端的时间: 99% 不超过; 以及到渠道收下。",
            "From the cause of a change to the clients: what 99 of 100 did not exceed; and to the channels.",
        ),
        no_data=NO_NOTIFIER,
        unit="s",
        queries=[
            Query(
                "histogram_quantile(0.99, sum by (le) (rate(roomwatch_gateway_push_seconds_bucket[5m])))",
                Words("客户端", "clients"),
            ),
            Query(
                "histogram_quantile(0.99, sum by (le) (rate(roomwatch_notify_delay_seconds_bucket[5m])))",
                Words("渠道", "channels"),
            ),
        ],
    ),
)

ONCALL: Final = BoardSpec(
    uid="roomwatch-oncall",
    title=Words("值班", "On call"),
    description=Words(
        "未关闭的告警、处理用时、准确率、供应商与通知。",
        "Open alerts, how fast they are answered, how right they are, vendors, deliveries.",
    ),
    since="now-3h",
    shelves=(
        Shelf(None, 5, _STATS),
        Shelf(Words("现在", "Now"), 9, _OPEN),
        Shelf(Words("处理得怎样", "How they are answered"), 8, _ANSWERS),
        Shelf(Words("供应商", "Vendors"), 8, _VENDORS),
        Shelf(Words("通知", "Deliveries"), 8, _DELIVERIES),
    ),
)
