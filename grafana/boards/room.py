"""The dashboard "Room": does the picture run, who comes, do they talk and buy.

For the room controller, who has it on a screen three metres away during the broadcast: two rows of big
numbers answer at a glance, the lines below tell since when. Thresholds are those of the default rules.
"""

from __future__ import annotations

from typing import Final

from grafana.boards.room_lines import FRAMES, OFFSET, PEOPLE, PICTURE, PURCHASES, RISKS, STALL, STAY
from grafana.boards.texts import CHOOSE, NO_ALERTS, NO_CLICKS, NO_OFFSETS, NO_ORDERS, NO_PINGS, NO_VISITS
from grafana.colours import ALERT_STATES, SOME_IS_BAD, silent
from grafana.selectors import freshest, of, rules_in_state, window
from grafana.spec import Annotation, BoardSpec, PanelSpec, Query, Shelf, Words

__all__ = ["ROOM"]

_JUDGED: Final = 'probe!="player"'
"""What one player sees is one viewer's affair; the rules want several."""
_TO_CONSOLE: Final = "${console}/?room=$room"
_OFFSETS: Final = of("live_av_offset_seconds", _JUDGED, window("1m"))
_FURTHEST_OFF: Final = f"max({_OFFSETS}) > -min({_OFFSETS}) or min({_OFFSETS})"

_NUMBERS: Final = (
    Shelf(
        None,
        6,
        (
            PanelSpec(
                kind="stat",
                title=Words("待处理告警", "Alerts to handle"),
                description=Words(
                    "本直播间无人认领的告警数(告警中与已升级)。不为 0 时点它到告警台认领; 页底有各规则状态。",
                    "Open alerts of this room that nobody has acknowledged (firing and escalated). Above 0: "
                    "click it to acknowledge them in the console; the states by rule are at the bottom.",
                ),
                no_data=NO_ALERTS,
                unit="short",
                queries=[Query(f"{rules_in_state(2)} + {rules_in_state(4)}", Words("告警", "alerts"))],
                steps=SOME_IS_BAD,
                decimals=0,
                link=_TO_CONSOLE,
            ),
            PanelSpec(
                kind="stat",
                title=Words("卡顿率", "Stall ratio"),
                description=Words(
                    "画面静止的时间占比, 推流与边缘中较差的(10 秒; 心跳稀疏时 1 分钟)。"
                    "橙色: 观众有感; 红色: 检查推流或切线路。",
                    "Share of time in which the picture stood still, worse of ingest and edge (10 s, or 1 "
                    "min where "
                    "pings are rare). Orange: viewers notice; red: check the stream or change the line.",
                ),
                no_data=NO_PINGS,
                unit="percentunit",
                queries=[Query(freshest("max", "live_stall_ratio", _JUDGED), Words("卡顿率", "stall ratio"))],
                steps=STALL,
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("在线人数", "Viewers"),
                description=Words("现在在直播间里的人数。", "People in the room now."),
                no_data=CHOOSE,
                unit="locale",
                queries=[Query(of("live_viewers"), Words("在线", "viewers"))],
                decimals=0,
            ),
            PanelSpec(
                kind="stat",
                title=Words("弹幕速率", "Chat rate"),
                description=Words("每秒弹幕条数(1 分钟平均)。", "Chat lines per second (mean of 1 min)."),
                no_data=CHOOSE,
                unit="suffix:/s",
                queries=[Query(of("live_danmaku_per_second", window("1m")), Words("弹幕", "chat lines"))],
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("成交额", "GMV"),
                description=Words(
                    "本场已支付商品金额, 未减退款。", "Paid goods of this session, before refunds."
                ),
                no_data=NO_ORDERS,
                unit="currency:¥",
                queries=[Query(of("live_gmv_yuan_total"), Words("成交额", "GMV"))],
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("点击-成交率", "Click conversion"),
                description=Words(
                    "商品点击-成交率: 15 分钟内支付人数 ÷ 点击商品人数。骤降时检查支付、价格与讲解商品。",
                    "Distinct payers ÷ distinct people clicking items, 15 min. When it falls, check "
                    "payment, price "
                    "and the item on air.",
                ),
                no_data=NO_CLICKS,
                unit="percentunit",
                queries=[Query(of("live_conversion_ratio", window("15m")), Words("成交率", "conversion"))],
                decimals=1,
            ),
        ),
    ),
    Shelf(
        None,
        4,
        (
            PanelSpec(
                kind="stat",
                title=Words("音画偏移", "A/V offset"),
                description=Words(
                    "声音领先画面的时间(1 分钟中位数, 推流与边缘中偏得更多的); 负数为声音滞后。"
                    "橙色: 可察觉; 红色: 不可接受。",
                    "Sound ahead of picture (median of 1 min, ingest or edge, whichever is further off); "
                    "below zero "
                    "the sound is late. Orange: people notice; red: they do not accept it.",
                ),
                no_data=NO_OFFSETS,
                unit="s",
                queries=[Query(_FURTHEST_OFF, Words("偏移", "offset"))],
                steps=OFFSET,
                decimals=0,
            ),
            PanelSpec(
                kind="stat",
                title=Words("帧率", "Frame rate"),
                description=Words(
                    "每秒帧数, 推流与边缘中较低的。橙色: 不流畅; 红色: 明显卡。",
                    "Frames per second, lower of ingest and edge. Orange: not fluent; red: it stutters "
                    "visibly.",
                ),
                no_data=NO_PINGS,
                unit="suffix: fps",
                queries=[
                    Query(freshest("min", "live_frames_per_second", _JUDGED), Words("帧率", "frame rate"))
                ],
                steps=FRAMES,
                decimals=0,
            ),
            PanelSpec(
                kind="stat",
                title=Words("进房速率", "Arrivals"),
                description=Words("每秒进房人次(1 分钟平均)。", "Visits begun per second (mean of 1 min)."),
                no_data=NO_VISITS,
                unit="suffix:/s",
                queries=[Query(of("live_enters_per_second", window("1m")), Words("进房", "visits"))],
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("点赞速率", "Like rate"),
                description=Words("每秒点赞数(1 分钟平均)。", "Likes per second (mean of 1 min)."),
                no_data=CHOOSE,
                unit="suffix:/s",
                queries=[Query(of("live_likes_per_second", window("1m")), Words("点赞", "likes"))],
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("客单价", "Order value"),
                description=Words("本场成交额 ÷ 已支付订单数。", "GMV ÷ paid orders of this session."),
                no_data=NO_ORDERS,
                unit="currency:¥",
                queries=[
                    Query(of("live_order_value_yuan", window("session")), Words("客单价", "order value"))
                ],
                decimals=1,
            ),
            PanelSpec(
                kind="stat",
                title=Words("心跳延迟", "Ping age"),
                description=Words(
                    "距最近一次心跳的时间。橙色: 看推流; 红色: 按断流处理。",
                    "Time since the newest ping. Orange: look at the stream; red: treat the feed as lost.",
                ),
                no_data=NO_PINGS,
                unit="s",
                queries=[Query(of("live_feed_age_seconds", 'feed="health"'), Words("心跳", "pings"))],
                steps=silent(),
                decimals=0,
            ),
            PanelSpec(
                kind="stat",
                title=Words("本场故障率", "Time at fault"),
                description=Words(
                    "本场直播时间中, 有画面或断流严重告警未关闭的占比, 暂停不计。"
                    "偏高: 下一场前换线路或推流设备。",
                    "Share of this session's live time, pauses left out, in which a critical alert on "
                    "picture or feed was open. High: change line or encoder before the next show.",
                ),
                no_data=CHOOSE,
                unit="percentunit",
                queries=[Query(of("live_fault_ratio", window("session")), Words("故障率", "at fault"))],
                decimals=1,
            ),
        ),
    ),
)

_TROUBLE: Final = Shelf(
    Words("告警与数据", "Alerts and data"),
    8,
    (
        PanelSpec(
            kind="states",
            title=Words("本直播间告警状态, 按规则", "Alert states of this room by rule"),
            description=Words(
                "每条规则在本直播间的状态。红色无人认领, 蓝色有人处理中。",
                "State of each rule on this room. Red: nobody has taken it; blue: somebody is at it.",
            ),
            no_data=NO_ALERTS,
            unit="short",
            queries=[Query(of("live_alert_state"), Words("{{rule}}", "{{rule}}"))],
            states=ALERT_STATES,
            width=12,
            link=_TO_CONSOLE,
        ),
        PanelSpec(
            kind="series",
            title=Words("全部直播间未关闭告警", "Open alerts of all rooms"),
            description=Words(
                "全部直播间未关闭的告警, 按级别。许多直播间同时上升多半是同一原因, 先看 CDN 与供应商。",
                "Open alerts of all rooms by severity. When many rooms rise together it is mostly one cause: "
                "look at the CDN and the vendors first.",
            ),
            no_data=NO_ALERTS,
            unit="short",
            queries=[Query("sum by (severity) (live_alerts)", Words("{{severity}}", "{{severity}}"))],
            decimals=0,
        ),
        PanelSpec(
            kind="series",
            title=Words("数据延迟, 按数据流", "Age of the feeds"),
            description=Words(
                "距各数据流最近一条记录的时间。只有一条流变旧是上报方的问题, "
                "全部变旧是采集 (roomwatch ingest) 的问题。",
                "Time since the newest record of each feed. One feed alone: its sender; all of them: "
                "roomwatch "
                "ingest.",
            ),
            no_data=CHOOSE,
            unit="s",
            queries=[Query(of("live_feed_age_seconds", 'feed!="rooms"'), Words("{{feed}}", "{{feed}}"))],
        ),
    ),
)

_ON_AIR: Final = Annotation(
    Words("讲解商品", "On air"),
    f"label_replace(label_replace({of('live_item_on_air')}, "
    '"alertname", "$1", "item", "(.*)"), "instance", "讲解 / on air", "", "")',
    "blue",
)
"""Grafana names a mark by the label ``alertname`` and describes it by ``instance``."""
_ALERTS: Final = Annotation(
    Words("告警", "Alerts"),
    f'label_replace({of("live_alert_state")} >= 2 < 5, "alertname", "$1", "rule", "(.*)")',
    "red",
)

ROOM: Final = BoardSpec(
    uid="roomwatch-room",
    title=Words("直播间", "Room"),
    description=Words(
        "场控看的一页: 画面好不好, 谁在来, 聊不聊, 买不买。",
        "For the room controller: is the picture good, who comes, do they talk and buy.",
    ),
    variables=("category", "room"),
    annotations=(_ON_AIR, _ALERTS),
    shelves=(*_NUMBERS, PICTURE, PEOPLE, STAY, PURCHASES, RISKS, _TROUBLE),
)
