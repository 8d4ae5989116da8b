"""Sets of people that keep a few of their members when they are too many to keep them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from heapq import nsmallest
from typing import Final

from stream.sketches import Distinct

__all__ = ["SAMPLE_MAX", "Sampled"]

SAMPLE_MAX: Final = 16
"""Members that are kept of a large set: those with the lowest hashes, so the same people in every set."""
_HASH_BYTES: Final = 8


class Sampled(Distinct):
    """A set of 64-bit hashes whose size can be told, and a few of which can be told.

    Args:
        precision: as of ``Distinct``.
        exact_max: most members that are kept one by one.

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

    def update(self, hashes: Iterable[int]) -> None:
        """Add hashes."""
        came = set(hashes)
        super().update(came)
        self._choose(came)

    def merge(self, other: Distinct | AbstractSet[int]) -> None:
        """Add hashes, or the members of another one of the same kind."""
        super().merge(other)
        if isinstance(other, Sampled):
            self._choose(other.some())

    def pack(self) -> bytes:
        """Return the set as bytes; equal sets give equal bytes."""
        return super().pack() + b"".join(member.to_bytes(_HASH_BYTES, "big") for member in self.sample)

    def unpack(self, raw: bytes) -> None:
        """Take in the set that ``pack`` gave; on an empty one only."""
        super().unpack(raw)
        if self.registers is not None:
            end = 1 << self.precision
            kept = bytes(self.registers[end:])
            del self.registers[end:]
            self.sample = [
                int.from_bytes(kept[at : at + _HASH_BYTES], "big") for at in range(0, len(kept), _HASH_BYTES)
            ]

    def _condense(self) -> None:
        known = self.members or set()
        super()._condense()
        self._choose(known)

    def _choose(self, hashes: Iterable[int]) -> None:
        if self.members is None:
            highest = self.sample[-1] if len(self.sample) == SAMPLE_MAX else 1 << _HASH_BYTES * 8
            low = [hashed for hashed in hashes if hashed < highest]
            if low:
                self.sample = nsmallest(SAMPLE_MAX, {*self.sample, *low})
