"""Finds the words of the lists in texts: one Aho-Corasick automaton for each source.

A text without a hit costs one pass of the automaton; exceptions, whole messages, repeated characters and the
edges of Latin words are looked at only where something was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

from ahocorasick_rs import BytesAhoCorasick

from stream.errors import WordsError
from stream.words.folding import Origins, normalise, origins, spell
from stream.words.groups import GROUPS_OF, SOURCES, Group, Source
from stream.words.lists import SEVERITIES, Entry, Severity, WordList, parse

__all__ = ["SHIPPED", "Hit", "Words", "word_files"]

SHIPPED: Final = Path(__file__).resolve().parents[2] / "deploy" / "words"
"""The word files that roomwatch comes with."""

_CACHED: Final = 8_192
"""Chat lines whose reading is remembered, as viewers repeat each other; 8 192 of usual length are 3 MB."""
_ACCOUNT_LEAST: Final = 5
"""Characters of an account; the chat services allow no shorter ones."""
_ACCOUNT_DIGITS: Final = 3
"""Digits of them; a plain word is no account."""
_MOBILE_DIGITS: Final = 11
"""A mobile number of mainland China."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A word of a list that a text holds.

    Attributes:
        group: the list.
        severity: that of the entry.
        word: the entry, as it stands in the list.
        start: index in the text as it was written.
        end: index behind the last character.
    """

    group: Group
    severity: Severity
    word: str
    start: int
    end: int


class Words:
    """Compiled lists.

    Args:
        files: file name -> content.

    Attributes:
        severities: group -> the worst severity that its list states.
        version: tells one set of files from another; 12 hex digits.
        read: a chat line -> its normalised text and its hits; lines said lately are remembered.

    Raises:
        WordsError: names every fault of every file.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        lists = parse(files)
        self.severities: dict[Group, Severity] = {one.group: one.severity for one in lists}
        self.version = _version(files)
        matchers = {
            groups: _Matcher([one for one in lists if one.group in groups])
            for groups in set(GROUPS_OF.values())
        }
        self._matchers = {source: matchers[GROUPS_OF[source]] for source in SOURCES}
        self._chat = self._matchers["danmaku"]
        self.read = lru_cache(_CACHED)(self._read)

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read and compile the word files of a folder.

        Raises:
            WordsError: the folder cannot be read, or names every fault of every file.
        """
        try:
            return cls({path.name: path.read_bytes() for path in word_files(folder)})
        except OSError as error:
            raise WordsError([f"cannot read {error.filename}: {error.strerror}"]) from error

    def match(self, text: str, source: Source) -> tuple[Hit, ...]:
        """Return what a text of that source holds: at most one hit of a group, in the order of the text.

        Of several words of a group the most severe count, of those the leftmost, of those the longest.
        """
        return self._matchers[source].match(text, normalise(text))

    def _read(self, text: str) -> tuple[str, tuple[Hit, ...]]:
        normalised = normalise(text)
        return normalised, self._chat.match(text, normalised)


def word_files(folder: Path) -> list[Path]:
    """Return the files of a folder that count, by name.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(path for path in folder.iterdir() if path.suffix == ".txt" and path.name[0] != ".")


def _version(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:12]


_Span = tuple[int, int, Entry]
"""Where an entry is said in the normalised text, half open."""


class _Matcher:
    """Finds the words of some lists."""

    def __init__(self, lists: list[WordList]) -> None:
        self._entries = [entry for one in lists for entry in one.entries]
        patterns = [entry.pattern.encode() for entry in self._entries]
        self._find = BytesAhoCorasick(patterns).find_matches_as_indexes

    def match(self, text: str, normalised: str) -> tuple[Hit, ...]:
        encoded = normalised.encode("utf-8", "surrogatepass")
        found = self._find(encoded, overlapping=True)
        if not found:
            return ()
        spans = [(_index(encoded, start), _index(encoded, end), self._entries[i]) for i, start, end in found]
        return _judge(text, normalised, [span for span in spans if _fits(span, normalised)])


def _judge(text: str, normalised: str, spans: list[_Span]) -> tuple[Hit, ...]:
    """Return the hits among the places where a pattern was found."""
    if all(entry.kind == "pass" for _, _, entry in spans):
        return ()
    at = origins(text)
    spans = [span for span in spans if _is_said(span, normalised, at)]
    firsts = (_first([span for span in spans if span[2].group == group]) for group in _groups(spans))
    hits = [
        Hit(entry.group, entry.severity or "info", entry.word, at.starts[start], at.ends[end - 1])
        for start, end, entry in (span for first in firsts for span in first)
    ]
    return tuple(sorted(hits, key=lambda hit: (hit.start, hit.end, hit.group)))


def _index(encoded: bytes, offset: int) -> int:
    """Return the index of the character at an offset of bytes."""
    return len(encoded[:offset].decode("utf-8", "surrogatepass"))


def _groups(spans: list[_Span]) -> set[Group]:
    return {entry.group for _, _, entry in spans}


def _first(spans: list[_Span]) -> list[_Span]:
    """Return the most severe, then leftmost, then longest span that no exception covers, if any."""
    passed = [(start, end) for start, end, entry in spans if entry.kind == "pass"]
    said = [
        span
        for span in spans
        if span[2].kind != "pass" and not any(start <= span[0] and span[1] <= end for start, end in passed)
    ]
    return sorted(said, key=_precedence)[:1]


def _precedence(span: _Span) -> tuple[int, int, int, str]:
    start, end, entry = span
    return -SEVERITIES.index(entry.severity or "info"), start, -end, entry.word


def _fits(span: _Span, normalised: str) -> bool:
    """Tell what can be told without going back to the text, which spares most of the rest."""
    start, end, entry = span
    if entry.kind == "whole":
        return start == 0 and end == len(normalised)
    if entry.kind == "account" and not entry.pattern.isdigit():
        return end < len(normalised) and (_is_digit(normalised[end]) or _is_letter(normalised[end]))
    return True


def _is_said(span: _Span, normalised: str, at: Origins) -> bool:
    """Tell whether an entry itself is said where its pattern was found.

    A doubled character must be there at least as often (天天 is not 今天), a digit exactly as often (100
    is not 10). A number stands free of further digits and letters, a Latin word of letters.
    """
    start, end, entry = span
    if _goes_on(entry, normalised, at, start, -1):
        return False
    wanted = [len(list(run)) for _, run in groupby(spell(entry.word))]
    runs = at.runs[start:end]
    if entry.kind == "account":
        last = entry.pattern[-1]
        begun = last * (runs[-1] - wanted[-1]) if last.isascii() else ""
        runs[-1] = wanted[-1]
        behind = _behind(normalised[end:], at.runs[end:], begun)
        return _as_often(entry.pattern, runs, wanted) and _is_account(entry.pattern, behind)
    return _as_often(entry.pattern, runs, wanted) and not _goes_on(entry, normalised, at, end - 1, 1)


def _as_often(pattern: str, runs: list[int], wanted: list[int]) -> bool:
    """Tell whether characters are repeated as in the entry, or more where they are no digits."""
    return all(
        said == least or (said > least and not _is_digit(character))
        for character, said, least in zip(pattern, runs, wanted, strict=True)
    )


def _behind(normalised: str, runs: list[int], begun: str) -> str:
    """Return the letters and digits behind an entry, as they were written."""
    written = begun
    for character, times in zip(normalised, runs, strict=True):
        if not (_is_digit(character) or _is_letter(character)):
            break
        written += character * times
    return written


def _is_account(pattern: str, behind: str) -> bool:
    """Tell whether an account is behind an entry; behind one of digits, the rest of a mobile number."""
    if pattern.isdigit():
        return len(pattern) + len(behind) == _MOBILE_DIGITS and behind.isdigit()
    return len(behind) >= _ACCOUNT_LEAST and sum(map(_is_digit, behind)) >= _ACCOUNT_DIGITS


def _goes_on(entry: Entry, normalised: str, at: Origins, edge: int, step: int) -> bool:
    """Tell whether the number or Latin word at an edge of the pattern continues beyond it."""
    beyond = edge + step
    if not 0 <= beyond < len(normalised):
        return False
    inner, outer = normalised[edge], normalised[beyond]
    goes_on = outer.isascii() if _is_digit(inner) else entry.pattern.isascii() and _is_letter(outer)
    return goes_on and _touch(at, edge, beyond)


def _is_digit(character: str) -> bool:
    return "0" <= character <= "9"


def _is_letter(character: str) -> bool:
    return "a" <= character <= "z"


def _touch(at: Origins, one: int, other: int) -> bool:
    """Tell whether nothing was written between two neighbours."""
    left, right = min(one, other), max(one, other)
    return at.ends[left] >= at.starts[right]
