"""A scenario made definite: each room's size and facts, each incident's room and time.

Everything is drawn from the seed alone, each thing from a generator of its own, so that a change of one room
or incident leaves the others as they were. Times are milliseconds of the broadcast from the scenario's start
unless they are called ``at_ms``, which is the clock's epoch.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stream.sources.draws import draws
from stream.sources.scenario import MAGNITUDES, Incident, Kind, RoomGroup, Scenario
from stream.sources.texts import CATEGORIES, HOSTS, TITLES

__all__ = ["CALM", "Effects", "Label", "Plan", "Room"]

_CDNS: Final = ("cdn-a", "cdn-b", "cdn-c")
_REGIONS: Final = ("华东", "华南", "华北", "西南")
_OWNERS: Final = ("li", "wang", "chen", "zhao")


_PLANNED_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class Effects:
    """What the incidents of a moment do to a room; the defaults do nothing.

    Attributes:
        stall_ratio: share of the time that the picture stalls.
        av_offset_ms: how much earlier than usual the sound is.
        silent: whether no ping arrives.
        traffic: factor of visits and chat.
        conversion: factor of purchases.
        bad_per_s: bad records a second of the broadcast.
    """

    stall_ratio: float = 0.0
    av_offset_ms: float = 0.0
    silent: bool = False
    traffic: float = 1.0
    conversion: float = 1.0
    bad_per_s: float = 0.0


CALM: Final = Effects()


@dataclass(frozen=True, slots=True)
class Label:
    """An incident as it was caused; what a detector should find."""

    kind: Kind
    room_id: str
    from_ms: int
    to_ms: int
    magnitude: float


@dataclass(frozen=True, slots=True)
class Room:
    """One room, drawn."""

    index: int
    room_id: str
    group: RoomGroup
    viewers: int
    starts_ms: int
    title: str
    host: str
    owner: str
    cdn: str
    region: str

    def begins(self, number: int) -> int | None:
        """Return when the room's broadcast ``number``, from 0, begins; None when there is none."""
        if number == 0:
            return self.starts_ms
        if self.group.rests_s is None:
            return None
        return self.starts_ms + number * (self.lasts_ms + math.ceil(self.group.rests_s) * 1_000)

    def announced(self, number: int, begins_ms: int) -> int:
        """Return when a broadcast that begins then is announced: 10 min before, or after the last one."""
        over_ms = (self.begins(number - 1) or 0) + self.lasts_ms if number else 0
        return max(over_ms, begins_ms - _PLANNED_MS)

    @property
    def lasts_ms(self) -> int:
        """Return how long each of its broadcasts lasts: whole seconds."""
        return math.ceil(self.group.lasts_s) * 1_000


@dataclass(frozen=True)
class Plan:
    """All that the records hang on.

    Attributes:
        scenario: what was asked for.
        start_ms: the clock's epoch milliseconds at which the scenario starts.
    """

    scenario: Scenario
    start_ms: int

    @property
    def end_ms(self) -> float:
        """Return when all ends, a whole second; infinite for never."""
        duration_s = self.scenario.duration_s
        return math.inf if duration_s is None else math.ceil(duration_s) * 1_000

    def at_ms(self, t_ms: float) -> int:
        """Return the clock at a moment of the broadcast."""
        return self.start_ms + int(t_ms / self.scenario.speed)

    @cached_property
    def rooms(self) -> tuple[Room, ...]:
        """Return all rooms in the order of their indexes."""
        groups = [group for group in self.scenario.rooms for _ in range(group.count)]
        return tuple(self._room(index, group) for index, group in enumerate(groups))

    def _room(self, index: int, group: RoomGroup) -> Room:
        draw = draws(self.scenario.seed, "room", index)
        earliest, latest = group.starts_s if isinstance(group.starts_s, tuple) else (group.starts_s,) * 2
        viewers = group.viewers * math.exp(draw.uniform(-group.spread, group.spread))
        known = CATEGORIES.get(group.category, CATEGORIES["home"])
        return Room(
            index=index,
            room_id=f"{self.scenario.room_prefix}-{index:04d}",
            group=group,
            viewers=max(1, round(viewers)),
            starts_ms=round(draw.uniform(earliest, latest)) * 1_000,
            title=draw.choice(TITLES).format(known.name),
            host=draw.choice(HOSTS),
            owner=draw.choice(_OWNERS),
            cdn=group.cdn or draw.choice(_CDNS),
            region=group.region or draw.choice(_REGIONS),
        )

    def effects(self, room: Room, t_ms: float) -> Effects:
        """Return what happens to a room at a moment; the later of two incidents of one kind holds."""
        found: dict[Kind, float] = {}
        for number, incident in enumerate(self.scenario.incidents):
            turn = _turn(incident, t_ms)
            if turn is not None and self._room_of(number, turn) == room.index:
                found[incident.kind] = _magnitude(incident)
        if not found:
            return CALM
        return Effects(
            stall_ratio=found.get("stutter", 0.0),
            av_offset_ms=found.get("av_desync", 0.0),
            silent="feed_lost" in found,
            traffic=found.get("traffic_spike", 1.0),
            conversion=found.get("conversion_drop", 1.0),
            bad_per_s=found.get("monitor_degraded", 0.0),
        )

    def _room_of(self, number: int, turn: int) -> int:
        """Return the index of the room that repetition ``turn`` of an incident happens to."""
        room = self.scenario.incidents[number].room
        if room != "random":
            return room
        return draws(self.scenario.seed, "incident", number, turn).randrange(len(self.rooms))

    def labels(self) -> Iterator[Label]:
        """Yield every incident in the order of their beginnings, without end if the scenario has none."""
        turns = (self._labels(number, incident) for number, incident in enumerate(self.scenario.incidents))
        return heapq.merge(*turns, key=lambda label: label.from_ms)

    def _labels(self, number: int, incident: Incident) -> Iterator[Label]:
        turn, at_ms = 0, incident.at_s * 1_000
        while at_ms < self.end_ms:
            yield Label(
                kind=incident.kind,
                room_id=self.rooms[self._room_of(number, turn)].room_id,
                from_ms=self.at_ms(at_ms),
                to_ms=self.at_ms(min(at_ms + incident.for_s * 1_000, self.end_ms)),
                magnitude=_magnitude(incident),
            )
            if incident.every_s is None:
                return
            turn, at_ms = turn + 1, at_ms + incident.every_s * 1_000


def _turn(incident: Incident, t_ms: float) -> int | None:
    """Return which repetition of an incident holds a moment; None for none."""
    since_ms = t_ms - incident.at_s * 1_000
    if since_ms < 0:
        return None
    turn = 0 if incident.every_s is None else int(since_ms // (incident.every_s * 1_000))
    since_ms -= turn * (incident.every_s or 0) * 1_000
    return turn if since_ms < incident.for_s * 1_000 else None


def _magnitude(incident: Incident) -> float:
    return MAGNITUDES[incident.kind].default if incident.magnitude is None else incident.magnitude
