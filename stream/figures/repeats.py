"""What is said again: lines whose text was seen in the room within the last minute, and whose text many send.

A line is judged in the order of its log, by what is known of its text then: whose the text's newest mentions
are and when they were. That is kept in memory, for at least the ``TEXTS_MAX`` texts that were heard last, and
made anew from the panes after a load. Panes here are of ten seconds and stand with the fine pane of their
first second; they keep at most ``PAIRS_MAX`` pairs of a text and a user, so that above some twenty-five
lines a second a new owner starts with a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stream.cells import Batch, Extra
from stream.figures.busiest import REPEATS
from stream.figures.words import KEY_SHIFT, Text
from stream.panes import COARSE_MS, FINE_MS
from stream.tally import Tally

__all__ = ["PAIRS_MAX", "SAID", "TEXTS_MAX", "add_said"]

TEXTS_MAX: Final = 512
"""Texts of a room that are remembered at least; twice as many are at most, about 200 KB."""
PAIRS_MAX: Final = 256
"""Most pairs of a text and a user that a pane keeps: 2 KB."""
SPEAKERS: Final = 5
"""A text that so many people send within a minute is suspect."""
_MINUTE_S: Final = 60
_SECONDS: Final = COARSE_MS // FINE_MS
_USER_BITS: Final = KEY_SHIFT
_USER: Final = (1 << _USER_BITS) - 1
_SECOND_BITS: Final = 4
_SECOND: Final = (1 << _SECOND_BITS) - 1
_NAME: Final = "said"
_AGAIN: Final = "danmaku.again"

Mentions = tuple[int, ...]
"""The newest mention of each of the last speakers of a text: second, then the part of the user's hash that is
kept."""


SAID: Final = Extra(_NAME, "said", most=PAIRS_MAX, fine=True, coarse=False)
"""Who said what within ten seconds: pair of text and user -> in which of them last."""


def add_said(batch: Batch, lines: Sequence[Text]) -> None:
    """Judge lines in the order of their log.

    Args:
        batch: the lines; none that is late, for no minute holds it.
        lines: the text of each.
    """
    texts, stale = _texts(batch.tally), batch.stale()
    seconds = [line.at_ms // FINE_MS for line in batch.events]
    places = {second: _place(batch, second) for second in set(seconds)}
    for at, (second, line, hashed) in enumerate(zip(seconds, lines, batch.users, strict=True)):
        key = line.key
        if not key or at in stale:
            continue
        known = texts.get(key, ())
        said, within, start, since = places[second]
        if len(known) == SPEAKERS and known[0] >= start:
            # Who else says it in this second changes nothing that could be asked later.
            _count(batch, second, _AGAIN, REPEATS)
            continue
        user = hashed & _USER
        if said.get(key | user, -1) < within:
            said[key | user] = within
        if not known:
            texts[key] = (start | user,)
            continue
        seen = known[-1] >= since
        known = texts[key] = _with(known, start | user)
        if seen:
            suspect = len(known) == SPEAKERS and known[0] >= since
            _count(batch, second, _AGAIN, *((REPEATS,) if suspect else ()))
    if len(texts) > 2 * TEXTS_MAX:
        batch.tally.memory[_NAME] = _heard_last(texts)


def _count(batch: Batch, second: int, *cells: str) -> None:
    counted = batch.fresh(second * FINE_MS).cells
    for cell in cells:
        counted[cell] += 1


def _place(batch: Batch, second: int) -> tuple[dict[int, int], int, int, int]:
    """Return where a second's pairs go, its place in the pane, and its and its minute's first mention."""
    said = batch.fresh(second // _SECONDS * COARSE_MS).extras.setdefault(_NAME, {})
    return said, second % _SECONDS, second << _USER_BITS, (second - _MINUTE_S) << _USER_BITS


def _with(known: Mentions, mention: int) -> Mentions:
    """Return the newest mentions of the last speakers, rising, with one more."""
    user = mention & _USER
    for own in known:
        if own & _USER == user:
            if own >= mention:
                return known
            known = tuple(one for one in known if one != own)
            break
    if known and mention < known[-1]:
        return tuple(sorted((*known, mention))[-SPEAKERS:])
    return (*known[1 - SPEAKERS :], mention)


def _texts(tally: Tally) -> dict[int, Mentions]:
    """Return the texts that are known of a session, made from its panes the first time."""
    texts: dict[int, Mentions] | None = tally.memory.get(_NAME)
    if texts is None:
        texts = tally.memory[_NAME] = {}
        for second, pairs in tally.said(_NAME):
            for entry in pairs:
                pair, within = entry >> _SECOND_BITS, entry & _SECOND
                mention = (second + within) << _USER_BITS | pair & _USER
                texts[pair & ~_USER] = _with(texts.get(pair & ~_USER, ()), mention)
    return texts


def _heard_last(texts: Mapping[int, Mentions]) -> dict[int, Mentions]:
    """Return the texts that were heard last."""
    return dict(sorted(texts.items(), key=lambda text: text[1][-1])[-TEXTS_MAX:])
