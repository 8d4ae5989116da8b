"""The figures of many rooms by column; pure.

Rooms come as rows of Python objects, the page is written column by column: reading ten thousand objects that
lie apart in memory takes longer than writing them. So plain numbers are turned once, some rows at a time,
into arrays that hold a column without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.catalogue import Column

__all__ = ["Table", "holds_object", "table"]

_ROWS: Final = 64
"""Rows turned at a time: few enough that their objects stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures by column; each column has a value for every key, which stands between opening and closing.

    Attributes:
        opening: what stands before a key, after the brace.
        keys: escaped.
        closing: what stands after a key.
        numbers: place of a column -> its numbers, NaN for no data.
        objects: place of a column of an open label or a histogram -> its objects, None for no data.
    """

    opening: str
    keys: Sequence[str]
    closing: str
    numbers: Mapping[int, NDArray[np.float64]]
    objects: Mapping[int, Sequence[Any]]


def holds_object(column: Column) -> bool:
    """Return whether a column's figure is an object: of an open label, or a histogram."""
    metric = column.metric
    return metric.type == "histogram" or (metric.label is not None and column.label_value is None)


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    *,
    opening: str,
    keys: Sequence[str],
    closing: str,
) -> Table:
    """Return what is exported of some rows.

    Args:
        columns: two or more of them exported and plain.
        rows: figures in the order of the columns; a number is None where there is no data.
        opening: what stands before a key.
        keys: one for each row.
        closing: what stands after a key.
    """
    shown = [place for place, column in enumerate(columns) if column.metric.exported]
    plain = [place for place in shown if not holds_object(columns[place])]
    pick = itemgetter(*plain)
    numbers = np.empty((len(plain), len(rows)))
    for start in range(0, len(rows), _ROWS):
        block = np.array([pick(row) for row in rows[start : start + _ROWS]], np.float64)
        numbers[:, start : start + _ROWS] = block.T
    return Table(
        opening,
        keys,
        closing,
        dict(zip(plain, numbers, strict=True)),
        {place: [row[place] for row in rows] for place in shown if holds_object(columns[place])},
    )
