"""Who does most: the share of the busiest users in what happens, and who floods the room.

Events are lines, likes (one event each, whatever their count), shares and follows. The panes here are of ten
seconds: what is kept of them stands with the fine pane of their first second. A pane keeps at most
``CAPACITY`` users (Misra and Gries' summary): everyone, and all numbers are exact, while no more were there;
beyond, a user is told too high by at most one ``CAPACITY``-th of the pane's events, and whoever had less than
that may be missing. Then, and only then, figures may depend on how the log was cut.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import nlargest
from typing import Any, Final

import numpy as np

from stream.cells import Extra, Fresh, Group
from stream.figures.view import Figures, Formula, View, ratio
from stream.panes import COARSE_MS, FINE_MS, LATE
from stream.tally import Tally

__all__ = [
    "BUSIEST",
    "CAPACITY",
    "FORMULAS",
    "REPEATS",
    "SUSPECT",
    "TOGETHER",
    "Busiest",
    "add_events",
    "settle",
]

CAPACITY: Final = 64
"""Most users that a pane keeps: 512 bytes."""
TOP: Final = 10
"""The busiest, whose share is told; from metrics.md."""
FLOOD: Final = 100
"""Events of one user within ten seconds above which the user floods the room: 10 a second (metrics.md)."""
_PANES: Final = 6
"""Panes that make the minute: the last whole ones, so that it is worked out once in ten seconds."""
_USER: Final = 0xFFFF_FFFF
"""The part of a user's hash that is kept: among 64 users, two alike once in two million panes."""
_NAME: Final = "busiest"
_SECONDS: Final = COARSE_MS // FINE_MS

SUSPECT: Final = Group("suspect", "danmaku", ("flood", "repeat"))
"""Events beyond ``FLOOD``, and lines that many people send alike, see ``stream.figures.repeats``."""
_FLOODED: Final = SUSPECT.cell("flood")
REPEATS: Final = SUSPECT.cell("repeat")
_EVENTS: Final = ("danmaku.count", "likes.events", "visits.share", "visits.follow")
TOGETHER: Final = (*_EVENTS, _FLOODED, REPEATS)
"""Cells of which the figures of lines, likes and visits together need windows."""


class Busiest:
    """The busiest users of ten seconds.

    Attributes:
        changed: whether it differs from what the store has.
        total: all events.
        missed: the most that a user's number may be too low by.
        most: the largest number.
    """

    __slots__ = ("_numbers", "_users", "changed", "missed", "most", "total")

    def __init__(self) -> None:
        self.changed = False
        self.total = self.missed = self.most = 0
        self._users = array("I")
        self._numbers = array("I")

    def numbers(self) -> dict[int, int]:
        """Return how many events of each user are known, by the part of the hash that is kept."""
        return dict(zip(self._users, self._numbers, strict=True))

    def merge(self, came: Mapping[int, int]) -> None:
        """Add events: hash of the user -> how many."""
        numbers = self.numbers()
        known = numbers.get
        for user, number in came.items():
            short = user & _USER
            numbers[short] = known(short, 0) + number
        self.changed = True
        self.total += sum(came.values())
        if len(numbers) > CAPACITY:
            cut = sorted(numbers.values(), reverse=True)[CAPACITY]
            numbers = {user: number - cut for user, number in numbers.items() if number > cut}
            self.missed += cut
        users = sorted(numbers)
        self._keep(array("I", users), array("I", map(numbers.__getitem__, users)))

    def pack(self) -> list[Any]:
        """Return it as msgpack can hold it."""
        return [self.total, self.missed, self._users.tobytes(), self._numbers.tobytes()]

    def unpack(self, packed: list[Any]) -> None:
        """Take in what ``pack`` gave; on an empty one only."""
        self.total, self.missed, users, numbers = packed
        self._keep(array("I", users), array("I", numbers))

    def _keep(self, users: array[int], numbers: array[int]) -> None:
        self._users, self._numbers = users, numbers
        self.most = max(numbers, default=0)


BUSIEST: Final = Extra(_NAME, dict, pane=Busiest, fine=True, coarse=False, every=_SECONDS)


def add_events(fresh: Fresh, users: Iterable[int]) -> None:
    """Add an event of each user to the ten seconds that begin with this second."""
    numbers = fresh.extras.get(_NAME)
    if numbers is None:
        numbers = fresh.extras[_NAME] = {}
    known = numbers.get
    for user in users:
        numbers[user] = known(user, 0) + 1


def settle(tally: Tally) -> None:
    """Count the events of users who flood the room, of what came since the last merge."""
    for second, fresh in tally.fresh.items():
        came = fresh.extras.get(_NAME)
        if not came or second == LATE:
            continue
        pane = tally.fine_extras.get(second, {}).get(_NAME)
        if max(came.values()) + (pane.most if pane else 0) > FLOOD:
            flooded = _flooded(pane.numbers() if pane else {}, came)
            if flooded:
                fresh.cells[_FLOODED] += flooded


def _flooded(before: Mapping[int, int], came: Mapping[int, int]) -> int:
    added: Counter[int] = Counter()
    for user, number in came.items():
        added[user & _USER] += number
    return sum(
        max(0, before.get(user, 0) + number - max(FLOOD, before.get(user, 0)))
        for user, number in added.items()
    )


def _share(panes: list[Busiest]) -> float | None:
    numbers: Counter[int] = Counter()
    for pane in panes:
        for user, number in pane.numbers().items():
            numbers[user] += number + pane.missed
    total = sum(pane.total for pane in panes)
    return min(1.0, sum(nlargest(TOP, numbers.values())) / total) if total else None


def _concentration(view: View, _label: str | None, window: str | None) -> Figures:
    assert window is not None
    end = view.end_ms // COARSE_MS * _SECONDS
    bounds = (end - _PANES * _SECONDS, end)
    shares = (tally.window(BUSIEST, window, bounds, _share) for tally in view.tallies)
    return np.array([np.nan if share is None else share for share in shares], np.float64)


def _events(view: View, _label: str | None, window: str | None) -> Figures:
    """Return how many events there were; NaN before the first."""
    some = np.array([view.sum(cell, window) for cell in _EVENTS])
    return np.where(np.isnan(some).all(axis=0), np.nan, np.nan_to_num(some).sum(axis=0))


def _suspect_share(view: View, _label: str | None, window: str | None) -> Figures:
    suspect = np.nan_to_num(view.sum(_FLOODED, window)) + np.nan_to_num(view.sum(REPEATS, window))
    return np.minimum(ratio(suspect, _events(view, None, window)), 1)


def _suspects(view: View, sign: str | None, _window: str | None) -> Figures:
    assert sign is not None
    return view.total(SUSPECT.cell(sign))


FORMULAS: Final[dict[str, Formula]] = {
    "live_interaction_concentration": _concentration,
    "live_suspect_events_total": _suspects,
    "live_interaction_events": _events,
    "live_suspect_ratio": _suspect_share,
}
