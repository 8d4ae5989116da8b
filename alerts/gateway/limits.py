"""How often somebody may call: a bucket of tokens for each caller, refilled as time goes. Pure.

Bounds: ``CALLERS_MAX`` buckets; past it those that are full again, or the oldest, are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

__all__ = ["CALLERS_MAX", "Limiter"]

CALLERS_MAX: Final = 10_000
"""Most callers that are told apart; an address or a token's hash each."""


class Limiter:
    """Buckets by caller.

    Args:
        per_s: calls a second in the long run.
        burst: calls at once.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str, now_s: float) -> float:
        """Take one call; return 0 when it may go on, else after how many seconds to try again."""
        left, since_s = self._buckets.pop(caller, (self._burst, now_s))
        left = min(self._burst, left + max(0.0, now_s - since_s) * self._per_s)
        allowed = left >= 1
        self._buckets[caller] = (left - allowed, now_s)
        if len(self._buckets) > CALLERS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._per_s
