"""The one seeded mix that the benches fold: what is sent, and what must be counted afterwards.

55 % of the records are likes, 27 % visits, 15 % danmaku, 2 % pings, 1 % orders. Room sizes follow Zipf's law,
pings go round. Users come from a population of their room: who is present likes, writes and clicks, a few of
them much more than the rest; who enters stays for a while and leaves with the dwell. Orders are created, then
mostly paid. The same seed, sizes and start give the same bytes. Pure: nothing here reads a clock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import orjson

from stream.codec import partition_of
from stream.sources.texts import CATEGORIES, CHAT, COMPLAINTS, HOSTS, TITLES

__all__ = ["BEFORE_MS", "PEOPLE", "SHARES", "SLICE_MS", "Mix", "Room", "Slice"]

SHARES: Final = {"likes": 0.55, "visits": 0.27, "danmaku": 0.15, "health": 0.02, "orders": 0.01}
"""Share of each feed in the records; from the issue that asks for the figures."""
PEOPLE: Final = 400_000
"""Viewers of all rooms together, by room as the sizes are: at 50 000 events/s one acts every 8 s."""
SLICE_MS: Final = 50
"""Event time of one slice of what is preloaded."""
_JITTER_MS: Final = 200
"""How much older than its neighbours a record may be."""
BEFORE_MS: Final = 1_000
"""How long before the first event the rooms are announced."""
_ZIPF: Final = 1.0
_NODES: Final = (("ingest", b"ingest-%d"), ("edge", b"edge-a%d"), ("edge", b"edge-b%d"), ("player", b"p%d"))
_ACTIONS: Final = ("enter", "leave", "click", "cart", "follow", "share", "rate")
_ACTION_WEIGHTS: Final = tuple(accumulate((38, 33, 17, 5, 3, 2, 2)))
_SOURCES: Final = (b"feed", b"search", b"follow", b"share", b"ads", b"square")
_FIRST_ORDER: Final = 10**15
_FIRST_USER: Final = 6 * 10**18
"""User ids have 19 digits, as platforms give them."""
_RARE_LINES: Final = 20_000
_BETWEEN: Final = ("，", " ", "~", "！", "…", "哈哈", "！！")
_CDNS: Final = ("cdn-a", "cdn-b", "cdn-c")
_REGIONS: Final = ("east", "north", "south", "west")

Key = tuple[str, int]
"""Feed and partition."""
Slice = dict[Key, list[tuple[bytes, bytes]]]
"""Feed and partition -> key and value of each record, in order."""


@dataclass(frozen=True, slots=True)
class _Order:
    order_id: bytes
    user: bytes
    item_id: bytes
    amount_fen: int
    coupon_fen: int
    source: bytes
    gift: bool


@dataclass(slots=True)
class Room:
    """A room of the mix: who may come, who is there, and what was sent of it."""

    room_id: bytes
    partition: int
    people: list[bytes]
    present: list[bytes]
    goods: list[tuple[bytes, int]]
    created: list[_Order] = field(default_factory=list)
    paid: list[_Order] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)


class Mix:
    """The mix of so many rooms.

    Args:
        seed: of everything that is drawn.
        rooms: number of rooms, the largest first.
        partitions: of the feeds.
        start_ms: event time of the first event.
        per_s: records per second of event time.
        people: viewers of all rooms together.
        slice_ms: event time of one slice; a slice becomes one record batch for each feed and partition, as a
            producer that lingers for so long would send them.
        orders_before: orders that were made earlier with the same seed; ids go on from there.
    """

    def __init__(
        self,
        *,
        seed: int,
        rooms: int,
        partitions: int,
        start_ms: int,
        per_s: int,
        people: int = PEOPLE,
        slice_ms: int = SLICE_MS,
        orders_before: int = 0,
    ) -> None:
        self._chance = random.Random(seed)
        self._start_ms = start_ms
        self._per_s = per_s
        self._slice_ms = slice_ms
        self._slices = 0
        self._orders_before = orders_before
        self._orders_made = 0
        self._pinged = 0
        sizes = [1 / (rank + 1) ** _ZIPF for rank in range(rooms)]
        whole = sum(sizes)
        self.rooms: Final = [
            self._room(number, partitions, max(40, round(people * size / whole)))
            for number, size in enumerate(sizes)
        ]
        self._weights = list(accumulate(sizes))
        self._lines = _lines(self._chance)
        self.number = 0
        """Records of the five feeds that were made so far, without the rooms' own."""

    @property
    def order_ids(self) -> int:
        """Return how many orders were created so far."""
        return self._orders_made

    def announcements(self) -> Slice:
        """Return the records of ``live.rooms`` that open every room's session."""
        made: Slice = {}
        at_ms = self._start_ms - BEFORE_MS
        for number, room in enumerate(self.rooms):
            category = list(CATEGORIES)[number % len(CATEGORIES)]
            value = orjson.dumps(
                {
                    "room_id": room.room_id.decode(),
                    "at_ms": at_ms,
                    "state": "live",
                    "title": TITLES[number % len(TITLES)].format(CATEGORIES[category].name),
                    "host": HOSTS[number % len(HOSTS)],
                    "category": category,
                    "owner": f"team-{number % 20}",
                    "cdn": _CDNS[number % len(_CDNS)],
                    "region": _REGIONS[number % len(_REGIONS)],
                    "cost_fen": 500_000,
                    "ad_spend_fen": 300_000,
                    "capacity": 4 * len(room.people),
                    "starts_at_ms": at_ms,
                }
            )
            made.setdefault(("rooms", room.partition), []).append((room.room_id, value))
        return made

    def slices(self, number: int) -> Iterator[Slice]:
        """Give the next ``number`` records, or a few more, by slices."""
        end = self.number + number
        while self.number < end:
            yield self._slice()

    def _slice(self) -> Slice:
        made: Slice = {}
        start_ms = self._start_ms + self._slices * self._slice_ms
        before, self._slices = self._slices, self._slices + 1
        for feed, share in SHARES.items():
            each = self._per_s * self._slice_ms * share / 1_000
            number = int(each * self._slices) - int(each * before)
            rooms = self._pinged_rooms(number) if feed == "health" else self._drawn_rooms(number)
            make = getattr(self, f"_{feed}")
            random_ = self._chance.random
            for index, room in enumerate(rooms):
                at_ms = start_ms + index * self._slice_ms // number - int(random_() * _JITTER_MS)
                made.setdefault((feed, room.partition), []).append((room.room_id, make(room, at_ms)))
            self.number += number
        return made

    def _drawn_rooms(self, number: int) -> list[Room]:
        return self._chance.choices(self.rooms, cum_weights=self._weights, k=number)

    def _pinged_rooms(self, number: int) -> list[Room]:
        first, self._pinged = self._pinged, self._pinged + number
        return [self.rooms[index % len(self.rooms)] for index in range(first, first + number)]

    def _likes(self, room: Room, at_ms: int) -> bytes:
        chance = self._chance.random
        user = room.present[int(len(room.present) * chance() ** 3)]
        count = 1 + int(12 * chance() ** 2)
        room.sent["likes"] += count
        return b'{"room_id":"%b","user_id":"%b","at_ms":%d,"count":%d}' % (room.room_id, user, at_ms, count)

    def _danmaku(self, room: Room, at_ms: int) -> bytes:
        chance = self._chance.random
        user = room.present[int(len(room.present) * chance() ** 2)]
        room.sent["danmaku"] += 1
        text = self._lines[int(len(self._lines) * chance() ** 2)]
        return b'{"room_id":"%b","user_id":"%b","at_ms":%d,"text":"%b"}' % (room.room_id, user, at_ms, text)

    def _visits(self, room: Room, at_ms: int) -> bytes:
        chance = self._chance
        action = chance.choices(_ACTIONS, cum_weights=_ACTION_WEIGHTS)[0]
        if action == "enter" or len(room.present) < 2:
            action = "enter"
            user, more = self._enter(room)
        elif action == "leave":
            user, more = self._leave(room)
        else:
            user = room.present[int(len(room.present) * chance.random())]
            more = self._act(room, action)
        room.sent[action] += 1
        return b'{"room_id":"%b","user_id":"%b","at_ms":%d,"action":"%b"%b}' % (
            room.room_id, user, at_ms, action.encode(), more,
        )  # fmt: skip

    def _enter(self, room: Room) -> tuple[bytes, bytes]:
        chance = self._chance.random
        user = room.people[int(len(room.people) * chance())]
        room.present.append(user)
        return user, b',"source":"%b"' % _SOURCES[int(len(_SOURCES) * chance() ** 2)]

    def _leave(self, room: Room) -> tuple[bytes, bytes]:
        """Take somebody out; the last takes the place, so that the busiest change now and then."""
        place = int(len(room.present) * self._chance.random())
        user = room.present[place]
        room.present[place] = room.present[-1]
        room.present.pop()
        return user, b',"dwell_ms":%d' % int(self._chance.expovariate(1 / 150_000))

    def _act(self, room: Room, action: str) -> bytes:
        if action in {"click", "cart"}:
            return b',"item_id":"%b"' % room.goods[int(len(room.goods) * self._chance.random() ** 2)][0]
        if action == "rate":
            return b',"score":%d' % int(11 * self._chance.random())
        return b""

    def _health(self, room: Room, at_ms: int) -> bytes:
        chance = self._chance.random
        turn = room.sent["pings"]
        room.sent["pings"] += 1
        probe, node = _NODES[turn % len(_NODES)]
        stall_ms = int(2_000 * chance()) if chance() < 0.03 else 0
        dropped = int(6 * chance()) if stall_ms else 0
        room.sent[f"dropped:{probe}"] += dropped
        more = (
            b',"cpu_ratio":%.2f,"egress_kbps":%d' % (0.2 + chance() / 2, 90_000) if probe == "edge" else b""
        )
        return (
            b'{"room_id":"%b","at_ms":%d,"probe":"%b","node":"%b","interval_ms":%d,"stall_ms":%d,"fps":%.1f,'
            b'"bitrate_kbps":%d,"dropped_frames":%d,"rtt_ms":%d,"av_offset_ms":%.1f,"online":%d%b}'
        ) % (
            room.room_id, at_ms, probe.encode(), node % (room.partition + 1), self._interval_ms(), stall_ms,
            24 + 2 * chance(), 2_000 + int(500 * chance()), dropped, 20 + int(30 * chance()),
            40 * chance() - 20, len(room.present), more,
        )  # fmt: skip

    def _interval_ms(self) -> int:
        """Return how much time one ping stands for: until the same node of the room is asked again."""
        each_s = self._per_s * SHARES["health"] / len(self.rooms) / len(_NODES)
        return min(30_000, max(1_000, round(1_000 / each_s)))

    def _orders(self, room: Room, at_ms: int) -> bytes:
        draw = self._chance.random()
        if room.paid and draw < 0.03:
            order, status = room.paid.pop(), "refunded"
        elif room.created and draw < 0.5:
            order = room.created.pop(0)
            outcome = self._chance.random()
            status = "paid" if outcome < 0.9 else "failed" if outcome < 0.96 else "cancelled"
        else:
            order, status = self._order(room), "created"
            room.created.append(order)
        if status == "paid":
            room.paid.append(order)
            room.sent["gmv_fen"] += 0 if order.gift else order.amount_fen
        room.sent[f"order:{status}"] += 1
        return (
            b'{"room_id":"%b","user_id":"%b","at_ms":%d,"order_id":"%b","status":"%b","amount_fen":%d,'
            b'"coupon_fen":%d,"item_id":"%b","source":"%b","kind":"%b"}'
        ) % (
            room.room_id, order.user, at_ms, order.order_id, status.encode(), order.amount_fen,
            order.coupon_fen, order.item_id, order.source, b"gift" if order.gift else b"goods",
        )  # fmt: skip

    def _order(self, room: Room) -> _Order:
        chance = self._chance.random
        self._orders_made += 1
        item_id, price_fen = room.goods[int(len(room.goods) * chance() ** 2)]
        coupon_fen = price_fen // 10 if chance() < 0.3 else 0
        return _Order(
            order_id=b"%d" % (_FIRST_ORDER + self._orders_before + self._orders_made),
            user=room.present[int(len(room.present) * chance())],
            item_id=item_id,
            amount_fen=price_fen - coupon_fen,
            coupon_fen=coupon_fen,
            source=_SOURCES[int(len(_SOURCES) * chance() ** 2)],
            gift=chance() < 0.1,
        )

    def _room(self, number: int, partitions: int, people: int) -> Room:
        room_id = f"room-{number:05}"
        first = _FIRST_USER + self._chance.randrange(10**17)
        everybody = [b"%d" % (first + 7_919 * person) for person in range(people)]
        category = list(CATEGORIES.values())[number % len(CATEGORIES)]
        return Room(
            room_id=room_id.encode(),
            partition=partition_of(room_id, partitions),
            people=everybody,
            present=everybody[: people // 3],
            goods=[
                (b"item-%d-%d" % (number, at), goods.price_fen) for at, goods in enumerate(category.goods)
            ],
        )


def _lines(chance: random.Random) -> list[bytes]:
    """Return chat lines, most wanted first: what everybody writes, then ever more that few do."""
    goods = [item.name for category in CATEGORIES.values() for item in category.goods]
    plain = [line.format(chance.choice(goods)) for line in (*CHAT, *COMPLAINTS)]
    chance.shuffle(plain)
    rare = [
        f"{chance.choice(CHAT).format(chance.choice(goods))}{chance.choice(_BETWEEN)}{chance.choice(plain)}"
        for _ in range(_RARE_LINES)
    ]
    return [line.encode() for line in plain + rare]
