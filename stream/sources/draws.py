"""Seeded draws: the same seed gives the same numbers on every machine."""

from __future__ import annotations

import math
from random import Random
from typing import Final

__all__ = ["draws", "lag_ms", "often", "skewed"]

_NORMAL_ABOVE: Final = 30.0
"""Above this mean a rounded normal draw stands for the Poisson one."""
_SKEW: Final = 20
"""How even the head of ``skewed`` is: the first of n is drawn with a weight of 1 to this number."""


def draws(*parts: object) -> Random:
    """Return a generator that hangs on the parts alone, such as seed and room."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - believable, not secret


def often(draw: Random, mean: float) -> int:
    """Return how many times something happens that happens ``mean`` times on average (Poisson)."""
    if mean <= 0:
        return 0
    if mean > _NORMAL_ABOVE:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count


def skewed(draw: Random, size: int) -> int:
    """Return an index below ``size``; small ones come more often, as in Zipf's law (with a flat head)."""
    return int(_SKEW * ((size + _SKEW) / _SKEW) ** draw.random()) - _SKEW


def lag_ms(draw: Random, *, median_ms: float, p90_ms: float) -> int:
    """Return a delay of the given median and ninth decile (log-normal)."""
    return round(median_ms * math.exp(math.log(p90_ms / median_ms) * draw.gauss(0, 1) / 1.2816))
