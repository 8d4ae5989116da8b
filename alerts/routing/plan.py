"""From an alert to who gets it: the routes that match, their receivers, whom to mention there. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.routing.calendar import active_mutes, holds_any, local, on_duty
from alerts.routing.routeset import Match, Person, RouteSet

__all__ = ["OWNER_REASONS", "Plan", "Target", "fits", "matches", "muted_by", "plan"]

OWNER_REASONS: Final = frozenset(("ack_ending", "ack_expired", "assigned"))
"""Reasons of changes that the alert's owner is told of, where the routes know a person of that name."""


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver, whom to mention there, and the routes (by index) that name it."""

    receiver: str
    mentions: tuple[Person, ...]
    routes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who gets an alert.

    Attributes:
        targets: receivers, each once, in the order of the routes.
        routes: indices of the routes that matched.
        escalated: people who are told because nobody acknowledged in time.
        unknown: names that mean nobody, such as an escalation to a team that is not there.
        muted_by: names of the mute times that hold for it now.
    """

    targets: tuple[Target, ...]
    routes: tuple[int, ...]
    escalated: tuple[Person, ...]
    unknown: tuple[str, ...]
    muted_by: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Return it for an answer in JSON."""
        return {
            "targets": [
                {
                    "receiver": target.receiver,
                    "mentions": [person.model_dump(exclude_none=True) for person in target.mentions],
                    "routes": list(target.routes),
                }
                for target in self.targets
            ],
            "routes": list(self.routes),
            "escalated": [person.name for person in self.escalated],
            "unknown": list(self.unknown),
            "muted_by": list(self.muted_by),
        }


def plan(routes: RouteSet, alert: Mapping[str, Any], *, at_ms: int, zone: ZoneInfo) -> Plan:
    """Return who gets an alert.

    Args:
        routes: the set in force.
        alert: a record of ``live.alerts``; ``escalated_to`` in it adds whom it is escalated to, and a change
            that concerns its ``owner`` adds that person.
        at_ms: instant of the change, epoch milliseconds: hours and rosters are those of then.
        zone: the deployment's time zone.
    """
    at = local(at_ms, zone)
    found: dict[str, tuple[list[Person], list[int]]] = {}
    matched, unknown = [], []
    for index, route in enumerate(routes.routes):
        if not matches(route.match, alert, at):
            continue
        matched.append(index)
        people, missing = _people(routes, route.mention, at)
        unknown += missing
        for receiver in route.to:
            _add(found.setdefault(receiver, ([], [])), people, index)
        if not route.then:
            break
    escalated: list[Person] = []
    to = alert.get("escalated_to") if alert.get("state") == "escalated" else None
    if to is not None and to in routes.receivers:
        found.setdefault(to, ([], []))
    elif to is not None:
        escalated, missing = _people(routes, (to,), at, backup=True)
        unknown += missing
        for people, _ in found.values():
            people += [person for person in escalated if person not in people]
    if alert.get("reason") in OWNER_REASONS and (owner := routes.people.get(alert.get("owner") or "")):
        for people, _ in found.values():
            people += [person for person in (owner,) if person not in people]
    return Plan(
        tuple(Target(name, tuple(people), tuple(by)) for name, (people, by) in found.items()),
        tuple(matched),
        tuple(escalated),
        tuple(unknown),
        muted_by(routes, alert, active=active_mutes(routes, at), at_ms=at_ms, zone=zone),
    )


def matches(match: Match, alert: Mapping[str, Any], at: dt.datetime) -> bool:
    """Return whether an alert is meant; ``at`` is the local time of its change."""
    labels = alert["labels"]
    return fits(match, at, lambda name, wanted: (alert[name] if name in _OWN else labels.get(name)) in wanted)


def fits(match: Match, at: dt.datetime, passes: Callable[[str, Sequence[Any]], bool]) -> bool:
    """Return whether everything that a match names is so.

    Args:
        match: what it names.
        at: the local time, for its hours.
        passes: says of any other key and its values whether one of them is meant.
    """
    for name in Match.model_fields:
        wanted = getattr(match, name)
        if wanted and not (holds_any(wanted, at) if name == "hours" else passes(name, wanted)):
            return False
    return True


_OWN = ("severity", "kind", "rule", "room_id")


def muted_by(
    routes: RouteSet, alert: Mapping[str, Any], *, active: Sequence[int], at_ms: int, zone: ZoneInfo
) -> tuple[str, ...]:
    """Return the names of the mute times, of those that are active, that are meant for an alert."""
    at = local(at_ms, zone)
    return tuple(routes.mute[index].name for index in active if matches(routes.mute[index].match, alert, at))


def _add(into: tuple[list[Person], list[int]], people: Sequence[Person], route: int) -> None:
    into[0].extend(person for person in people if person not in into[0])
    into[1].append(route)


def _people(
    routes: RouteSet, names: Sequence[str], at: Any, *, backup: bool = False
) -> tuple[list[Person], list[str]]:
    """Return the people whom names stand for now, and the names that stand for nobody."""
    people: list[Person] = []
    unknown: list[str] = []
    for name in names:
        meant = [person for person in _meant(routes, name, at, backup=backup) if person not in people]
        if not meant and not any(name in part for part in (routes.people, routes.teams, routes.rosters)):
            unknown.append(name)
        people += meant
    return people, unknown


def _meant(routes: RouteSet, name: str, at: Any, *, backup: bool) -> Iterator[Person]:
    if name in routes.people:
        yield routes.people[name]
    elif name in routes.teams:
        yield from (routes.people[member] for member in routes.teams[name].members)
    elif name in routes.rosters and (duty := on_duty(routes.rosters[name], at)):
        yield from (routes.people[who] for who in duty[: 1 + backup] if who is not None)
