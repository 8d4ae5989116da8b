"""Whose silence may reach a limit next, so that it is told when it does and not at the next tick.

Pure; holds one entry for each subject that waits, and an outdated one for each time it was asked to wake
earlier. An entry may be too early, never too late: whoever wakes looks for itself.
"""

from __future__ import annotations

from heapq import heappop, heappush

__all__ = ["Deadlines"]


class Deadlines:
    """Wakes subjects at an instant of reach."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._at_ms: dict[str, int] = {}

    def wake(self, key: str, at_ms: int) -> None:
        """Wake a subject at this reach or, where it waits for an earlier one already, then."""
        known = self._at_ms.get(key)
        if known is None or at_ms < known:
            self._at_ms[key] = at_ms
            heappush(self._heap, (at_ms, key))

    def due(self, reach_ms: int) -> list[str]:
        """Return the subjects to wake at this reach, and let them go."""
        woken = []
        while self._heap and self._heap[0][0] <= reach_ms:
            at_ms, key = heappop(self._heap)
            if self._at_ms.get(key) == at_ms:
                del self._at_ms[key]
                woken.append(key)
        return woken
