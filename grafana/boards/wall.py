"""The dashboard "Wall": every live room, worst first.

For a screen that several people see: is anything wrong anywhere, and in which room. A click on a room opens
the room's own dashboard, one on its state the console.
"""

from __future__ import annotations

from typing import Final

from grafana.boards.texts import NO_ALERTS, NO_ORDERS, NO_PINGS, NO_ROOM
from grafana.colours import ALERT_RANKS, SOME_IS_BAD, judged
from grafana.selectors import CHOSEN_INFO, of_category, window
from grafana.spec import BoardSpec, Cell, PanelSpec, Query, Shelf, Words

__all__ = ["TO_CONSOLE", "TO_ROOM", "WALL"]

TO_ROOM: Final = (
    "/d/roomwatch-room-$locale?var-room=${__data.fields.room_id}"
    "&var-datasource=${datasource}&${__url_time_range}"
)
TO_CONSOLE: Final = "${console}/?room=${__data.fields.room_id}"

_STALL: Final = judged("live_stall_ratio")
_SHOWN: Final = 100
"""Rooms in the table: the worst; nobody reads further."""
_WORST: Final = f"topk({_SHOWN}, {of_category('room:live_attention:score')})"
_CATEGORY: Final = Words("{{category}}", "{{category}}")


def _of_worst(expression: str) -> str:
    return f"{expression} and on (room_id) {_WORST}"


_STATS: Final = (
    PanelSpec(
        kind="stat",
        title=Words("在播直播间", "Live rooms"),
        description=Words(
            "现在在播的直播间数。突然变少时先看采集是否正常(Roomwatch 自身页)。",
            "Rooms that are live now. When they fall suddenly, look at Roomwatch itself first.",
        ),
        no_data=NO_ROOM,
        unit="locale",
        queries=[Query(f"count({CHOSEN_INFO})", Words("直播间", "rooms"))],
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("在线人数", "Viewers"),
        description=Words("所选类目在线人数之和。", "Viewers of the chosen categories together."),
        no_data=NO_ROOM,
        unit="short",
        queries=[Query(f"sum({of_category('live_viewers')})", Words("在线", "viewers"))],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("本场成交额之和", "GMV"),
        description=Words(
            "在播直播间本场已支付商品金额之和, 未减退款。",
            "Paid goods of the sessions that are live, before refunds.",
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query(f"sum({of_category('live_gmv_yuan_total')})", Words("成交额", "GMV"))],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("卡顿直播间", "Rooms that stutter"),
        description=Words(
            "卡顿率高于默认告警线的直播间数。多间同时卡顿先看 CDN。",
            "Rooms whose stall ratio is above the warning bound. Several at once: look at the CDN first.",
        ),
        no_data=NO_PINGS,
        unit="locale",
        queries=[
            Query(
                f"sum({of_category(f'(room:live_stall_ratio:worst > bool {_STALL[1].value})')})",
                Words("卡顿", "stuttering"),
            )
        ],
        steps=SOME_IS_BAD,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("待处理直播间", "Rooms to look at"),
        description=Words(
            "有告警无人认领(告警中或已升级)的直播间数。点下表的状态到告警台认领。",
            "Rooms with an alert that nobody has acknowledged. Click a state below to acknowledge it.",
        ),
        no_data=NO_ALERTS,
        unit="locale",
        queries=[
            Query(
                f"sum({of_category('(room:live_alert_rank:max >= bool 4)')})", Words("待处理", "to look at")
            )
        ],
        steps=SOME_IS_BAD,
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("严重告警", "Critical alerts"),
        description=Words("全部未关闭的严重告警, 不分类目。", "Open critical alerts, whatever the category."),
        no_data=NO_ALERTS,
        unit="locale",
        queries=[Query('sum(live_alerts{severity="critical"})', Words("严重", "critical"))],
        steps=SOME_IS_BAD,
        decimals=0,
    ),
)

_ROOMS: Final = PanelSpec(
    kind="table",
    title=Words("直播间, 最差的在前", "Rooms, worst first"),
    description=Words(
        f"最需要处理的 {_SHOWN} 间: 先看告警状态, 再看在线人数。点标题进直播间页, 点状态进告警台。",
        f"The {_SHOWN} rooms that need somebody most: by alert state, then by viewers. A title leads to the "
        "room, a state to the console.",
    ),
    no_data=NO_ROOM,
    unit="short",
    sort=9,
    cells=(
        Cell(source="title", title=Words("标题", "Title"), link=TO_ROOM, width=260),
        Cell(source="host", title=Words("主播", "Host")),
        Cell(source="category", title=Words("类目", "Category")),
        Cell(
            source=_of_worst("room:live_alert_rank:max * on (room_id) group_left (title, host, category) "
                             "live_room_info"),
            title=Words("告警", "Alerts"),
            unit="short",
            states=ALERT_RANKS,
            link=TO_CONSOLE,
        ),
        Cell(
            source=_of_worst("sum by (room_id) (live_viewers)"),
            title=Words("在线", "Viewers"),
            unit="locale",
            decimals=0,
        ),
        Cell(
            source=_of_worst("sum by (room_id) (live_gmv_yuan_total)"),
            title=Words("成交额", "GMV"),
            unit="currency:¥",
            decimals=0,
        ),
        Cell(
            source=_of_worst("room:live_stall_ratio:worst"),
            title=Words("卡顿率", "Stall ratio"),
            unit="percentunit",
            steps=_STALL,
            decimals=1,
        ),
        Cell(
            source=_of_worst(f"sum by (room_id) (live_fault_ratio{{{window('session')}}})"),
            title=Words("本场故障率", "At fault"),
            unit="percentunit",
            decimals=1,
        ),
        Cell(
            source=_of_worst(f"sum by (room_id) (live_danmaku_per_second{{{window('1m')}}})"),
            title=Words("弹幕/秒", "Chat/s"),
            unit="short",
            decimals=1,
        ),
        Cell(source=_WORST, title=Words("紧迫", "Urgency"), unit="short", hidden=True),
        Cell(source="room_id", title=Words("room_id", "room_id")),
    ),
)  # fmt: skip

_NEXT: Final = PanelSpec(
    kind="table",
    title=Words("下一场", "Next shows"),
    description=Words(
        "已计划、尚未开播的直播间, 按开播时间。过了时间还在这里的, 去催开播。",
        "Planned rooms by when they begin. One that is still here after its time: call the host.",
    ),
    no_data=Words(
        "没有已计划的直播: 向 live.rooms 上报 planned 与 starts_at_ms",
        "No show is planned: send planned with starts_at_ms to live.rooms",
    ),
    unit="dateTimeFromNow",
    sort=-2,
    width=6,
    cells=(
        Cell(source="title", title=Words("标题", "Title")),
        Cell(
            source="live_next_start_timestamp_seconds * 1000",
            title=Words("开播", "Begins"),
            unit="dateTimeFromNow",
        ),
    ),
)

_LINES: Final = (
    PanelSpec(
        kind="series",
        title=Words("在线人数, 按类目", "Viewers by category"),
        description=Words("各类目在线人数。", "Viewers of each category."),
        no_data=NO_ROOM,
        unit="short",
        queries=[Query('category:live_viewers:sum{category=~"$category"}', _CATEGORY)],
    ),
    PanelSpec(
        kind="series",
        title=Words("每分钟成交额, 按类目", "GMV a minute by category"),
        description=Words(
            "各类目每分钟成交额(5 分钟平均)。", "GMV a minute of each category (mean of 5 min)."
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query('category:live_gmv_yuan:rate5m{category=~"$category"} * 60', _CATEGORY)],
    ),
    PanelSpec(
        kind="series",
        title=Words("未关闭告警, 按类型", "Open alerts by kind"),
        description=Words(
            "只画有未关闭告警的类型。多间同时同一类型多半是同一原因。",
            "Kinds with open alerts. One kind in many rooms is mostly one cause.",
        ),
        no_data=Words("没有未关闭的告警, 无需处理", "No alert is open: nothing to do"),
        unit="short",
        queries=[Query("sum by (kind) (live_alerts) > 0", Words("{{kind}}", "{{kind}}"))],
        decimals=0,
    ),
    _NEXT,
)

WALL: Final = BoardSpec(
    uid="roomwatch-wall",
    title=Words("大屏", "Wall"),
    description=Words(
        "全部在播直播间, 最差的在前; 没有在播时看下一场。",
        "Every live room, worst first; with none live, the next shows.",
    ),
    variables=("category",),
    shelves=(Shelf(None, 5, _STATS), Shelf(None, 14, (_ROOMS,)), Shelf(None, 8, _LINES)),
)
