"""One form for what people write in many: the text that words are matched in and repeats are told by.

Full-width and circled characters, upper case and the usual traditional characters become their plain forms;
spaces, punctuation, pictures and everything else that is no letter, digit or ``%`` goes; a character said
several times in a row stands once. The cost is a table look-up per character and one search, no Python per
character.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from stream.words.variants import LOOK_ALIKES, SIMPLIFIED

__all__ = ["Origins", "normalise", "origins", "spell"]

_TABLE_SIZE: Final = 0x20000
"""Code points that the table covers: letters and pictures in use; rarer characters above stay as they are."""
_PLAIN: Final = ((0x3400, 0xA000), (0xAC00, 0xD7A4), (0x10000, 0x1D000))
"""Half-open ranges of letters that have no other form (traditional characters aside), left out for speed."""
_KEPT: Final = "%"


def _plain_form(character: str) -> str:
    """Return what stands for a character; empty when it is dropped."""
    form = unicodedata.normalize("NFKC", character).lower()
    return "".join(
        LOOK_ALIKES.get(part, part)
        for part in form
        if part in LOOK_ALIKES or part in _KEPT or unicodedata.category(part)[0] in "LN"
    )


def _table() -> list[int | str | None]:
    table: list[int | str | None] = list(range(_TABLE_SIZE))
    begins = 0
    for first, last in (*_PLAIN, (_TABLE_SIZE, _TABLE_SIZE)):
        for code in range(begins, first):
            form = LOOK_ALIKES.get(chr(code)) or _plain_form(chr(code))
            table[code] = ord(form) if len(form) == 1 else form or None
        begins = last
    for traditional, simplified in SIMPLIFIED.items():
        table[ord(traditional)] = ord(simplified)
    return table


_TABLE: Final = _table()
_has_run: Final = re.compile(r"(.)\1", re.DOTALL).search


def spell(text: str) -> str:
    """Return the text in plain forms, with characters as often in a row as they were written."""
    return text.translate(_TABLE)


def normalise(text: str) -> str:
    """Return the one form of a text.

    Args:
        text: what somebody wrote or said.

    Returns:
        The plain form, each character once in a row; of a text without a letter or digit (``？？``, pictures)
        its own characters, each once in a row. Empty only for blank texts.
    """
    plain = text.translate(_TABLE) or text.strip()
    return _once(plain) if _has_run(plain) else plain


def _once(plain: str) -> str:
    """Return the text with each character once in a row; a loop is several times as fast as ``re.sub``."""
    kept = []
    last = ""
    for character in plain:
        if character != last:
            kept.append(character)
            last = character
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the characters of a normalised text come from; one item for each of its characters.

    Attributes:
        starts: index in the text as it was written.
        ends: index behind the last character of the run.
        runs: how often the character stood in a row.
    """

    starts: list[int]
    ends: list[int]
    runs: list[int]


def origins(text: str) -> Origins:
    """Return where the characters of ``normalise(text)`` come from; slow, for texts that have a hit."""
    starts: list[int] = []
    ends: list[int] = []
    runs: list[int] = []
    last = ""
    for index, written in enumerate(text):
        for character in written.translate(_TABLE):
            if character == last:
                ends[-1] = index + 1
                runs[-1] += 1
                continue
            last = character
            starts.append(index)
            ends.append(index + 1)
            runs.append(1)
    return Origins(starts, ends, runs)
