"""What is clicked and bought, each figure on a small log whose answer can be told by hand."""

from __future__ import annotations

import pytest

from tests.stream.figured import Figures, order, ping, visit


def test_coupons_giveaways_and_tips_are_counted_of_what_was_paid(log):
    order(log, 1, "created", 9_000, coupon_fen=1_000, giveaway_fen=500)
    order(log, 1, "paid", 9_000, coupon_fen=1_000, giveaway_fen=500)
    order(log, 2, "paid", 4_000, giveaway_fen=250)
    order(log, 3, "paid", 700, kind="gift")
    order(log, 4, "failed", 5_000, coupon_fen=300)
    found = Figures(log)
    assert found("live_coupon_yuan_total") == 10
    assert found("live_giveaway_yuan_total") == 7.5
    assert found("live_gift_yuan_total") == 7
    assert found("live_gmv_yuan_total") == 130


def test_orders_and_gmv_go_to_the_source_that_the_order_names(log):
    order(log, 1, "paid", 1_000, source="ads")
    order(log, 2, "paid", 500, source="ads")
    order(log, 3, "paid", 250)
    order(log, 4, "paid", 900, source="search", kind="gift")
    order(log, 5, "created", 900, source="search")
    found = Figures(log)
    assert found("live_source_orders_total") == {"ads": 2, "other": 1}
    assert found("live_source_gmv_yuan_total") == {"ads": 15, "other": 2.5}


def test_sources_beyond_the_first_twelve_are_other(log):
    for number in range(14):
        order(log, number, "paid", 100, source=f"s{number:02}")
    found = Figures(log)
    orders = found("live_source_orders_total")
    assert orders == {**{f"s{number:02}": 1 for number in range(12)}, "other": 2}
    assert sum(found("live_source_gmv_yuan_total").values()) == pytest.approx(found("live_gmv_yuan_total"))


def test_click_ratio_is_of_visitors_in_the_session_and_of_mean_viewers_in_a_window(log):
    for user in ("a", "b", "c", "d"):
        visit(log, user, "enter")
    for user in ("a", "b", "b"):
        visit(log, user, "click")
    ping(log, online=4)
    ping(log, online=16)
    found = Figures(log)
    assert found('live_click_ratio{window="session"}') == 0.5
    assert found('live_click_ratio{window="5m"}') == 0.2


def test_viewer_conversion_is_payers_by_visitors(log):
    for user in ("a", "b", "c", "d", "a"):
        visit(log, user, "enter")
    order(log, 1, "paid", user="a")
    order(log, 2, "paid", user="a")
    found = Figures(log)
    assert found('live_viewer_conversion_ratio{window="session"}') == 0.25
    assert found('live_viewer_conversion_ratio{window="15m"}') == 0.25


def test_gpm_and_uv_value_are_gmv_by_visits_and_by_visitors(log):
    for user in ("a", "b", "a", "a"):
        visit(log, user, "enter")
    order(log, 1, "paid", 5_000)
    order(log, 1, "refunded", 5_000)
    found = Figures(log)
    assert found('live_gpm_yuan{window="session"}') == 12_500
    assert found('live_gpm_yuan{window="15m"}') == 12_500
    assert found('live_uv_value_yuan{window="session"}') == 25


def test_visits_without_any_order_are_worth_nothing_and_orders_without_visits_are_no_data(log):
    visit(log, "a", "enter")
    found = Figures(log)
    assert found('live_gpm_yuan{window="15m"}') == 0
    assert found('live_uv_value_yuan{window="session"}') == 0


def test_refund_ratio_is_refunds_by_paid_orders(log):
    for number in range(4):
        order(log, number, "paid")
    order(log, 1, "refunded")
    found = Figures(log)
    assert found('live_refund_ratio{window="session"}') == 0.25
    assert found('live_refund_ratio{window="15m"}') == 0.25


def test_returns_are_what_was_earned_by_what_was_spent(log):
    log.put("rooms", room_id="r", state="live", ad_spend_fen=2_000, cost_fen=5_000)
    order(log, 1, "paid", 6_000)
    order(log, 2, "paid", 2_000)
    order(log, 2, "refunded", 2_000)
    order(log, 3, "paid", 500, kind="gift")
    found = Figures(log)
    assert found('live_roi_ratio{window="session"}') == 4
    assert found('live_net_roi_ratio{window="session"}') == 3
    assert found('live_return_on_cost_ratio{window="session"}') == 1.3


def test_returns_are_no_data_without_spending(log):
    order(log, 1, "paid", 6_000)
    log.put("rooms", room_id="r", state="live", ad_spend_fen=0)
    found = Figures(log)
    assert found('live_roi_ratio{window="session"}') is None
    assert found('live_return_on_cost_ratio{window="session"}') is None


class TestPayThrough:
    """Orders created in [end - 3 min, end - 1 min), and those of them that are paid."""

    def figures(self, log, more_ms):
        found = Figures(log, more_ms=more_ms)
        return found('live_pay_through_orders{window="5m"}'), found('live_pay_through_ratio{window="5m"}')

    def test_an_order_is_looked_at_from_one_minute_after_its_creation_to_three(self, log):
        """Ends are cut to ten seconds.

        created     [60 s .......... 180 s)
        """
        order(log, 1, "created")
        assert self.figures(log, 69_999) == (0, None)
        assert self.figures(log, 70_000) == (1, 0)
        assert self.figures(log, 189_999) == (1, 0)
        assert self.figures(log, 190_000) == (0, None)

    def test_a_payment_counts_whenever_it_came(self, log):
        for number in range(4):
            order(log, number, "created")
        log.wait(1_000)
        order(log, 0, "paid")
        log.wait(88_000)
        order(log, 1, "paid")
        order(log, 7, "paid")
        assert self.figures(log, 10_000) == (4, 0.5)

    def test_a_payment_that_is_logged_before_its_creation_counts(self, log):
        order(log, 1, "paid")
        order(log, 1, "created")
        assert self.figures(log, 70_000) == (1, 1)

    def test_an_order_that_failed_or_was_cancelled_is_not_paid(self, log):
        for number, status in enumerate(("failed", "cancelled")):
            order(log, number, "created")
            order(log, number, status)
        assert self.figures(log, 70_000) == (2, 0)

    def test_an_order_of_the_session_before_is_not_paid_in_this_one(self, log):
        order(log, 1, "created")
        log.wait(1_000)
        log.put("rooms", room_id="r", state="ended")
        log.wait(1_000)
        log.put("rooms", room_id="r", state="live")
        order(log, 2, "created")
        log.wait(1_000)
        order(log, 1, "paid")
        assert self.figures(log, 70_000) == (1, 0)
