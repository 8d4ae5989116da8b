"""What the commands print, whatever the terminal; and what they refuse before they ask anybody."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import click
import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.cells import cell_len

from alerts.commands.client import Gateway
from alerts.commands.layout import lines_of
from alerts.commands.routes import _label
from alerts.commands.tables import clock
from alerts.commands.words import word
from alerts.tail.here import local_zone
from stream.errors import ServiceError, SettingsError

ID = "b5200a6bb22a723a8c57"
ROW = [ID, "严重", "demo-0000", "「美妆好物」卡顿：边缘节点近 10 秒卡顿率 10.1%"]
HEADS = ["编号", "级别", "直播间", "摘要"]


def test_in_a_pipe_a_row_is_one_line():
    head, row = lines_of(HEADS, [ROW], width=None)
    assert head.split() == HEADS
    assert row.split("  ") == ROW


def test_in_a_narrow_terminal_the_id_stays_whole_and_the_rest_goes_below():
    lines = lines_of(HEADS, [ROW], width=60)
    assert lines[2] == f"{ID}  严重  demo-0000"
    assert lines[3] == f"    {ROW[3]}"


cell = some.text("ab 中文：", max_size=30)


@given(rows=some.lists(some.lists(cell, min_size=4, max_size=4), max_size=6), width=some.integers(1, 200))
def test_nothing_is_cut_at_any_width(rows, width):
    lines = lines_of(HEADS, rows, width=width)
    text = "".join(lines)
    assert all(one.rstrip() in text for row in rows for one in row)
    first = [line for line in lines if not line.startswith("    ")]
    longest = max(cell_len(one) for one in (HEADS[0], *(row[0] for row in rows)))
    assert all(cell_len(line) <= max(width, longest) for line in first if line.strip())


def test_times_are_those_of_the_deployment(monkeypatch):
    at_ms = 1_795_365_481_000
    there = datetime.fromtimestamp(at_ms / 1_000, ZoneInfo("America/New_York"))
    monkeypatch.setenv("ROOMWATCH_TIMEZONE", "America/New_York")
    local_zone.cache_clear()
    try:
        assert clock(at_ms) == f"{there:%m-%d %H:%M:%S}"
        monkeypatch.setenv("ROOMWATCH_TIMEZONE", "Nowhere/Land")
        local_zone.cache_clear()
        with pytest.raises(SettingsError, match="Nowhere/Land"):
            clock(at_ms)
    finally:
        local_zone.cache_clear()


def test_what_cannot_be_a_token_is_refused_and_not_shown():
    with pytest.raises(SettingsError) as caught:
        Gateway("http://127.0.0.1:8700", "se cret\n")
    assert "cret" not in str(caught.value)


def test_a_gateway_that_is_not_there_is_told_in_the_language_chosen():
    for locale, said in (("zh", "没有响应"), ("en", "does not answer")):
        with pytest.raises(ServiceError, match=said):
            Gateway("http://127.0.0.1:1", None, locale).ask("GET", "/alerts")


def test_a_label_is_name_and_value():
    assert _label("cdn=a=b") == ("cdn", "a=b")
    for wrong in ("cdn", "=a", ""):
        with pytest.raises(click.UsageError):
            _label(wrong)


def test_a_silence_that_is_over_has_ended():
    assert (word("ended", "zh"), word("ended", "en")) == ("已结束", "ended")
    assert word("ends", "en") == "ends"
