"""Distinct counts and medians in bounded memory that do not depend on the order of what was added.

``Distinct`` is exact up to ``EXACT_MAX`` members and a HyperLogLog above; ``Samples`` keeps a multiset of
numbers, exact while few differ, and halves its resolution when too many do. Both give bit-equal results for
the same members, however they were split and merged, so that a log read twice gives the same figures. So does
``Lowest``, a sample of a set that can be intersected with others.
"""

from __future__ import annotations

import math
import struct
import zlib
from array import array
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

import numpy as np

__all__ = [
    "EXACT_MAX",
    "SESSION_PRECISION",
    "WINDOW_PRECISION",
    "Distinct",
    "GrowingDistinct",
    "Lowest",
    "Samples",
    "union_count",
]

EXACT_MAX: Final = 1024
"""Most members that are counted exactly."""
SESSION_PRECISION: Final = 14
"""2^14 registers: standard error 1.04 / sqrt(16384) = 0.81 %."""
WINDOW_PRECISION: Final = 11
"""2^11 registers: standard error 2.3 %."""

_HASH_BITS: Final = 64
_HALF_BITS: Final = 32
_EXACT: Final = b"e"
_SPARSE: Final = b"s"
_DENSE: Final = b"z"
_SPARSE_BYTES: Final = 3
"""A register that is not 0, and its place."""
_FAST: Final = 1
"""Level of zlib: the registers of a set have little more order than their histogram."""
_ALPHA_INFINITE: Final = 0.5 / math.log(2)


class Distinct:
    """A set of 64-bit hashes whose size can be told.

    Args:
        precision: bits of a hash that choose the register once there are too many for an exact count.
        exact_max: most members that are counted exactly.

    Attributes:
        changed: whether it differs from what was last kept; who keeps it sets it back.
    """

    __slots__ = ("changed", "exact_max", "members", "precision", "registers")

    def __init__(self, precision: int, exact_max: int = EXACT_MAX) -> None:
        self.precision = precision
        self.exact_max = exact_max
        self.changed = False
        self.members: set[int] | None = set()
        self.registers: bytearray | None = None

    def merge(self, other: Distinct | AbstractSet[int]) -> None:
        """Add hashes, or the members of another one of the same precision."""
        if not isinstance(other, Distinct):
            self._add(other)
        elif other.members is not None:
            self._add(other.members)
        else:
            assert other.registers is not None
            if self.registers is None:
                self._condense()
            assert self.registers is not None
            self.registers[:] = np.maximum(
                np.frombuffer(self.registers, np.uint8), np.frombuffer(other.registers, np.uint8)
            ).tobytes()
            self.changed = True

    def count(self) -> int:
        """Return the number of members, exact or estimated."""
        if self.members is not None:
            return len(self.members)
        assert self.registers is not None
        return round(_estimate(self.registers, self.precision))

    def pack(self) -> bytes:
        """Return the set as bytes; equal sets give equal bytes."""
        if self.members is not None:
            return _EXACT + _hash_bytes(sorted(self.members))
        assert self.registers is not None
        registers = np.frombuffer(self.registers, np.uint8)
        used = np.flatnonzero(registers)
        if len(used) * _SPARSE_BYTES < len(registers):
            return _SPARSE + used.astype("<u2").tobytes() + registers[used].tobytes()
        return _DENSE + zlib.compress(self.registers, _FAST)

    def unpack(self, raw: bytes) -> None:
        """Take in the set that ``pack`` gave; on an empty one only."""
        kind, rest = raw[:1], raw[1:]
        if kind == _EXACT:
            self.members = set(_hashes(rest))
            return
        self.members = None
        if kind == _DENSE:
            self.registers = bytearray(zlib.decompress(rest))
            return
        registers = np.zeros(1 << self.precision, np.uint8)
        used = len(rest) // _SPARSE_BYTES
        registers[np.frombuffer(rest, "<u2", used)] = np.frombuffer(rest, np.uint8, used, used * 2)
        self.registers = bytearray(registers.tobytes())

    def _add(self, hashes: AbstractSet[int]) -> list[int]:
        """Add hashes, and return those that changed anything."""
        if self.members is None:
            return self._raise(hashes)
        fresh = hashes - self.members
        if fresh:
            self.members |= fresh
            self.changed = True
            if len(self.members) > self.exact_max:
                self._condense()
        return list(fresh)

    def _condense(self) -> None:
        members, self.members = self.members or set(), None
        self.registers = bytearray(1 << self.precision)
        self._raise(members)

    def _raise(self, hashes: Iterable[int]) -> list[int]:
        registers, shift = self.registers, _HASH_BITS - self.precision
        assert registers is not None
        rest_mask = (1 << shift) - 1
        fresh = []
        for hashed in hashes:
            rank = shift - (hashed & rest_mask).bit_length() + 1
            index = hashed >> shift
            if registers[index] < rank:
                registers[index] = rank
                fresh.append(hashed)
        if fresh:
            self.changed = True
        return fresh


class GrowingDistinct(Distinct):
    """A set that is kept for long while it grows: as a base, and what came since in small pieces.

    Writing a large set anew with every flush would cost more than counting. What is in a piece is in the
    next base too, so that a piece that outlives its base changes nothing.
    """

    __slots__ = ("_full", "_open")

    PIECES: Final = 8
    """Pieces between two bases."""
    PIECE_HASHES: Final = 64

    def __init__(self, precision: int, exact_max: int = EXACT_MAX) -> None:
        super().__init__(precision, exact_max)
        self._open: list[int] = []
        self._full = 0

    def pack_changes(self) -> dict[str, bytes]:
        """Return what must be kept since the last call: name of the part, empty for the base -> bytes."""
        self.changed = False
        if self._full >= self.PIECES:
            self._open, self._full = [], 0
            return {"": self.pack()}
        pieces = {}
        while self._open:
            piece, rest = self._open[: self.PIECE_HASHES], self._open[self.PIECE_HASHES :]
            pieces[str(self._full % self.PIECES)] = _hash_bytes(piece)
            if len(piece) < self.PIECE_HASHES:
                break
            self._open, self._full = rest, self._full + 1
            if self._full >= self.PIECES:
                return self.pack_changes()
        return pieces

    def unpack_part(self, name: str, raw: bytes) -> None:
        """Take in a part; the parts may come in any order."""
        if name:
            self._full = self.PIECES  # the next change writes a base, and the pieces begin anew
            self.merge(set(_hashes(raw)))
        else:
            base = Distinct(self.precision, self.exact_max)
            base.unpack(raw)
            self.merge(base)
        self._open = []

    def _add(self, hashes: AbstractSet[int]) -> list[int]:
        fresh = super()._add(hashes)
        self._open += fresh
        return fresh


def _hash_bytes(hashes: list[int]) -> bytes:
    return struct.pack(f"<{len(hashes)}Q", *hashes)


def _hashes(raw: bytes) -> list[int]:
    found: list[int] = np.frombuffer(raw, "<u8").tolist()
    return found


def union_count(parts: Iterable[Distinct]) -> int:
    """Return the number of members of a union, exact while every part is."""
    known = list(parts)
    if all(part.members is not None for part in known):
        return len(set().union(*(part.members for part in known if part.members is not None)))
    whole = Distinct(known[0].precision, 0)
    for part in known:
        whole.merge(part)
    return whole.count()


def _estimate(registers: bytearray, precision: int) -> float:
    """Return Ertl's improved estimate, which needs no bias tables (arXiv 1702.01284, algorithm 6)."""
    size, top = len(registers), _HASH_BITS - precision
    counts = np.bincount(np.frombuffer(registers, np.uint8), minlength=top + 2).tolist()
    total = size * _tau(1 - counts[top + 1] / size)
    for rank in range(top, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += size * _sigma(counts[0] / size)
    return _ALPHA_INFINITE * size * size / total


def _sigma(share: float) -> float:
    if share == 1:
        return math.inf
    power, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before = total
        total += share * power
        power += power
    return total


def _tau(share: float) -> float:
    if share in (0, 1):
        return 0.0
    power, total, before = 1.0, 1 - share, -1.0
    while total != before:
        share = math.sqrt(share)
        before = total
        power *= 0.5
        total -= (1 - share) ** 2 * power
    return total / 3


class Samples:
    """A bounded multiset of numbers with a median.

    Numbers are kept to a tenth; while they take more than ``KEYS_MAX`` different values the step doubles,
    so the error is at most half a step: none for a few hundred different values, below 0.4 % of their range
    otherwise.
    """

    KEYS_MAX: Final = 256
    STEPS: Final = 10
    """Steps of one unit at full resolution."""

    __slots__ = ("changed", "counts", "scale")

    def __init__(self) -> None:
        self.changed = False
        self.scale = 0
        self.counts: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Add a number."""
        key = round(value * self.STEPS) >> self.scale
        counts = self.counts
        counts[key] = counts.get(key, 0) + 1
        if len(counts) > self.KEYS_MAX:
            self._coarsen()

    def merge(self, other: Samples) -> None:
        """Add the numbers of another multiset."""
        self.changed = True
        while self.scale < other.scale:
            self._halve()
        counts, shift = self.counts, self.scale - other.scale
        for key, number in other.counts.items():
            kept = key >> shift
            counts[kept] = counts.get(kept, 0) + number
        self._coarsen()

    def median(self) -> float | None:
        """Return the median, the mean of the two middle numbers where they are two; None without numbers."""
        total = sum(self.counts.values())
        if not total:
            return None
        lower, upper = (total - 1) // 2, total // 2
        seen, found = 0, []
        for key in sorted(self.counts):
            before, seen = seen, seen + self.counts[key]
            found += [key for middle in (lower, upper) if before <= middle < seen]
        step = 1 << self.scale
        return (sum(found) * step / 2 + (step - 1) / 2) / self.STEPS

    def pack(self) -> list[int]:
        """Return the scale, then key and count of each number, rising; equal multisets give equal lists."""
        return [self.scale, *(part for item in sorted(self.counts.items()) for part in item)]

    def unpack(self, packed: list[int]) -> None:
        """Take in the multiset that ``pack`` gave; on an empty one only."""
        self.scale = packed[0]
        self.counts = dict(zip(packed[1::2], packed[2::2], strict=True))

    def _coarsen(self) -> None:
        while len(self.counts) > self.KEYS_MAX:
            self._halve()

    def _halve(self) -> None:
        self.scale += 1
        coarser: dict[int, int] = {}
        for key, number in self.counts.items():
            coarser[key >> 1] = coarser.get(key >> 1, 0) + number
        self.counts = coarser


class Lowest:
    """Of a set of people those with the lowest hashes: the same people in every set that they are in.

    The upper half of a hash is kept: of a million people two of the lowest 256 are alike once in 2^24 sets.

    Args:
        most: how many are kept at most.

    Attributes:
        changed: whether it differs from what the store has.
        kept: the upper halves of their hashes, rising.
    """

    __slots__ = ("changed", "kept", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.changed = False
        self.kept = array("I")

    def merge(self, came: AbstractSet[int]) -> None:
        """Add people by their hashes."""
        limit = self.limit
        low = {hashed >> _HALF_BITS for hashed in came if hashed >> _HALF_BITS < limit}
        if low.difference(self.kept):
            self.kept = array("I", sorted(low.union(self.kept))[: self.most])
            self.changed = True

    @property
    def limit(self) -> int:
        """Return the half of a hash below which everyone is kept."""
        return self.kept[-1] if len(self.kept) >= self.most else 1 << _HALF_BITS

    def pack(self) -> bytes:
        """Return it as bytes."""
        return self.kept.tobytes()

    def unpack(self, packed: bytes) -> None:
        """Take in what ``pack`` gave; on an empty one only."""
        self.kept = array("I", packed)
