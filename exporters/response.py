"""How people answered the alerts of the last day: how fast, and what they say the alerts were worth; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["LOOK_BACK_MS", "NO_VERDICT", "Closed", "closed", "quantile", "tallies"]

LOOK_BACK_MS: Final = 24 * 3_600_000
"""Episodes that were resolved within this time count, milliseconds: a day of shows, each shift once."""
NO_VERDICT: Final = "none"
"""Value of the label where nobody said what the alert was worth."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A resolved episode.

    Attributes:
        rule: what alerted.
        severity: the highest that it reached.
        verdict: what people say it was, or ``NO_VERDICT``.
        at_ms: when it was resolved.
        acknowledged_s: from the first change to the first acknowledgement; None: nobody did.
        resolved_s: from the first change to the resolution.
    """

    rule: str
    severity: str
    verdict: str
    at_ms: int
    acknowledged_s: float | None
    resolved_s: float


def closed(newest: Mapping[str, Any], timeline: Sequence[Mapping[str, Any]]) -> Closed | None:
    """Return what counts of an episode; None for one that counts in no statistic, a test alert.

    Args:
        newest: its newest record.
        timeline: its changes, oldest first; at least one.
    """
    if newest["labels"].get("test") == "true":
        return None
    began_ms = timeline[0]["at_ms"]
    taken = [change["at_ms"] for change in timeline if change["state"] == "acknowledged"]
    return Closed(
        rule=newest["rule"],
        severity=newest["severity_max"],
        verdict=newest.get("verdict") or NO_VERDICT,
        at_ms=newest["at_ms"],
        acknowledged_s=(taken[0] - began_ms) / 1_000 if taken else None,
        resolved_s=(newest["at_ms"] - began_ms) / 1_000,
    )


def tallies(episodes: Iterable[Closed]) -> Counter[tuple[str, str, str]]:
    """Return rule, severity, verdict -> episodes."""
    return Counter((episode.rule, episode.severity, episode.verdict) for episode in episodes)


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that at least this share (0..1] of the values does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
