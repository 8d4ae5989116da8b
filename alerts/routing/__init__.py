"""Who is told of an alert: a checked set of routes, receivers, people and duty rosters. Pure.

Read ``routeset`` (the format), ``routecheck`` (reads a text and finds every fault), ``calendar`` (hours,
rosters, mute times), ``plan`` (alert -> who gets it), ``concern`` (silence -> whom it concerns).
"""

from __future__ import annotations

from alerts.routing.concern import concerned
from alerts.routing.plan import Plan, Target, plan
from alerts.routing.routecheck import RouteSetError, check, load
from alerts.routing.routeset import Person, Receiver, RouteSet

__all__ = [
    "Person",
    "Plan",
    "Receiver",
    "RouteSet",
    "RouteSetError",
    "Target",
    "check",
    "concerned",
    "load",
    "plan",
]
