"""Names of files and folders of the archive, and which files of a folder add something."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from stream.archive.layout import Kept, Span, covering, day_of, days_of, parse_span, room_folder, session_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = 1_760_025_600_000  # 2025-10-10 in Shanghai


def kept(first, last, partition=0):
    span = Span(partition, first, last, 1, 2)
    return Kept(Path(span.name), span)


def offsets(files):
    return [(each.span.first, each.span.last, after) for each, after in covering(files)]


def test_a_name_says_what_the_file_covers():
    span = Span(3, 17, 4_711, 1_760_000_000_000, 1_760_000_600_000)
    assert parse_span(span.name) == span


@pytest.mark.parametrize(
    "name", [".12.p0.1-2.3-4.parquet", "p0.1-2.parquet", "archive.json", "p0.1-2.3-4.parquet.tmp"]
)
def test_other_names_are_passed_over(name):
    assert parse_span(name) is None


def test_files_that_follow_each_other_all_add():
    assert offsets([kept(10, 19), kept(0, 9)]) == [(0, 9, -1), (10, 19, 9)]


def test_of_two_that_overlap_the_second_adds_what_lies_after_the_first():
    assert offsets([kept(8, 19), kept(0, 12)]) == [(0, 12, -1), (8, 19, 12)]


def test_a_file_within_another_adds_nothing():
    assert offsets([kept(0, 5), kept(7, 9), kept(0, 19)]) == [(0, 19, -1)]


def test_a_day_begins_at_midnight_of_the_zone():
    assert day_of(MIDNIGHT - 1, SHANGHAI) == "day=2025-10-09"
    assert day_of(MIDNIGHT, SHANGHAI) == "day=2025-10-10"


def test_the_days_of_a_stretch_follow_each_other():
    assert days_of(MIDNIGHT - 1, MIDNIGHT, SHANGHAI) == [
        ("day=2025-10-09", MIDNIGHT - 86_400_000, MIDNIGHT),
        ("day=2025-10-10", MIDNIGHT, MIDNIGHT + 86_400_000),
    ]
    assert len(days_of(MIDNIGHT, MIDNIGHT + 86_399_999, SHANGHAI)) == 1


@pytest.mark.parametrize("room_id", ["r1", "..", ".", "a:b", "A-z_9"])
def test_a_room_stays_in_the_archive_whatever_its_id(room_id):
    folder = room_folder("day=2025-10-09", room_id, 5)
    assert (Path("/top") / folder).resolve().is_relative_to("/top/rooms/day=2025-10-09")
    assert session_of(folder) == (room_id, 5)
