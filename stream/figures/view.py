"""What formulas see of a room or vendor: totals, windows, people, medians, registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stream.cells import Group, Pane, Registers
from stream.windows import Panes

__all__ = ["Formula", "Subject", "View", "ratio"]

Value = float | int | dict[str, float] | None
Formula = Callable[["View", "str | None", "str | None"], Value]
"""Gives one column: (view, label value, window) -> figure, None where there is no data."""


class Subject(Protocol):
    """What is described: a session of a room, or a vendor's operation.

    Attributes:
        start_ms: windows begin no earlier than the pane that holds this.
        panes: group name -> panes.
        totals: group name -> totals; a group is there once it has seen an event.
        registers: newest and largest values by name.
    """

    start_ms: int
    panes: dict[str, Panes]
    totals: dict[str, Pane]
    registers: Registers


class View:
    """The figures of one subject at one reach.

    Args:
        subject: whose figures.

    Attributes:
        end_ms: smallest reach of the feeds of the figure that is worked out, epoch milliseconds.
        registers: the subject's.
    """

    __slots__ = ("_rows", "_subject", "end_ms", "registers")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._rows: dict[tuple[str, str, int], list[int]] = {}
        self.end_ms = 0
        self.registers = subject.registers

    def total(self, group: Group, cell: str) -> int | None:
        """Return the sum since the session began; None before the first event of the group."""
        found = self._subject.totals.get(group.name)
        return None if found is None else found.row[group.index[cell]]

    def window(self, group: Group, cell: str, window: str) -> int | None:
        """Return the sum of a window; None before the session's first event of the group."""
        if group.name not in self._subject.totals:
            return None
        key = (group.name, window, self.end_ms)
        row = self._rows.get(key)
        if row is None:
            panes = self._subject.panes.get(group.name)
            row = self._rows[key] = (
                [0] * len(group.cells)
                if panes is None
                else panes.row(window, reach_ms=self.end_ms, session_ms=self._subject.start_ms)
            )
        return row[group.index[cell]]

    def sum(self, group: Group, cell: str, window: str | None) -> int | None:
        """Return the sum of a window, or of the session."""
        if window is None or window == "session":
            return self.total(group, cell)
        return self.window(group, cell, window)

    def people(self, group: Group, name: str, window: str) -> int | None:
        """Return how many different people were there; None before the session's first event of the group."""
        totals = self._subject.totals.get(group.name)
        if totals is None:
            return None
        at = group.index[name]
        if window == "session":
            return totals.people[at].count()
        panes = self._subject.panes.get(group.name)
        if panes is None:
            return 0
        return panes.people(at, window, reach_ms=self.end_ms, session_ms=self._subject.start_ms)

    def median(self, group: Group, name: str, window: str) -> float | None:
        """Return the median of a window's samples; None without any."""
        panes = self._subject.panes.get(group.name)
        if panes is None:
            return None
        at, start = group.index[name], self._subject.start_ms
        return panes.median(at, window, reach_ms=self.end_ms, session_ms=start)


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole; None where either is unknown or the whole is 0."""
    return None if part is None or not whole else part / whole
