"""Who does most: the share of the busiest users in what happens, and who floods the room.

Events are lines, likes (one event each, whatever their count), shares and follows. The panes here are of ten
seconds: what is kept of them stands with the fine pane of their first second. A pane keeps at most
``CAPACITY`` users (Misra and Gries' summary) by half of their hash, which makes two alike once in two million
panes: everyone, and all numbers are exact, while no more were there; beyond, a user is told too high by at
most one ``CAPACITY``-th of the pane's events, and whoever had less than that may be missing. Then, and only
then, figures may depend on how the log was cut.
"""

from __future__ import annotations

from typing import Final

from stream.cells import Extra, Group
from stream.figures.expression import (
    UNKNOWN,
    Expression,
    added,
    expression,
    known,
    ratio,
    smaller,
    unknown,
    where,
)
from stream.figures.view import Formula, View
from stream.panes import COARSE_MS, FINE_MS

__all__ = [
    "BUSIEST",
    "CAPACITY",
    "FLOOD",
    "FLOODED",
    "FORMULAS",
    "REPEATS",
    "SUSPECT",
    "TOGETHER",
]

CAPACITY: Final = 64
"""Most users that a pane keeps: 512 bytes."""
TOP: Final = 10
"""The busiest, whose share is told; from metrics.md."""
FLOOD: Final = 100
"""Events of one user within ten seconds above which the user floods the room: 10 a second (metrics.md)."""
_PANES: Final = 6
"""Panes that make the minute: the last whole ones, so that it is worked out once in ten seconds."""
_NAME: Final = "busiest"
_SECONDS: Final = COARSE_MS // FINE_MS

SUSPECT: Final = Group("suspect", "danmaku", ("flood", "repeat"))
"""Events beyond ``FLOOD``, and lines that many people send alike, see ``stream.figures.repeats``."""
FLOODED: Final = SUSPECT.cell("flood")
REPEATS: Final = SUSPECT.cell("repeat")
_EVENTS: Final = ("danmaku.count", "likes.events", "visits.share", "visits.follow")
TOGETHER: Final = (*_EVENTS, FLOODED, REPEATS)
"""Cells of which the figures of lines, likes and visits together need windows."""


BUSIEST: Final = Extra(_NAME, "busiest", most=CAPACITY, fine=True, coarse=False, every=_SECONDS)


def _concentration(view: View, _label: str | None, _window: str | None) -> Expression:
    return expression("busiest_share", _NAME, TOP, view.tens(_PANES))


def _events(view: View, _label: str | None, window: str | None) -> Expression:
    """Return how many events there were; NaN before the first."""
    some = [view.sum(cell, window) for cell in _EVENTS]
    none = added(unknown(events) for events in some) > len(some) - 1
    return where(none, UNKNOWN, added(map(known, some)))


def _suspect_share(view: View, _label: str | None, window: str | None) -> Expression:
    suspect = known(view.sum(FLOODED, window)) + known(view.sum(REPEATS, window))
    return smaller(ratio(suspect, _events(view, None, window)), 1)


def _suspects(view: View, sign: str | None, _window: str | None) -> Expression:
    assert sign is not None
    return view.total(SUSPECT.cell(sign))


FORMULAS: Final[dict[str, Formula]] = {
    "live_interaction_concentration": _concentration,
    "live_suspect_events_total": _suspects,
    "live_interaction_events": _events,
    "live_suspect_ratio": _suspect_share,
}
