"""Words of the lists in what is said: complaints of viewers, prohibited words of anybody, and who said them.

The text itself leaves only as evidence: the worst ``HITS_MAX`` hits of a session since the last flush.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stream.cells import Batch, Extra, Group
from stream.figures.people import PANE_EXACT_MAX, count_people
from stream.figures.view import Figures, Formula, View
from stream.model import Feed
from stream.sketches import WINDOW_PRECISION, Distinct
from stream.tally import Tally
from stream.words import COMPLAINTS, PROHIBITED, TROUBLES, Hit, Source, Words
from stream.words.lists import SEVERITIES

__all__ = ["COMPLAINERS", "FORMULAS", "GROUPS", "HITS_MAX", "add_hits", "add_speech_words", "add_title_words"]

HITS_MAX: Final = 20
"""Most hits of a session that one flush tells of; from the contract."""
_COMPLAINTS: Final = Group("complaints", "danmaku", COMPLAINTS)
_SAID: Final = Group("prohibited:danmaku", "danmaku", PROHIBITED)
_SPOKEN: Final = Group("prohibited:transcript", "transcript", PROHIBITED)
_WRITTEN: Final = Group("prohibited:titles", "rooms", PROHIBITED)
_CHAT_CELL: Final[dict[str, str]] = {
    **{group: _COMPLAINTS.cell(group) for group in COMPLAINTS},
    **{group: _SAID.cell(group) for group in PROHIBITED},
}
_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}
_MILDEST: Final = SEVERITIES[0]
_LINES: Final = "danmaku.count"


def _complainers() -> Distinct:
    return Distinct(WINDOW_PRECISION, PANE_EXACT_MAX)


COMPLAINERS: Final = Extra("complainers", set, pane=_complainers, fine=True, coarse=False)
"""Who says that something does not work."""


def add_hits(batch: Batch, at: int, hits: Iterable[Hit], cells: dict[str, int]) -> None:
    """Count what was found in a chat line.

    Args:
        batch: the lines.
        at: place of the line.
        hits: what was found in it.
        cells: the cells of its second.
    """
    told = len(batch.tally.hits)
    for hit in hits:
        group = hit.group
        cells[_CHAT_CELL[group]] += 1
        if group in TROUBLES:
            batch.fresh(batch.events[at].at_ms).people(COMPLAINERS.name).add(batch.users[at])
        if told < HITS_MAX or hit.severity != _MILDEST:
            text, user = batch.events[at].text, batch.users[at]
            _tell(batch.tally, hit, "danmaku", text, user, "danmaku", batch.offsets[at])


def add_speech_words(batch: Batch, words: Words) -> None:
    """Count what is found in what the host says."""
    for speech, offset in zip(batch.events, batch.offsets, strict=True):
        for hit in words.match(speech.text, "transcript"):
            batch.fresh(speech.at_ms).cells[_SPOKEN.cell(hit.group)] += 1
            _tell(batch.tally, hit, "transcript", speech.text, 0, "transcript", offset)


def add_title_words(
    tally: Tally, words: Words, text: str, source: Source, *, at_ms: int, feed: Feed, offset: int
) -> None:
    """Count what is found in a title; to be called once for each title that a session gets.

    Args:
        tally: the session.
        words: the word lists.
        text: the title.
        source: whose it is: the room's or an item's.
        at_ms: when it came, epoch milliseconds.
        feed: the feed of the record that says it.
        offset: the offset of that record.
    """
    for hit in words.match(text, source):
        tally.fresh_at(at_ms // 1_000).cells[_WRITTEN.cell(hit.group)] += 1
        _tell(tally, hit, source, text, 0, feed, offset)


def _tell(tally: Tally, hit: Hit, source: Source, text: str, user: int, feed: Feed, offset: int) -> None:
    """Take a hit as evidence; when there are too many, in the place of the first that is milder."""
    evidence = (hit.group, hit.severity, source, text, user, feed, offset)
    if len(tally.hits) < HITS_MAX:
        tally.hits.append(evidence)
    elif hit.severity != _MILDEST:
        rank = _RANK[hit.severity]
        for at, other in enumerate(tally.hits):
            if _RANK[other[1]] < rank:
                tally.hits[at] = evidence
                return


def _complaints(view: View, _label: str | None, _window: str | None) -> list[Any]:
    return _by_group(view, COMPLAINTS, (_COMPLAINTS,))


def _prohibited(view: View, _label: str | None, _window: str | None) -> list[Any]:
    return _by_group(view, PROHIBITED, (_SAID, _SPOKEN, _WRITTEN))


def _by_group(view: View, names: Iterable[str], groups: Iterable[Group]) -> list[Any]:
    """Return for each subject how many hits each list had."""
    sums = {name: sum(view.total(group.cell(name)) for group in groups) for name in names}
    return [{name: int(found[at]) for name, found in sums.items()} for at in range(len(view.tallies))]


def _complaining(view: View, _label: str | None, window: str | None) -> Figures:
    return count_people(view, COMPLAINERS.name, window, seen=_LINES)


GROUPS: Final = (_COMPLAINTS, _SAID, _SPOKEN, _WRITTEN)
FORMULAS: Final[dict[str, Formula]] = {
    "live_complaints_total": _complaints,
    "live_prohibited_total": _prohibited,
    "live_complaining_users": _complaining,
}
