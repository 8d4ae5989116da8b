"""What formulas see of a subject, a session or a vendor's operation: totals, windows, people, registers.

A formula is called once for each column, when the module is loaded; it gives the expression of which the
column comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stream.cells import Layout
from stream.figures.expression import UNKNOWN, Column, Expression, Span, expression, where
from stream.model import Feed
from stream.panes import COARSE_MS, COARSE_WINDOWS, FINE_MS, pane_ms, window_bounds
from stream.windows import Frames

__all__ = ["Formula", "View"]

Formula = Callable[["View", "str | None", "str | None"], Column]
"""Gives one column: (view, label value, window) -> what it comes of."""


class View:
    """The figures of a subject.

    Args:
        frames: which cells belong together.
        layout: the cells.
        ends: set of feeds -> its place among those at whose reaches windows end.

    Attributes:
        feeds: feeds of the figure that is asked for; its windows end at their smallest reach.
    """

    def __init__(self, frames: Frames, layout: Layout, ends: Mapping[tuple[Feed, ...], int]) -> None:
        self.feeds: tuple[Feed, ...] = ()
        self._frames: Final = frames
        self._layout: Final = layout
        self._ends: Final = ends

    def total(self, cell: str) -> Expression:
        """Return the sum since the session began; 0 before the first event."""
        return expression("total", self._layout.index[cell])

    def window(self, cell: str, window: str) -> Expression:
        """Return the sum of a window; NaN before the session's first event of the cell's group."""
        frame = self._frames[self.feeds, window]
        found = expression("sum", frame.number, frame.place[cell], self.span(window))
        return where(self.seen(cell), found, UNKNOWN)

    def span(self, window: str) -> Span:
        """Return where a window lies."""
        first, last = window_bounds(window, 0)
        return Span(self._ends[self.feeds], window in COARSE_WINDOWS, pane_ms(window), 1, first, last)

    def tens(self, number: int) -> Span:
        """Return the seconds of the last so many whole ten seconds."""
        seconds = COARSE_MS // FINE_MS
        return Span(self._ends[self.feeds], False, COARSE_MS, seconds, -number * seconds, 0)

    def sum(self, cell: str, window: str | None) -> Expression:
        """Return the sum of a window, or of the session; NaN before the first event of the cell's group."""
        if window is None or window == "session":
            return where(self.seen(cell), self.total(cell), UNKNOWN)
        return self.window(cell, window)

    def seen(self, cell: str) -> Expression:
        """Return 1 if there was any event of the cell's group, else 0."""
        group = self._layout.span(cell.partition(".")[0])
        return expression("seen", group.start, group.stop)

    def register(self, name: str, at: int) -> Expression:
        """Return a number of a register; NaN where there is none."""
        return expression("register", name, at)

    def fact(self, name: str) -> Expression:
        """Return a number that the room records say; NaN where none does."""
        return expression("fact", name)

    def people(self, extra: str, window: str) -> Expression:
        """Return how many different people the panes of a window hold; 0 where none does."""
        return expression("people", extra, self.span(window))

    def session_people(self, name: str) -> Expression:
        """Return how many different people a session's set holds; NaN where it has none."""
        return expression("session_people", name)
