"""Instants are taken as people write them, by the clocks of their zone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from alerts.instants import instant_ms
from stream.errors import SettingsError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = 1_760_025_600_000  # midnight in Shanghai, 2025-10-10


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("now", NOW),
        ("-30m", NOW - 1_800_000),
        ("-6h", NOW - 21_600_000),
        ("+90m", NOW + 5_400_000),
        ("-2d", NOW - 172_800_000),
        ("2025-10-10", NOW),
        ("2025-10-09T20:00", NOW - 14_400_000),
        ("2025-10-09T16:00+00:00", NOW),
        ("1760025600000", NOW),
    ],
)
def test_a_time_is_taken_as_people_write_it(text, at_ms):
    assert instant_ms(text, now_ms=NOW, zone=SHANGHAI) == at_ms


@pytest.mark.parametrize("text", ["", "yesterday", "12:00", "-6", "1760025600", "2025-13-01"])
def test_what_is_no_time_is_told(text):
    with pytest.raises(SettingsError, match=r"is no time: give now, -6h, \+6h, 2025-10-09"):
        instant_ms(text, now_ms=NOW, zone=SHANGHAI)
