"""A scenario file: which rooms broadcast, how big, how long, and which incidents happen to them.

Times are seconds of the broadcast; at a speed above 1 they pass faster on the clock. The file is checked
whole on load, and each fault is told with its path, what is there and what is allowed.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream.errors import SettingsError

__all__ = ["MAGNITUDES", "Incident", "Kind", "Magnitude", "Pause", "RoomGroup", "Scenario", "load", "parse"]

Kind = Literal["stutter", "av_desync", "feed_lost", "traffic_spike", "conversion_drop", "monitor_degraded"]


class Magnitude(BaseModel):
    """What the size of an incident means: its default and its bounds."""

    model_config = ConfigDict(frozen=True)

    default: float
    least: float
    most: float
    meaning: str


MAGNITUDES: Final[dict[Kind, Magnitude]] = {
    "stutter": Magnitude(
        default=0.15, least=0.001, most=1, meaning="share of the time that the picture stalls"
    ),
    "av_desync": Magnitude(
        default=220, least=-5_000, most=5_000, meaning="milliseconds that the sound is early"
    ),
    "feed_lost": Magnitude(default=1, least=1, most=1, meaning="1: no ping of any probe arrives"),
    "traffic_spike": Magnitude(
        default=6, least=1, most=100, meaning="how many times the usual visits and chat"
    ),
    "conversion_drop": Magnitude(
        default=0.1, least=0, most=1, meaning="share of the usual purchases that is left"
    ),
    "monitor_degraded": Magnitude(
        default=20, least=0.1, most=10_000, meaning="bad records a second, sent to the room's partition"
    ),
}
"""``monitor_degraded`` cannot come from good records: the incident sends bad ones, which become dead
letters; above 1 % of a partition's records that is a fault of the monitoring."""

Seconds = Annotated[float, Field(ge=0, le=10_000_000)]
Length = Annotated[float, Field(gt=0, le=10_000_000)]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Pause(_Checked):
    """A pause of the broadcast, counted from its start."""

    at_s: Seconds
    for_s: Length


class RoomGroup(_Checked):
    """Rooms that are alike.

    Attributes:
        count: how many.
        category: what they sell: beauty, food, fashion, home, or anything else.
        viewers: viewers at the height of the broadcast.
        spread: how far rooms differ: each room's viewers lie within ``viewers`` times e to the power of
            +-spread.
        starts_s: when they go live; a pair is a range in which each room's start is drawn.
        lasts_s: how long a broadcast lasts.
        rests_s: seconds between its end and the room's next broadcast; null for one broadcast only.
        ramp_s: how long the audience takes to come; 0 for a room that has long been running.
        ping_s: seconds of the clock, whatever the speed, between a probe's pings.
        players: player probes per room.
        clicks_per_viewer_s: clicks on items per viewer and second, before bursts.
        conversion: share of clicks that end in a paid order.
        item_s: how long an item stays on air, about.
        lucky_bag_s: seconds between lucky bags, about; null for none.
        quiet: whether there are quiet phases.
        pauses: pauses of each broadcast.
        transcript: whether the host's speech is sent as text.
        cdn: name of the CDN; null draws one of three.
        region: null draws one of four.
    """

    count: Annotated[int, Field(ge=1, le=100_000)] = 1
    category: Annotated[str, Field(min_length=1, max_length=64)] = "beauty"
    viewers: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    spread: Annotated[float, Field(ge=0, le=3)] = 0.5
    starts_s: Seconds | tuple[Seconds, Seconds] = 0.0
    lasts_s: Length = 7_200.0
    rests_s: Seconds | None = None
    ramp_s: Seconds = 300.0
    ping_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0
    players: Annotated[int, Field(ge=0, le=100)] = 2
    clicks_per_viewer_s: Annotated[float, Field(ge=0, le=10)] = 0.002
    conversion: Annotated[float, Field(ge=0, le=1)] = 0.06
    item_s: Annotated[float, Field(ge=5, le=36_000)] = 120.0
    lucky_bag_s: Annotated[float, Field(ge=30, le=36_000)] | None = 300.0
    quiet: bool = True
    pauses: tuple[Pause, ...] = ()
    transcript: bool = False
    cdn: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    region: Annotated[str, Field(min_length=1, max_length=64)] | None = None

    @model_validator(mode="after")
    def _range_rises(self) -> RoomGroup:
        if isinstance(self.starts_s, tuple) and self.starts_s[0] > self.starts_s[1]:
            raise ValueError("starts_s: the range must rise")
        return self


class Incident(_Checked):
    """Something that goes wrong in a room.

    Attributes:
        kind: what.
        room: index of the room, from 0, or ``random``, drawn anew for each repetition.
        at_s: when it begins, from the start of the scenario.
        for_s: how long it lasts.
        magnitude: how bad, see ``MAGNITUDES``; null for the default.
        every_s: begins again so long after it began; null for once.
    """

    kind: Kind
    room: Annotated[int, Field(ge=0)] | Literal["random"] = "random"
    at_s: Seconds
    for_s: Length
    magnitude: float | None = None
    every_s: Length | None = None

    @model_validator(mode="after")
    def _sizes(self) -> Incident:
        bounds = MAGNITUDES[self.kind]
        if self.magnitude is not None and not bounds.least <= self.magnitude <= bounds.most:
            raise ValueError(
                f"magnitude {self.magnitude:g} of {self.kind}: allowed is {bounds.least:g} to {bounds.most:g}"
                f" ({bounds.meaning})"
            )
        if self.every_s is not None and self.every_s < self.for_s:
            raise ValueError(f"every_s {self.every_s:g}: allowed is for_s ({self.for_s:g}) or more")
        return self


class Scenario(_Checked):
    """Rooms and incidents.

    Attributes:
        seed: what the draws hang on; the same seed gives the same records.
        speed: how many seconds of the broadcast pass in one of the clock.
        duration_s: when all ends; null for never.
        room_prefix: room ids are the prefix, ``-`` and a number.
        rooms: the rooms; indexes of incidents count through all groups.
        incidents: what goes wrong.
    """

    seed: int = 1
    speed: Annotated[float, Field(ge=0.01, le=1_000)] = 1.0
    duration_s: Length | None = None
    room_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:\-]{1,40}$")] = "sim"
    rooms: tuple[RoomGroup, ...] = (RoomGroup(),)
    incidents: tuple[Incident, ...] = ()

    def room_count(self) -> int:
        """Return how many rooms there are."""
        return sum(group.count for group in self.rooms)

    @model_validator(mode="after")
    def _incidents_can_happen(self) -> Scenario:
        if not self.rooms:
            raise ValueError("rooms []: allowed is one group or more")
        last, end_s = self.room_count() - 1, self.duration_s
        for index, incident in enumerate(self.incidents):
            where = f"incidents.{index}"
            if incident.room != "random" and incident.room > last:
                raise ValueError(f"{where}.room {incident.room}: allowed is 0 to {last}, or random")
            if end_s is not None and incident.at_s >= end_s:
                raise ValueError(f"{where}.at_s {incident.at_s:g}: allowed is below duration_s, {end_s:g}")
        return self


def load(path: Path, **overrides: Any) -> Scenario:
    """Read a scenario file.

    Args:
        path: the file.
        overrides: see ``parse``.

    Raises:
        SettingsError: the file cannot be read or holds faults; all of them are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read scenario {path}: {error}") from error
    return parse(text, where=str(path), **overrides)


def parse(
    text: str,
    *,
    where: str = "scenario",
    room_count: int | None = None,
    end_s: float | None = None,
    **overrides: Any,
) -> Scenario:
    """Read a scenario's text.

    Args:
        text: YAML.
        where: what faults call it.
        room_count: so many rooms instead, the file's groups over and over.
        end_s: the end instead, in seconds of the broadcast; incidents after it do not happen.
        overrides: replace keys of the top level; None leaves them.

    Raises:
        SettingsError: the text holds faults; all of them are named.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{where}: holds {type(found).__name__}; it must be a mapping with the key rooms")
    given = {**found, **{name: value for name, value in overrides.items() if value is not None}}
    try:
        if room_count is not None:
            given["rooms"] = _repeated(Scenario.model_validate({**given, "incidents": ()}), room_count)
        made = Scenario.model_validate(given)
    except ValidationError as error:
        raise SettingsError(f"{where}: {_faults(error)}") from error
    return made if end_s is None else made.model_copy(update={"duration_s": end_s})


def _faults(error: ValidationError) -> str:
    """Return each fault with its place; those of one place are alternatives."""
    faults: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False):
        place, text = _told(fault)
        faults.setdefault(place, []).append(text)
    told = (f"{place}: {' or '.join(texts)}" if place else texts[0] for place, texts in faults.items())
    return "; ".join(told)


def _repeated(scenario: Scenario, room_count: int) -> tuple[RoomGroup, ...]:
    single = [group.model_copy(update={"count": 1}) for group in scenario.rooms for _ in range(group.count)]
    return tuple(itertools.islice(itertools.cycle(single), room_count))


_KEYS: Final[dict[str, type[BaseModel]]] = {"rooms": RoomGroup, "incidents": Incident, "pauses": Pause}


def _told(fault: Any) -> tuple[str, str]:
    """Return where a fault is, with what stands there, and what is allowed."""
    path = [str(part) for part in fault["loc"] if isinstance(part, int) or part.isidentifier()]
    path = [part for part in path if part not in {"float", "int", "tuple"}]
    where = ".".join(path)
    if fault["type"] == "extra_forbidden":
        parents = [part for part in path[:-1] if part in _KEYS]
        known = (_KEYS[parents[-1]] if parents else Scenario).model_fields
        return where, f"unknown key; allowed are {', '.join(known)}"
    text = fault["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is")
    text = text.replace("a valid tuple", "a list")
    shown = "" if isinstance(fault["input"], dict | BaseModel) else f" {fault['input']!r}"
    return f"{where}{shown}", text
