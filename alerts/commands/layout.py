"""Rows of cells as lines of text, for a terminal of any width and for pipes. Pure.

Nothing is ever cut: an id that is shown can be copied, a sentence read to its end. Where a row is wider than
the terminal, its last cells go to a line of their own below, indented. In a pipe a row is one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

__all__ = ["lines_of"]

_GAP: Final = "  "
_INDENT: Final = "    "


def lines_of(heads: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None) -> list[str]:
    """Return a head and rows as lines.

    Args:
        heads: names of the columns.
        rows: cells, as many in each as there are columns.
        width: of the terminal, cells; None = no bound.
    """
    widths = [max(cell_len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    first = _fitting(widths, width)
    found = []
    for cells in (heads, *rows):
        padded = [cell + " " * (widths[at] - cell_len(cell)) for at, cell in enumerate(cells[:first])]
        found.append(_GAP.join(padded).rstrip())
        if rest := _GAP.join(filter(None, cells[first:])):
            found.append(_INDENT + rest)
    return found


def _fitting(widths: Sequence[int], width: int | None) -> int:
    """Return how many columns fit beside each other; at least one."""
    if width is None:
        return len(widths)
    used = 0
    for count, one in enumerate(widths):
        used += one + (len(_GAP) if count else 0)
        if used > width:
            return max(1, count)
    return len(widths)
