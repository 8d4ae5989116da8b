"""What formulas see of sessions (or vendor operations): totals, windows, people, registers; all at once.

Every answer is an array with one number for each subject, in their order; NaN is "no data".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.cells import Layout
from stream.model import Feed
from stream.native import Group
from stream.panes import COARSE_WINDOWS, window_bounds
from stream.tally import Tally
from stream.windows import Frame, Frames

__all__ = ["Figures", "Formula", "View", "known", "ratio"]

Figures = NDArray[np.float64]
Formula = Callable[["View", "str | None", "str | None"], "Figures | list[Any]"]
"""Gives one column: (view, label value, window) -> a figure for each subject, or a list of objects for an
open label."""
_nan: Final = float("nan")


class View:
    """The figures of some subjects at one reach.

    Args:
        frames: which cells belong together.
        layout: the cells.
        tallies: the subjects, one at least.
        ends_ms: set of feeds -> their smallest reach, epoch milliseconds.
        facts: what the room records say of each subject's room; empty for vendor operations.

    Attributes:
        feeds: feeds of the figure that is worked out; its windows end at their smallest reach.
        tallies: the subjects.
        group: the subjects as the native module takes them.
    """

    def __init__(
        self,
        frames: Frames,
        layout: Layout,
        tallies: Sequence[Tally],
        ends_ms: Mapping[tuple[Feed, ...], int],
        facts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.feeds: tuple[Feed, ...] = ()
        self.tallies = tallies
        self.group: Final = Group(list(tallies))
        self._frames = frames
        self._layout = layout
        self._ends_ms = ends_ms
        self._facts = facts
        self._totals = self.group.totals()
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
        found = self._rows.get((self.feeds, window))
        if found is None:
            found = self._rows[self.feeds, window] = self._sums(self._frames[self.feeds, window], window)
        sums, place = found
        return sums[place[cell]]  # type: ignore[no-any-return]  # a row is an array

    def _sums(self, frame: Frame, window: str) -> tuple[Figures, dict[str, int]]:
        _, first, end = self.span(window)
        sums = self.group.sums(frame.number, first, end)
        for group, columns in frame.groups.items():
            unseen = ~self._seen_of(group)
            if unseen.any():
                for column in columns:
                    sums[column, unseen] = _nan
        return _fixed(sums), frame.place

    def span(self, window: str) -> tuple[bool, int, int]:
        """Return whether a window's panes are coarse, the number of its first and of the first after it."""
        return window in COARSE_WINDOWS, *window_bounds(window, self.end_ms)

    def sum(self, cell: str, window: str | None) -> Figures:
        """Return the sum of a window, or of the session; NaN before the first event of the cell's group."""
        if window is None or window == "session":
            return np.where(self.seen(cell), self.total(cell), np.nan)
        return self.window(cell, window)

    def seen(self, cell: str) -> NDArray[np.bool_]:
        """Tell of which subjects there was any event of the cell's group."""
        return self._seen_of(cell.partition(".")[0])

    def _seen_of(self, group: str) -> NDArray[np.bool_]:
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

    def people(self, extra: str, window: str) -> Figures:
        """Return how many different people the panes of a window hold; 0 where none does."""
        return self._once((self.feeds, extra, window), lambda: self.group.people(extra, *self.span(window)))

    def session_people(self, name: str) -> Figures:
        """Return how many different people a session's set holds; NaN where it has none."""
        return self._once(("session", name), lambda: self.group.session_people(name))

    def counts(self, extra: str, window: str) -> list[dict[int, int]]:
        """Return the counts of a window for each subject."""
        return self.group.counts(extra, *self.span(window))

    def once(self, name: str, work_out: Callable[[], Any]) -> Figures:
        """Return what several formulas of the same feeds ask for, worked out for the first of them."""
        return self._once((self.feeds, name), work_out)

    def _once(self, key: tuple[Any, ...], work_out: Callable[[], Any]) -> Figures:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _fixed(np.asarray(work_out(), np.float64))
        return found


def _fixed(figures: Figures) -> Figures:
    """Return figures that nobody can change: several formulas are given the same."""
    figures.flags.writeable = False
    return figures


def known(figures: Figures) -> Figures:
    """Return figures with 0 for "no data"."""
    return np.where(np.isnan(figures), 0, figures)


def ratio(part: Figures, whole: Figures) -> Figures:
    """Return part / whole; NaN where either is unknown or the whole is 0."""
    found: Figures = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return found
