"""Lines in a terminal: dots of Braille, two across and four down in each character. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

__all__ = ["Line", "chart"]

_ACROSS: Final = 2
_DOWN: Final = 4
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of the dot at column and row of a character."""
_BLANK: Final = 0x2800

Place = tuple[int, float]
"""Instant, epoch milliseconds, and value."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn.

    Attributes:
        places: by time; between two that lie further apart than ``gap_ms`` nothing is drawn.
        style: colour, as rich names it.
        gap_ms: a hole longer than this stays one.
    """

    places: Sequence[Place]
    style: str
    gap_ms: int


def chart(
    lines: Sequence[Line], *, from_ms: int, to_ms: int, low: float, high: float, width: int, height: int
) -> list[Text]:
    """Return the rows of a chart, the highest first; a later line hides an earlier one.

    Args:
        lines: what to draw; what lies outside the range is left out or drawn at its edge.
        from_ms: instant of the left edge.
        to_ms: of the right one, later.
        low: value of the lower edge.
        high: of the upper one, larger.
        width: in characters.
        height: in characters.
    """
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    across, down = width * _ACROSS, height * _DOWN
    for line in lines:
        dots: dict[int, tuple[int, int]] = {}
        before: tuple[int, int, int] | None = None
        for at_ms, value in line.places:
            if not from_ms <= at_ms < to_ms:
                continue
            column = (at_ms - from_ms) * across // (to_ms - from_ms)
            share = min(1.0, max(0.0, (value - low) / (high - low)))
            row = round((1 - share) * (down - 1))
            joined = before if before is not None and at_ms - before[2] <= line.gap_ms else None
            _join(dots, joined, column, row)
            before = (column, row, at_ms)
        for column, (first, last) in dots.items():
            for row in range(first, last + 1):
                _dot(cells, column, row, line.style)
    return [_row(cells, row, width) for row in range(height)]


def _join(
    dots: dict[int, tuple[int, int]], before: tuple[int, int, int] | None, column: int, row: int
) -> None:
    """Note which rows of each column a line passes: steps, the value held until the next one."""
    first, last = row, row
    if before is not None:
        old_column, old_row, _ = before
        for between in range(old_column + 1, column):
            _widen(dots, between, old_row, old_row)
        first, last = min(row, old_row), max(row, old_row)
    _widen(dots, column, first, last)


def _widen(dots: dict[int, tuple[int, int]], column: int, first: int, last: int) -> None:
    known = dots.get(column, (first, last))
    dots[column] = (min(first, known[0]), max(last, known[1]))


def _dot(cells: dict[tuple[int, int], tuple[int, str]], column: int, row: int, style: str) -> None:
    place = (row // _DOWN, column // _ACROSS)
    known, of = cells.get(place, (0, style))
    bit = _DOTS[column % _ACROSS][row % _DOWN]
    cells[place] = ((known if of == style else 0) | bit, style)


def _row(cells: dict[tuple[int, int], tuple[int, str]], row: int, width: int) -> Text:
    text = Text()
    for column in range(width):
        bits, style = cells.get((row, column), (0, ""))
        text.append(chr(_BLANK + bits) if bits else " ", style)
    return text
