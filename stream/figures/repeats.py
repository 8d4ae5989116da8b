"""What is said again: lines whose text was seen in the room within the last minute, and whose text many send.

A line is judged in the order of its log, by what is known of its text then: whose the text's newest mentions
are and when they were. That is kept in memory, for at least the ``TEXTS_MAX`` texts that were heard last, and
made anew from the panes after a load. Panes here are of ten seconds and stand with the fine pane of their
first second; they keep at most ``PAIRS_MAX`` pairs of a text and a user, so that above some six lines a
second a new owner starts with a sample.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

from stream.cells import Batch, Extra
from stream.figures.busiest import REPEATS
from stream.panes import COARSE_MS, FINE_MS
from stream.tally import Tally

__all__ = ["PAIRS_MAX", "SAID", "TEXTS_MAX", "Said", "add_said", "text_key"]

TEXTS_MAX: Final = 512
"""Texts of a room that are remembered at least; twice as many are at most, about 200 KB."""
PAIRS_MAX: Final = 64
"""Most pairs of a text and a user that a pane keeps: 512 bytes."""
SPEAKERS: Final = 5
"""A text that so many people send within a minute is suspect."""
_MINUTE_S: Final = 60
_SECONDS: Final = COARSE_MS // FINE_MS
_USER_BITS: Final = 28
_USER: Final = (1 << _USER_BITS) - 1
_SECOND_BITS: Final = 4
_SECOND: Final = (1 << _SECOND_BITS) - 1
_NAME: Final = "said"
_KEYS_KNOWN: Final = 8_192
"""Texts whose keys are remembered, as viewers repeat each other."""
_AGAIN: Final = "danmaku.again"

Mentions = tuple[int, ...]
"""The newest mention of each of the last speakers of a text: second, then the part of the user's hash that is
kept."""


class Said:
    """Who said what within ten seconds, and when last.

    Attributes:
        changed: whether it differs from what the store has.
    """

    __slots__ = ("_pairs", "changed")

    def __init__(self) -> None:
        self.changed = False
        self._pairs = array("Q")

    def pairs(self) -> dict[int, int]:
        """Return each pair of text and user, and the second of the ten in which it was there last."""
        return {pair >> _SECOND_BITS: pair & _SECOND for pair in self._pairs}

    def merge(self, came: Mapping[int, int]) -> None:
        """Add pairs as ``pairs`` gives them."""
        pairs = self.pairs()
        for pair, second in came.items():
            if pairs.get(pair, -1) < second:
                pairs[pair] = second
        self.changed = True
        kept = sorted(pair << _SECOND_BITS | second for pair, second in pairs.items())
        self._pairs = array("Q", kept[:PAIRS_MAX])

    def pack(self) -> bytes:
        """Return it as bytes."""
        return self._pairs.tobytes()

    def unpack(self, packed: bytes) -> None:
        """Take in what ``pack`` gave; on an empty one only."""
        self._pairs = array("Q", packed)


SAID: Final = Extra(_NAME, dict, pane=Said, fine=True, coarse=False)


@lru_cache(_KEYS_KNOWN)
def text_key(normalised: str) -> int:
    """Return what stands for a normalised text; 0 for an empty one."""
    return crc32(normalised.encode("utf-8", "replace")) if normalised else 0


def add_said(
    batch: Batch, seconds: Sequence[int], keys: Sequence[int], cells: Mapping[int, dict[str, int]]
) -> None:
    """Judge lines in the order of their log.

    Args:
        batch: the lines; none that is late, for no minute holds it.
        seconds: the second of each.
        keys: the key of each one's text; 0 is not looked at.
        cells: the cells of each second.
    """
    texts = _texts(batch.tally)
    pane, said = -1, dict[int, int]()
    for second, key, hashed in zip(seconds, keys, batch.users, strict=True):
        if not key:
            continue
        if second // _SECONDS != pane:
            pane = second // _SECONDS
            said = batch.fresh(pane * COARSE_MS).extras.setdefault(_NAME, {})
        user = hashed & _USER
        pair, within = key << _USER_BITS | user, second % _SECONDS
        if said.get(pair, -1) < within:
            said[pair] = within
        mention = second << _USER_BITS | user
        known = texts.get(key)
        if known is None:
            texts[key] = (mention,)
            continue
        since = (second - _MINUTE_S) << _USER_BITS
        if known[-1] >= since:
            cells[second][_AGAIN] += 1
            known = texts[key] = _with(known, mention)
            if len(known) == SPEAKERS and known[0] >= since:
                cells[second][REPEATS] += 1
        else:
            texts[key] = _with(known, mention)
    if len(texts) > 2 * TEXTS_MAX:
        _cut(texts)


def _with(known: Mentions, mention: int) -> Mentions:
    """Return the newest mentions of the last speakers, rising, with one more."""
    others = [one for one in known if (one ^ mention) & _USER]
    if len(others) < len(known) and sum(known) - sum(others) >= mention:
        return known
    others.append(mention)
    if known and mention < known[-1]:
        others.sort()
    return tuple(others[-SPEAKERS:])


def _texts(tally: Tally) -> dict[int, Mentions]:
    """Return the texts that are known of a session, made from its panes the first time."""
    texts: dict[int, Mentions] | None = tally.memory.get(_NAME)
    if texts is None:
        texts = tally.memory[_NAME] = {}
        for second, extras in tally.fine_extras.items():
            if _NAME in extras:
                for pair, within in extras[_NAME].pairs().items():
                    mention = (second + within) << _USER_BITS | pair & _USER
                    texts[pair >> _USER_BITS] = _with(texts.get(pair >> _USER_BITS, ()), mention)
    return texts


def _cut(texts: dict[int, Mentions]) -> None:
    """Keep the texts that were heard last."""
    for key in sorted(texts, key=lambda key: (texts[key][-1], key))[:-TEXTS_MAX]:
        del texts[key]
