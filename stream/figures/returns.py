"""Who comes back: of the people who entered a room's earlier broadcasts, how many entered this one.

A session keeps a sample of its visitors: those with the lowest hashes, so the same people wherever they come.
The samples of broadcasts can be intersected. Of ``SAMPLE_MAX`` people the share has a standard error of
sqrt(p (1 - p) / 256), 3.1 % at most; if this broadcast drew n times as many people as the earlier ones
together, sqrt(n) times that. It is worked out when a room is told of that has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Final

from stream.figures.expression import Expression
from stream.figures.view import Formula, View
from stream.native import Lowest
from stream.tally import Tally

__all__ = [
    "DAYS",
    "FORMULAS",
    "RETURNERS",
    "SAMPLE_MAX",
    "VISITORS_KEPT_MS",
    "Past",
    "returned",
    "sample",
    "visitors_of",
]

DAYS: Final = {"1": 86_400_000, "7": 7 * 86_400_000}
"""How long before a session others may have ended to count as earlier ones, milliseconds; from metrics.md."""
VISITORS_KEPT_MS: Final = 8 * 86_400_000
"""Samples are kept for so long after a session's end: a session that begins a week later may last a day."""
SAMPLE_MAX: Final = 256
"""Most people of a sample: 1 KB."""
RETURNERS: Final = "returners"
"""The sample of a session's visitors."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of a session that is not remembered otherwise any more.

    Attributes:
        ended_ms: turn at which it ended.
        visitors: some of them.
    """

    ended_ms: int
    visitors: Lowest


def sample() -> Lowest:
    """Return an empty sample of visitors."""
    return Lowest(SAMPLE_MAX)


def visitors_of(tally: Tally) -> Lowest | None:
    """Return the sample of a session's visitors, if it had any."""
    return tally.sample(RETURNERS)


def returned(now: Lowest | None, start_ms: int, earlier: Collection[Past]) -> dict[str, float]:
    """Return by number of days the share of those who came earlier that came again; without a share, nothing.

    Args:
        now: sample of a session's visitors.
        start_ms: its start.
        earlier: the room's sessions before it.
    """
    shares = {}
    for days, length_ms in DAYS.items():
        before = [one.visitors for one in earlier if one.ended_ms >= start_ms - length_ms]
        people, again = _again(now or sample(), before)
        if people:
            shares[fact_name(days)] = again / people
    return shares


def fact_name(days: str) -> str:
    """Return what the share of so many days is called among the facts of a room that has ended."""
    return f"returned:{days}"


def _again(now: Lowest, before: Iterable[Lowest]) -> tuple[int, int]:
    """Return the number of people of the largest sample that all can tell of, and of those who came again."""
    people = sorted(set(chain.from_iterable(one.kept for one in before)))[:SAMPLE_MAX]
    limit = min(now.limit, people[-1] + 1 if people else 0)
    sample = {one for one in people if one < limit}
    return len(sample), len(sample.intersection(now.kept))


def _returned(view: View, days: str | None, _window: str | None) -> Expression:
    assert days is not None
    return view.fact(fact_name(days))


FORMULAS: Final[dict[str, Formula]] = {"live_return_ratio": _returned}
