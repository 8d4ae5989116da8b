"""What formulas see of sessions (or vendor operations): totals, windows, people, registers; all at once.

Every answer is an array with one number for each subject, in their order; NaN is "no data".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.cells import Layout
from stream.model import Feed
from stream.panes import pane_ms, window_bounds
from stream.tally import Tally
from stream.windows import Windows

__all__ = ["Figures", "Formula", "Together", "View", "ratio"]

Figures = NDArray[np.float64]
Formula = Callable[["View", "str | None", "str | None"], "Figures | list[Any]"]
"""Gives one column: (view, label value, window) -> a figure for each subject, or a list of objects for an
open label."""


Together = Callable[[list[dict[int, dict[str, Any]]], int, int], Sequence[Any]]
"""Gives numbers for each subject: (coarse panes of each by number, what they keep by name; the window's start
and end, epoch milliseconds) -> a sequence of numbers for each."""


class View:
    """The figures of some subjects at one reach.

    Args:
        windows: where they are counted.
        layout: the cells.
        tallies: the subjects.
        ends_ms: set of feeds -> their smallest reach, epoch milliseconds.
        facts: what the room records say of each subject's room; empty for vendor operations.

    Attributes:
        feeds: feeds of the figure that is worked out; its windows end at their smallest reach.
        tallies: the subjects.
    """

    def __init__(
        self,
        windows: Windows,
        layout: Layout,
        tallies: Sequence[Tally],
        ends_ms: Mapping[tuple[Feed, ...], int],
        facts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        for tally in tallies:
            windows.place(tally)
        self.feeds: tuple[Feed, ...] = ()
        self.tallies = tallies
        self._windows = windows
        self._layout = layout
        self._ends_ms = ends_ms
        self._facts = facts
        self._slots = np.fromiter((tally.slot for tally in tallies), np.int64, len(tallies))
        self._totals = windows.totals[self._slots].astype(np.float64)
        self._seen: dict[str, NDArray[np.bool_]] = {}
        self._rows: dict[tuple[tuple[Feed, ...], str], tuple[Figures, dict[str, int]]] = {}
        self._together: dict[tuple[tuple[Feed, ...], str, Any], Figures] = {}

    @property
    def end_ms(self) -> int:
        """Return where the windows of the figure end, epoch milliseconds, before it is cut to whole panes."""
        return self._ends_ms[self.feeds]

    def total(self, cell: str) -> Figures:
        """Return the sum since the session began; 0 before the first event."""
        found: Figures = self._totals[:, self._layout.index[cell]]
        return found

    def window(self, cell: str, window: str) -> Figures:
        """Return the sum of a window; NaN before the session's first event of the cell's group."""
        key = (self.feeds, window)
        found = self._rows.get(key)
        if found is None:
            rows, place = self._windows.sums(*key)
            found = self._rows[key] = (rows[self._slots].astype(np.float64), place)
        rows_found, place = found
        return np.where(self.seen(cell), rows_found[:, place[cell]], np.nan)

    def sum(self, cell: str, window: str | None) -> Figures:
        """Return the sum of a window, or of the session; NaN before the first event of the cell's group."""
        if window is None or window == "session":
            return np.where(self.seen(cell), self.total(cell), np.nan)
        return self.window(cell, window)

    def seen(self, cell: str) -> NDArray[np.bool_]:
        """Tell of which subjects there was any event of the cell's group."""
        group = cell.partition(".")[0]
        if group not in self._seen:
            self._seen[group] = np.any(self._totals[:, self._layout.span(group)], axis=1)
        return self._seen[group]

    def register(self, name: str, at: int) -> Figures:
        """Return a number of a register; NaN where there is none."""
        registers = (tally.registers.get(name) for tally in self.tallies)
        return np.array([np.nan if found is None else found[at] for found in registers])

    def fact(self, name: str) -> Figures:
        """Return a number that the room records say; NaN where none does."""
        return np.array([facts.get(name, np.nan) for facts in self._facts], np.float64)

    def over(self, extra: str, window: str, work_out: Callable[[list[Any]], Any]) -> list[Any]:
        """Return what the extras of a window's panes come to for each subject.

        Args:
            extra: its name.
            window: the window.
            work_out: a function of a module (not made anew each time: results are remembered by it) that
                gives the result of those of the panes that have one, in no order.
        """
        bounds = window_bounds(window, self.end_ms)
        return [tally.window(extra, window, bounds, work_out) for tally in self.tallies]

    def together(self, extras: tuple[str, ...], window: str, work_out: Together) -> Figures:
        """Return what the coarse panes' extras of a window come to, worked out for all subjects at once.

        Args:
            extras: their names.
            window: the window; one of fine panes gets the coarse panes all the same.
            work_out: a function of a module, which remembers results by it; gets the coarse panes of some
                subjects and the window's start and end, epoch milliseconds, and gives numbers for each,
                always as many. It may look at older panes than the window's, but not at newer ones.

        Returns:
            The numbers of each subject, in a row of its own.
        """
        key = (self.feeds, window, work_out)
        found = self._together.get(key)
        if found is None:
            found = np.array(self._worked_out(extras, window, work_out), np.float64)
            self._together[key] = found
        return found

    def _worked_out(self, extras: tuple[str, ...], window: str, work_out: Together) -> list[Any]:
        bounds = window_bounds(window, self.end_ms)
        known = [tally.recall(extras, window, bounds, work_out) for tally in self.tallies]
        stale = [tally for tally, one in zip(self.tallies, known, strict=True) if one is None]
        if stale:
            step = pane_ms(window)
            panes = [tally.coarse_extras for tally in stale]
            results = work_out(panes, bounds[0] * step, bounds[1] * step)
            for tally, result in zip(stale, results, strict=True):
                tally.remember(extras, window, bounds, work_out, result)
            fresh = iter(results)
            return [next(fresh) if one is None else one[0] for one in known]
        return [one[0] for one in known if one is not None]

    def of_session(self, extra: str, work_out: Callable[[Any], float]) -> Figures:
        """Return what the session's extra comes to; NaN where it has none."""
        extras = (tally.extras.get(extra) for tally in self.tallies)
        return np.array([np.nan if found is None else work_out(found) for found in extras])

    def numbers(self, extra: str, window: str, work_out: Callable[[list[Any]], float | None]) -> Figures:
        """Return ``over`` as numbers; None becomes NaN."""
        found = self.over(extra, window, work_out)
        return np.array([np.nan if number is None else number for number in found], np.float64)


def ratio(part: Figures, whole: Figures) -> Figures:
    """Return part / whole; NaN where either is unknown or the whole is 0."""
    found: Figures = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
