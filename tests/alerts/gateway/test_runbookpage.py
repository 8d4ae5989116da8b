"""Runbooks as pages."""

from __future__ import annotations

import re
from html import unescape

import pytest

from alerts.gateway.pages import RUNBOOKS
from alerts.gateway.runbookpage import page

BOOKS = sorted(RUNBOOKS.glob("*.md"))


def _body(text: str, lang: str = "zh") -> str:
    return page(text, lang).split('<main class="book">\n')[1].split("\n</main>")[0]


def test_headings_paragraphs_and_lists():
    text = "# 卡顿\n\n**观众：** 画面\n停住。\n\n1. 看 `probe`\n   再看\n2. two\n   lines\n\n- a\n- b\n"
    assert re.sub(r"\n+", " ", _body(text)) == (
        "<h1>卡顿</h1> <p><strong>观众：</strong> 画面停住。</p>"
        " <ol> <li>看 <code>probe</code> 再看</li> <li>two lines</li> </ol> <ul> <li>a</li> <li>b</li> </ul>"
    )


def test_nothing_in_it_becomes_markup():
    assert "<script>" not in page("# <script>x</script>\n\n`<b>` & [x](javascript:x)", "en")


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_every_runbook_is_shown_whole(book):
    text = book.read_text(encoding="utf-8")
    body = _body(text, book.name.split(".")[1])
    assert not re.search(r"\*\*|`|^#|^- |^\d+\. ", body, re.MULTILINE)
    shown = unescape(re.sub(r"<[^>]+>", "", body))
    assert _letters(shown) == _letters(text)


def _letters(text: str) -> str:
    return re.sub(r"[^a-z一-龥]", "", text.lower())
