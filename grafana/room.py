"""The dashboard "Room": does the picture run, who comes, do they talk and buy.

For the room controller, who has it on a screen three metres away during the broadcast: two rows of big
numbers answer at a glance, the lines below tell since when. Thresholds are those of the default rules.
"""

from __future__ import annotations

from typing import Final

from grafana.colours import ALERT_STATES, above, outside, silent
from grafana.panels import BoardSpec, Box, PanelSpec, Query, Row, Step, Words
from grafana.selectors import freshest, of, rules_in_state, window

__all__ = ["ROOM"]

_CHOOSE: Final = Words("请在左上角选择正在直播的直播间", "Choose a live room at the top left")
_NO_PINGS: Final = Words(
    "没有心跳: 检查推流与 live.health 上报", "No pings: check the stream and its live.health feed"
)
_NO_VISITS: Final = Words("没有进房数据: 检查 live.visits 上报", "No visits: check the live.visits feed")
_NO_ORDERS: Final = Words(
    "还没有订单; 若已开卖, 检查 live.orders 上报", "No orders; if selling, check the live.orders feed"
)
_NO_CLICKS: Final = Words("还没有商品点击或支付", "No clicks on items or payments yet")
_NO_ALERTS: Final = Words(
    "没有告警状态: 检查告警引擎 (roomwatch engine)", "No alert states: check roomwatch engine"
)
_PROBES: Final = Words("{{probe}}", "{{probe}}")

_STALL: Final = above("live_stall_ratio")
_OFFSET: Final = outside("live_av_offset_seconds")
_AGE: Final = silent()
_FRAMES: Final = (Step(None, "red"), Step(10, "orange"), Step(15, "green"))
"""No default rule yet. A cloud vendor's guide: from 15 a second fluent, below 10 it visibly stutters."""
_UNHANDLED: Final = (Step(None, "green"), Step(1, "red"))

_JUDGED: Final = 'probe!="player"'
"""The rules judge no players: one of them is one viewer."""
_OFFSETS: Final = of("live_av_offset_seconds", _JUDGED, window("1m"))
_FURTHEST_OFF: Final = f"max({_OFFSETS}) > -min({_OFFSETS}) or min({_OFFSETS})"

_GLANCE: Final = (
    PanelSpec(
        kind="stat",
        title=Words("待处理告警", "Alerts to handle"),
        description=Words(
            "本直播间无人认领的告警数(告警中与已升级)。不为 0 时看页底的告警状态, 到告警台认领。",
            "Open alerts of this room that nobody has acknowledged (firing and escalated). Above 0: see the "
            "states at the bottom and acknowledge in the console.",
        ),
        no_data=_NO_ALERTS,
        unit="short",
        queries=[Query(f"{rules_in_state(2)} + {rules_in_state(4)}", Words("告警", "alerts"))],
        box=Box(0, 0, 4, 6),
        steps=_UNHANDLED,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("卡顿率", "Stall ratio"),
        description=Words(
            "画面静止的时间占比, 推流与边缘中较差的(10 秒; 心跳稀疏时 1 分钟)。"
            "橙色: 观众有感; 红色: 检查推流或切线路。",
            "Share of time in which the picture stood still, worse of ingest and edge (10 s, or 1 min where "
            "pings are rare). Orange: viewers notice; red: check the stream or change the line.",
        ),
        no_data=_NO_PINGS,
        unit="percentunit",
        queries=[Query(freshest("max", "live_stall_ratio", _JUDGED), Words("卡顿率", "stall ratio"))],
        box=Box(4, 0, 4, 6),
        steps=_STALL,
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("在线人数", "Viewers"),
        description=Words("现在在直播间里的人数。", "People in the room now."),
        no_data=_CHOOSE,
        unit="locale",
        queries=[Query(of("live_viewers"), Words("在线", "viewers"))],
        box=Box(8, 0, 4, 6),
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("弹幕速率", "Chat rate"),
        description=Words("每秒弹幕条数(1 分钟平均)。", "Chat lines per second (mean of 1 min)."),
        no_data=_CHOOSE,
        unit="suffix:/s",
        queries=[Query(of("live_danmaku_per_second", window("1m")), Words("弹幕", "chat lines"))],
        box=Box(12, 0, 4, 6),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("成交额", "GMV"),
        description=Words("本场已支付商品金额, 未减退款。", "Paid goods of this session, before refunds."),
        no_data=_NO_ORDERS,
        unit="currency:¥",
        queries=[Query(of("live_gmv_yuan_total"), Words("成交额", "GMV"))],
        box=Box(16, 0, 4, 6),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("点击-成交率", "Click conversion"),
        description=Words(
            "商品点击-成交率: 15 分钟内支付人数 ÷ 点击商品人数。骤降时检查支付、价格与讲解商品。",
            "Distinct payers ÷ distinct people clicking items, 15 min. When it falls, check payment, price "
            "and the item on air.",
        ),
        no_data=_NO_CLICKS,
        unit="percentunit",
        queries=[Query(of("live_conversion_ratio", window("15m")), Words("成交率", "conversion"))],
        box=Box(20, 0, 4, 6),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("音画偏移", "A/V offset"),
        description=Words(
            "声音领先画面的时间(1 分钟中位数, 推流与边缘中偏得更多的); 负数为声音滞后。"
            "橙色: 可察觉; 红色: 不可接受。",
            "Sound ahead of picture (median of 1 min, ingest or edge, whichever is further off); below zero "
            "the sound is late. Orange: people notice; red: they do not accept it.",
        ),
        no_data=_NO_PINGS,
        unit="s",
        queries=[Query(_FURTHEST_OFF, Words("偏移", "offset"))],
        box=Box(0, 6, 4, 4),
        steps=_OFFSET,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("帧率", "Frame rate"),
        description=Words(
            "每秒帧数, 推流与边缘中较低的。橙色: 不流畅; 红色: 明显卡。",
            "Frames per second, lower of ingest and edge. Orange: not fluent; red: it stutters visibly.",
        ),
        no_data=_NO_PINGS,
        unit="suffix: fps",
        queries=[Query(freshest("min", "live_frames_per_second", _JUDGED), Words("帧率", "frame rate"))],
        box=Box(4, 6, 4, 4),
        steps=_FRAMES,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("进房速率", "Arrivals"),
        description=Words("每秒进房人次(1 分钟平均)。", "Visits begun per second (mean of 1 min)."),
        no_data=_NO_VISITS,
        unit="suffix:/s",
        queries=[Query(of("live_enters_per_second", window("1m")), Words("进房", "visits"))],
        box=Box(8, 6, 4, 4),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("点赞速率", "Like rate"),
        description=Words("每秒点赞数(1 分钟平均)。", "Likes per second (mean of 1 min)."),
        no_data=_CHOOSE,
        unit="suffix:/s",
        queries=[Query(of("live_likes_per_second", window("1m")), Words("点赞", "likes"))],
        box=Box(12, 6, 4, 4),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("客单价", "Order value"),
        description=Words("本场成交额 ÷ 已支付订单数。", "GMV ÷ paid orders of this session."),
        no_data=_NO_ORDERS,
        unit="currency:¥",
        queries=[Query(of("live_order_value_yuan", window("session")), Words("客单价", "order value"))],
        box=Box(16, 6, 4, 4),
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("心跳延迟", "Ping age"),
        description=Words(
            "距最近一次心跳的时间。橙色: 看推流; 红色: 按断流处理。",
            "Time since the newest ping. Orange: look at the stream; red: treat the feed as lost.",
        ),
        no_data=_NO_PINGS,
        unit="s",
        queries=[Query(of("live_feed_age_seconds", 'feed="health"'), Words("心跳", "pings"))],
        box=Box(20, 6, 4, 4),
        steps=_AGE,
        decimals=0,
    ),
)

_PICTURE: Final = (
    Row(Words("画面好不好", "Is the picture good"), 10),
    PanelSpec(
        kind="series",
        title=Words("卡顿率, 按探针", "Stall ratio by probe"),
        description=Words(
            "1 分钟内画面静止的时间占比。只有 player 高是个别观众的网络, edge 高是线路, ingest 高是推流。",
            "Share of the last minute in which the picture stood still. player alone: single viewers' "
            "networks; edge: the line; ingest: the stream itself.",
        ),
        no_data=_NO_PINGS,
        unit="percentunit",
        queries=[Query(of("live_stall_ratio", window("1m")), _PROBES)],
        box=Box(0, 11, 6, 8),
        steps=_STALL,
    ),
    PanelSpec(
        kind="series",
        title=Words("音画偏移, 按探针", "A/V offset by probe"),
        description=Words(
            "声音领先画面的时间(1 分钟中位数)。缓慢爬升是时钟漂移, 重启推流可恢复。",
            "Sound ahead of picture (median of 1 min). A slow climb is clock drift; restarting the stream "
            "cures it.",
        ),
        no_data=_NO_PINGS,
        unit="s",
        queries=[Query(of("live_av_offset_seconds", window("1m")), _PROBES)],
        box=Box(6, 11, 6, 8),
        steps=_OFFSET,
    ),
    PanelSpec(
        kind="series",
        title=Words("帧率, 按探针", "Frame rate by probe"),
        description=Words("每秒帧数(1 分钟平均)。", "Frames per second (mean of 1 min)."),
        no_data=_NO_PINGS,
        unit="suffix: fps",
        queries=[Query(of("live_frames_per_second", window("1m")), _PROBES)],
        box=Box(12, 11, 6, 8),
        steps=_FRAMES,
    ),
    PanelSpec(
        kind="series",
        title=Words("码率, 按探针", "Bit rate by probe"),
        description=Words(
            "每秒比特数(1 分钟平均)。跌到平时的一半以下画质明显变差。",
            "Bits per second (mean of 1 min). Below half of the usual the picture is visibly worse.",
        ),
        no_data=_NO_PINGS,
        unit="bps",
        queries=[Query(f"{of('live_bytes_per_second', window('1m'))} * 8", _PROBES)],
        box=Box(18, 11, 6, 8),
    ),
)

_PEOPLE: Final = (
    Row(Words("谁在来, 聊不聊", "Who comes, and do they talk"), 19),
    PanelSpec(
        kind="series",
        title=Words("在线人数", "Viewers"),
        description=Words("在线人数与本场最高。", "People in the room, and the most of this session."),
        no_data=_CHOOSE,
        unit="locale",
        queries=[
            Query(of("live_viewers"), Words("在线", "now")),
            Query(of("live_viewers_peak", window("session")), Words("本场最高", "peak")),
        ],
        box=Box(0, 20, 8, 8),
    ),
    PanelSpec(
        kind="series",
        title=Words("进房速率", "Arrivals"),
        description=Words(
            "每秒进房人次: 10 秒与 5 分钟平均。", "Visits begun per second: mean of 10 s and of 5 min."
        ),
        no_data=_NO_VISITS,
        unit="suffix:/s",
        queries=[
            Query(of("live_enters_per_second", window("10s")), Words("10 秒", "10 s")),
            Query(of("live_enters_per_second", window("5m")), Words("5 分钟", "5 min")),
        ],
        box=Box(8, 20, 8, 8),
    ),
    PanelSpec(
        kind="series",
        title=Words("弹幕与点赞", "Chat and likes"),
        description=Words(
            "每秒弹幕条数与点赞数(1 分钟平均)。", "Chat lines and likes per second (mean of 1 min)."
        ),
        no_data=_CHOOSE,
        unit="suffix:/s",
        queries=[
            Query(of("live_danmaku_per_second", window("1m")), Words("弹幕", "chat lines")),
            Query(of("live_likes_per_second", window("1m")), Words("点赞", "likes")),
        ],
        box=Box(16, 20, 8, 8),
    ),
)

_SALES: Final = (
    Row(Words("买不买", "Do they buy"), 28),
    PanelSpec(
        kind="series",
        title=Words("每分钟订单, 按状态", "Orders a minute by status"),
        description=Words(
            "每分钟下单、支付、取消、退款、失败的订单数。失败上升而支付下降时联系支付方。",
            "Orders created, paid, cancelled, refunded and failed a minute. When failures rise and payments "
            "fall, call the payment vendor.",
        ),
        no_data=_NO_ORDERS,
        unit="suffix:/min",
        queries=[Query(f"rate({of('live_orders_total')}[1m]) * 60", Words("{{status}}", "{{status}}"))],
        box=Box(0, 29, 8, 8),
    ),
    PanelSpec(
        kind="series",
        title=Words("每分钟成交额与退款额", "GMV and refunds a minute"),
        description=Words("每分钟成交额与退款额(5 分钟平均)。", "GMV and refunds a minute (mean of 5 min)."),
        no_data=_NO_ORDERS,
        unit="currency:¥",
        queries=[
            Query(f"rate({of('live_gmv_yuan_total')}[5m]) * 60", Words("成交额", "GMV")),
            Query(f"rate({of('live_refund_yuan_total')}[5m]) * 60", Words("退款额", "refunds")),
        ],
        box=Box(8, 29, 8, 8),
    ),
    PanelSpec(
        kind="series",
        title=Words("点击-成交率与支付失败率", "Conversion and payment failures"),
        description=Words(
            "支付人数 ÷ 点击商品人数(5 与 15 分钟), 以及支付失败占比(5 分钟)。",
            "Payers ÷ people clicking items (5 and 15 min), and the share of payments that failed (5 min).",
        ),
        no_data=_NO_CLICKS,
        unit="percentunit",
        queries=[
            Query(of("live_conversion_ratio", window("5m")), Words("成交率 5 分钟", "conversion 5 min")),
            Query(of("live_conversion_ratio", window("15m")), Words("成交率 15 分钟", "conversion 15 min")),
            Query(of("live_payment_failure_ratio", window("5m")), Words("支付失败率", "payment failures")),
        ],
        box=Box(16, 29, 8, 8),
    ),
)

_TROUBLE: Final = (
    Row(Words("告警与数据", "Alerts and data"), 37),
    PanelSpec(
        kind="states",
        title=Words("本直播间告警状态, 按规则", "Alert states of this room by rule"),
        description=Words(
            "每条规则在本直播间的状态。红色无人认领, 蓝色有人处理中。",
            "State of each rule on this room. Red: nobody has taken it; blue: somebody is at it.",
        ),
        no_data=_NO_ALERTS,
        unit="short",
        queries=[Query(of("live_alert_state"), Words("{{rule}}", "{{rule}}"))],
        box=Box(0, 38, 12, 8),
        states=ALERT_STATES,
    ),
    PanelSpec(
        kind="series",
        title=Words("全部直播间未关闭告警", "Open alerts of all rooms"),
        description=Words(
            "全部直播间未关闭的告警, 按级别。许多直播间同时上升多半是同一原因, 先看 CDN 与供应商。",
            "Open alerts of all rooms by severity. When many rooms rise together it is mostly one cause: "
            "look at the CDN and the vendors first.",
        ),
        no_data=_NO_ALERTS,
        unit="short",
        queries=[Query("sum by (severity) (live_alerts)", Words("{{severity}}", "{{severity}}"))],
        box=Box(12, 38, 6, 8),
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("数据延迟, 按数据流", "Age of the feeds"),
        description=Words(
            "距各数据流最近一条记录的时间。只有一条流变旧是上报方的问题, "
            "全部变旧是采集 (roomwatch ingest) 的问题。",
            "Time since the newest record of each feed. One feed alone: its sender; all of them: roomwatch "
            "ingest.",
        ),
        no_data=_CHOOSE,
        unit="s",
        queries=[Query(of("live_feed_age_seconds", 'feed!="rooms"'), Words("{{feed}}", "{{feed}}"))],
        box=Box(18, 38, 6, 8),
    ),
)

ROOM: Final = BoardSpec(
    uid="roomwatch-room",
    title=Words("直播间", "Room"),
    description=Words(
        "场控看的一页: 画面好不好, 谁在来, 聊不聊, 买不买。",
        "For the room controller: is the picture good, who comes, do they talk and buy.",
    ),
    room_label=Words("直播间", "Room"),
    datasource_label=Words("数据源", "Data source"),
    parts=(*_GLANCE, *_PICTURE, *_PEOPLE, *_SALES, *_TROUBLE),
)
