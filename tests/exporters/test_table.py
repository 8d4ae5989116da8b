"""Rows of objects become columns of numbers, and nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pytest

from exporters.table import holds_object, table
from stream.catalogue import ROOM_COLUMNS
from tests.exporters import made

NOW_MS = 1_760_000_000_000


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_each_exported_figure_stands_in_its_column(count: int):
    keys = [f"r{number}" for number in range(count)]
    rows = [made.room(key, now_ms=NOW_MS).values for key in keys]
    for row in rows[::3]:
        row[0] = None
    turned = table(ROOM_COLUMNS, rows, opening='room_id="', keys=keys, closing='"')
    for place, column in enumerate(ROOM_COLUMNS):
        if not column.metric.exported:
            assert place not in turned.numbers
            assert place not in turned.objects
        elif holds_object(column):
            assert turned.objects[place] == [row[place] for row in rows]
        else:
            expected = np.array([row[place] for row in rows], np.float64)
            assert np.array_equal(turned.numbers[place], expected, equal_nan=True)


def test_a_column_is_without_gaps():
    """So that it is written at once."""
    rows = [made.room(key, now_ms=NOW_MS).values for key in ("a", "b", "c")]
    turned = table(ROOM_COLUMNS, rows, opening="", keys=["a", "b", "c"], closing="")
    assert all(numbers.flags.c_contiguous for numbers in turned.numbers.values())
