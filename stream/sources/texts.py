"""What people say and sell in the simulated rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CATEGORIES", "CHAT", "COMPLAINTS", "HOSTS", "SPEECH", "TITLES", "Category", "Goods"]


@dataclass(frozen=True, slots=True)
class Goods:
    """Something to sell; the price in fen."""

    name: str
    price_fen: int


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of room: its name as viewers read it, and what it sells."""

    name: str
    goods: tuple[Goods, ...]


def _goods(*pairs: tuple[str, int]) -> tuple[Goods, ...]:
    return tuple(Goods(name, yuan * 100 - 10) for name, yuan in pairs)


CATEGORIES: Final[dict[str, Category]] = {
    "beauty": Category(
        "美妆", _goods(("补水面膜", 69), ("防晒霜", 99), ("口红", 129), ("精华液", 269), ("卸妆水", 59))
    ),
    "food": Category(
        "零食", _goods(("坚果礼盒", 79), ("牛肉干", 59), ("车厘子", 149), ("螺蛳粉", 39), ("酸奶", 49))
    ),
    "fashion": Category(
        "女装", _goods(("连衣裙", 199), ("牛仔裤", 159), ("防晒衣", 129), ("针织衫", 179), ("小白鞋", 239))
    ),
    "home": Category(
        "家居", _goods(("四件套", 259), ("保温杯", 69), ("洗衣液", 49), ("收纳箱", 39), ("台灯", 119))
    ),
}
"""Categories by the key that a scenario names; others sell what ``home`` does."""

TITLES: Final = ("{}专场 今晚开抢", "{}节 全场直降", "新品{} 首播福利", "{}清仓 买一送一", "{}好物 老粉专享")
HOSTS: Final = ("小雨", "阿宁", "大鹏", "可可", "林老师", "圆圆", "思思", "老陈")

CHAT: Final = (
    "来了来了",
    "主播好",
    "好看",
    "多少钱",
    "{}多少钱呀",
    "{}还有吗",
    "已拍",
    "已下单",
    "拍了{}",
    "有优惠券吗",
    "1",
    "666",
    "哈哈哈哈",
    "想要{}",
    "敏感肌能用吗",
    "什么时候发货",
    "包邮吗",
    "新粉报到",
    "老粉了",
    "求返场",
    "链接在哪",
    "几号链接",
    "学生党表示心动",
    "质量怎么样",
    "上次买的{}很好用",
    "主播声音好好听",
    "抢到了",
    "没抢到",
    "再上点库存",
    "能不能再便宜点",
    "😍😍😍",
    "👍",
    "冲冲冲",
    "有小样吗",
    "适合送人吗",
    "这个颜色绝了",
    "多大码",
    "身高160穿什么码",
    "回购第三次了",
    "关注了",
)
"""Chat lines; ``{}`` is the item on air."""

COMPLAINTS: Final = ("卡了", "好卡啊", "画面不动了", "怎么一直转圈", "主播你卡住了", "卡成PPT了")
"""What viewers write while the picture stands still."""

SPEECH: Final = (
    "欢迎新进来的宝宝们，点点关注不迷路",
    "接下来这款{}，是今天的重头戏",
    "大家看一下{}的细节",
    "{}的库存不多了，想要的抓紧",
    "客服在线，有问题可以直接问",
    "三二一，上链接",
    "刚才拍了{}的宝宝，回来报个到",
    "不着急，慢慢挑",
)
"""What the host says; ``{}`` is the item on air."""
