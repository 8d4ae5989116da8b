"""How many of a partition's records were bad lately; pure, and bounded by the seconds of a minute."""

from __future__ import annotations

from typing import Final

__all__ = ["SPAN_S", "DeadShare"]

SPAN_S: Final = 60
"""Length of what is counted, seconds of append time."""


class DeadShare:
    """Counts records and dead letters by the second of their append time."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[int]] = {}

    def add(self, append_ms: int, *, records: int, dead: int) -> None:
        """Count a batch whose last record was appended at an instant, epoch milliseconds."""
        counted = self._seconds.setdefault(append_ms // 1_000, [0, 0])
        counted[0] += records
        counted[1] += dead

    def until(self, now_ms: int) -> tuple[int, int]:
        """Return records and dead letters of the minute before an instant, and forget what is older."""
        first = now_ms // 1_000 - SPAN_S
        for second in [second for second in self._seconds if second <= first]:
            del self._seconds[second]
        return sum(n for n, _ in self._seconds.values()), sum(n for _, n in self._seconds.values())
