"""The default sentences of each kind of alert, and the words in them, in Chinese and English.

Templates as ``alerts.texts`` describes them. A summary is one sentence with the numbers in it; an advice says
what to check first. ``metrics.md`` names the Chinese terms; docs/glossary.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from alerts.model import Kind, Severity

__all__ = [
    "ADVICE",
    "ENDED",
    "FLAPPING",
    "GROUP_NAMES",
    "KIND_NAMES",
    "PROBE_NAMES",
    "RECOVERED",
    "SEVERITY_NAMES",
    "SOURCE_NAMES",
    "SUMMARY",
    "Wording",
]


@dataclass(frozen=True, slots=True)
class Wording:
    """A word in both languages."""

    zh: str
    en: str

    def of(self, language: Literal["zh", "en"]) -> str:
        """Return the word of a language."""
        return self.zh if language == "zh" else self.en


Template = tuple[str, str]

SEVERITY_NAMES: Final[dict[Severity, Wording]] = {
    "info": Wording("提示", "info"),
    "warning": Wording("警告", "warning"),
    "critical": Wording("严重", "critical"),
}
PROBE_NAMES: Final[dict[str, Wording]] = {
    "ingest": Wording("推流端", "ingest"),
    "edge": Wording("边缘节点", "edge"),
    "player": Wording("播放端", "player"),
}
GROUP_NAMES: Final[dict[str, Wording]] = {
    "ad_law": Wording("广告法", "advertising law"),
    "vulgar": Wording("低俗", "vulgar"),
    "fraud": Wording("欺诈", "fraud"),
    "diversion": Wording("引流", "diversion"),
}
SOURCE_NAMES: Final[dict[str, Wording]] = {
    "danmaku": Wording("弹幕", "chat"),
    "transcript": Wording("主播口播", "the host's speech"),
    "room_title": Wording("直播间标题", "the room's title"),
    "item_title": Wording("商品标题", "the item's title"),
}
KIND_NAMES: Final[dict[Kind, Wording]] = {
    "stutter": Wording("卡顿", "stutter"),
    "av_desync": Wording("音画不同步", "A/V desync"),
    "feed_lost": Wording("断流", "feed lost"),
    "fps_low": Wording("帧率过低", "low frame rate"),
    "bitrate_low": Wording("码率过低", "low bit rate"),
    "viewer_complaints": Wording("观众抱怨", "viewer complaints"),
    "traffic_spike": Wording("流量突增", "traffic spike"),
    "traffic_drop": Wording("流量骤降", "traffic drop"),
    "conversion_drop": Wording("商品点击-成交率下降", "conversion drop"),
    "payment_failure": Wording("支付失败", "payment failure"),
    "vendor_slow": Wording("供应商接口变慢", "vendor slow"),
    "retention_drop": Wording("直播间留存下降", "retention drop"),
    "refund_surge": Wording("退款激增", "refund surge"),
    "price_error": Wording("价格异常", "price error"),
    "sold_out": Wording("讲解商品售罄", "sold out"),
    "suspect_interaction": Wording("可疑互动", "suspect interaction"),
    "prohibited_words": Wording("违禁词", "prohibited words"),
    "capacity_risk": Wording("容量风险", "capacity risk"),
    "monitor_degraded": Wording("监控降级", "monitoring degraded"),
}

SUMMARY: Final[dict[tuple[Kind | None, str | None], Template]] = {
    (None, None): (
        "「{title}」{kind}：{metric} {value}，阈值 {threshold}。",
        "{title}: {kind}, {metric} {value}, limit {threshold}.",
    ),
    ("stutter", None): (
        "「{title}」卡顿：{probe}近 {window}卡顿率 {value}，超过 {threshold}（{samples} 次心跳）。",
        (
            "{title} stutters: {value} of the last {window} stalled on the {probe} probe, limit {threshold}"
            " ({samples} pings)."
        ),
    ),
    ("stutter", "live_stalls_per_100_seconds"): (
        "「{title}」频繁卡顿：{probe}近 {window}平均 {value}，超过 {threshold}。",
        "{title} stutters often: {value} on the {probe} probe over the last {window}, limit {threshold}.",
    ),
    ("av_desync", "drift"): (
        "「{title}」音画正在漂移：{probe}近 {window}每分钟变化 {value}，超过 {threshold}。",
        (
            "{title}: sound and picture drift apart by {value} on the {probe} probe, last {window},"
            " limit {threshold}."
        ),
    ),
    ("fps_low", None): (
        "「{title}」帧率过低：{probe}近 {window} {value}，低于 {threshold}（{samples} 次心跳）。",
        "{title}: only {value} on the {probe} probe, last {window}, limit {threshold} ({samples} pings).",
    ),
    ("bitrate_low", None): (
        "「{title}」码率过低：{probe}近 {window} {value}，本场平时约 {expected}，低于 {threshold}。",
        (
            "{title}: bit rate {value} on the {probe} probe, last {window}; about {expected} is normal here,"
            " limit {threshold}."
        ),
    ),
    ("viewer_complaints", None): (
        "「{title}」观众反馈问题：近 {window}有 {value}，平时约 {expected}，超过 {threshold}。",
        (
            "{title}: {value} said in the last {window} that something does not work, about {expected} is"
            " usual, limit {threshold}."
        ),
    ),
    ("av_desync", None): (
        (
            "「{title}」音画不同步：{probe}近 {window}{direction}，偏移 {value}，超过 {threshold}"
            "（{samples} 次心跳）。"
        ),
        (
            "{title} is out of sync: sound {direction} by {value} on the {probe} probe, last {window},"
            " limit {threshold} ({samples} pings)."
        ),
    ),
    ("feed_lost", None): (
        "「{title}」断流：{probe}已 {value}没有心跳，上限 {threshold}。",
        "{title}: no ping from the {probe} probe for {value}, limit {threshold}.",
    ),
    ("feed_lost", "not_started"): (
        "「{title}」未按时开播：已超过计划时间 {value}，上限 {threshold}。",
        "{title} has not gone live: {value} past its planned start, limit {threshold}.",
    ),
    ("traffic_spike", None): (
        "「{title}」流量突增：{metric} {value}，预期约 {expected}，超过 {threshold}。",
        "{title}: traffic spike, {metric} {value}, about {expected} expected, limit {threshold}.",
    ),
    ("traffic_drop", None): (
        "「{title}」流量骤降：{metric} {value}，预期约 {expected}，低于 {threshold}。",
        "{title}: traffic drop, {metric} {value}, about {expected} expected, limit {threshold}.",
    ),
    ("conversion_drop", None): (
        (
            "「{title}」商品点击-成交率下降：近 {window}为 {value}，本场平时约 {expected}"
            "（{samples} 人点击，置信度 {confidence}）。"
        ),
        (
            "{title}: conversion of item clicks fell to {value} in the last {window}, normal here is"
            " about {expected} ({samples} people clicked, confidence {confidence})."
        ),
    ),
    ("payment_failure", None): (
        "「{title}」支付失败率升高：近 {window}为 {value}，超过 {threshold}（{samples} 次支付）。",
        "{title}: {value} of payments failed in the last {window}, limit {threshold} ({samples} attempts).",
    ),
    ("payment_failure", "pay_through"): (
        (
            "「{title}」下单后付款的变少：{value} 付了款，本场平时约 {expected}，低于 {threshold}"
            "（{samples} 单）。"
        ),
        (
            "{title}: only {value} of the orders placed 1 to 3 minutes ago were paid, about {expected} is"
            " normal here, limit {threshold} ({samples} orders)."
        ),
    ),
    ("retention_drop", None): (
        (
            "「{title}」直播间留存下降：近 {window}进来的人有 {value} 停留满 1 分钟，本场平时约 {expected}"
            "（{samples} 人，置信度 {confidence}）。"
        ),
        (
            "{title}: {value} of those who entered in the last {window} stayed for a minute, about {expected}"
            " is normal here ({samples} people, confidence {confidence})."
        ),
    ),
    ("refund_surge", None): (
        (
            "「{title}」退款激增：近 {window}退款为成交的 {value}，本场平时约 {expected}，"
            "超过 {threshold}（{samples} 单退款）。"
        ),
        (
            "{title}: refunds are {value} of paid orders in the last {window}, about {expected} is normal"
            " here, limit {threshold} ({samples} refunds)."
        ),
    ),
    ("price_error", None): (
        "「{title}」价格异常：商品 {item} 有 {value}低于其成交价中位数的三成，上限 {threshold}。",
        "{title}: {value} of item {item} were paid below 30 % of its usual price, limit {threshold}.",
    ),
    ("sold_out", None): (
        "「{title}」讲解中的商品 {item} 已售罄。",
        "{title}: item {item} on air is sold out.",
    ),
    ("suspect_interaction", None): (
        (
            "「{title}」可疑互动：近 {window}最活跃的 10 人占全部互动的 {value}，超过 {threshold}"
            "（{samples} 次互动）。"
        ),
        (
            "{title}: the 10 busiest users made {value} of all interaction in the last {window}, limit"
            " {threshold} ({samples} events)."
        ),
    ),
    ("suspect_interaction", "live_suspect_ratio"): (
        "「{title}」可疑互动：近 {window} {value} 的互动像刷屏，超过 {threshold}（{samples} 次互动）。",
        (
            "{title}: {value} of the interaction in the last {window} looks made, limit {threshold}"
            " ({samples} events)."
        ),
    ),
    ("prohibited_words", None): (
        "「{title}」违禁词：{source}近 {window}出现{group}类 {value}，上限 {threshold}。",
        "{title}: prohibited words ({group}) in {source}, {value} in the last {window}, limit {threshold}.",
    ),
    ("capacity_risk", None): (
        "「{title}」容量风险：近 {window}{metric} {value}，超过 {threshold}。",
        "{title}: capacity at risk, {metric} {value} over the last {window}, limit {threshold}.",
    ),
    ("capacity_risk", "forecast"): (
        "「{title}」容量风险：预计 {window}后在线 {value}，现在 {expected}，超过 {threshold}。",
        "{title}: {value} expected in {window}, {expected} now, limit {threshold}.",
    ),
    ("vendor_slow", None): (
        (
            "供应商 {vendor} 的 {operation} 接口异常：近 {window}{metric} {value}，超过 {threshold}"
            "（{samples} 次调用）。"
        ),
        (
            "Vendor {vendor}, {operation}: {metric} {value} over the last {window}, limit {threshold}"
            " ({samples} calls)."
        ),
    ),
}
"""Kind and the finding's word (None: any) -> summary while the episode is open."""

RECOVERED: Final[dict[Kind | None, Template]] = {
    None: ("「{title}」{kind}已恢复：{metric} {value}。", "{title}: {kind} is over, {metric} {value}."),
    "stutter": (
        "「{title}」卡顿已恢复：{probe}近 {window}为 {value}。",
        "{title} plays smoothly again: {value} on the {probe} probe over the last {window}.",
    ),
    "av_desync": (
        "「{title}」音画已恢复同步：{probe} {value}。",
        "{title} is in sync again: {value} on the {probe} probe.",
    ),
    "feed_lost": ("「{title}」流已恢复。", "{title}: the feed is back."),
    "traffic_spike": (
        "「{title}」流量已回到正常：{metric} {value}，预期约 {expected}。",
        "{title}: traffic is normal again, {metric} {value}, about {expected} expected.",
    ),
    "conversion_drop": (
        "「{title}」商品点击-成交率已回到本场平时水平。",
        "{title}: conversion of item clicks is back to what is normal here.",
    ),
    "payment_failure": ("「{title}」支付已恢复正常。", "{title}: payments work again."),
    "traffic_drop": (
        "「{title}」流量已回到正常：{metric} {value}，预期约 {expected}。",
        "{title}: traffic is normal again, {metric} {value}, about {expected} expected.",
    ),
    "retention_drop": (
        "「{title}」直播间留存已回到本场平时水平。",
        "{title}: as many viewers stay as is normal here.",
    ),
    "price_error": (
        "「{title}」已有一段时间没有异常低价的订单。",
        "{title}: no order far below its usual price for a while.",
    ),
    "sold_out": ("「{title}」讲解商品有货。", "{title}: the item on air is in stock."),
    "prohibited_words": ("「{title}」已没有新的违禁词。", "{title}: no prohibited words any more."),
    "vendor_slow": (
        "供应商 {vendor} 的 {operation} 接口已恢复：近 {window}{metric} {value}。",
        "Vendor {vendor}, {operation} is back to normal: {metric} {value} over the last {window}.",
    ),
}
ENDED: Final[dict[str, Template]] = {
    "room_ended": (
        "「{title}」直播已结束，{kind}告警随之关闭。",
        "{title} has ended; its {kind} alert is closed.",
    ),
    "rule_removed": (
        "「{title}」的{kind}规则已停用，告警随之关闭。",
        "{title}: the rule for {kind} was removed; its alert is closed.",
    ),
}

FLAPPING: Final[Template] = (
    "反复出现，短时间内第 {times} 次；恢复须持续更久才会关闭。",
    " It keeps coming back, {times} times lately, so it has to hold longer to be over.",
)
"""Added to a summary when an alert flaps."""

ADVICE: Final[dict[Kind, Template]] = {
    "stutter": (
        "先看推流端码率与丢帧，再看是否集中在某个 CDN 或地区；推流正常就切 CDN，否则让主播降码率或换网络。",
        (
            "Check bit rate and dropped frames at the ingest, then whether it is one CDN or region. If the"
            " ingest is fine switch the CDN, else lower the bit rate or change the host's network."
        ),
    ),
    "av_desync": (
        "请场控在直播间试听确认；检查采集卡与声卡的延迟设置，必要时在推流软件里调整音频偏移或重启推流。",
        (
            "Have the room controller confirm by ear; check the delay settings of capture and sound cards,"
            " then shift the audio in the encoder or restart it."
        ),
    ),
    "feed_lost": (
        "确认主播端是否还在推流：检查推流软件、网络与推流地址；两分钟内恢复不了就切备用推流或安抚观众。",
        (
            "Check that the host still sends: encoder, network, ingest address. If it is not back in two"
            " minutes switch to the standby or tell the viewers."
        ),
    ),
    "fps_low": ("检查编码机 CPU 与推流软件丢帧。", "Check the encoder's CPU and dropped frames."),
    "bitrate_low": ("检查上行网络与码率设置。", "Check the uplink and the encoder's bit rate."),
    "viewer_complaints": (
        "看弹幕里观众在抱怨什么，并到直播间确认。",
        "Read what viewers complain about, and look.",
    ),
    "traffic_spike": (
        "看流量来源：投放或推荐带来的就准备加库存、加人手；来源异常则核对是否刷量，并关注容量。",
        (
            "Look where it comes from: if ads or recommendation, prepare stock and staff; if the source is"
            " odd, check for bots; watch the capacity."
        ),
    ),
    "traffic_drop": (
        "查推流是否正常、投放是否停止、直播间是否被限流。",
        "Check the feed, the ads and any limits.",
    ),
    "conversion_drop": (
        "试下一单：检查商品链接、价格、库存、优惠券和支付；都正常再看主播话术与讲解商品。",
        "Place an order yourself: check link, price, stock, coupon and payment; then the pitch and the item.",
    ),
    "payment_failure": (
        "检查支付渠道状态，必要时切换渠道并告知主播。",
        "Check the payment vendor; switch if needed.",
    ),
    "vendor_slow": (
        "联系供应商并查看其状态页，必要时切换备用供应商。",
        "Call the vendor; switch to the standby.",
    ),
    "retention_drop": (
        "看主播话术、讲解商品和画质是否有变化。",
        "Check the pitch, the item and the picture.",
    ),
    "refund_surge": (
        "核对商品描述、质量与价格，联系客服了解原因。",
        "Check item and price; ask customer care.",
    ),
    "price_error": (
        "立刻核对该商品价格与优惠叠加，必要时下架。",
        "Check the price at once; take the item down if wrong.",
    ),
    "sold_out": ("补库存，或请主播换下一个商品。", "Restock, or move on to the next item."),
    "suspect_interaction": (
        "核对是否有刷屏或机器号，必要时禁言。",
        "Check for floods or bots; mute if needed.",
    ),
    "prohibited_words": (
        "看证据原文，提醒主播改口或处理弹幕。",
        "Read the evidence; correct the host or the chat.",
    ),
    "capacity_risk": (
        "准备扩容或限流，通知平台值班。",
        "Prepare to scale out or to limit; tell the platform.",
    ),
    "monitor_degraded": (
        "检查 ingest 与 engine 进程、Kafka 与存储；恢复前该分区的直播间可能漏报或晚报。",
        (
            "Check the ingest and engine processes, Kafka and the store; until it recovers, alerts of this"
            " partition's rooms may be late or missing."
        ),
    ),
}
