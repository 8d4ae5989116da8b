"""Made-up rooms, one for each labelled trouble, through ingest's folds and the shipped rules in virtual time.

Each room has an audience that comes and goes, chats, likes, clicks and buys, and probes that ping every so
often; from one second to another something is wrong with it. All rooms share one partition, so that a second
of all of them costs little more than a second of one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

from alerts.model import Transition
from alerts.rules import RulesFold
from alerts.windows import parse_windows
from stream.codec import key_field
from stream.model import FEEDS
from stream.sources.texts import CHAT, COMPLAINTS
from stream.window_log import WindowLog
from tests.alerts.kinds.playing import default_rules
from tests.stream.logs import Folding

__all__ = ["BEGIN_MS", "Room", "play"]

BEGIN_MS: Final = 1_760_000_400_000
_NODES: Final = (("ingest", "i"), ("edge", "e1"), ("edge", "e2"))
_PAY_MEDIAN_S: Final = 40.0
_PAY_SIGMA: Final = 1.03
_STAY_MEDIAN_S: Final = 90.0
_STAY_SIGMA: Final = 1.0
_BOUNCING: Final = 0.25

Event = tuple[float, int, str, dict[str, Any]]
"""Second, a number that keeps the order, feed, fields."""


@dataclass
class Room:
    """A room and what happens to it.

    Attributes:
        trouble: kind of alert that it should raise; None for a calm room.
        ping_s: seconds between the pings of a probe.
        wrong: first second of the trouble, and the first one after it.
        viewers: viewers that its audience comes to; ``clicks_s`` clicks a second of all of them.
        starts_s, ends_s: when it goes live and ends.
        paused: seconds in which it is paused.
        item_s: seconds that an item is on air.
    """

    name: str
    trouble: str | None = None
    ping_s: float = 5.0
    wrong: tuple[int, int] = (10**9, 10**9)
    viewers: int = 100
    clicks_s: float = 0.2
    conversion: float = 0.08
    starts_s: int = 0
    ends_s: int = 10**9
    paused: tuple[int, int] = (10**9, 10**9)
    item_s: int = 120
    facts: dict[str, Any] = field(default_factory=dict)

    def begin(self, seed: int) -> None:
        """Make it ready to be played."""
        self._dice = Random(f"{seed}-{self.name}")
        self._present: dict[str, float] = {}
        self._leaving: list[tuple[float, str]] = []
        self._due = [self.starts_s + self.ping_s * (0.1 + 0.9 * self._dice.random()) for _ in _NODES]
        self._count = 0
        for _ in range(self.viewers):
            self._welcome(self.starts_s, [])

    def second(self, now: int) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Yield what happens in a second: when, in which feed, the fields."""
        if now < self.starts_s or now > self.ends_s:
            return
        if now == self.ends_s:
            yield now, "rooms", {"state": "ended"}
            return
        paused = self.paused[0] <= now < self.paused[1]
        if now in (self.starts_s, *self.paused):
            yield now, "rooms", {"state": "paused" if paused else "live", "title": self.name, **self.facts}
        wrong = self.trouble if self.wrong[0] <= now < self.wrong[1] else None
        yield from self._pings(now, wrong)
        yield from self._people(now, wrong, paused=paused)
        if not paused:
            yield from self._sales(now, wrong)
        yield from self._odd(now, wrong)

    def _pings(self, now: int, wrong: str | None) -> Iterator[tuple[float, str, dict[str, Any]]]:
        dice = self._dice
        for place, (probe, node) in enumerate(_NODES):
            while self._due[place] < now + 1:
                at, self._due[place] = self._due[place], self._due[place] + self.ping_s
                if wrong == "feed_lost":
                    continue
                stalled = 0.15 if wrong == "stutter" and probe == "edge" else 0.0
                yield (
                    at,
                    "health",
                    {
                        "probe": probe,
                        "node": node,
                        "interval_ms": round(self.ping_s * 1_000),
                        "stall_ms": round(self.ping_s * 1_000 * stalled * dice.uniform(0.8, 1.2)),
                        "fps": (6 if wrong == "fps_low" else 25) * dice.uniform(0.97, 1.0),
                        "bitrate_kbps": 2_500
                        * (0.2 if wrong == "bitrate_low" else 1)
                        * dice.uniform(0.9, 1.1),
                        "dropped_frames": 0,
                        "rtt_ms": dice.uniform(18, 45),
                        "av_offset_ms": (220 if wrong == "av_desync" else -10) + dice.gauss(0, 8),
                        "online": round(len(self._present) * self._crowd(now)),
                        "cpu_ratio": dice.uniform(0.2, 0.4),
                    },
                )

    def _crowd(self, now: int) -> float:
        """Return what the platform counts for each viewer whom we send: rushes need no thousand events."""
        if self.trouble == "capacity_risk" and self.wrong[0] <= now < self.wrong[1]:
            return 1 + 7 * (now - self.wrong[0]) / (self.wrong[1] - self.wrong[0])
        if self.wrong[0] <= now < self.wrong[1]:
            return {"traffic_spike": 6.0, "traffic_drop": 0.12}.get(self.trouble or "", 1.0)
        return 1.0

    def _people(
        self, now: int, wrong: str | None, *, paused: bool
    ) -> Iterator[tuple[float, str, dict[str, Any]]]:
        dice, found = self._dice, list[tuple[float, str, dict[str, Any]]]()
        for _ in range(_often(dice, self.viewers / 110)):
            stay = self._welcome(now + dice.random(), found)
            if wrong == "retention_drop" and dice.random() < 0.8:
                self._leaving.append((now + 1 + dice.random() * 15, stay))
                heapq.heapify(self._leaving)
        while self._leaving and self._leaving[0][0] < now + 1:
            at, user = heapq.heappop(self._leaving)
            entered = self._present.pop(user, None)
            if entered is not None:
                dwell_ms = round(1_000 * max(0.0, at - entered))
                found.append((at, "visits", {"user_id": user, "action": "leave", "dwell_ms": dwell_ms}))
        lively = 0.2 if paused else 1.0
        upset = wrong == "viewer_complaints"
        for _ in range(_often(dice, len(self._present) * 0.004 * lively + (0.8 if upset else 0))):
            text = dice.choice(COMPLAINTS if upset and dice.random() < 0.8 else CHAT).format("口红")
            found.append((now + dice.random(), "danmaku", {"user_id": self._somebody(), "text": text}))
        for _ in range(_often(dice, len(self._present) * 0.006 * lively)):
            found.append((now + dice.random(), "likes", {"user_id": self._somebody(), "count": 2}))
        yield from found

    def _sales(self, now: int, wrong: str | None) -> Iterator[tuple[float, str, dict[str, Any]]]:
        dice = self._dice
        number, since = divmod(now - self.starts_s, self.item_s)
        item = f"{self.name}-i{number % 3}"
        if since == 0:
            yield now + 0.01, "marks", {"mark": "item_on", "item_id": item, "title": "口红", "stock": 500}
        burst = 0.6 + 4 * math.exp(-since / 20)
        for _ in range(_often(dice, self.clicks_s * burst)):
            at = now + dice.random()
            user = self._somebody()
            yield at, "visits", {"user_id": user, "action": "click", "item_id": item}
            left = 0.1 if wrong == "conversion_drop" else 1.0
            if dice.random() < self.conversion * left:
                yield from self._order(at, user, item, 12_900)

    def _order(
        self, at: float, user: str, item: str, fen: int, *, lag_s: float | None = None
    ) -> Iterator[tuple[float, str, dict[str, Any]]]:
        self._count += 1
        order = {
            "user_id": user,
            "order_id": f"{self.name}-{self._count}",
            "amount_fen": fen,
            "item_id": item,
        }
        lag_s = _PAY_MEDIAN_S * math.exp(self._dice.gauss(0, _PAY_SIGMA)) if lag_s is None else lag_s
        paid = at + max(1.0, min(600.0, lag_s))
        yield at + 0.5, "orders", {**order, "status": "created"}
        wrong = self.trouble if self.wrong[0] <= paid < self.wrong[1] else None
        failed = wrong == "payment_failure" and self._dice.random() < 0.6
        yield paid, "orders", {**order, "status": "failed" if failed else "paid"}
        refunding = 0.9 if wrong == "refund_surge" else 0.02
        if not failed and self._dice.random() < refunding:
            yield paid + 30, "orders", {**order, "status": "refunded"}

    def _odd(self, now: int, wrong: str | None) -> Iterator[tuple[float, str, dict[str, Any]]]:
        """Yield what only some troubles bring, and the steady stream that shows them."""
        if self.trouble == "vendor_slow":
            late = wrong is not None and self._dice.random() < 0.3
            yield (
                now + 0.2,
                "vendors",
                {
                    "vendor": self.name,
                    "operation": "charge",
                    "latency_ms": 6_000 if late else 150,
                    "outcome": "timeout" if late else "ok",
                },
            )
        if self.trouble in ("payment_failure", "price_error"):
            cheap = self.trouble == "price_error" and wrong is not None
            yield from self._order(
                now + 0.1, self._somebody(), f"{self.name}-i9", 990 if cheap else 9_900, lag_s=5
            )
        if wrong == "sold_out" and now == self.wrong[0]:
            item = f"{self.name}-i{(now - self.starts_s) // self.item_s % 3}"
            yield now + 0.1, "marks", {"mark": "item_on", "item_id": item, "title": "口红", "stock": 0}
        if wrong == "suspect_interaction":
            for bot in range(6):
                yield now + bot / 7, "likes", {"user_id": f"{self.name}-bot{bot}", "count": 1}
        if wrong == "prohibited_words" and now == self.wrong[0]:
            yield now + 0.1, "transcript", {"text": "这是全国第一的国家级产品", "speaker": "主播"}

    def _welcome(self, at: float, found: list[tuple[float, str, dict[str, Any]]]) -> str:
        self._count += 1
        user = f"{self.name}-u{self._count}"
        bounces = self._dice.random() < _BOUNCING
        stay = (
            self._dice.uniform(1, 5)
            if bounces
            else _STAY_MEDIAN_S * math.exp(self._dice.gauss(0, _STAY_SIGMA))
        )
        self._present[user] = at
        heapq.heappush(self._leaving, (at + stay, user))
        found.append((at, "visits", {"user_id": user, "action": "enter", "source": "feed"}))
        return user

    def _somebody(self) -> str:
        users = list(self._present) or [f"{self.name}-u0"]
        return users[self._dice.randrange(len(users))]


def play(rooms: Iterable[Room], seconds: int, *, step_s: int = 1, seed: int = 1) -> list[Transition]:
    """Return what the shipped rules tell of rooms.

    Args:
        rooms: all of one partition.
        seconds: how long.
        step_s: seconds of the clock between two flushes of the ingest.
        seed: of everything that is drawn.
    """
    folding, log, told = Folding(), WindowLog(0, 1), list[Transition]()
    ruleset = default_rules()
    rules = RulesFold(lambda _: ruleset)
    every = list(rooms)
    for room in every:
        room.begin(seed)
    later: list[Event] = []
    offsets, offset, number = dict.fromkeys(FEEDS, 0), 0, 0
    for now in range(seconds):
        for room in every:
            for at, feed, fields in room.second(now):
                number += 1
                heapq.heappush(later, (at, number, feed, {"room_id": room.name, **fields}))
        while later and later[0][0] < now + 1:
            at, _, feed, fields = heapq.heappop(later)
            _append(folding, offsets, feed, fields, BEGIN_MS + round(1_000 * at))
        if (now + 1) % step_s:
            continue
        now_ms = BEGIN_MS + 1_000 * (now + 1)
        for feed in FEEDS:
            folding.saw_end(feed, now_ms)
        folding.fold()
        flush = folding.flush()
        reach_ms = folding.alignment.reach_ms()
        for value in log.records(
            tick_ms=now_ms, reach_ms=reach_ms, rooms=flush.rooms, vendors=flush.vendors,
            records_1m=0, dead_1m=0, last=True,
        ):  # fmt: skip
            told += rules.apply(offset, now_ms, parse_windows(value))
            offset += 1
    return told


def _append(folding: Folding, offsets: dict[Any, int], feed: Any, fields: dict[str, Any], at_ms: int) -> None:
    value = {**fields, "at_ms": at_ms}
    if feed == "vendors":
        del value["room_id"]
    key = str(value[key_field(feed)]).encode()
    folding.alignment.queues[feed].put([(orjson.dumps(value), key, at_ms, offsets[feed])])
    offsets[feed] += 1


def _often(dice: Random, mean: float) -> int:
    """Return how many of something happen in a second: a Poisson count."""
    count, left = 0, math.exp(-mean)
    chance = dice.random()
    while chance > left:
        chance *= dice.random()
        count += 1
    return count
