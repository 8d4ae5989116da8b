"""Which cells the windows of each set of feeds need, so that all of them are added up in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stream.cells import Layout
from stream.model import Feed

__all__ = ["Frame", "Frames", "frames_of"]


class Frame:
    """Cells whose windows end together: those of a set of feeds, or some of them, and one window.

    Args:
        number: of the frame, as the native module knows it.
        cells: full names of the cells.
        layout: where each cell lies in a row of totals.

    Attributes:
        place: name of a cell -> its row in the frame's sums.
        column: place in the layout -> row, or -1 for a cell of another frame.
        groups: name of a group of cells -> its rows.
    """

    def __init__(self, number: int, cells: Sequence[str], layout: Layout) -> None:
        self.number: Final = number
        self.place: Final = {name: at for at, name in enumerate(cells)}
        self.column: Final = [self.place.get(name, -1) for name in layout.names]
        self.groups: Final[dict[str, list[int]]] = {}
        for name, at in self.place.items():
            self.groups.setdefault(name.partition(".")[0], []).append(at)


Frames = dict[tuple[tuple[Feed, ...], str], Frame]
"""Feeds and window -> the frame."""


def frames_of(wanted: Mapping[tuple[tuple[Feed, ...], str], Sequence[str]], layout: Layout) -> Frames:
    """Return a frame for the cells of each set of feeds and window."""
    return {key: Frame(at, cells, layout) for at, (key, cells) in enumerate(wanted.items())}
