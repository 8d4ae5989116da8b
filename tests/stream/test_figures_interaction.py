"""What viewers say, like, share and follow: small logs whose answers can be told by hand."""

from __future__ import annotations

import pytest

from tests.stream.figured import Figures, ping, visit


def say(log, user, text="x", **fields):
    log.put("danmaku", room_id="r", user_id=user, text=text, **fields)


def like(log, user, number=1, **fields):
    for _ in range(number):
        log.put("likes", room_id="r", user_id=user, count=3, **fields)


def test_writers_are_people(log):
    for user in ("a", "a", "b"):
        say(log, user)
    like(log, "c")
    assert Figures(log)('live_danmaku_users{window="5m"}') == 2


def test_who_writes_likes_or_shares_interacts(log):
    for user in "abcdefgh":
        visit(log, user, "enter")
    say(log, "a")
    like(log, "a")
    like(log, "b")
    visit(log, "c", "share")
    visit(log, "d", "follow")
    visit(log, "e", "click")
    assert Figures(log)('live_interaction_ratio{window="session"}') == 3 / 8


def test_interaction_of_a_window_is_by_the_viewers_there_on_average(log):
    for user in ("a", "b", "c"):
        like(log, user)
    ping(log, online=10)
    ping(log, "player", online=20)
    ping(log)
    assert Figures(log)('live_interaction_ratio{window="5m"}') == 0.2


def test_without_online_interaction_is_by_the_viewers_now(log):
    for user in "abcd":
        visit(log, user, "enter")
    like(log, "a")
    assert Figures(log)('live_interaction_ratio{window="5m"}') == 0.25


def test_nobody_who_interacts_is_zero_and_nobody_there_is_no_data(log):
    assert Figures(log)('live_interaction_ratio{window="session"}') is None
    visit(log, "a", "enter")
    assert Figures(log)('live_interaction_ratio{window="session"}') == 0


def test_followers_are_people_and_follows_are_counted(log):
    for user in "abcd":
        visit(log, user, "enter")
    for action in ("follow", "follow", "share"):
        visit(log, "a", action)
    found = Figures(log)
    assert found('live_follow_ratio{window="session"}') == 0.25
    assert (found("live_follows_total"), found("live_shares_total")) == (2, 1)


def test_a_line_is_a_repeat_if_its_text_was_seen_within_the_minute_before(log):
    """Case, width, punctuation and doubled characters make no other text."""
    for user, text in (("a", "Good！"), ("b", "good"), ("c", "ＧＯＯＤ"), ("d", "good day"), ("e", "")):
        say(log, user, text)
    assert Figures(log)('live_danmaku_repeat_ratio{window="1m"}') == 0.4


@pytest.mark.parametrize(("after_ms", "share"), [(60_000, 1), (61_000, 0)])
def test_a_text_is_forgotten_after_a_minute(log, after_ms, share):
    say(log, "a")
    log.wait(after_ms)
    say(log, "a")
    assert Figures(log)('live_danmaku_repeat_ratio{window="1m"}') == share


def test_what_is_said_in_another_room_is_no_repeat(log):
    log.put("rooms", room_id="s", state="live")
    log.put("danmaku", room_id="s", user_id="a", text="x")
    say(log, "a")
    assert Figures(log)('live_danmaku_repeat_ratio{window="1m"}') == 0


def test_a_text_that_five_send_within_a_minute_is_suspect_from_then_on(log):
    for user in "aabcdef":
        say(log, user)
        log.wait(1_000)
    found = Figures(log)
    assert found('live_suspect_events_total{sign="repeat"}') == 2
    assert found('live_suspect_ratio{window="1m"}') == pytest.approx(2 / 7)


def test_five_in_more_than_a_minute_are_not_suspect(log):
    for user in "abcdefgh":
        say(log, user)
        log.wait(16_000)
    assert Figures(log)('live_suspect_events_total{sign="repeat"}') == 0


def test_a_user_floods_the_room_beyond_ten_events_a_second(log):
    """Lines, likes, shares and follows count together; likes by events, not by their count."""
    like(log, "a", 90)
    say(log, "a", "y")
    for action in ("share", "follow", "click"):
        visit(log, "a", action)
    like(log, "a", 10)
    like(log, "b", 100)
    log.wait(10_000)
    like(log, "a", 100)
    found = Figures(log)
    assert found('live_suspect_events_total{sign="flood"}') == 3
    assert found('live_interaction_events{window="1m"}') == 303
    assert found('live_suspect_ratio{window="1m"}') == pytest.approx(3 / 303)


def test_concentration_is_the_share_of_the_ten_busiest(log):
    for number in range(20):
        like(log, f"u{number}", 6 if number < 10 else 4)
    assert Figures(log)('live_interaction_concentration{window="1m"}') == 0.6


def test_concentration_is_of_the_last_six_whole_ten_seconds(log):
    like(log, "a")
    log.wait(60_000)
    for number in range(15):
        like(log, f"u{number}")
    log.wait(10_000)
    like(log, "a", 50)
    assert Figures(log, more_ms=5_000)('live_interaction_concentration{window="1m"}') == pytest.approx(
        10 / 15
    )
    assert Figures(log, more_ms=120_000)('live_interaction_concentration{window="1m"}') is None


def test_complaints_and_prohibited_words_are_counted_by_list(log):
    for text in ("画面好卡", "卡了 加微信", "怎么买", "好看"):
        say(log, "a", text)
    for text in ("全网最低价", "今天天气好"):
        log.put("transcript", room_id="r", text=text)
    found = Figures(log)
    assert found("live_complaints_total") == {
        "picture": 2, "sound": 0, "buying": 0, "after_sales": 0, "question": 1,
    }  # fmt: skip
    assert found("live_prohibited_total") == {"ad_law": 1, "vulgar": 0, "fraud": 0, "diversion": 1}


def test_who_complains_is_counted_once_a_minute_and_who_asks_not_at_all(log):
    for user, text in (("a", "画面好卡"), ("a", "画面好卡"), ("b", "卡了 加微信"), ("c", "怎么买")):
        say(log, user, text)
    assert Figures(log)('live_complaining_users{window="1m"}') == 2
    assert Figures(log, more_ms=70_000)('live_complaining_users{window="1m"}') == 0


def test_late_lines_count_in_totals_only(log):
    say(log, "a", "x")
    for user in "abcdefg":
        say(log, user, "画面好卡", at_ms=log.now_ms - 40_000)
    found = Figures(log)
    assert found("live_complaints_total")["picture"] == 7
    assert found('live_suspect_events_total{sign="repeat"}') == 0
    assert found('live_complaining_users{window="1m"}') == 0
