"""Sets of hashes as a plain program keeps them: what the native ones must come to, bit by bit.

``PlainDistinct`` is a Python set that becomes a HyperLogLog, told register by register from the definition;
the estimate is Ertl's improved one (arXiv 1702.01284, algorithm 6).
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any


class PlainDistinct:
    """A set of 64-bit hashes: the members while they are few, the largest rank of each register after."""

    def __init__(self, precision, exact_max=1024):
        self.precision = precision
        self.exact_max = exact_max
        self.members: Any = set()
        self.registers: Any = None

    def merge(self, hashes):
        """Add hashes."""
        if self.registers is None:
            self.members |= set(hashes)
            if len(self.members) > self.exact_max:
                self.condense()
        else:
            self.raise_all(hashes)

    def unite(self, other):
        """Add what another set of the same precision holds."""
        if other.registers is None:
            self.merge(other.members)
        else:
            self.condense()
            self.registers = [*map(max, self.registers, other.registers)]

    def condense(self):
        """Give the members up for registers."""
        if self.registers is None:
            hashes, self.members, self.registers = self.members, None, [0] * (1 << self.precision)
            self.raise_all(hashes)

    def raise_all(self, hashes):
        """Keep of each register the longest run of leading zeros that was seen, and one."""
        for hashed in hashes:
            bits = f"{hashed:064b}"
            index, rest = int(bits[: self.precision], 2), bits[self.precision :]
            zeros = len(rest) - len(rest.lstrip("0"))
            self.registers[index] = max(self.registers[index], zeros + 1)

    def count(self):
        """Return the number of members, or the estimate."""
        if self.registers is None:
            return len(self.members)
        return round(estimate(self.registers, self.precision))

    def pack(self):
        """Return the bytes that the native set must give."""
        if self.registers is None:
            return b"e" + b"".join(hashed.to_bytes(8, "little") for hashed in sorted(self.members))
        used = [at for at, rank in enumerate(self.registers) if rank]
        huffman = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
        whole = huffman.compress(bytes(self.registers)) + huffman.flush()
        if len(whole) <= 3 * len(used) > len(self.registers) / 8:
            return b"z" + whole
        return b"s" + struct.pack(f"<{len(used)}H", *used) + bytes(self.registers[at] for at in used)


def varints(raw):
    """Return the numbers that bytes hold, seven bits in each, the lowest first."""
    found, value, shift = [], 0, 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(value)
            value = shift = 0
    assert not shift
    return found


def rising(raw):
    """Return the rising numbers that bytes hold by their distances, in Rice's code."""
    if not raw:
        return []
    zeros, plain, end = raw[0], raw[1], 2
    while raw[end] >= 0x80:
        end += 1
    (size,) = varints(raw[2 : end + 1])
    bits = "".join(f"{byte:08b}"[::-1] for byte in raw[end + 1 :])
    found, least, at = [], 0, 0
    for _ in range(size):
        one = bits.index("1", at)
        rest = bits[one + 1 : one + 1 + plain]
        assert len(rest) == plain
        least += (one - at << plain) + int(rest[::-1] or "0", 2)
        found.append(least << zeros)
        least, at = least + 1, one + 1 + plain
    assert set(bits[at:]) <= {"0"}
    assert len(bits) - at < 8
    return found


def estimate(registers, precision):
    """Return the estimate that registers come to."""
    size, top = len(registers), 64 - precision
    counts = [registers.count(rank) for rank in range(top + 2)]
    total = size * tau(1 - counts[top + 1] / size)
    for rank in range(top, 0, -1):
        total = 0.5 * (total + counts[rank])
    return 0.5 / math.log(2) * size * size / (total + size * sigma(counts[0] / size))


def sigma(share):
    """Return the part of registers that nothing came to."""
    if share == 1:
        return math.inf
    power, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before, total, power = total, total + share * power, 2 * power
    return total


def tau(share):
    """Return the part of registers that cannot rise further."""
    if share in (0, 1):
        return 0.0
    power, total, before = 1.0, 1 - share, -1.0
    while total != before:
        share, power = math.sqrt(share), power / 2
        before, total = total, total - (1 - share) ** 2 * power
    return total / 3
