"""Figures are what metrics.md says: each formula on a small log whose answer can be told by hand."""

from __future__ import annotations

import pytest

from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS, VENDOR_COLUMN_INDEX, VENDOR_COLUMNS
from stream.figures import FEED_FIGURES, FORMULAS
from stream.model import FEEDS
from tests.stream.figured import Figures, order, ping, visit
from tests.stream.logs import Folding


def test_every_column_has_a_formula_and_every_formula_a_column():
    named = {column.metric.name for column in (*ROOM_COLUMNS, *VENDOR_COLUMNS)}
    assert named == set(FORMULAS)


def test_every_feed_with_events_is_counted():
    assert set(FEED_FIGURES) == set(FEEDS) - {"rooms", "marks"}
    assert all(figures.feed == feed for feed, figures in FEED_FIGURES.items())


def test_a_room_without_events_has_counters_of_zero_and_no_data_elsewhere(log):
    """So that Prometheus sees the first event of a session as a rise."""
    values = Figures(log).entry["values"].tolist()
    for column, value in zip(ROOM_COLUMNS, values, strict=True):
        if column.metric.type == "gauge":
            assert value is None, column.name
        else:
            assert not any(value.values() if isinstance(value, dict) else [value]), column.name


def test_rates_are_the_windows_sum_by_its_length(log):
    for _ in range(5):
        log.put("likes", room_id="r", user_id="u", count=6)
        log.put("danmaku", room_id="r", user_id="u", text="x")
        visit(log, "u", "enter")
    found = Figures(log)
    assert (found("live_likes_total"), found("live_danmaku_total"), found("live_enters_total")) == (30, 5, 5)
    assert found('live_likes_per_second{window="10s"}') == 3
    assert found('live_likes_per_second{window="15m"}') == pytest.approx(30 / 900)
    assert found('live_danmaku_per_second{window="1m"}') == pytest.approx(5 / 60)
    assert found('live_enters_per_second{window="5m"}') == pytest.approx(5 / 300)


def test_a_window_that_has_passed_is_zero_and_not_no_data(log):
    log.put("likes", room_id="r", user_id="u", count=6)
    found = Figures(log, more_ms=30_000)
    assert found('live_likes_per_second{window="10s"}') == 0
    assert found('live_likes_per_second{window="1m"}') == pytest.approx(0.1)


def test_viewers_are_the_newest_online(log):
    visit(log, "u", "enter")
    ping(log, online=50, at_ms=log.now_ms)
    ping(log, online=90, at_ms=log.now_ms - 500)
    ping(log)
    found = Figures(log)
    assert (found("live_viewers"), found('live_viewers_peak{window="session"}')) == (50, 90)


def test_without_online_viewers_are_those_who_entered_and_did_not_leave(log):
    for user, action in (("a", "leave"), ("a", "enter"), ("b", "enter"), ("c", "enter"), ("b", "leave")):
        visit(log, user, action)
    found = Figures(log)
    assert (found("live_viewers"), found('live_viewers_peak{window="session"}')) == (1, 2)


def test_viewers_are_never_below_zero(log):
    visit(log, "a", "leave")
    found = Figures(log)
    assert (found("live_viewers"), found('live_viewers_peak{window="session"}')) == (0, 0)


def test_conversion_is_payers_by_clickers_and_counts_people(log):
    for user in ("a", "a", "b", "c", "d"):
        visit(log, user, "click")
    order(log, 1, "paid", user="a")
    order(log, 2, "paid", user="a")
    order(log, 3, "created", user="b")
    order(log, 4, "paid", user="x", kind="gift")
    found = Figures(log)
    for window in ("session", "5m", "15m"):
        assert found(f'live_clickers{{window="{window}"}}') == 4
        assert found(f'live_payers{{window="{window}"}}') == 1
        assert found(f'live_conversion_ratio{{window="{window}"}}') == 0.25
    assert found("live_clicks_total") == 5


def test_clicks_without_any_order_convert_at_zero(log):
    visit(log, "a", "click")
    assert Figures(log)('live_conversion_ratio{window="5m"}') == 0


def test_a_figure_of_two_feeds_ends_at_the_smaller_reach(log):
    """Orders were read 40 s further than visits; conversion ends where visits end, order figures do not."""
    visit(log, "a", "click")
    order(log, 1, "paid", user="a")
    folding = Folding()
    for feed in FEEDS:
        folding.read(feed, [r for r in log.records if r.feed == feed])
        folding.saw_end(feed, log.now_ms + (1 if feed == "visits" else 40_000))
    folding.fold()
    values = folding.flush().rooms[0]["values"].tolist()
    assert values[ROOM_COLUMN_INDEX['live_payers{window="5m"}']] == 1
    assert values[ROOM_COLUMN_INDEX['live_conversion_ratio{window="5m"}']] is None


def test_money_is_in_yuan_and_gmv_is_paid_goods_before_refunds(log):
    order(log, 1, "paid", 10_050)
    order(log, 2, "paid", 4_950)
    order(log, 2, "refunded", 4_950)
    order(log, 3, "paid", 700, kind="gift")
    order(log, 4, "created", 99_999)
    order(log, 5, "failed", 99_999)
    found = Figures(log)
    assert (found("live_gmv_yuan_total"), found("live_refund_yuan_total")) == (150, 49.5)
    assert found('live_order_value_yuan{window="session"}') == 75
    assert found('live_order_value_yuan{window="15m"}') == 75
    for status, number in (("created", 1), ("paid", 3), ("refunded", 1), ("failed", 1), ("cancelled", 0)):
        assert found(f'live_orders_total{{status="{status}"}}') == number
        assert found(f'live_orders_in_window{{status="{status}",window="15m"}}') == number
    assert found('live_payment_failure_ratio{window="1m"}') == 0.25


def test_quality_is_by_probe_and_weighted_by_time(log):
    ping(log, stall_ms=100, fps=20, bitrate_kbps=1_000, rtt_ms=10, av_offset_ms=-30)
    ping(log, stall_ms=0, fps=30, bitrate_kbps=2_000, rtt_ms=30, av_offset_ms=10, interval_ms=3_000)
    ping(log, "player", stall_ms=1_000)
    found = Figures(log)
    for window in ("10s", "1m", "5m"):
        labels = f'{{probe="edge",window="{window}"}}'
        assert found(f"live_stall_ratio{labels}") == 0.025
        assert found(f"live_frames_per_second{labels}") == 25
        assert found(f"live_bytes_per_second{labels}") == 187_500
        assert found(f"live_rtt_seconds{labels}") == 0.02
        assert found(f"live_av_offset_seconds{labels}") == -0.01
        assert found(f"live_pings{labels}") == 2
    assert found('live_ping_interval_seconds{probe="edge"}') == 2
    assert found('live_ping_newest_timestamp_seconds{probe="player"}') == log.now_ms / 1_000
    assert found('live_stall_ratio{probe="player",window="10s"}') == 1
    assert found('live_frames_per_second{probe="player",window="10s"}') is None
    assert found('live_pings{probe="ingest",window="10s"}') is None
    assert found('live_smooth_ratio{window="session"}') == pytest.approx(1 - 1_100 / 5_000)


def test_vendors_are_counted_by_operation(log):
    for outcome in ("ok", "ok", "timeout", "error", "ok"):
        log.put("vendors", vendor="pay", operation="charge", latency_ms=5, outcome=outcome)
    (entry,) = Figures(log).vendors
    assert (entry["vendor"], entry["operation"], entry["newest_ms"]) == ("pay", "charge", log.now_ms)

    def value(name):
        return entry["values"].tolist()[VENDOR_COLUMN_INDEX[name]]

    assert value('live_vendor_calls{window="1m"}') == 5
    assert value('live_vendor_error_ratio{window="1m"}') == 0.2
    assert value('live_vendor_timeout_ratio{window="5m"}') == 0.2


def test_windows_of_a_second_session_begin_with_it(log):
    log.put("likes", room_id="r", user_id="u", count=7)
    log.wait(5_000)
    log.put("rooms", room_id="r", state="ended")
    log.wait(1_000)
    log.put("rooms", room_id="r", state="live")
    log.put("likes", room_id="r", user_id="u", count=2)
    found = Figures(log)
    assert found("live_likes_total") == 2
    assert found('live_likes_per_second{window="1m"}') == pytest.approx(2 / 60)
