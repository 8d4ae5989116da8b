"""When the terminal tries again, and what it refuses."""

from __future__ import annotations

import pytest

from alerts.tail.board import Wanted
from alerts.tail.feed import Feed, backoff_s
from alerts.tail.screen import Lines
from stream.errors import SettingsError


def test_waits_grow_to_a_limit_and_are_spread():
    assert [backoff_s(tries, 1.0) for tries in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff_s(1, 0.0) == 0.25
    assert backoff_s(1_000, 1.0) == 15.0


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:8700", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SettingsError, match="--url"):
        Feed(url, None, Wanted(), Lines(), with_open=False)
