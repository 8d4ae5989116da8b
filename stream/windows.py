"""Panes and windows in integer milliseconds: where an event belongs, and what a window comes to.

All ranges are half open, ``[start, end)``. A room's events are kept in fine panes of 1 s, for the windows
of 10 s and 1 min, and in coarse panes of 10 s, for those of 5 and 15 min; windows end on whole panes. What
is older than the longest window plus ``KEEP_SLACK_MS`` before the reach is dropped, so a room's panes are
bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stream.catalogue import WINDOWS_MS
from stream.cells import Fresh, Group, Pane
from stream.sketches import WINDOW_PRECISION, Samples, union_count

__all__ = [
    "COARSE_MS",
    "FINE_MS",
    "KEEP_SLACK_MS",
    "LateRule",
    "Panes",
    "oldest_panes",
    "pane_ms",
    "window_bounds",
]

FINE_MS: Final = 1_000
"""Length of a fine pane, milliseconds."""
COARSE_MS: Final = 10_000
"""Length of a coarse pane, milliseconds."""
_COARSE_WINDOWS: Final = frozenset({"5m", "15m"})
KEEP_SLACK_MS: Final = 60_000
"""Panes outlive the longest window that uses them by this: an event may be late by the lateness (30 s) and a
feed behind the others by the alignment (10 s), so none of theirs is gone when they come. A window that is
moved on by no more than this finds the panes that it leaves behind."""


def pane_ms(window: str) -> int:
    """Return the length of the panes that a window is made of, milliseconds."""
    return COARSE_MS if window in _COARSE_WINDOWS else FINE_MS


def window_bounds(window: str, *, reach_ms: int, session_ms: int) -> tuple[int, int]:
    """Return start and end of a window, epoch milliseconds, both on whole panes.

    Args:
        window: one of ``WINDOWS_MS``.
        reach_ms: smallest reach of the feeds of the figure.
        session_ms: start of the session; the window begins no earlier than the pane that holds it.
    """
    step = pane_ms(window)
    end = reach_ms // step * step
    return max(end - WINDOWS_MS[window], session_ms // step * step), end


def oldest_panes(reach_ms: int) -> tuple[int, int]:
    """Return the numbers of the oldest fine and the oldest coarse pane that any window can need."""
    fine = (reach_ms - WINDOWS_MS["1m"] - KEEP_SLACK_MS) // FINE_MS
    return fine, (reach_ms - WINDOWS_MS["15m"] - KEEP_SLACK_MS) // COARSE_MS


class LateRule:
    """Tells whether events of one feed partition are late, in the order of its log.

    Args:
        lateness_ms: how far an event may be behind the newest.
        highest_ms: highest event time accepted before, epoch milliseconds.
    """

    __slots__ = ("highest_ms", "lateness_ms")

    def __init__(self, lateness_ms: int, highest_ms: int = 0) -> None:
        self.lateness_ms = lateness_ms
        self.highest_ms = highest_ms

    def late(self, at_ms: int) -> bool:
        """Tell whether the next event of the log is late; one that is not may raise the highest."""
        if at_ms > self.highest_ms:
            self.highest_ms = at_ms
            return False
        return at_ms < self.highest_ms - self.lateness_ms


class _Window:
    """What a window of one group came to when it was last looked at; moved on instead of summed anew.

    Attributes:
        first: number of its first pane.
        end: number of the first pane after it.
        row: its sums.
        people: size of each of its sets; absent when it must be counted.
        medians: median of each of its samples; absent when it must be found.
    """

    __slots__ = ("end", "first", "medians", "people", "row")

    def __init__(self, first: int, end: int, row: list[int]) -> None:
        self.first = first
        self.end = end
        self.row = row
        self.people: dict[int, int] = {}
        self.medians: dict[int, float | None] = {}


class Panes:
    """The panes of one group of one room, and the windows over them.

    Args:
        group: whose cells they hold.
    """

    __slots__ = ("_windows", "coarse", "fine", "group")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.fine: dict[int, Pane] = {}
        self.coarse: dict[int, Pane] = {}
        self._windows: dict[str, _Window] = {}

    def merge(self, second: int, fresh: Fresh, forgot_ms: int) -> None:
        """Add what came for a second, both to its fine and to its coarse pane.

        Args:
            second: seconds since the epoch.
            fresh: what came.
            forgot_ms: reach at which old panes were last forgotten; those are not begun again.
        """
        index = second * FINE_MS // COARSE_MS
        oldest_fine, oldest_coarse = oldest_panes(forgot_ms)
        if second >= oldest_fine:
            fine = self.fine.get(second)
            if fine is None:
                fine = self.fine[second] = Pane(self.group, people=None, samples=True)
            fine.merge(fresh)
        if index >= oldest_coarse:
            coarse = self.coarse.get(index)
            if coarse is None:
                coarse = self.coarse[index] = Pane(self.group, people=WINDOW_PRECISION, samples=True)
            coarse.merge(fresh)
        for name, window in self._windows.items():
            if window.first <= (index if name in _COARSE_WINDOWS else second) < window.end:
                window.row = [a + b for a, b in zip(window.row, fresh.row, strict=True)]
                window.people.clear()
                window.medians.clear()

    def row(self, window: str, *, reach_ms: int, session_ms: int) -> list[int]:
        """Return the sums of a window, one for each cell."""
        return self._window(window, reach_ms, session_ms).row

    def people(self, index: int, window: str, *, reach_ms: int, session_ms: int) -> int:
        """Return how many people of a set a window saw. Only coarse panes have sets."""
        found = self._window(window, reach_ms, session_ms)
        number = found.people.get(index)
        if number is None:
            number = union_count(pane.people[index] for pane in self._panes(window, found.first, found.end))
            found.people[index] = number
        return number

    def median(self, index: int, window: str, *, reach_ms: int, session_ms: int) -> float | None:
        """Return the median of a window's samples; None without any."""
        found = self._window(window, reach_ms, session_ms)
        if index not in found.medians:
            whole = Samples()
            for pane in self._panes(window, found.first, found.end):
                whole.merge(pane.samples[index])
            found.medians[index] = whole.median()
        return found.medians[index]

    def forget(self, reach_ms: int) -> tuple[list[int], list[int]]:
        """Drop panes that no window can need any more.

        Args:
            reach_ms: smallest reach of all feeds, epoch milliseconds.

        Returns:
            The numbers of the fine and of the coarse panes that are gone.
        """
        fine, coarse = oldest_panes(reach_ms)
        return _drop(self.fine, fine), _drop(self.coarse, coarse)

    def _window(self, name: str, reach_ms: int, session_ms: int) -> _Window:
        start_ms, end_ms = window_bounds(name, reach_ms=reach_ms, session_ms=session_ms)
        step = pane_ms(name)
        first, end = start_ms // step, end_ms // step
        known = self._windows.get(name)
        if (
            known is None
            or not known.first <= first <= known.end <= end
            or (first - known.first) * step > KEEP_SLACK_MS
        ):
            row = [0] * len(self.group.cells)
            known = self._windows[name] = _Window(first, first, row)
        if (first, end) != (known.first, known.end):
            self._move(name, known, first, end)
        return known

    def _move(self, name: str, window: _Window, first: int, end: int) -> None:
        """Add the panes that a window gains and take away those that it leaves behind."""
        row = window.row
        for pane in self._panes(name, window.end, end):
            row = [a + b for a, b in zip(row, pane.row, strict=True)]
        for pane in self._panes(name, window.first, first):
            row = [a - b for a, b in zip(row, pane.row, strict=True)]
        window.first, window.end, window.row = first, end, row
        window.people.clear()
        window.medians.clear()

    def _panes(self, name: str, first: int, end: int) -> Iterator[Pane]:
        kept = self.coarse if name in _COARSE_WINDOWS else self.fine
        if len(kept) < end - first:
            return (pane for number, pane in kept.items() if first <= number < end)
        return (pane for pane in map(kept.get, range(first, end)) if pane is not None)


def _drop(panes: dict[int, Pane], limit: int) -> list[int]:
    gone = [number for number in panes if number < limit]
    for number in gone:
        del panes[number]
    return gone
