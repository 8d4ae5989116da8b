"""A runbook as a page, for those who follow a link in a message. Pure.

It knows what our runbooks are written with: headings, paragraphs, lists with one level, ``**strong**`` and
code in backticks. Everything else stays text; nothing of it becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

__all__ = ["page"]

_PAGE: Final = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>{title} · roomwatch</title>
<link rel="icon" href="/console/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/style.css">
</head>
<body>
<main class="book">
{body}
</main>
</body>
</html>
"""
_HEADING: Final = re.compile(r"(#{1,4}) +(.*)")
_ITEM: Final = re.compile(r"(\d+\.|-) +(.*)")
_STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
_CODE: Final = re.compile(r"`([^`]+)`")


def page(markdown: str, lang: str) -> str:
    """Return a whole page of HTML.

    Args:
        markdown: the runbook; its first heading is the title.
        lang: language of the text, ``zh`` or ``en``.
    """
    lines = markdown.splitlines()
    title = next((found[2] for line in lines if (found := _HEADING.fullmatch(line))), "")
    return _PAGE.format(lang=lang, title=escape(title), body="\n".join(_blocks(lines)))


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the blocks of a text, each with its tags."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip() and not _HEADING.fullmatch(line):
            block.append(line)
            continue
        if block:
            yield from _block(block)
            block = []
        if found := _HEADING.fullmatch(line):
            level = len(found[1])
            yield f"<h{level}>{_inline(found[2])}</h{level}>"


def _block(lines: list[str]) -> Iterator[str]:
    """Yield a paragraph, a list, or a paragraph with a list right below it."""
    items: list[tuple[str, list[str]]] = []
    words: list[str] = []
    for line in lines:
        if found := _ITEM.fullmatch(line):
            items.append((found[1], [found[2]]))
        else:
            (items[-1][1] if items else words).append(line.strip())
    if words:
        yield f"<p>{_joined(words)}</p>"
    if items:
        tag = "ul" if items[0][0] == "-" else "ol"
        entries = "".join(f"<li>{_joined(parts)}</li>" for _, parts in items)
        yield f"<{tag}>{entries}</{tag}>"


def _joined(parts: list[str]) -> str:
    """Return wrapped lines as one: Chinese ones without a space between them."""
    text = parts[0]
    for part in parts[1:]:
        text += part if text[-1:] > "\u2e80" else f" {part}"
    return _inline(text)


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", _STRONG.sub(r"<strong>\1</strong>", escape(text)))
