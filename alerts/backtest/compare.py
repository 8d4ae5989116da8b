"""Two rule sets over the same time: which alerts were added, which are gone, which moved. Pure.

Alerts are compared by subject and kind: a rule may have another name in the other set. Two that were open at
the same time are one alert that moved, if anything of it differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.backtest.episodes import Episode

__all__ = ["Comparison", "Verdicts", "compare", "judged"]

_FOREVER_MS: Final = 2**62


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a candidate would have told, against another set.

    Attributes:
        same: alerts of both, exactly alike.
        moved: alerts of both that begin, end or weigh otherwise: before and after.
        added: alerts of the candidate alone.
        gone: alerts of the other set alone.
    """

    same: tuple[Episode, ...]
    moved: tuple[tuple[Episode, Episode], ...]
    added: tuple[Episode, ...]
    gone: tuple[Episode, ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people said of the alerts that the candidate keeps, and of those that it would not have told.

    Attributes:
        real_kept, real_lost: alerts that were confirmed.
        false_kept, false_spared: alerts that were none.
        unjudged: alerts of the other set that nobody said either of.
    """

    real_kept: int
    real_lost: int
    false_kept: int
    false_spared: int
    unjudged: int


def compare(before: Iterable[Episode], after: Iterable[Episode]) -> Comparison:
    """Return how the alerts of two sets differ.

    Args:
        before: of the other set.
        after: of the candidate.
    """
    same: list[Episode] = []
    moved: list[tuple[Episode, Episode]] = []
    added: list[Episode] = []
    gone: list[Episode] = []
    old, new = _by_subject(before), _by_subject(after)
    for key in sorted(old.keys() | new.keys()):
        pairs, gone_here, added_here = _paired(old.get(key, []), new.get(key, []))
        same += [two for one, two in pairs if _alike(one, two)]
        moved += [(one, two) for one, two in pairs if not _alike(one, two)]
        gone += gone_here
        added += added_here
    return Comparison(
        same=tuple(sorted(same, key=_when)),
        moved=tuple(sorted(moved, key=lambda pair: _when(pair[1]))),
        added=tuple(sorted(added, key=_when)),
        gone=tuple(sorted(gone, key=_when)),
    )


def judged(comparison: Comparison, verdicts: Mapping[str, str]) -> Verdicts:
    """Return what the candidate makes of the alerts that people judged.

    Args:
        comparison: against the set that these alerts are of.
        verdicts: alert id -> verdict.
    """
    kept = [verdicts.get(one.id) for one in (*comparison.same, *(one for one, _ in comparison.moved))]
    lost = [verdicts.get(one.id) for one in comparison.gone]
    every = [*kept, *lost]
    return Verdicts(
        real_kept=kept.count("real"),
        real_lost=lost.count("real"),
        false_kept=kept.count("false_alarm"),
        false_spared=lost.count("false_alarm"),
        unjudged=len(every) - every.count("real") - every.count("false_alarm"),
    )


def _by_subject(episodes: Iterable[Episode]) -> dict[tuple[str, str], list[Episode]]:
    found: dict[tuple[str, str], list[Episode]] = {}
    for one in sorted(episodes, key=_when):
        found.setdefault((one.subject, one.kind), []).append(one)
    return found


def _paired(
    old: Sequence[Episode], new: Sequence[Episode]
) -> tuple[list[tuple[Episode, Episode]], list[Episode], list[Episode]]:
    """Return the pairs that were open together, and what is left of either; the longest together first."""
    together = sorted(
        (-shared, i, j)
        for i, one in enumerate(old)
        for j, two in enumerate(new)
        if (shared := _shared_ms(one, two)) >= 0
    )
    olds, news = set(range(len(old))), set(range(len(new)))
    pairs = []
    for _, i, j in together:
        if i in olds and j in news:
            olds.discard(i)
            news.discard(j)
            pairs.append((old[i], new[j]))
    return pairs, [old[i] for i in sorted(olds)], [new[j] for j in sorted(news)]


def _shared_ms(one: Episode, two: Episode) -> int:
    """Return how long both were open at once, from the first breach on; below 0 for never."""
    end_ms = min(_FOREVER_MS if each.ended_at_ms is None else each.ended_at_ms for each in (one, two))
    return end_ms - max(one.started_at_ms, two.started_at_ms)


def _alike(one: Episode, two: Episode) -> bool:
    return (one.id, one.fired_at_ms, one.ended_at_ms, one.severity_max) == (
        two.id,
        two.fired_at_ms,
        two.ended_at_ms,
        two.severity_max,
    )


def _when(one: Episode) -> tuple[int, str]:
    return one.fired_at_ms, one.id
