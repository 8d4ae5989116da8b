"""Hours of the week, duty rosters and mute times at an instant. Pure; the time zone is an argument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from alerts.routing.routeset import DAYS, Hours, Roster, RosterOverride, RouteSet

__all__ = ["active_mutes", "holds", "holds_any", "local", "on_duty", "shift_began"]


_LONGEST_SHIFT_MIN: Final = 2 * 24 * 60


class _Span(Protocol):
    @property
    def start(self) -> str: ...
    @property
    def end(self) -> str: ...


def local(at_ms: int, zone: ZoneInfo) -> dt.datetime:
    """Return an instant, epoch milliseconds, on the clocks of a time zone."""
    return dt.datetime.fromtimestamp(at_ms / 1_000, zone)


def holds(hours: Hours, at: dt.datetime) -> bool:
    """Return whether an instant lies within the hours; those past midnight belong to the day they began."""
    return any(
        (not hours.days or DAYS[day.weekday()] in hours.days) and (not hours.dates or day in hours.dates)
        for day in _days(hours, at)
    )


def holds_any(hours: Iterable[Hours], at: dt.datetime) -> bool:
    """Return whether any of the hours hold."""
    return any(holds(one, at) for one in hours)


def on_duty(roster: Roster, at: dt.datetime) -> tuple[str, str | None] | None:
    """Return primary and backup, None when nobody is on duty."""
    found: RosterOverride | None = next(
        (override for override in roster.overrides if override.date in _days(override, at)), None
    )
    shift = found or next((shift for shift in roster.weekly if holds(shift, at)), None)
    return None if shift is None else (shift.primary, shift.backup)


def shift_began(roster: Roster, at: dt.datetime) -> dt.datetime | None:
    """Return when the shift of an instant began, to the minute; None when nobody is on duty.

    A shift is as long as the same people are on duty, at most two days.
    """
    duty = on_duty(roster, at)
    if duty is None:
        return None
    began = at.replace(second=0, microsecond=0)
    for _ in range(_LONGEST_SHIFT_MIN):
        before = began - timedelta(minutes=1)
        if on_duty(roster, before) != duty:
            break
        began = before
    return began


def active_mutes(routes: RouteSet, at: dt.datetime) -> tuple[int, ...]:
    """Return the indices of the mute times that hold."""
    return tuple(index for index, mute in enumerate(routes.mute) if holds_any(mute.times, at))


def _days(span: _Span, at: dt.datetime) -> tuple[dt.date, ...]:
    """Return the days whose span ``start`` to ``end`` holds an instant: today's, or last night's."""
    start, end, now = _minutes(span.start), _minutes(span.end), at.hour * 60 + at.minute
    today = at.date()
    if start < end:
        return (today,) if start <= now < end else ()
    days = (today,) if now >= start else ()
    return (*days, today - timedelta(days=1)) if now < end else days


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
