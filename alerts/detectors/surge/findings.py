"""What the detector says of a sample, and how it was weighed."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Direction", "Finding", "Reason", "Weighed"]

Direction = Literal["spike", "drop", "none"]
Reason = Literal["jump", "shift", "unrest", "hold", ""]


class Finding(NamedTuple):
    """One sample and what was made of it.

    Attributes:
        value: as it came; None where it was missing or not a finite number.
        expected: what it should have been; None before the first sample.
        lower, upper: beyond them a single sample would alarm; None before the detector is ready.
        samples: samples seen before this one.
        confidence: 1 - p, where p is the chance of a sample as odd as this, by the series' own past.
        score: 0 to below 1, to compare with the settings' threshold; subdued soon after a larger surprise.
        direction: what it is called: above expectation, below, or nothing worth telling.
        reason: what was odd: ``jump`` of this sample, ``shift`` that lasts, ``unrest`` around it, ``hold`` of
            a change told before, or nothing.
    """

    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    samples: int
    confidence: float
    score: float
    direction: Direction
    reason: Reason


class Weighed(NamedTuple):
    """A sample held against what was expected, in the transformed unit, rhythm taken out.

    Attributes:
        part, season, rhythmic: part of the day, its mean, and whether it was expected.
        level, residual: expectation, and what differs from it.
        size, scale, z: how large that usually is at this part of the day against the whole day, how large
            altogether, and how many of the latter the residual is.
        busy, shift: means of the size and of the signed size, this sample included.
        surprise, reason: the largest surprise, -log10 p, and what it is of.
        demanded, bar: surprise that history asks on top, and that left of the last one.
        score: of the finding.
        ready: whether it may alarm.
    """

    part: int
    season: float
    rhythmic: bool
    level: float
    residual: float
    size: float
    scale: float
    z: float
    busy: float
    shift: float
    surprise: float
    reason: Reason
    demanded: float
    bar: float
    score: float
    ready: bool
