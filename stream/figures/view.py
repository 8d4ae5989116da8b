"""What formulas see of sessions (or vendor operations): totals, windows, people, registers; all at once.

Every answer is an array with one number for each subject, in their order; NaN is "no data".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.cells import Layout
from stream.model import Feed
from stream.panes import pane_ms, window_bounds
from stream.tally import Known, Tally
from stream.windows import Windows

__all__ = ["Figures", "Formula", "Stale", "Together", "View", "ratio"]

Figures = NDArray[np.float64]
Formula = Callable[["View", "str | None", "str | None"], "Figures | list[Any]"]
"""Gives one column: (view, label value, window) -> a figure for each subject, or a list of objects for an
open label."""


@dataclass(frozen=True, slots=True)
class Stale:
    """A subject whose window is to be worked out.

    Attributes:
        panes: its coarse panes by number: what they keep, by name.
        known: what the window came to last, if anything.
    """

    panes: dict[int, dict[str, Any]]
    known: Known | None


_nan: Final = float("nan")
Together = Callable[[list[Stale], int, int], Sequence[tuple[Sequence[float] | Figures, Any]]]
"""Gives numbers for each subject: (the subjects; the window's start and end, epoch milliseconds) -> numbers,
and a state for the next time."""


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
        self._known: dict[tuple[Any, ...], Figures] = {}

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
            seen = np.array([self.seen(name) for name in place]).reshape(len(place), len(self.tallies))
            sums = np.where(seen, rows[self._slots].T, np.nan)
            found = self._rows[key] = (_fixed(sums), place)
        sums, place = found
        return sums[place[cell]]  # type: ignore[no-any-return]  # a row is an array

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
        return self._once(("register", name, at), lambda: [_nan if r is None else r[at] for r in registers])

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
        bounds, what = window_bounds(window, self.end_ms), self._windows.extras[extra]
        return [tally.window(what, window, bounds, work_out) for tally in self.tallies]

    def together(self, extras: tuple[str, ...], window: str, work_out: Together) -> Figures:
        """Return what the coarse panes' extras of a window come to, worked out for all subjects at once.

        Args:
            extras: their names.
            window: the window; one of fine panes gets the coarse panes all the same.
            work_out: a function of a module: results are remembered by it. It gives always as many numbers
                for each subject. It may look at older panes than the window's, but not at newer ones.

        Returns:
            The numbers of each subject, in a row of its own.
        """
        return self._once((self.feeds, window, work_out), lambda: self._worked_out(extras, window, work_out))

    def _worked_out(self, extras: tuple[str, ...], window: str, work_out: Together) -> list[Any]:
        bounds = window_bounds(window, self.end_ms)
        known = [tally.recall(extras, window, work_out) for tally in self.tallies]
        found = [one.result if one is not None and one.holds(bounds) else None for one in known]
        stale = [at for at, one in enumerate(found) if one is None]
        if stale:
            step = pane_ms(window)
            subjects = [Stale(self.tallies[at].coarse_extras, known[at]) for at in stale]
            results = work_out(subjects, bounds[0] * step, bounds[1] * step)
            for at, (result, state) in zip(stale, results, strict=True):
                self.tallies[at].remember(extras, window, work_out, Known(*bounds, result, state))
                found[at] = result
        return found

    def of_session(self, extra: str, work_out: Callable[[Any], float]) -> Figures:
        """Return what the session's extra comes to; NaN where it has none."""
        extras = (tally.extras.get(extra) for tally in self.tallies)
        return self._once((extra, work_out), lambda: [_nan if e is None else work_out(e) for e in extras])

    def numbers(self, extra: str, window: str, work_out: Callable[[list[Any]], float | None]) -> Figures:
        """Return ``over`` as numbers; None becomes NaN."""
        return self._once(
            (self.feeds, extra, window, work_out),
            lambda: [_nan if n is None else n for n in self.over(extra, window, work_out)],
        )

    def _once(self, key: tuple[Any, ...], work_out: Callable[[], list[Any]]) -> Figures:
        """Return what several formulas ask for, worked out for the first of them."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _fixed(np.array(work_out(), np.float64))
        return found


def _fixed(figures: Figures) -> Figures:
    """Return figures that nobody can change: several formulas are given the same."""
    figures.flags.writeable = False
    return figures


def ratio(part: Figures, whole: Figures) -> Figures:
    """Return part / whole; NaN where either is unknown or the whole is 0."""
    found: Figures = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
