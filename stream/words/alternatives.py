"""Alternatives in an entry: ``加{我|}{v|微}信`` stands for four entries; groups may hold groups."""

from __future__ import annotations

__all__ = ["BraceError", "TooManyError", "expand"]


class BraceError(ValueError):
    """A brace stands without its partner, or a bar outside of braces."""


class TooManyError(ValueError):
    """The text stands for more entries than allowed."""


def expand(text: str, *, at_most: int) -> list[str]:
    """Return everything that a text with alternatives stands for, in the order of writing.

    Args:
        text: the text; ``{``, ``|`` and ``}`` mark alternatives and never stand for themselves.
        at_most: entries that it may stand for.

    Raises:
        BraceError: braces do not match.
        TooManyError: it stands for more.
    """
    reader = _Reader(text, at_most)
    forms = reader.sequence()
    if reader.rest():
        raise BraceError(text)
    return forms


class _Reader:
    """Reads from left to right, one character at a time."""

    def __init__(self, text: str, at_most: int) -> None:
        self._text = text
        self._index = 0
        self._at_most = at_most

    def rest(self) -> str:
        return self._text[self._index :]

    def sequence(self) -> list[str]:
        """Read up to a bar or closing brace that is not ours, or the end."""
        forms = [""]
        while (character := self.rest()[:1]) not in {"", "|", "}"}:
            self._index += 1
            choices = self._choices() if character == "{" else [character]
            if len(forms) * len(choices) > self._at_most:
                raise TooManyError(self._text)
            forms = [form + choice for form in forms for choice in choices]
        return forms

    def _choices(self) -> list[str]:
        choices = self.sequence()
        while (character := self.rest()[:1]) == "|":
            self._index += 1
            choices = choices + self.sequence()
        if character != "}":
            raise BraceError(self._text)
        self._index += 1
        return choices
