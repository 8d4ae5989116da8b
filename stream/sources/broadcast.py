"""The records of simulated broadcasts: a pure function of the plan, in order of time, byte for byte the same.

Lazy: holds one second of each room, and what is still to come of orders placed. At a speed above 1 the
broadcast's own time is compressed: ``at_ms`` stays the clock's (never ahead of it), people come, stay and
pay faster, while the probes keep to the clock and so report at their usual pace.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from stream.codec import key_field
from stream.model import Feed
from stream.sources.audience import Audience, Happening, Moment
from stream.sources.draws import draws, often
from stream.sources.plan import Plan, Room
from stream.sources.probes import Probes
from stream.sources.shop import Shop
from stream.sources.texts import SPEECH

__all__ = ["Record", "closing", "records"]

_QUIET_EVERY_MS: Final = 600_000
_QUIET_MS: Final = 90_000
_QUIET_ACTIVITY: Final = 0.4
_BAG_MS: Final = 30_000
_BAG_ACTIVITY: Final = 1.8
_FACTS_EVERY_MS: Final = 300_000
_AD_FEN_PER_S: Final = 50
_SPEECH_EVERY_S: Final = 10.0
_FEWEST: Final = 0.05
"""Share of the viewers who are there when a broadcast begins to draw them."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record to send.

    Attributes:
        at_ms: when, epoch milliseconds; an event's own ``at_ms`` is the same.
        feed: where.
        key: its key.
        value: its value.
    """

    at_ms: int
    feed: Feed
    key: str
    value: bytes


def records(plan: Plan) -> Iterator[Record]:
    """Yield all records of a plan in order of time; the end of the plan ends every room that is live."""
    return heapq.merge(*(_room(plan, room) for room in plan.rooms), key=lambda record: record.at_ms)


def closing(plan: Plan, t_ms: float) -> Iterator[Record]:
    """Yield the record that ends each room that is live at a moment: the simulation stops there."""
    for room in plan.rooms:
        number = 0
        while (begins_ms := room.begins(number)) is not None and begins_ms <= t_ms:
            if t_ms < begins_ms + room.lasts_ms:
                yield _record(plan, room, (int(t_ms), "rooms", {"state": "ended"}))
            number += 1


def _room(plan: Plan, room: Room) -> Iterator[Record]:
    """Yield one room's records: each broadcast and what comes after it."""
    later: list[tuple[int, int, Happening]] = []
    turn = itertools.count()
    for number in itertools.count():
        begins_ms = room.begins(number)
        begins_ms = begins_ms if begins_ms is not None and begins_ms < plan.end_ms else None
        until_ms = plan.end_ms if begins_ms is None else room.announced(number, begins_ms)
        yield from (_record(plan, room, one) for one in _due(later, until_ms))
        if begins_ms is None:
            return
        for second_ms, happenings in _Broadcast(plan, room, number, begins_ms).seconds():
            for happening in happenings:
                heapq.heappush(later, (happening[0], next(turn), happening))
            yield from (_record(plan, room, one) for one in _due(later, second_ms))


def _due(later: list[tuple[int, int, Happening]], until_ms: float) -> Iterator[Happening]:
    while later and later[0][0] < until_ms:
        yield heapq.heappop(later)[2]


def _record(plan: Plan, room: Room, happening: Happening) -> Record:
    t_ms, feed, fields = happening
    at_ms = plan.at_ms(t_ms)
    if "raw" in fields:
        return Record(at_ms, feed, room.room_id, fields["raw"])
    whole = {"room_id": room.room_id, **fields, "at_ms": at_ms}
    return Record(at_ms, feed, whole[key_field(feed)], orjson.dumps(whole))


class _Broadcast:
    """One broadcast of a room."""

    def __init__(self, plan: Plan, room: Room, number: int, begins_ms: int) -> None:
        self._plan = plan
        self._room = room
        self._number = number
        self._begins_ms = begins_ms
        self._ends_ms = begins_ms + room.lasts_ms
        draw = draws(plan.scenario.seed, "broadcast", room.index, number)
        speed = plan.scenario.speed
        self._draw = draw
        self._audience = Audience(room, draw, speed=speed, now_ms=begins_ms)
        self._shop = Shop(room, draw, number=number, speed=speed, now_ms=begins_ms)
        self._probes = Probes(room, draw, speed=speed, now_ms=begins_ms)
        self._quiet_from_ms = draw.randrange(_QUIET_EVERY_MS // 2, _QUIET_EVERY_MS)
        self._bag_ms = -_BAG_MS

    def seconds(self) -> Iterator[tuple[float, list[Happening]]]:
        """Yield the end of each second and what was decided in it; nothing earlier comes any more."""
        planned_ms = self._room.announced(self._number, self._begins_ms)
        if planned_ms < self._begins_ms:
            yield self._begins_ms, [(planned_ms, "rooms", self._facts("planned", planned_ms))]
        last_ms = int(min(self._ends_ms, self._plan.end_ms))
        paused = False
        for t_ms in range(self._begins_ms, last_ms, 1_000):
            found: list[Happening] = []
            moment = self._moment(t_ms)
            if t_ms == self._begins_ms or moment.paused != paused:
                found.append((t_ms, "rooms", self._facts("paused" if moment.paused else "live", t_ms)))
            elif (t_ms - self._begins_ms) % _FACTS_EVERY_MS == 0:
                found.append((t_ms, "rooms", self._facts("live", t_ms)))
            paused = moment.paused
            found += self._second(moment)
            yield t_ms + 1_000, found
        yield last_ms + 1, [*self._audience.dismiss(last_ms), (last_ms, "rooms", {"state": "ended"})]

    def _second(self, moment: Moment) -> Iterator[Happening]:
        yield from self._audience.second(moment)
        yield from self._shop.second(moment, self._audience)
        yield from self._probes.second(moment, len(self._audience))
        yield from self._bag(moment)
        if self._room.group.transcript and self._draw.random() < 1 / _SPEECH_EVERY_S:
            text = self._draw.choice(SPEECH).format(moment.item)
            yield moment.t_ms, "transcript", {"text": text, "speaker": self._room.host}
        for _ in range(often(self._draw, moment.effects.bad_per_s)):
            yield moment.t_ms + self._draw.randrange(1_000), "likes", {"raw": _bad(self._draw, self._room)}

    def _bag(self, moment: Moment) -> Iterator[Happening]:
        every_s = self._room.group.lucky_bag_s
        if every_s is not None and not moment.paused and self._draw.random() < 1 / every_s:
            self._bag_ms = moment.t_ms
            yield moment.t_ms, "marks", {"mark": "lucky_bag"}

    def _moment(self, t_ms: int) -> Moment:
        since_ms = t_ms - self._begins_ms
        activity = 1 + 0.1 * math.sin(since_ms / 97_000)
        if self._room.group.quiet and (since_ms - self._quiet_from_ms) % _QUIET_EVERY_MS < _QUIET_MS:
            activity *= _QUIET_ACTIVITY if since_ms >= self._quiet_from_ms else 1
        if t_ms - self._bag_ms < _BAG_MS:
            activity *= _BAG_ACTIVITY
        return Moment(
            t_ms=t_ms,
            level=self._level(since_ms),
            activity=activity,
            paused=any(
                pause.at_s * 1_000 <= since_ms < (pause.at_s + pause.for_s) * 1_000
                for pause in self._room.group.pauses
            ),
            effects=self._plan.effects(self._room, t_ms),
            item=self._shop.item.name,
        )

    def _level(self, since_ms: int) -> float:
        """Return the share of the room's viewers that it draws: a ramp, a slow swing, fewer at the end."""
        ramp_ms = self._room.group.ramp_s * 1_000
        level = 1 + 0.05 * math.sin(since_ms / 241_000)
        if since_ms < ramp_ms:
            level *= _FEWEST + (1 - _FEWEST) * since_ms / ramp_ms
        left = (self._ends_ms - self._begins_ms - since_ms) / (self._ends_ms - self._begins_ms)
        return level * min(1.0, 0.4 + left * 6)

    def _facts(self, state: str, t_ms: int) -> dict[str, Any]:
        room, plan = self._room, self._plan
        return {
            "state": state,
            "title": room.title,
            "host": room.host,
            "category": room.group.category,
            "owner": room.owner,
            "cdn": room.cdn,
            "region": room.region,
            "capacity": room.viewers * 20,
            "cost_fen": 500_000,
            "ad_spend_fen": _AD_FEN_PER_S * max(0, t_ms - self._begins_ms) // 1_000,
            "starts_at_ms": plan.at_ms(self._begins_ms),
            "ends_at_ms": plan.at_ms(self._ends_ms),
        }


def _bad(draw: Random, room: Room) -> bytes:
    """Return one of the bad records that broken producers send."""
    return draw.choice(
        (
            b'{"room_id":"%s","user_id":"u1","at_ms":' % room.room_id.encode(),
            b'{"room_id":"%s","user_id":"u1"}' % room.room_id.encode(),
            b'{"room_id":"%s","user_id":"u 1","at_ms":1,"count":"1"}' % room.room_id.encode(),
            b"<html><body>502 Bad Gateway</body></html>",
            b"[]",
        )
    )
