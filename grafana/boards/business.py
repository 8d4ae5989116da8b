"""The dashboard "Business": what is sold, from where, and whether the room sells as it used to."""

from __future__ import annotations

from typing import Final

from grafana.boards.texts import NO_CLICKS, NO_ORDERS
from grafana.boards.wall import TO_ROOM
from grafana.colours import judged
from grafana.selectors import of_rooms, window
from grafana.spec import BoardSpec, Cell, PanelSpec, Query, Shelf, Words

__all__ = ["BUSINESS"]

_SESSION: Final = window("session")
_NO_SPEND: Final = Words(
    "没有投入数据: 向 live.rooms 上报 ad_spend_fen 与 cost_fen",
    "No spending known: send ad_spend_fen and cost_fen to live.rooms",
)
_GMV: Final = f"sum({of_rooms('live_gmv_yuan_total')})"
_REFUNDS: Final = f"sum({of_rooms('live_refund_yuan_total')})"
_PAID: Final = "sum(" + of_rooms("live_orders_total", 'status="paid"') + ")"
_TITLE: Final = Words("{{title}}", "{{title}}")


def _titled(expression: str) -> str:
    """Return a figure of each room with the room's title."""
    return f"({expression}) * on (room_id) group_left (title) live_room_info"


_STATS: Final = (
    PanelSpec(
        kind="stat",
        title=Words("成交额", "GMV"),
        description=Words(
            "所选直播间本场已支付商品金额, 未减退款。",
            "Paid goods of the sessions chosen, before refunds.",
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query(_GMV, Words("成交额", "GMV"))],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("支付订单", "Paid orders"),
        description=Words("所选直播间本场支付的订单数。", "Orders paid in the sessions chosen."),
        no_data=NO_ORDERS,
        unit="locale",
        queries=[Query(_PAID, Words("支付", "paid"))],
        decimals=0,
    ),
    PanelSpec(
        kind="stat",
        title=Words("客单价", "Order value"),
        description=Words("成交额 ÷ 支付订单数。", "GMV ÷ paid orders."),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query(f"{_GMV} / ({_PAID} > 0)", Words("客单价", "order value"))],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("退款额", "Refunds"),
        description=Words(
            "本场订单的退款额。明显高于平时: 查该商品的评论与发货。",
            "Refunds of these sessions' orders. Far above the usual: read what buyers say about the item.",
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query(_REFUNDS, Words("退款额", "refunds"))],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("优惠券与赠品", "Coupons and giveaways"),
        description=Words(
            "本场成交用掉的优惠券与赠品价值。",
            "Value of coupons used and goods given away with what was paid.",
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[
            Query(
                f"sum({of_rooms('live_coupon_yuan_total')}) + sum({of_rooms('live_giveaway_yuan_total')})",
                Words("优惠", "given"),
            )
        ],
        decimals=1,
    ),
    PanelSpec(
        kind="stat",
        title=Words("打赏", "Tips"),
        description=Words("本场打赏金额。", "Tips of these sessions."),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[Query(f"sum({of_rooms('live_gift_yuan_total')})", Words("打赏", "tips"))],
        decimals=1,
    ),
)

_SALES: Final = (
    PanelSpec(
        kind="series",
        title=Words("每分钟成交额与退款额", "GMV and refunds a minute"),
        description=Words("每分钟成交额与退款额(5 分钟平均)。", "GMV and refunds a minute (mean of 5 min)."),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[
            Query(f"sum({of_rooms('live_gmv_yuan_total', over='5m')}) * 60", Words("成交额", "GMV")),
            Query(f"sum({of_rooms('live_refund_yuan_total', over='5m')}) * 60", Words("退款额", "refunds")),
        ],
    ),
    PanelSpec(
        kind="series",
        title=Words("每分钟订单, 按状态", "Orders a minute by status"),
        description=Words(
            "每分钟各状态订单数(5 分钟平均)。下单多而支付少: 查支付。",
            "Orders a minute by status (mean of 5 min). Many created and few paid: check payment.",
        ),
        no_data=NO_ORDERS,
        unit="suffix:/min",
        queries=[
            Query(
                f"sum by (status) ({of_rooms('live_orders_total', over='5m')}) * 60",
                Words("{{status}}", "{{status}}"),
            )
        ],
    ),
    PanelSpec(
        kind="bars",
        title=Words("成交额, 按来源", "GMV by source"),
        description=Words(
            "本场各流量来源的成交额。进房多而成交少的来源不值得加投。",
            "GMV of these sessions by traffic source. A source with visits and no sales is not worth more "
            "ads.",
        ),
        no_data=NO_ORDERS,
        unit="currency:¥",
        queries=[
            Query(
                f"sort_desc(sum by (source) ({of_rooms('live_source_gmv_yuan_total')}))",
                Words("{{source}}", "{{source}}"),
            )
        ],
        decimals=0,
    ),
    PanelSpec(
        kind="series",
        title=Words("支付失败率", "Payment failures"),
        description=Words(
            "5 分钟内失败的支付占比, 各直播间。许多直播间同时上升: 切换支付方。",
            "Share of payments of 5 min that failed, by room. Many rooms at once: switch the vendor.",
        ),
        no_data=NO_ORDERS,
        unit="percentunit",
        queries=[
            Query(_titled(of_rooms("live_payment_failure_ratio", window("5m"))), _TITLE),
        ],
        steps=judged("live_payment_failure_ratio"),
    ),
)


def _against_past(metric: str, title: Words, description: Words) -> PanelSpec:
    """Compare a ratio of 15 min with that of the whole session, room by room."""
    now, past = of_rooms(metric, window("15m")), of_rooms(metric, _SESSION)
    return PanelSpec(
        kind="series",
        title=title,
        description=description,
        no_data=NO_CLICKS,
        unit="percentunit",
        queries=[Query(_titled(f"({now}) / ignoring (window) (({past}) > 0)"), _TITLE)],
    )


_CONVERSION: Final = (
    PanelSpec(
        kind="series",
        title=Words("商品点击-成交率", "Click conversion"),
        description=Words(
            "15 分钟内支付人数 ÷ 点击商品人数, 各直播间。",
            "Distinct payers ÷ distinct people clicking items, 15 min, by room.",
        ),
        no_data=NO_CLICKS,
        unit="percentunit",
        queries=[Query(_titled(of_rooms("live_conversion_ratio", window("15m"))), _TITLE)],
    ),
    _against_past(
        "live_conversion_ratio",
        Words("点击-成交率, 对比本场", "Click conversion against its past"),
        Words(
            "15 分钟的点击-成交率 ÷ 本场的。100% 为照常; 低于 70% 看商品、价格与支付。",
            "Click conversion of 15 min ÷ that of the session. 100 % is as usual; below 70 % look at item, "
            "price "
            "and payment.",
        ),
    ),
    PanelSpec(
        kind="series",
        title=Words("观看-成交率", "Viewer conversion"),
        description=Words(
            "15 分钟内支付人数 ÷ 观看人数, 各直播间。", "Distinct payers ÷ visitors, 15 min, by room."
        ),
        no_data=NO_CLICKS,
        unit="percentunit",
        queries=[Query(_titled(of_rooms("live_viewer_conversion_ratio", window("15m"))), _TITLE)],
    ),
    _against_past(
        "live_viewer_conversion_ratio",
        Words("观看-成交率, 对比本场", "Viewer conversion against its past"),
        Words(
            "15 分钟的观看-成交率 ÷ 本场的。点击-成交率照常而它低: 来的人不对, 看来源。",
            "Viewer conversion of 15 min ÷ that of the session. Low while click conversion is usual: the "
            "wrong "
            "people come, look at the sources.",
        ),
    ),
)


def _figure(metric: str, title: Words, unit: str, decimals: int, *matchers: str) -> Cell:
    source = f"sum by (room_id) ({of_rooms(metric, *matchers)})"
    return Cell(source=source, title=title, unit=unit, decimals=decimals)


_ROOMS: Final = PanelSpec(
    kind="table",
    title=Words("各直播间本场", "Sessions"),
    description=Words(
        "各直播间本场经营数据, 成交额高的在前。投产比按上报的投放费用算。",
        "Each room's session, highest GMV first. ROI by the ad spending that was sent.",
    ),
    no_data=_NO_SPEND,
    unit="short",
    sort=1,
    cells=(
        Cell(source="title", title=Words("标题", "Title"), link=TO_ROOM, width=240),
        Cell(
            source=f"sum by (room_id, title) ({_titled(of_rooms('live_gmv_yuan_total'))})",
            title=Words("成交额", "GMV"),
            unit="currency:¥",
            decimals=0,
        ),
        _figure("live_refund_yuan_total", Words("退款额", "Refunds"), "currency:¥", 0),
        _figure("live_order_value_yuan", Words("客单价", "Order value"), "currency:¥", 1, _SESSION),
        _figure("live_refund_ratio", Words("退款率", "Refund ratio"), "percentunit", 1, _SESSION),
        _figure("live_click_ratio", Words("点击率", "Click ratio"), "percentunit", 1, _SESSION),
        _figure("live_conversion_ratio", Words("点击-成交率", "Click conv."), "percentunit", 1, _SESSION),
        _figure(
            "live_viewer_conversion_ratio", Words("观看-成交率", "Viewer conv."), "percentunit", 2, _SESSION
        ),
        _figure("live_gpm_yuan", Words("千次观看成交额", "GPM"), "currency:¥", 0, _SESSION),
        _figure("live_uv_value_yuan", Words("UV价值", "UV value"), "currency:¥", 2, _SESSION),
        _figure("live_roi_ratio", Words("投产比", "ROI"), "short", 2, _SESSION),
        _figure("live_net_roi_ratio", Words("净投产比", "Net ROI"), "short", 2, _SESSION),
        _figure("live_return_on_cost_ratio", Words("成本回报", "On cost"), "short", 2, _SESSION),
        _figure("live_fault_ratio", Words("故障率", "At fault"), "percentunit", 1, _SESSION),
        Cell(source="room_id", title=Words("room_id", "room_id")),
    ),
)

BUSINESS: Final = BoardSpec(
    uid="roomwatch-business",
    title=Words("经营", "Business"),
    description=Words(
        "卖了多少, 从哪来, 是否照常成交, 投入是否值得。",
        "What is sold, from where, whether it sells as it used to, and whether it pays.",
    ),
    variables=("category", "rooms"),
    since="now-3h",
    shelves=(
        Shelf(None, 5, _STATS),
        Shelf(Words("成交", "Sales"), 8, _SALES),
        Shelf(Words("成交率, 对比本场", "Conversion against the room's own past"), 8, _CONVERSION),
        Shelf(Words("各直播间", "Rooms"), 11, (_ROOMS,)),
    ),
)
