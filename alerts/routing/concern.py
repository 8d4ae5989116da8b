"""Whom a silence concerns: those who would have got what it keeps quiet. Pure.

What it will hide is not known when it begins. So a route is concerned unless its ``match`` and the silence's
matchers exclude each other: of each key that the route names, one of its values must pass the matchers on it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from alerts.matching import Matcher
from alerts.routing.calendar import local
from alerts.routing.plan import Target, fits
from alerts.routing.routeset import Match, RouteSet

__all__ = ["concerned"]


def concerned(
    routes: RouteSet, matchers: Sequence[Matcher], *, by: str, at_ms: int, zone: ZoneInfo
) -> tuple[Target, ...]:
    """Return the receivers that a silence concerns, each once, in the order of the routes.

    Args:
        routes: the set in force.
        matchers: of the silence.
        by: who made it, mentioned where the routes know a person of that name.
        at_ms: instant of the notice, epoch milliseconds: hours are those of then.
        zone: the deployment's time zone.
    """
    at = local(at_ms, zone)
    found: dict[str, list[int]] = {}
    for index, route in enumerate(routes.routes):
        if not _could_send(route.match, matchers, at):
            continue
        for receiver in route.to:
            found.setdefault(receiver, []).append(index)
        if not route.then and _sends_all(route.match, matchers):
            break
    author = (routes.people[by],) if by in routes.people else ()
    return tuple(Target(name, author, tuple(indices)) for name, indices in found.items())


def _could_send(match: Match, matchers: Sequence[Matcher], at: dt.datetime) -> bool:
    """Return whether a route may send an alert that the matchers hide."""

    def passes(name: str, wanted: Sequence[str]) -> bool:
        mine = [one for one in matchers if one.label == name]
        return any(all(one.matches({name: value}) for one in mine) for value in wanted)

    return fits(match, at, passes)


def _sends_all(match: Match, matchers: Sequence[Matcher]) -> bool:
    """Return whether a route sends every alert that the matchers hide, so that later ones get none."""
    exact = {one.label: one.value for one in matchers if one.op == "="}
    named = [name for name in Match.model_fields if getattr(match, name)]
    return all(name != "hours" and exact.get(name) in getattr(match, name) for name in named)
