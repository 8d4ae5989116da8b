"""The format of routes and people, and its values; ``alerts.routing.routecheck`` reads and checks it. Pure.

```yaml
people:    [{name: a.wang, mobile: "…", mail: "…"}]
teams:     [{name: lead, members: [a.wang]}]
rosters:   [{name: duty, weekly: [{days: [mon, tue], from: "09:00", to: "21:00", primary: …, backup: …}],
             overrides: [{date: 2026-11-11, primary: …, backup: …}]}]
receivers: [{name: control_room, url: "env:CONTROL_ROOM_URL", fallback: mail}]
mute:      [{name: nights, match: {severity: [info]}, times: [{from: "23:00", to: "07:00"}]}]
routes:    [{match: {severity: [critical]}, to: [control_room], mention: [duty], continue: true}]
```

The first route that matches decides, and those after it only while ``continue`` says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from alerts.model import Kind, Severity

__all__ = [
    "DAYS",
    "Hours",
    "Match",
    "MuteTime",
    "Person",
    "Receiver",
    "Roster",
    "RosterOverride",
    "Route",
    "RouteSet",
    "RouteSetForm",
    "Shift",
    "Team",
]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Name = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]
Clock = Annotated[
    str,
    BeforeValidator(lambda value: f"{value // 60:02}:{value % 60:02}" if type(value) is int else value),
    StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"),
]
"""Time of day in ``ROOMWATCH_TIMEZONE``, ``"09:00"``; ``"24:00"`` is the end of the day.

YAML reads an unquoted 21:00 as the number 1 260; it is taken as minutes."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Person(_Part):
    """Somebody who can be told; ``mobile`` is what chat robots mention people by."""

    name: Name
    mobile: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{5,20}$")] | None = None
    mail: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=200)] | None = None
    user_id: Text | None = None


class Team(_Part):
    """People who are told together."""

    name: Name
    members: Annotated[tuple[Name, ...], Field(min_length=1, max_length=100)]


class Hours(_Part):
    """When something holds; all that is given must hold.

    Attributes:
        days: days of the week on which it begins; none named is every day.
        start: from then on.
        end: until then; not after ``start`` means on the next day.
        dates: only on these days, for holidays.
    """

    days: tuple[Day, ...] = ()
    start: Clock = Field("00:00", alias="from")
    end: Clock = Field("24:00", alias="to")
    dates: tuple[dt.date, ...] = ()


class Shift(Hours):
    """A shift of a week."""

    primary: Name
    backup: Name | None = None


class RosterOverride(_Part):
    """Who is on duty on one day instead, from midnight to midnight or within the hours given."""

    date: dt.date
    start: Clock = Field("00:00", alias="from")
    end: Clock = Field("24:00", alias="to")
    primary: Name
    backup: Name | None = None


class Roster(_Part):
    """Who is on duty: the first override that holds, else the first shift that holds, else nobody."""

    name: Name
    weekly: Annotated[tuple[Shift, ...], Field(min_length=1, max_length=200)]
    overrides: Annotated[tuple[RosterOverride, ...], Field(max_length=400)] = ()


class Receiver(_Part):
    """Where messages go.

    Attributes:
        url: address in the notation of apprise, or ``env:NAME`` for an environment variable that holds it,
            so that a secret stands in no file that others read.
        locale: language of its messages; None for the deployment's.
        per_minute: most messages a minute; None for what is known of the kind of channel.
        per_second: most of them within a second; likewise.
        bytes_max: largest message; None likewise.
        fallback: the receiver that takes over after repeated failure.
        send_resolved: whether it is told of the end too.
        send_notices: whether it is told of silences, of acknowledgements that end and of new owners too.
        options: what only one kind of channel knows.
    """

    name: Name
    url: Text
    locale: Literal["zh", "en"] | None = None
    per_minute: Annotated[int, Field(ge=1, le=10_000)] | None = None
    per_second: Annotated[int, Field(ge=1, le=1_000)] | None = None
    bytes_max: Annotated[int, Field(ge=200, le=10_000_000)] | None = None
    fallback: Name | None = None
    send_resolved: bool = True
    send_notices: bool = True
    options: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=dict)


class Match(_Part):
    """Which alerts are meant: of each key given, one value; none given is all alerts.

    ``severity`` is the severity now. ``hours`` looks at the time of the change.
    """

    severity: tuple[Severity, ...] = ()
    kind: tuple[Kind, ...] = ()
    rule: tuple[Text, ...] = ()
    room_id: tuple[Text, ...] = ()
    category: tuple[Text, ...] = ()
    owner: tuple[Text, ...] = ()
    host: tuple[Text, ...] = ()
    cdn: tuple[Text, ...] = ()
    region: tuple[Text, ...] = ()
    vendor: tuple[Text, ...] = ()
    hours: tuple[Hours, ...] = ()


class MuteTime(_Part):
    """Alerts that are suppressed at certain times, with the reason ``muted``."""

    name: Name
    match: Match = Match()
    times: Annotated[tuple[Hours, ...], Field(min_length=1, max_length=100)]


class Route(_Part):
    """Where alerts go.

    Attributes:
        to: receivers.
        mention: people, teams and rosters to mention there; of a roster its primary.
        then: whether later routes are looked at too, ``continue`` in the file.
    """

    match: Match = Match()
    to: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    mention: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    then: bool = Field(False, alias="continue")


class RouteSetForm(_Part):
    """A whole set as written."""

    people: Annotated[tuple[Person, ...], Field(max_length=2_000)] = ()
    teams: Annotated[tuple[Team, ...], Field(max_length=200)] = ()
    rosters: Annotated[tuple[Roster, ...], Field(max_length=100)] = ()
    receivers: Annotated[tuple[Receiver, ...], Field(max_length=200)] = ()
    mute: Annotated[tuple[MuteTime, ...], Field(max_length=100)] = ()
    routes: Annotated[tuple[Route, ...], Field(max_length=500)] = ()


@dataclass(frozen=True, slots=True)
class RouteSet:
    """A checked set; the mappings are by name. ``version`` is 0 for one that was never accepted."""

    version: int
    text: str
    people: Mapping[str, Person]
    teams: Mapping[str, Team]
    rosters: Mapping[str, Roster]
    receivers: Mapping[str, Receiver]
    mute: tuple[MuteTime, ...]
    routes: tuple[Route, ...]

    def knows(self, name: str) -> bool:
        """Return whether a name can be mentioned or escalated to."""
        return any(name in part for part in (self.people, self.teams, self.rosters, self.receivers))
