"""Panes as bytes: what goes in comes out, whatever the size of the numbers and however it was split."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.entries import ENTRY_BYTES, Entries, combine, entries_of, renumbered

cells = st.integers(0, 500)
numbers = st.one_of(st.integers(1, 9), st.integers(1, 2**40), st.sampled_from((2**32 - 1, 2**32, 2**53)))
pieces = st.lists(st.tuples(st.integers(0, 5), cells, numbers), max_size=40)


def entries(rows):
    owner, cell, number = (np.array([row[at] for row in rows], np.int64) for at in range(3))
    return Entries(owner, cell, number)


def sums(found):
    counted: Counter[tuple[int, int]] = Counter()
    for owner, cell, number in zip(found.owner, found.cell, found.number, strict=True):
        counted[int(owner), int(cell)] += int(number)
    return counted


@given(pieces, st.integers(0, 40))
def test_what_is_combined_comes_back(rows, cut):
    wanted: Counter[tuple[int, int]] = Counter()
    for owner, cell, number in rows:
        wanted[owner, cell] += number
    packed = combine([entries(rows[:cut]), entries(rows[cut:])])
    assert sums(entries_of(list(packed.values()), list(packed))) == wanted
    assert packed == combine([entries(rows[::-1])])


def test_an_entry_is_small_and_a_large_number_takes_two():
    packed = combine([entries([(0, 1, 7), (1, 1, 2**32 + 5)])])
    assert [len(packed[owner]) for owner in (0, 1)] == [ENTRY_BYTES, 2 * ENTRY_BYTES]


def test_cells_that_moved_are_found_again_and_lost_ones_dropped():
    (raw,) = combine([entries([(0, 0, 5), (0, 1, 2**40), (0, 2, 9)])]).values()
    moved = renumbered(raw, np.array([3, -1, 0]))
    assert sums(entries_of([moved], [0])) == {(0, 0): 9, (0, 3): 5}
