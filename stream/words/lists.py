"""The word files: one ``<group>.txt`` for each group, plain lines that operators can change.

::

    # a comment
    severity: warning      of the entries below, up to the next such line: info, warning or critical
    加微信                  an entry: hits wherever it is said
    {加|+}{v|微}信          alternatives: four entries; they may hold others, or be empty: 加{我|}微信
    =卡                    an entry that hits only as a whole message
    薇#                    an entry that hits where an account or number follows: 薇 abc123
    138#                   the same of digits: begins a mobile number, 11 digits in all
    !加微信支付             an exception: what it covers is no hit of this group

A set is read whole: every fault is named with file, line, what is wrong and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from stream.errors import WordsError
from stream.words.alternatives import BraceError, TooManyError, expand
from stream.words.folding import normalise, spell
from stream.words.groups import GROUPS, Group

__all__ = ["SEVERITIES", "Entry", "Kind", "Severity", "WordList", "parse"]

Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From mild to grave."""
Kind = Literal["word", "whole", "account", "pass"]
"""``whole`` hits as a whole message only, ``account`` before an account; what ``pass`` covers is no hit."""

_KINDS: Final[dict[str, Kind]] = {"=": "whole", "!": "pass"}
_BYTES_MAX: Final = 1 << 20
"""A group's file; 20 times what we ship."""
_LENGTH_MAX: Final = 40
"""Characters of an entry; a longer one would never be written twice the same way."""
_FORMS_MAX: Final = 5_000
"""Entries that the alternatives of one line may stand for."""
_ENTRIES_MAX: Final = 50_000
"""Entries of a group."""
_SHORTEST: Final = 2
"""Characters of an entry that hits anywhere: a single one is said all the time."""
_HEADER: Final = re.compile(r"severity\s*:\s*(\S*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, alternatives resolved.

    Attributes:
        group: the list.
        kind: where it hits.
        severity: of its hits; None for an exception.
        word: as it is written.
        pattern: its normalised form.
    """

    group: Group
    kind: Kind
    severity: Severity | None
    word: str
    pattern: str


@dataclass(frozen=True, slots=True)
class WordList:
    """The list of a group; entries differ in kind or spelling.

    Attributes:
        severity: the worst that the file states.
    """

    group: Group
    severity: Severity
    entries: tuple[Entry, ...]


def parse(files: Mapping[str, bytes]) -> tuple[WordList, ...]:
    """Return the lists of all groups, in order of ``GROUPS``.

    Args:
        files: file name -> content.

    Raises:
        WordsError: names every fault of every file.
    """
    faults = [
        f"{name}: no group is called {name.removesuffix('.txt')!r}; allowed: {', '.join(GROUPS)}"
        for name in sorted(files)
        if name.removesuffix(".txt") not in GROUPS
    ]
    lists = []
    for group in GROUPS:
        content = files.get(f"{group}.txt")
        if content is None:
            faults.append(f"{group}.txt: is missing; each group has a file, if only with a severity")
        else:
            reader = _Reader(group)
            lists.append(reader.read(content))
            faults += reader.faults
    if faults:
        raise WordsError(faults)
    return tuple(lists)


class _Reader:
    """Reads one file and collects what is wrong with it."""

    def __init__(self, group: Group) -> None:
        self.faults: list[str] = []
        self._group = group
        self._stated: list[Severity] = []
        self._entries: dict[tuple[Kind, str], tuple[int, Entry]] = {}

    def read(self, content: bytes) -> WordList:
        if len(content) > _BYTES_MAX:
            self._fault(None, f"has {len(content)} bytes; at most {_BYTES_MAX} are allowed")
            content = b""
        for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
            try:
                line = raw.decode().strip()
            except UnicodeDecodeError:
                self._fault(number, "is not UTF-8")
                continue
            if line and not line.startswith("#"):
                self._line(number, line)
        if not self._stated and not self.faults:
            self._fault(None, f"has no line 'severity: …'; allowed: {', '.join(SEVERITIES)}")
        self._contradictions()
        entries = tuple(entry for _, entry in self._entries.values())
        return WordList(self._group, max(self._stated, key=SEVERITIES.index, default="info"), entries)

    def _fault(self, number: int | None, text: str) -> None:
        self.faults.append(f"{self._group}.txt{'' if number is None else f':{number}'}: {text}")

    def _line(self, number: int, line: str) -> None:
        if header := _HEADER.fullmatch(line):
            self._header(number, header[1])
            return
        kind, text = _kind(line)
        if kind != "pass" and not self._stated:
            self._fault(number, "stands above the first line 'severity: …', which says how bad it is")
            self._stated.append("info")  # said once for all entries above
        forms = _forms(text)
        if isinstance(forms, str):
            self._fault(number, forms)
            return
        severity = None if kind == "pass" else self._stated[-1]
        for word in forms:
            spelt = spell(word)
            if fault := _entry_fault(kind, word, spelt):
                self._fault(number, fault)
                return
            if (kind, spelt) not in self._entries:
                pattern = normalise(spelt)
                pattern = word if pattern == word else pattern  # one text in memory, not two
                self._entries[kind, spelt] = number, Entry(self._group, kind, severity, word, pattern)
        if len(self._entries) > _ENTRIES_MAX:
            self._fault(number, f"is beyond the {_ENTRIES_MAX} entries that a group may have")

    def _header(self, number: int, name: str) -> None:
        severity = next((known for known in SEVERITIES if known == name), None)
        if severity is None:
            self._fault(number, f"severity {name!r} is not known; allowed: {', '.join(SEVERITIES)}")
        self._stated.append(severity or "info")

    def _contradictions(self) -> None:
        """Find exceptions that are entries: one fault a line, however many it stands for."""
        told: set[int] = set()
        for (kind, spelt), (number, entry) in self._entries.items():
            if kind != "pass" or ("word", spelt) not in self._entries or number in told:
                continue
            told.add(number)
            first = self._entries["word", spelt][0]
            self._fault(number, f"passes {entry.word!r}, which line {first} forbids; keep one")


def _kind(line: str) -> tuple[Kind, str]:
    """Return what kind of entry a line is, and its text without the mark."""
    if line.endswith("#"):
        return "account", line[:-1].strip()
    kind = _KINDS.get(line[0], "word")
    return kind, line if kind == "word" else line[1:].strip()


def _forms(line: str) -> list[str] | str:
    """Return what a line stands for, or what is wrong with its alternatives."""
    try:
        return expand(line, at_most=_FORMS_MAX)
    except BraceError:
        return "has a brace without its partner, or a bar outside of braces; allowed: {a|b}"
    except TooManyError:
        return f"stands for more than {_FORMS_MAX} entries; split it over several lines"


def _entry_fault(kind: Kind, word: str, spelt: str) -> str | None:
    if not spelt:
        return f"{word!r} has no letter and no digit; nothing would ever match it"
    if len(word) > _LENGTH_MAX:
        return f"{word!r} has {len(word)} characters; at most {_LENGTH_MAX} are allowed"
    if kind in {"word", "pass"} and len(spelt) < _SHORTEST:
        return f"{word!r} has a single character; allowed: {_SHORTEST} or more, ={word} or {word}#"
    return None
