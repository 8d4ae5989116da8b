"""Picture and sound: each kind fires, recovers and stays calm with the shipped rules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.alerts.kinds.playing import play, story
from tests.alerts.windowed import pings

PROBES = ("ingest", "edge")


def of_probe(name: str, value: float, probe: str = "edge") -> dict[str, Any]:
    return {f'{name}{{probe="{probe}",window="{window}"}}': value for window in ("10s", "1m", "5m")}


@pytest.mark.parametrize(("fps", "severity"), [(14.0, "warning"), (9.0, "critical")])
def test_a_low_frame_rate_is_told_after_ten_seconds_and_ends(fps: float, severity: str) -> None:
    told = play(lambda s: of_probe("live_frames_per_second", fps if 30 <= s < 60 else 25.0), 90)
    assert story(told) == [("fps_low", "firing", severity, 40), ("fps_low", "resolved", severity, 70)]
    assert (told[0].value, told[0].window_s, told[0].labels["probe"]) == (fps, 10, "edge")
    assert "帧/秒" in told[0].summary.zh


def test_a_picture_of_no_frames_does_not_wait() -> None:
    told = play(lambda s: of_probe("live_frames_per_second", 0.0 if s >= 30 else 25.0), 40)
    assert story(told) == [("fps_low", "firing", "critical", 30)]


def test_fifteen_frames_a_second_are_fluent() -> None:
    assert play(lambda _: of_probe("live_frames_per_second", 15.0), 120) == []


@pytest.mark.parametrize(("share", "severity"), [(0.45, "warning"), (0.2, "critical")])
def test_a_bit_rate_far_below_the_rooms_own_median_is_told(share: float, severity: str) -> None:
    told = play(lambda s: of_probe("live_bytes_per_second", 500_000 * (share if 600 <= s < 660 else 1)), 700)
    assert story(told) == [
        ("bitrate_low", "firing", severity, 610),
        ("bitrate_low", "resolved", severity, 670),
    ]
    assert told[0].expected == 500_000
    assert told[0].threshold == pytest.approx(500_000 * (0.5 if severity == "warning" else 0.25))
    assert "4,000 kbit/s" in told[0].summary.en


def test_no_bit_at_all_is_told_at_once() -> None:
    told = play(lambda s: of_probe("live_bytes_per_second", 0.0 if s >= 300 else 500_000.0), 310)
    assert story(told) == [("bitrate_low", "firing", "critical", 300)]


def test_a_bit_rate_is_judged_by_the_room_not_by_a_number_and_only_once_it_is_known() -> None:
    assert play(lambda _: of_probe("live_bytes_per_second", 40_000.0), 400) == []
    assert play(lambda s: of_probe("live_bytes_per_second", 500_000.0 if s < 100 else 50_000.0), 170) == []


def stalls(value: float, count: int = 150) -> dict[str, Any]:
    return {
        'live_stalls_per_100_seconds{probe="edge",window="5m"}': value,
        'live_pings{probe="edge",window="5m"}': count,
    }


def test_short_stalls_that_come_often_are_a_stutter() -> None:
    told = play(lambda s: stalls(4.0 if 20 <= s < 40 else 1.0), 60)
    assert story(told) == [("stutter", "firing", "warning", 25), ("stutter", "resolved", "warning", 50)]
    assert (told[0].value, told[0].threshold, told[0].samples) == (4.0, 3, 150)
    assert "stalls per 100 s" in told[0].summary.en


def test_one_stall_in_the_first_pings_is_not_many_a_hundred_seconds() -> None:
    assert play(lambda _: stalls(16.0, count=3), 30) == []


def players(stall: float, nodes: int, share: float) -> dict[str, Any]:
    return (
        pings("player", stall=stall, count=40)
        | of_probe("live_stalled_nodes", nodes, "player")
        | of_probe("live_stalled_nodes_share", share, "player")
    )


@pytest.mark.parametrize(
    ("nodes", "share", "severity"),
    [
        (1, 0.01, "info"),
        (1, 1.0, "warning"),
        (2, 0.04, "info"),
        (2, 0.05, "warning"),
        (9, 0.19, "warning"),
        (9, 0.2, "critical"),
    ],
)
def test_stalls_of_players_weigh_by_how_many_stall(nodes: int, share: float, severity: str) -> None:
    told = play(lambda s: players(0.3 if s >= 10 else 0.0, nodes, share), 30)
    assert story(told) == [("stutter", "firing", severity, 15)]
    assert told[0].threshold == (0.05 if severity == "critical" else 0.02)


def test_a_drift_is_told_beyond_what_noise_can_make_of_it() -> None:
    drift, latest = (
        'live_av_drift_ratio{probe="edge",window="5m"}',
        'live_av_offset_seconds{probe="edge",window="1m"}',
    )
    many = {'live_pings{probe="edge",window="5m"}': 150}
    told = play(lambda s: many | {drift: 0.0008 if 300 <= s < 340 else 0.00005, latest: 0.1}, 380)
    assert story(told) == [("av_desync", "firing", "warning", 310), ("av_desync", "resolved", "warning", 350)]
    assert "+48 ms/min" in told[0].summary.en
    few = {'live_pings{probe="edge",window="5m"}': 5}
    assert play(lambda _: few | {drift: -0.0006, latest: -0.1}, 400) == []


def test_a_jump_that_came_and_went_is_no_drift() -> None:
    drift, latest = (
        'live_av_drift_ratio{probe="edge",window="5m"}',
        'live_av_offset_seconds{probe="edge",window="1m"}',
    )
    many = {'live_pings{probe="edge",window="5m"}': 150}
    assert play(lambda _: many | {drift: 0.0008, latest: 0.02}, 400) == []


def test_viewers_who_complain_are_told_beyond_five_and_three_times_the_usual() -> None:
    users = 'live_complaining_users{window="1m"}'
    told = play(lambda s: {users: 12 if 600 <= s < 700 else 1}, 800)
    assert story(told) == [
        ("viewer_complaints", "firing", "warning", 605),
        ("viewer_complaints", "resolved", "warning", 760),
    ]
    assert told[0].expected == pytest.approx(1, abs=1)
    assert 5 <= (told[0].threshold or 0) < 10
    assert play(lambda s: {users: 10 if s >= 900 else 3}, 1_000) == []
    assert play(lambda _: {users: 5}, 600) == []


def test_more_lines_bring_more_complaints_without_a_fault() -> None:
    users, lines = 'live_complaining_users{window="1m"}', 'live_danmaku_per_second{window="1m"}'

    def kinds(rate: float) -> set[str]:
        told = play(lambda s: {users: 24 if s >= 600 else 3, lines: rate if s >= 600 else 1.0}, 640)
        return {each.kind for each in told}

    assert "viewer_complaints" not in kinds(8.0)
    assert kinds(1.0) == {"viewer_complaints"}
