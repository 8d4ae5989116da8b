"""Sets of people that keep a few of their members when they are too many to keep them all."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from heapq import nsmallest
from typing import Final

import numpy as np

from stream.sketches import Distinct

__all__ = ["SAMPLE_MAX", "Sampled"]

SAMPLE_MAX: Final = 16
"""Members that are kept of a large set: those with the lowest hashes, so the same people in every set."""
_HASH_BYTES: Final = 8
_HASHES: Final = 1 << 64
_MARK: Final = b"k"
"""Begins what a set that is not exact is packed to: its sample, and then the rest."""


class Sampled(Distinct):
    """A set of 64-bit hashes whose size can be told, and a few of which can be told.

    Args:
        precision: as of ``Distinct``.
        exact_max: most members that are kept one by one, at least ``SAMPLE_MAX``.

    Attributes:
        sample: of a set that is not exact its lowest members, rising.
    """

    __slots__ = ("sample",)

    def __init__(self, precision: int, exact_max: int) -> None:
        super().__init__(precision, exact_max)
        self.sample: list[int] = []

    @property
    def highest(self) -> int | None:
        """Return the hash above which members are not kept; None where all are."""
        return self.sample[-1] if self.members is None else None

    def some(self) -> Collection[int]:
        """Return the members that are kept."""
        return self.sample if self.members is None else self.members

    def merge(self, other: Distinct | AbstractSet[int]) -> None:
        """Add hashes, or the members of another one of the same kind."""
        super().merge(other)
        if isinstance(other, Sampled):
            self._choose(other.sample)

    def pack(self) -> bytes:
        """Return the set as bytes; equal sets give equal bytes."""
        packed = super().pack()
        return packed if self.members is not None else _MARK + np.array(self.sample, "<u8").tobytes() + packed

    def unpack(self, raw: bytes) -> None:
        """Take in the set that ``pack`` gave; on an empty one only."""
        if raw[:1] == _MARK:
            self.sample = np.frombuffer(raw, "<u8", SAMPLE_MAX, len(_MARK)).tolist()
            raw = raw[len(_MARK) + SAMPLE_MAX * _HASH_BYTES :]
        super().unpack(raw)

    def _add(self, hashes: AbstractSet[int]) -> list[int]:
        fresh = super()._add(hashes)
        self._choose(hashes)
        return fresh

    def _condense(self) -> None:
        known = self.members or set()
        super()._condense()
        self._choose(known)

    def _choose(self, hashes: Collection[int]) -> None:
        """Keep the lowest of the members that are kept and of these."""
        if self.members is None:
            highest = self.sample[-1] if len(self.sample) == SAMPLE_MAX else _HASHES
            low = [hashed for hashed in hashes if hashed < highest]
            if low:
                self.sample = nsmallest(SAMPLE_MAX, {*self.sample, *low})
