"""What the terminal shows, and what it never lets through."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from alerts.model import KINDS as ALL_KINDS
from alerts.tail.board import Wanted
from alerts.tail.screen import Screen, clean, lasting
from alerts.tail.words import KINDS, WORDS
from tests.alerts.gateway.made import alert


def _plain() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200, force_terminal=False), file


def test_every_kind_and_word_is_there_in_both_languages():
    assert set(KINDS) == set(ALL_KINDS)
    assert set(WORDS["zh"]) == set(WORDS["en"])


def test_a_change_is_one_line_in_the_language_chosen():
    for locale, word, text in (("zh", "警告", "画面卡顿：10 秒"), ("en", "WARNING", "Picture stalls")):
        console, file = _plain()
        with Screen(Wanted(locale=locale), console) as screen:
            screen.change(alert(0), [alert(0)])
        assert word in file.getvalue()
        assert text in file.getvalue()
        assert file.getvalue().count("\n") == 1


def test_the_connection_is_told_once_until_it_changes():
    console, file = _plain()
    screen = Screen(Wanted(), console)
    for text in ("following", "following", "nothing listens"):
        screen.status(text, degraded=False)
    assert file.getvalue().split("\n") == ["following", "nothing listens", ""]


def test_texts_of_others_neither_steer_the_terminal_nor_style_it():
    evil = alert(0, labels={"title": "a\x1b]0;b\x07c\u202ed[red]e"}, summary={"zh": "[bold]x\r\ny", "en": ""})
    file = io.StringIO()
    console = Console(file=file, width=200, force_terminal=True, color_system=None)
    with Screen(Wanted(), console) as screen:
        screen.open([evil])
        screen.change(evil, [evil])
        console.print(screen._table())
    assert "\x1b]0" not in file.getvalue()
    assert "\u202e" not in file.getvalue()
    assert file.getvalue().count("[red]e") >= 2
    assert "[bold]x" in file.getvalue()


def test_a_long_table_is_cut_and_says_so():
    console = Console(file=io.StringIO(), width=120, height=20)
    screen = Screen(Wanted(locale="en"), console)
    screen.open([alert(n) for n in range(40)])
    table = screen._table()
    assert table.row_count == 12
    assert "+28" in str(table.caption)


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00"), (61_000, "1:01"), (3_661_000, "1:01:01"), (-5, "0:00")]
)
def test_lasting(ms, text):
    assert lasting(ms) == text


def test_clean_keeps_text():
    assert clean("直播间 é 👍") == "直播间 é 👍"
