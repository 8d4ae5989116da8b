"""The console's files: nothing from other hosts, no way to insert markup, every word in both languages."""

from __future__ import annotations

import re

import pytest

from alerts.gateway.pages import _FILES, CONSOLE
from alerts.model import KINDS
from alerts.wording import KIND_NAMES

_TEXTS = {path.name: path.read_text(encoding="utf-8") for path in CONSOLE.iterdir() if path.is_file()}
_SCRIPTS = sorted(name for name in _TEXTS if name.endswith(".js"))


def _words(locale: str) -> str:
    """Return the part of words.js that belongs to a language."""
    text = _TEXTS["words.js"]
    begin = text.index(f"\n  {locale}: {{")
    return text[begin : text.index("\n  },\n", begin)]


def _keys(locale: str) -> set[str]:
    return set(re.findall(r"(?:^|[{,]\s*|\n\s+)(\w+): \"", _words(locale)))


def test_every_file_is_served_and_every_served_one_is_there():
    assert {name for name, _ in _FILES.values()} == set(_TEXTS)


@pytest.mark.parametrize("name", sorted(_TEXTS))
def test_nothing_comes_from_other_hosts(name):
    text = _TEXTS[name].replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)


@pytest.mark.parametrize("name", _SCRIPTS)
def test_no_script_inserts_markup(name):
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|\.srcdoc"
    assert not re.search(forbidden, _TEXTS[name])


def test_the_page_has_no_inline_script_or_style():
    page = _TEXTS["index.html"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)


def test_every_word_is_there_in_both_languages():
    assert _keys("zh") == _keys("en")
    used = set(re.findall(r'data-(?:word|label)="(\w+)"', _TEXTS["index.html"]))
    used |= {key for name in _SCRIPTS for key in re.findall(r'\bword\("(\w+)"', _TEXTS[name])}
    assert used <= _keys("zh")
    assert set(KINDS) <= _keys("zh")


def test_kinds_have_the_names_that_they_have_everywhere():
    for kind, name in KIND_NAMES.items():
        assert f'{kind}: "{name.zh}"' in _words("zh")
        assert f'{kind}: "{name.en[:1].upper()}{name.en[1:]}"' in _words("en")
