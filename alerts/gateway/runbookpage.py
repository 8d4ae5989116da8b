"""A runbook as a page, for those who follow a link in a message. Pure."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from markdown_it import MarkdownIt

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
_TITLE: Final = re.compile(r"^# +(.*)", re.MULTILINE)
_WRAPPED: Final = re.compile(r"(?<=[\u2e80-\uffff])\n *(?=[\u2e80-\uffff])")
"""A line's end between two Chinese characters, which a browser would show as a space."""
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False})


def page(markdown: str, lang: str) -> str:
    """Return a whole page of HTML; markup within the text stays text.

    Args:
        markdown: the runbook; its first heading is the title.
        lang: language of the text, ``zh`` or ``en``.
    """
    title = _TITLE.search(markdown)
    body = _MARKDOWN.render(_WRAPPED.sub("", markdown)).strip()
    return _PAGE.format(lang=lang, title=escape(title[1]) if title else "", body=body)
