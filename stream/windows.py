"""The windows of a partition: sums that move on with the reach, for all its sessions at once.

Totals and window sums lie in matrices, one row a session. What comes is added to panes, totals and the
windows that already hold its panes; when a window moves on, the panes that it gains are added and those that
it leaves behind are taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from stream.catalogue import WINDOWS_MS
from stream.cells import Extra, Layout
from stream.entries import Entries, Ints, combine, entries_of
from stream.model import Feed
from stream.panes import COARSE_MS, COARSE_WINDOWS, FINE_MS, oldest_brief, oldest_panes, window_bounds
from stream.tally import Tally

__all__ = ["Frame", "Windows"]


class Frame:
    """Cells whose windows end together: those of a set of feeds.

    Args:
        feeds: the feeds.
        cells: full names of the cells.
        layout: where each cell lies in a row of totals.
        windows: which windows; two frames of the same feeds have different ones.

    Attributes:
        place: name of a cell -> its column in the frame's sums.
        column: place in the layout -> column, or -1 for a cell of another frame.
    """

    def __init__(
        self,
        feeds: tuple[Feed, ...],
        cells: Sequence[str],
        layout: Layout,
        windows: Iterable[str] = tuple(WINDOWS_MS),
    ) -> None:
        self.feeds: Final = feeds
        self.windows: Final = tuple(windows)
        self.place: Final = {name: at for at, name in enumerate(cells)}
        self.column: Final = np.full(len(layout.names), -1, np.int64)
        for name, at in self.place.items():
            self.column[layout.index[name]] = at


class _Sums:
    """What one window of one frame comes to, one row a tally."""

    __slots__ = ("bounds", "frame", "rows", "window")

    def __init__(self, frame: Frame, window: str) -> None:
        self.frame = frame
        self.window = window
        self.bounds: tuple[int, int] | None = None
        self.rows: Ints = np.zeros((0, len(frame.place)), np.int64)

    def add(self, entries: Entries, sign: int) -> None:
        """Add entries (or take them away); their owners are rows."""
        column = self.frame.column[entries.cell]
        mine = column >= 0
        if mine.any():
            np.add.at(self.rows, (entries.owner[mine], column[mine]), sign * entries.number[mine])


_GROWTH: Final = 64
"""Rows that matrices gain at least when they are full."""


class Windows:
    """Totals and window sums of the sessions of a partition.

    Args:
        layout: the cells.
        frames: the frames; each set of feeds that a figure uses has one, or one for some of its windows.
        extras: the extras by name.
        settles: each is called with a session before what came for it is merged, and may add cells that
            follow from the panes so far together with what came.
    """

    def __init__(
        self,
        layout: Layout,
        frames: Iterable[Frame],
        extras: Mapping[str, Extra],
        settles: Sequence[Callable[[Tally], None]] = (),
    ) -> None:
        self._layout = layout
        self.extras: Final = extras
        self._settles = settles
        self.totals: Ints = np.zeros((0, len(layout.names)), np.int64)
        self._sums = {(f.feeds, window): _Sums(f, window) for f in frames for window in f.windows}
        self._tallies: list[Tally | None] = []
        self._free: list[int] = []

    def adopt(self, tally: Tally, totals: bytes) -> None:
        """Take in a tally that is counted elsewhere, with the totals that ``packed_totals`` gave."""
        self.place(tally)
        entries = entries_of([totals], [tally.slot])
        np.add.at(self.totals, (entries.owner, entries.cell), entries.number)
        for sums in self._sums.values():
            sums.bounds = None

    def drop(self, tally: Tally) -> None:
        """Take a session's row away."""
        if tally.slot >= 0:
            self.totals[tally.slot] = 0
            for sums in self._sums.values():
                sums.rows[tally.slot] = 0
            self._tallies[tally.slot] = None
            self._free.append(tally.slot)
            tally.slot = -1

    def packed_totals(self, tallies: Sequence[Tally]) -> list[bytes]:
        """Return the totals of sessions as bytes, for the store."""
        slots = np.fromiter((tally.slot for tally in tallies), np.int64, len(tallies))
        rows = self.totals[slots]
        owner, cell = np.nonzero(rows)
        packed = combine([Entries(owner, cell, rows[owner, cell])])
        return [packed.get(at, b"") for at in range(len(tallies))]

    def sums(self, feeds: tuple[Feed, ...], window: str) -> tuple[Ints, dict[str, int]]:
        """Return the sums of a window of a set of feeds, one row a slot, and the columns of its cells."""
        found = self._sums[feeds, window]
        return found.rows, found.frame.place

    def merge(self, tallies: Iterable[Tally], forgot_ms: int) -> None:
        """Bring what came for sessions into their totals and panes.

        Args:
            tallies: the sessions; those without anything fresh are passed over.
            forgot_ms: reach at which old panes were last forgotten; those are not begun again.
        """
        came = _Came(self._layout.index)
        for tally in tallies:
            if tally.fresh:
                self.place(tally)
                for settle in self._settles:
                    settle(tally)
                came.take(tally)
        if not came.tallies:
            return
        entries = came.entries()
        slot = np.asarray([tally.slot for tally in came.tallies], np.int64)
        second = np.asarray(came.seconds, np.int64)
        np.add.at(self.totals, (slot[entries.owner], entries.cell), entries.number)
        oldest_fine, oldest_coarse = oldest_panes(forgot_ms)
        limits = (oldest_fine, oldest_coarse, oldest_brief(forgot_ms))
        coarse = second * FINE_MS // COARSE_MS
        for number, oldest, is_coarse in ((second, oldest_fine, False), (coarse, oldest_coarse, True)):
            kept = (number >= oldest) & (second >= 0)
            _into_panes(came.tallies, number, kept, entries, coarse=is_coarse)
            self._into_sums(slot, number, kept, entries, coarse=is_coarse)
        for tally, at, fresh in zip(came.tallies, came.seconds, came.fresh, strict=True):
            if fresh.extras:
                tally.merge_extras(at, fresh.extras, self.extras, limits)

    def advance(self, ends_ms: Mapping[tuple[Feed, ...], int]) -> None:
        """Move every window on to the reach of its feeds.

        Args:
            ends_ms: set of feeds -> their smallest reach, epoch milliseconds, never falling.
        """
        gathered: dict[tuple[bool, int], Entries] = {}
        for (feeds, window), sums in self._sums.items():
            first, end = window_bounds(window, ends_ms[feeds])
            if sums.bounds == (first, end):
                continue
            coarse = window in COARSE_WINDOWS
            known_first, known_end = sums.bounds or (0, 0)
            if not known_first <= first <= known_end <= end:
                sums.rows[:] = 0
                known_first, known_end = first, first
            for sign, numbers in ((1, range(known_end, end)), (-1, range(known_first, first))):
                for number in numbers:
                    entries = gathered.get((coarse, number))
                    if entries is None:
                        entries = gathered[coarse, number] = self._gather(number, coarse=coarse)
                    if len(entries):
                        sums.add(entries, sign)
            sums.bounds = (first, end)

    def _gather(self, number: int, *, coarse: bool) -> Entries:
        raws, slots = [], []
        for tally in self._tallies:
            if tally is not None:
                raw = (tally.coarse if coarse else tally.fine).get(number)
                if raw:
                    raws.append(raw)
                    slots.append(tally.slot)
        return entries_of(raws, slots)

    def _into_sums(self, slot: Ints, number: Ints, kept: Any, entries: Entries, *, coarse: bool) -> None:
        """Add what came to the windows that already hold its panes."""
        placed = entries.where(kept[entries.owner])
        at = number[placed.owner]
        rows = Entries(slot[placed.owner], placed.cell, placed.number)
        for (_, window), sums in self._sums.items():
            if sums.bounds and coarse == (window in COARSE_WINDOWS):
                inside = (at >= sums.bounds[0]) & (at < sums.bounds[1])
                if inside.any():
                    sums.add(rows.where(inside), 1)

    def place(self, tally: Tally) -> None:
        """Give a session a row unless it has one."""
        if tally.slot >= 0:
            return
        if self._free:
            tally.slot = self._free.pop()
            self._tallies[tally.slot] = tally
        else:
            tally.slot = len(self._tallies)
            self._tallies.append(tally)
        if tally.slot >= len(self.totals):
            more = max(_GROWTH, len(self.totals) // 2)
            self.totals = np.pad(self.totals, ((0, more), (0, 0)))
            for sums in self._sums.values():
                sums.rows = np.pad(sums.rows, ((0, more), (0, 0)))


class _Came:
    """What came for several sessions, in pieces of one second each."""

    def __init__(self, index: Mapping[str, int]) -> None:
        self._index = index
        self._cells: list[int] = []
        self._numbers: list[int] = []
        self._lengths: list[int] = []
        self.tallies: list[Tally] = []
        self.seconds: list[int] = []
        self.fresh: list[Any] = []

    def take(self, tally: Tally) -> None:
        """Take what is fresh of a tally away from it."""
        for second, fresh in tally.fresh.items():
            self._cells.extend(map(self._index.__getitem__, fresh.cells))
            self._numbers.extend(fresh.cells.values())
            self._lengths.append(len(fresh.cells))
            self.tallies.append(tally)
            self.seconds.append(second)
            self.fresh.append(fresh)
        tally.fresh = {}
        tally.touched = True

    def entries(self) -> Entries:
        """Return the entries; their owners are the numbers of the pieces."""
        owner = np.repeat(np.arange(len(self._lengths)), self._lengths)
        return Entries(owner, np.asarray(self._cells, np.int64), np.asarray(self._numbers, np.int64))


def _into_panes(tallies: list[Tally], number: Ints, kept: Any, entries: Entries, *, coarse: bool) -> None:
    """Add what came to the panes' bytes."""
    owner_of: dict[tuple[int, int], int] = {}
    owners = np.full(len(tallies), -1, np.int64)
    places: list[tuple[Tally, int]] = []
    numbers = number.tolist()
    for at in np.flatnonzero(kept).tolist():
        key = (tallies[at].slot, numbers[at])
        owner = owner_of.get(key)
        if owner is None:
            owner = owner_of[key] = len(places)
            places.append((tallies[at], numbers[at]))
        owners[at] = owner
    placed = entries.where(kept[entries.owner])
    before_raws, before_owners = [], []
    for owner, (tally, pane) in enumerate(places):
        raw = (tally.coarse if coarse else tally.fine).get(pane)
        if raw:
            before_raws.append(raw)
            before_owners.append(owner)
    came = Entries(owners[placed.owner], placed.cell, placed.number)
    for owner, raw in combine([came, entries_of(before_raws, before_owners)]).items():
        tally, pane = places[owner]
        if coarse:
            tally.coarse[pane] = raw
            tally.changed_coarse.add(pane)
        else:
            tally.fine[pane] = raw
            tally.changed_fine.add(pane)
