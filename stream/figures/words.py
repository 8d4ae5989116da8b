"""Words of the lists in what is said: complaints of viewers, prohibited words of anybody, and who said them.

The text itself leaves only as evidence: the worst ``HITS_MAX`` hits of a session since the last flush.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

from stream.cells import Batch, Extra
from stream.figures.expression import Expression, Labelled, known
from stream.figures.people import PANE_EXACT_MAX, WINDOW_PRECISION, count_people
from stream.figures.view import Formula, View
from stream.model import Feed
from stream.native import Reader
from stream.tally import Tally
from stream.words import COMPLAINTS, PROHIBITED, TROUBLES, Hit, Source, Words, normalise
from stream.words.lists import SEVERITIES

__all__ = [
    "COMPLAINERS",
    "FORMULAS",
    "HITS_MAX",
    "add_hits",
    "add_speech_words",
    "add_title_words",
    "reader",
]

HITS_MAX: Final = 20
"""Most hits of a session that one flush tells of; from the contract."""
_TEXTS_KNOWN: Final = 16_384
"""Chat lines of each of two generations whose reading is remembered, as viewers repeat each other, here and
in other rooms: 4 MB each."""
_COMPLAINTS: Final = "complaints"
_PROHIBITED: Final = "prohibited"
"""A session's registers: hits of each list, in the order of the lists."""
_PLACE: Final[dict[str, tuple[str, int]]] = {
    **{group: (_COMPLAINTS, at) for at, group in enumerate(COMPLAINTS)},
    **{group: (_PROHIBITED, at) for at, group in enumerate(PROHIBITED)},
}
_LISTS: Final = {_COMPLAINTS: COMPLAINTS, _PROHIBITED: PROHIBITED}
_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}
_MILDEST: Final = SEVERITIES[0]
_LINES: Final = "danmaku.count"


COMPLAINERS: Final = Extra(
    "complainers", "people", most=PANE_EXACT_MAX, precision=WINDOW_PRECISION, fine=True, coarse=False
)
"""Who says that something does not work."""


@lru_cache(2)
def reader(words: Words | None) -> Reader:
    """Return what reads chat lines; it remembers those said lately.

    Args:
        words: the lists; None where nothing is looked for.
    """

    def read(text: str) -> tuple[int, bool, tuple[Hit, ...]]:
        """Return what stands for the normalised text, whether it tells of trouble, and what was found."""
        normalised, hits = words.read(text) if words else (normalise(text), ())
        key = crc32(normalised.encode("utf-8", "replace")) if normalised else 0
        return key, any(hit.group in TROUBLES for hit in hits), hits

    return Reader(read, _TEXTS_KNOWN)


def add_hits(tally: Tally, lines: Iterable[tuple[str, int, int, Sequence[Hit]]]) -> None:
    """Count what was found in chat lines.

    Args:
        tally: the session.
        lines: text, hash of the user, offset and hits of each.
    """
    for text, user, offset, hits in lines:
        for hit in hits:
            _count(tally, hit)
            _tell(tally, hit, "danmaku", text, user, "danmaku", offset)


def _count(tally: Tally, hit: Hit) -> None:
    name, at = _PLACE[hit.group]
    tally.register(name, [0] * len(_LISTS[name]))[at] += 1


def add_speech_words(batch: Batch, words: Words) -> None:
    """Count what is found in what the host says."""
    for speech, offset in zip(batch.events, batch.offsets, strict=True):
        for hit in words.match(speech.text, "transcript"):
            _count(batch.tally, hit)
            _tell(batch.tally, hit, "transcript", speech.text, 0, "transcript", offset)


def add_title_words(
    tally: Tally, words: Words, text: str, source: Source, *, feed: Feed, offset: int
) -> None:
    """Count what is found in a title; to be called once for each title that a session gets.

    Args:
        tally: the session.
        words: the word lists.
        text: the title.
        source: whose it is: the room's or an item's.
        feed: the feed of the record that says it.
        offset: the offset of that record.
    """
    for hit in words.match(text, source):
        _count(tally, hit)
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


def _by_list(name: str) -> Formula:
    def formula(view: View, _label: str | None, _window: str | None) -> Labelled:
        hits = (known(view.register(name, at)) for at in range(len(_LISTS[name])))
        return Labelled({group: (number, True) for group, number in zip(_LISTS[name], hits, strict=True)})

    return formula


def _complaining(view: View, _label: str | None, window: str | None) -> Expression:
    return count_people(view, COMPLAINERS.name, window, seen=_LINES)


FORMULAS: Final[dict[str, Formula]] = {
    "live_complaints_total": _by_list(_COMPLAINTS),
    "live_prohibited_total": _by_list(_PROHIBITED),
    "live_complaining_users": _complaining,
}
