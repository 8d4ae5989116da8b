"""Word lists: what people say that ought to be seen, found while the ingest folds.

``folding`` gives texts one form, ``groups`` says which lists there are and where each counts, ``lists`` reads
the files, ``matching`` finds the words, ``watching`` takes changed files without a restart.
"""

from __future__ import annotations

from stream.words.folding import normalise
from stream.words.groups import COMPLAINTS, GROUPS, GROUPS_OF, PROHIBITED, SOURCES, TROUBLES, Group, Source
from stream.words.lists import Severity
from stream.words.matching import SHIPPED, Hit, Words
from stream.words.watching import WordsFile

__all__ = [
    "COMPLAINTS",
    "GROUPS",
    "GROUPS_OF",
    "PROHIBITED",
    "SHIPPED",
    "SOURCES",
    "TROUBLES",
    "Group",
    "Hit",
    "Severity",
    "Source",
    "Words",
    "WordsFile",
    "normalise",
]
