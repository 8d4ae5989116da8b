"""The lines of the dashboard "Room": since when, and where."""

from __future__ import annotations

from typing import Final

from grafana.boards.texts import CHOOSE, NO_CLICKS, NO_OFFSETS, NO_ORDERS, NO_PINGS, NO_VISITS
from grafana.colours import judged, outside
from grafana.selectors import of, window
from grafana.spec import PanelSpec, Query, Shelf, Words

__all__ = ["FRAMES", "OFFSET", "PEOPLE", "PICTURE", "PURCHASES", "RISKS", "STALL", "STAY"]

_PROBES: Final = Words("{{probe}}", "{{probe}}")

STALL: Final = judged("live_stall_ratio")
OFFSET: Final = outside("live_av_offset_seconds")
FRAMES: Final = judged("live_frames_per_second")

PICTURE: Final = Shelf(
    Words("画面好不好", "Is the picture good"),
    8,
    (
        PanelSpec(
            kind="series",
            title=Words("卡顿率, 按探针", "Stall ratio by probe"),
            description=Words(
                "1 分钟内画面静止的时间占比。只有 player 高是观众网络, edge 高是线路, ingest 高是推流。",
                "Share of the last minute in which the picture stood still. player alone: single viewers' "
                "networks; edge: the line; ingest: the stream itself.",
            ),
            no_data=NO_PINGS,
            unit="percentunit",
            queries=[Query(of("live_stall_ratio", window("1m")), _PROBES)],
            steps=STALL,
        ),
        PanelSpec(
            kind="series",
            title=Words("音画偏移, 按探针", "A/V offset by probe"),
            description=Words(
                "声音领先画面的时间(1 分钟中位数)。缓慢爬升是时钟漂移, 重启推流可恢复。",
                "Sound ahead of picture (median of 1 min). A slow climb is clock drift; restarting the "
                "stream "
                "cures it.",
            ),
            no_data=NO_OFFSETS,
            unit="s",
            queries=[Query(of("live_av_offset_seconds", window("1m")), _PROBES)],
            steps=OFFSET,
        ),
        PanelSpec(
            kind="series",
            title=Words("帧率, 按探针", "Frame rate by probe"),
            description=Words("每秒帧数(1 分钟平均)。", "Frames per second (mean of 1 min)."),
            no_data=NO_PINGS,
            unit="suffix: fps",
            queries=[Query(of("live_frames_per_second", window("1m")), _PROBES)],
            steps=FRAMES,
        ),
        PanelSpec(
            kind="series",
            title=Words("码率, 按探针", "Bit rate by probe"),
            description=Words(
                "每秒比特数(1 分钟平均)。跌到平时的一半以下画质明显变差。",
                "Bits per second (mean of 1 min). Below half of the usual the picture is visibly worse.",
            ),
            no_data=NO_PINGS,
            unit="bps",
            queries=[Query(f"{of('live_bytes_per_second', window('1m'))} * 8", _PROBES)],
        ),
    ),
)

RISKS: Final = Shelf(
    Words("会不会变差", "Will it get worse"),
    8,
    (
        PanelSpec(
            kind="series",
            title=Words("百秒卡顿次数, 按探针", "Stalls per 100 s by probe"),
            description=Words(
                "每百秒观看中开始的卡顿次数(5 分钟)。多而卡顿率低: 短而频, 查丢包。",
                "Stalls begun per 100 s watched (5 min). Many with a low ratio are short: look for loss.",
            ),
            no_data=NO_PINGS,
            unit="short",
            queries=[Query(of("live_stalls_per_100_seconds", window("5m")), _PROBES)],
            steps=judged("live_stalls_per_100_seconds"),
        ),
        PanelSpec(
            kind="series",
            title=Words("往返时延, 按探针", "Round trip by probe"),
            description=Words(
                "往返时延(1 分钟平均)。翻倍多半是线路绕行, 先于卡顿出现。",
                "Round-trip time (mean of 1 min). Doubled, the line takes a detour; it comes before stalls.",
            ),
            no_data=Words(
                "心跳没有时延: 让探针上报 rtt_ms", "Pings carry no round trip: let the probe send rtt_ms"
            ),
            unit="s",
            queries=[Query(of("live_rtt_seconds", window("1m")), _PROBES)],
        ),
        PanelSpec(
            kind="series",
            title=Words("出口带宽与 CPU", "Egress and CPU"),
            description=Words(
                "占上限的比例(1 分钟)。橙色起准备扩容, 红色立即切流。",
                "Shares of their limits (1 min). Orange: get ready to scale; red: move the stream at once.",
            ),
            no_data=Words(
                "心跳没有资源数据: 让探针上报 egress_kbps、egress_limit_kbps 或 cpu_ratio",
                "Pings carry none: let the probe send egress_kbps, egress_limit_kbps or cpu_ratio",
            ),
            unit="percentunit",
            queries=[
                Query(of("live_egress_use_ratio", window("1m")), Words("出口带宽", "egress")),
                Query(of("live_cpu_ratio", window("1m")), Words("CPU", "CPU")),
            ],
            steps=judged("live_egress_use_ratio"),
        ),
        PanelSpec(
            kind="series",
            title=Words("互动集中度", "Concentration of interaction"),
            description=Words(
                "最活跃 10 人占互动的比例与弹幕重复率(1 分钟)。都高多半是刷量。",
                "Share of interaction by the 10 busiest people, and of repeated lines (1 min). Both high: "
                "mostly made.",
            ),
            no_data=Words(
                "没有互动: 检查 live.danmaku 与 live.likes 上报",
                "No interaction: check live.danmaku and live.likes",
            ),
            unit="percentunit",
            queries=[
                Query(of("live_interaction_concentration", window("1m")), Words("集中度", "concentration")),
                Query(of("live_danmaku_repeat_ratio", window("1m")), Words("弹幕重复率", "repeated lines")),
            ],
            steps=judged("live_interaction_concentration"),
        ),
    ),
)

PEOPLE: Final = Shelf(
    Words("谁在来, 聊不聊", "Who comes, and do they talk"),
    8,
    (
        PanelSpec(
            kind="series",
            title=Words("在线人数", "Viewers"),
            description=Words("在线人数与本场最高。", "People in the room, and the most of this session."),
            no_data=CHOOSE,
            unit="locale",
            queries=[
                Query(of("live_viewers"), Words("在线", "now")),
                Query(of("live_viewers_peak", window("session")), Words("本场最高", "peak")),
            ],
        ),
        PanelSpec(
            kind="series",
            title=Words("进房速率", "Arrivals"),
            description=Words(
                "每秒进房人次: 10 秒与 5 分钟平均。", "Visits begun per second: mean of 10 s and of 5 min."
            ),
            no_data=NO_VISITS,
            unit="suffix:/s",
            queries=[
                Query(of("live_enters_per_second", window("10s")), Words("10 秒", "10 s")),
                Query(of("live_enters_per_second", window("5m")), Words("5 分钟", "5 min")),
            ],
        ),
        PanelSpec(
            kind="series",
            title=Words("弹幕与点赞", "Chat and likes"),
            description=Words(
                "每秒弹幕条数与点赞数(1 分钟平均)。", "Chat lines and likes per second (mean of 1 min)."
            ),
            no_data=CHOOSE,
            unit="suffix:/s",
            queries=[
                Query(of("live_danmaku_per_second", window("1m")), Words("弹幕", "chat lines")),
                Query(of("live_likes_per_second", window("1m")), Words("点赞", "likes")),
            ],
        ),
    ),
)

STAY: Final = Shelf(
    Words("从哪来, 留不留", "Where from, and do they stay"),
    8,
    (
        PanelSpec(
            kind="bars",
            title=Words("进房来源", "Sources of visits"),
            description=Words(
                "本场各来源的观看人次。投流后对应来源应上升; other 为其余来源。",
                "Visits of this session by source. After buying ads their source should rise; other is the "
                "rest.",
            ),
            no_data=NO_VISITS,
            unit="locale",
            queries=[
                Query(f"sort_desc({of('live_source_enters_total')})", Words("{{source}}", "{{source}}"))
            ],
            decimals=0,
        ),
        PanelSpec(
            kind="series",
            title=Words("停留时长", "How long they stay"),
            description=Words(
                "离开者的停留时长: 15 分钟平均, 以及 5 分钟内一半与九成的人不超过的时长。",
                "Stay of those who left: mean of 15 min; and what half and 9 of 10 of the last 5 min did "
                "not exceed.",
            ),
            no_data=NO_VISITS,
            unit="s",
            queries=[
                Query(of("live_dwell_mean_seconds", window("15m")), Words("平均", "mean")),
                *(
                    Query(
                        f"histogram_quantile({share}, "
                        f"sum by (le) (rate({of('live_dwell_seconds_bucket')}[5m])))",
                        Words(zh, en),
                    )
                    for share, zh, en in ((0.5, "一半的人", "half"), (0.9, "九成的人", "9 of 10"))
                ),
            ],
        ),
        PanelSpec(
            kind="series",
            title=Words("直播间留存", "Retention in the room"),
            description=Words(
                "5 分钟内进房者, 过了 30 秒、1、3、10 分钟还在的比例。突降时看讲解与画面。",
                "Of those who entered, the share still there after 30 s, 1, 3, 10 min (5 min). When it "
                "falls, "
                "look at the item on air and the picture.",
            ),
            no_data=NO_VISITS,
            unit="percentunit",
            queries=[Query(of("live_retention_ratio", window("5m")), Words("{{after}}", "{{after}}"))],
        ),
        PanelSpec(
            kind="bars",
            title=Words("观众在说什么", "What viewers say"),
            description=Words(
                "本场弹幕中反馈画面、声音、购买、售后与提问的条数。",
                "Chat lines of this session about picture, sound, buying, after-sales, and questions.",
            ),
            no_data=Words(
                "弹幕里没有反馈; 检查 live.danmaku 上报", "Nothing said; check the live.danmaku feed"
            ),
            unit="locale",
            queries=[Query(of("live_complaints_total"), Words("{{group}}", "{{group}}"))],
            decimals=0,
        ),
    ),
)

PURCHASES: Final = Shelf(
    Words("买不买", "Do they buy"),
    8,
    (
        PanelSpec(
            kind="series",
            title=Words("每分钟订单, 按状态", "Orders a minute by status"),
            description=Words(
                "每分钟下单、支付、取消、退款、失败的订单数。失败上升而支付下降时联系支付方。",
                "Orders created, paid, cancelled, refunded and failed a minute. When failures rise and "
                "payments "
                "fall, call the payment vendor.",
            ),
            no_data=NO_ORDERS,
            unit="suffix:/min",
            queries=[Query(f"rate({of('live_orders_total')}[1m]) * 60", Words("{{status}}", "{{status}}"))],
        ),
        PanelSpec(
            kind="series",
            title=Words("每分钟成交额与退款额", "GMV and refunds a minute"),
            description=Words(
                "每分钟成交额与退款额(5 分钟平均)。", "GMV and refunds a minute (mean of 5 min)."
            ),
            no_data=NO_ORDERS,
            unit="currency:¥",
            queries=[
                Query(f"rate({of('live_gmv_yuan_total')}[5m]) * 60", Words("成交额", "GMV")),
                Query(f"rate({of('live_refund_yuan_total')}[5m]) * 60", Words("退款额", "refunds")),
            ],
        ),
        PanelSpec(
            kind="series",
            title=Words("点击-成交率与支付失败率", "Conversion and payment failures"),
            description=Words(
                "支付人数 ÷ 点击商品人数(5 与 15 分钟), 以及支付失败占比(5 分钟)。",
                "Payers ÷ people clicking items (5 and 15 min), and the share of payments that failed (5 "
                "min).",
            ),
            no_data=NO_CLICKS,
            unit="percentunit",
            queries=[
                Query(of("live_conversion_ratio", window("5m")), Words("成交率 5 分钟", "conversion 5 min")),
                Query(
                    of("live_conversion_ratio", window("15m")), Words("成交率 15 分钟", "conversion 15 min")
                ),
                Query(
                    of("live_payment_failure_ratio", window("5m")), Words("支付失败率", "payment failures")
                ),
            ],
        ),
        PanelSpec(
            kind="bars",
            title=Words("漏斗", "Funnel"),
            description=Words(
                "本场: 观看人数、点击、加购、下单、支付。哪一步掉得多就看哪一步。",
                "This session: visitors, clicks, carts, orders, payments. Look where most are lost.",
            ),
            no_data=NO_VISITS,
            unit="locale",
            queries=[
                Query(of("live_visitors", window("session")), Words("观看人数", "visitors")),
                Query(of("live_clicks_total"), Words("点击", "clicks")),
                Query(of("live_carts_total"), Words("加购", "carts")),
                Query(of("live_orders_total", 'status="created"'), Words("下单", "ordered")),
                Query(of("live_orders_total", 'status="paid"'), Words("支付", "paid")),
            ],
            decimals=0,
        ),
    ),
)
