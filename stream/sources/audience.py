"""The viewers of one simulated room: they come, write, like, follow and go.

Bounded by the room's viewers: those present and the last ``_KNOWN_MAX`` who left.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from stream.model import Feed
from stream.sources.draws import lag_ms, often, skewed
from stream.sources.plan import Effects, Room
from stream.sources.texts import CHAT, COMPLAINTS

__all__ = ["Audience", "Happening", "Moment", "Viewer"]

Happening = tuple[int, Feed, dict[str, Any]]
"""When (milliseconds of the broadcast), in which feed, and the fields besides the room and ``at_ms``."""

_KNOWN_MAX: Final = 500
_RETURNING: Final = 0.15
"""Share of visits by people who were here before."""
_BOUNCING: Final = 0.25
"""Share of visits that end within 5 s."""
_STAY_MEDIAN_MS: Final = 80_000
_STAY_P90_MS: Final = 290_000
_STAY_MAX_MS: Final = 3_600_000
_STAY_MEAN_S: Final = 100.0
"""Mean stay that follows from the lines above, seconds."""
_CHAT_PER_VIEWER_S: Final = 0.004
_LIKES_PER_VIEWER_S: Final = 0.01
_FOLLOWS_PER_ENTER: Final = 0.02
_SHARES_PER_VIEWER_S: Final = 0.000_1
_RATES_PER_VIEWER_S: Final = 0.000_05
_COMPLAINING: Final = 0.4
"""Share of chat lines that complain while the picture stands still."""
_SOURCES: Final = ("feed", "follow", "search", "short_video", "share", "ads")
_SOURCE_WEIGHTS: Final = (45, 20, 10, 15, 5, 5)


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of a broadcast.

    Attributes:
        t_ms: its start, milliseconds of the scenario.
        level: share of the room's viewers that the room draws now.
        activity: factor of chat, likes and clicks.
        paused: whether the broadcast pauses.
        effects: what the incidents do.
        item: name of the item on air.
    """

    t_ms: int
    level: float
    activity: float
    paused: bool
    effects: Effects
    item: str


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody in the room, and where they came from."""

    user_id: str
    source: str


class Audience:
    """The viewers of a room.

    Args:
        room: the room.
        draw: its own generator of this broadcast.
        speed: how many seconds of the broadcast pass in one of the clock; stays are told in the clock's.
        now_ms: when the broadcast begins.
    """

    def __init__(self, room: Room, draw: Random, *, speed: float, now_ms: int) -> None:
        self._room = room
        self._draw = draw
        self._speed = speed
        self._present: list[Viewer] = []
        self._place: dict[str, int] = {}
        self._leaving: list[tuple[int, str, int]] = []
        self._known: deque[str] = deque(maxlen=_KNOWN_MAX)
        self._met = 0
        if room.group.ramp_s == 0:
            for _ in range(room.viewers):
                self._welcome(now_ms, self._stay_ms())

    def __len__(self) -> int:
        """Return how many are present."""
        return len(self._present)

    def somebody(self) -> Viewer | None:
        """Draw somebody who is present; some are drawn far more often than others."""
        if not self._present:
            return None
        return self._present[skewed(self._draw, len(self._present))]

    def second(self, moment: Moment) -> Iterator[Happening]:
        """Yield what they do in a second, in no order."""
        yield from self._leave(moment.t_ms + 1_000)
        yield from self._enter(moment)
        lively = moment.activity * (0.2 if moment.paused else 1.0)
        yield from self._chat(moment, len(self) * _CHAT_PER_VIEWER_S * lively * moment.effects.traffic)
        for _ in range(often(self._draw, len(self) * _LIKES_PER_VIEWER_S * lively)):
            count = min(30, 1 + int(self._draw.expovariate(0.3)))
            yield from self._one(moment.t_ms, "likes", count=count)
        for _ in range(often(self._draw, len(self) * _SHARES_PER_VIEWER_S)):
            yield from self._one(moment.t_ms, "visits", action="share")
        for _ in range(often(self._draw, len(self) * _RATES_PER_VIEWER_S)):
            yield from self._one(moment.t_ms, "visits", action="rate", score=self._draw.choice((6, 8, 9, 10)))

    def dismiss(self, t_ms: int) -> Iterator[Happening]:
        """Yield the leaving of all who are present: the broadcast is over."""
        while self._leaving:
            _, user_id, entered_ms = heapq.heappop(self._leaving)
            yield self._left(t_ms, user_id, entered_ms)

    def _enter(self, moment: Moment) -> Iterator[Happening]:
        mean = self._room.viewers * moment.level / _STAY_MEAN_S * moment.effects.traffic
        for _ in range(often(self._draw, mean)):
            t_ms = moment.t_ms + self._draw.randrange(1_000)
            viewer = self._welcome(t_ms, self._stay_ms())
            yield t_ms, "visits", {"user_id": viewer.user_id, "action": "enter", "source": viewer.source}
            if self._draw.random() < _FOLLOWS_PER_ENTER:
                yield t_ms + 1_000, "visits", {"user_id": viewer.user_id, "action": "follow"}

    def _welcome(self, t_ms: int, stay_ms: int) -> Viewer:
        known = self._known[self._draw.randrange(len(self._known))] if self._known else None
        if known is None or known in self._place or self._draw.random() > _RETURNING:
            self._met += 1
            known = f"u{self._room.index}x{self._met}"
        viewer = Viewer(known, self._draw.choices(_SOURCES, _SOURCE_WEIGHTS)[0])
        self._place[viewer.user_id] = len(self._present)
        self._present.append(viewer)
        heapq.heappush(self._leaving, (t_ms + stay_ms, viewer.user_id, t_ms))
        return viewer

    def _stay_ms(self) -> int:
        if self._draw.random() < _BOUNCING:
            return self._draw.randrange(1_000, 5_000)
        stay_ms = lag_ms(self._draw, median_ms=_STAY_MEDIAN_MS, p90_ms=_STAY_P90_MS)
        return max(5_000, min(_STAY_MAX_MS, stay_ms))

    def _leave(self, until_ms: int) -> Iterator[Happening]:
        while self._leaving and self._leaving[0][0] < until_ms:
            t_ms, user_id, entered_ms = heapq.heappop(self._leaving)
            yield self._left(t_ms, user_id, entered_ms)

    def _left(self, t_ms: int, user_id: str, entered_ms: int) -> Happening:
        place = self._place.pop(user_id)
        last = self._present.pop()
        if last.user_id != user_id:
            self._present[place] = last
            self._place[last.user_id] = place
        self._known.append(user_id)
        dwell_ms = int(max(0, t_ms - entered_ms) / self._speed)
        return t_ms, "visits", {"user_id": user_id, "action": "leave", "dwell_ms": dwell_ms}

    def _chat(self, moment: Moment, mean: float) -> Iterator[Happening]:
        stalled = moment.effects.stall_ratio > 0 or moment.effects.silent
        for _ in range(often(self._draw, mean)):
            upset = stalled and self._draw.random() < _COMPLAINING
            text = COMPLAINTS[skewed(self._draw, len(COMPLAINTS))] if upset else self._draw.choice(CHAT)
            yield from self._one(moment.t_ms, "danmaku", text=text.format(moment.item))

    def _one(self, t_ms: int, feed: Feed, **fields: Any) -> Iterator[Happening]:
        viewer = self.somebody()
        if viewer is not None:
            yield t_ms + self._draw.randrange(1_000), feed, {"user_id": viewer.user_id, **fields}
