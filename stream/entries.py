"""Panes as bytes, many at once: entries of a cell and a number, 6 bytes each.

A pane holds few of the cells, so it is kept as its entries: 2 bytes for the cell, 4 for the number; what a
number has above 32 bits is an entry of its own, marked in the cell. The same bytes lie in memory and in the
store. All sums are 64-bit integers: adding neither rounds nor depends on order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENTRY_BYTES", "Entries", "Ints", "combine", "entries_of", "renumbered"]

_ENTRY: Final = np.dtype([("cell", "<u2"), ("number", "<u4")])
ENTRY_BYTES: Final = _ENTRY.itemsize
_HIGH: Final = 0x8000
"""Marks the part of a number above 32 bits."""
_CELL_BITS: Final = 16

Ints = NDArray[np.int64]


class Entries:
    """Numbers of cells of owners, as three parallel arrays.

    Args:
        owner: whose; what an owner is, is the caller's business.
        cell: place of the cell in the layout.
        number: what is added to it.
    """

    __slots__ = ("cell", "number", "owner")

    def __init__(self, owner: Ints, cell: Ints, number: Ints) -> None:
        self.owner = owner
        self.cell = cell
        self.number = number

    def __len__(self) -> int:
        return len(self.owner)

    def where(self, mask: NDArray[np.bool_]) -> Entries:
        """Return those that a mask lets pass."""
        return Entries(self.owner[mask], self.cell[mask], self.number[mask])


def entries_of(raws: Sequence[bytes], owners: Sequence[int]) -> Entries:
    """Return the entries of panes.

    Args:
        raws: the panes' bytes.
        owners: the owner of each.
    """
    found = np.frombuffer(b"".join(raws), _ENTRY)
    owner = np.repeat(np.asarray(owners, np.int64), [len(raw) // ENTRY_BYTES for raw in raws])
    cell, number = found["cell"].astype(np.int64), found["number"].astype(np.int64)
    high = cell >= _HIGH
    if high.any():
        cell[high] -= _HIGH
        number[high] <<= 32
    return Entries(owner, cell, number)


def renumbered(raw: bytes, place: Ints) -> bytes:
    """Return a pane whose cells have moved.

    Args:
        raw: the pane.
        place: old place of a cell -> new place, -1 for one that is not counted any more.
    """
    found = entries_of([raw], [0])
    found.cell = place[found.cell]
    return combine([found.where(found.cell >= 0)]).get(0, b"")


def combine(entries: Iterable[Entries]) -> dict[int, bytes]:
    """Add up entries, and return owner -> bytes; an owner without entries is missing.

    Args:
        entries: owners below 2^47.
    """
    parts = list(entries)
    key = np.concatenate([part.owner << _CELL_BITS | part.cell for part in parts])
    number = np.concatenate([part.number for part in parts])
    if not len(key):
        return {}
    order = np.argsort(key, kind="stable")
    key, number = key[order], number[order]
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    key, number = key[starts], np.add.reduceat(number, starts)
    large = number >> 32
    if large.any():
        above = np.flatnonzero(large)
        key = np.concatenate((key, key[above] | _HIGH))
        number = np.concatenate((number & 0xFFFFFFFF, large[above]))
        order = np.argsort(key, kind="stable")
        key, number = key[order], number[order]
    packed = np.empty(len(key), _ENTRY)
    packed["cell"], packed["number"] = key & 0xFFFF, number
    owner = key >> _CELL_BITS
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    raw, ends = packed.tobytes(), [*(starts[1:] * ENTRY_BYTES).tolist(), len(key) * ENTRY_BYTES]
    begins = (starts * ENTRY_BYTES).tolist()
    return {o: raw[a:b] for o, a, b in zip(owner[starts].tolist(), begins, ends, strict=True)}
