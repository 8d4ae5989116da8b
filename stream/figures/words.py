"""Words of the lists in what is said: complaints of viewers, prohibited words of anybody, and who said them.

The text itself leaves only as evidence: the worst ``HITS_MAX`` hits of a session since the last flush.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zlib import crc32

import numpy as np

from stream.cells import Batch, Extra, Group
from stream.figures.people import PANE_EXACT_MAX, count_people
from stream.figures.view import Figures, Formula, View
from stream.model import Feed
from stream.sketches import WINDOW_PRECISION, Distinct
from stream.tally import Tally
from stream.words import COMPLAINTS, PROHIBITED, TROUBLES, Hit, Source, Words, normalise
from stream.words.lists import SEVERITIES

__all__ = [
    "COMPLAINERS",
    "FORMULAS",
    "GROUPS",
    "HITS_MAX",
    "Text",
    "add_hits",
    "add_speech_words",
    "add_title_words",
    "reader",
]

KEY_SHIFT: Final = 28
"""The bits below the key of a text are a user's, see ``stream.figures.repeats``."""
HITS_MAX: Final = 20
"""Most hits of a session that one flush tells of; from the contract."""
_TEXTS_KNOWN: Final = 8_192
"""Chat lines whose reading is remembered, as viewers repeat each other: about 4 MB."""
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


class Text(NamedTuple):
    """What the lists say of a chat line's text.

    Attributes:
        key: stands for the normalised text, ``KEY_SHIFT`` bits to the left; 0 for an empty one.
        cells: the cells that count its hits.
        troubled: whether it says that something does not work.
        grave: whether a hit is above the mildest severity.
        hits: what was found.
    """

    key: int
    cells: tuple[str, ...]
    troubled: bool
    grave: bool
    hits: tuple[Hit, ...]


@lru_cache(2)
def reader(words: Words | None) -> Callable[[str], Text]:
    """Return what reads chat lines; it remembers those said lately.

    Args:
        words: the lists; None where nothing is looked for.
    """

    @lru_cache(_TEXTS_KNOWN)
    def read(text: str) -> Text:
        normalised, hits = words.read(text) if words else (normalise(text), ())
        return Text(
            crc32(normalised.encode("utf-8", "replace")) << KEY_SHIFT if normalised else 0,
            tuple(_CHAT_CELL[hit.group] for hit in hits),
            any(hit.group in TROUBLES for hit in hits),
            any(hit.severity != _MILDEST for hit in hits),
            hits,
        )

    return read


def add_hits(
    batch: Batch, seconds: Sequence[int], texts: Sequence[Text], cells: Mapping[int, dict[str, int]]
) -> None:
    """Count what was found in chat lines.

    Args:
        batch: the lines.
        seconds: the second of each.
        texts: what ``reader`` says of each.
        cells: the cells of each second.
    """
    full = len(batch.tally.hits) >= HITS_MAX
    for at, (_, names, troubled, grave, hits) in enumerate(texts):
        if not names:
            continue
        some = cells[seconds[at]]
        for name in names:
            some[name] += 1
        if troubled:
            batch.fresh(batch.events[at].at_ms).people(COMPLAINERS.name).add(batch.users[at])
        if grave or not full:
            text, user = batch.events[at].text, batch.users[at]
            for hit in hits:
                _tell(batch.tally, hit, "danmaku", text, user, "danmaku", batch.offsets[at])
            full = len(batch.tally.hits) >= HITS_MAX


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
    sums = {name: np.sum([view.total(group.cell(name)) for group in groups], axis=0) for name in names}
    return [{name: int(found[at]) for name, found in sums.items()} for at in range(len(view.tallies))]


def _complaining(view: View, _label: str | None, window: str | None) -> Figures:
    return count_people(view, COMPLAINERS.name, window, seen=_LINES)


GROUPS: Final = (_COMPLAINTS, _SAID, _SPOKEN, _WRITTEN)
FORMULAS: Final[dict[str, Formula]] = {
    "live_complaints_total": _complaints,
    "live_prohibited_total": _prohibited,
    "live_complaining_users": _complaining,
}
