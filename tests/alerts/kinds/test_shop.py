"""What is bought, paid, refunded; and what is said that must not be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.alerts.kinds.playing import default_rules, hit, play, story
from tests.alerts.windowed import T0, Player, vendor

THROUGH = 'live_pay_through_ratio{window="5m"}'
PLACED = 'live_pay_through_orders{window="5m"}'


def test_orders_that_do_not_get_paid_any_more_are_a_payment_failure() -> None:
    """A gateway that hangs fails nothing."""
    told = play(lambda s: {THROUGH: 0.2 if 900 <= s < 1_000 else 0.8, PLACED: 30}, 1_200)
    assert [(each.kind, each.to, each.severity) for each in told] == [
        ("payment_failure", "firing", "warning"),
        ("payment_failure", "resolved", "warning"),
    ]
    assert 900 <= (told[0].tick_ms - T0) // 1000 <= 910
    assert (told[0].value, told[0].samples) == (0.2, 30)
    assert told[0].expected == pytest.approx(0.8)
    assert told[0].reason == "pay_through"
    assert "80%" in told[0].summary.en


@pytest.mark.parametrize("orders", [19, 5])
def test_few_orders_say_nothing_of_the_gateway(orders: int) -> None:
    assert play(lambda s: {THROUGH: 0.0 if s >= 900 else 0.8, PLACED: 30 if s < 900 else orders}, 1_200) == []


def refunds(refunded: int, paid: int, *, before: tuple[int, int]) -> dict[str, Any]:
    return {
        'live_orders_in_window{status="refunded",window="15m"}': refunded,
        'live_orders_in_window{status="paid",window="15m"}': paid,
        'live_orders_total{status="refunded"}': before[0] + refunded,
        'live_orders_total{status="paid"}': before[1] + paid,
    }


def test_three_times_as_many_refunds_as_usual_are_a_surge() -> None:
    told = play(lambda s: refunds(22 if 60 <= s < 90 else 4, 100, before=(40, 950)), 200)
    assert story(told) == [
        ("refund_surge", "firing", "warning", 60),
        ("refund_surge", "resolved", "warning", 150),
    ]
    assert (told[0].value, told[0].samples) == (0.22, 22)
    assert told[0].expected == pytest.approx(41 / 1_000)
    assert told[0].threshold == pytest.approx(3 * (41 / 1_000 + 3 * (41 / 1_000 / 1_000) ** 0.5))


def test_nine_refunds_or_the_usual_share_are_no_surge() -> None:
    assert play(lambda _: refunds(9, 10, before=(0, 0)), 60) == []
    assert play(lambda _: refunds(12, 100, before=(80, 900)), 60) == []


def test_five_orders_far_below_the_price_are_critical_and_over_when_no_more_come() -> None:
    told = play(lambda s: {"live_item_cheap_orders": {"i1": 5 if s >= 30 else 2, "i2": 1}}, 500)
    assert [(each.kind, each.to, each.severity) for each in told] == [
        ("price_error", "firing", "critical"),
        ("price_error", "resolved", "critical"),
    ]
    assert 30 <= (told[0].tick_ms - T0) // 1000 <= 35
    assert (told[0].value, told[0].threshold, told[0].labels["item_id"]) == (5, 5, "i1")
    assert "i1" in told[0].summary.zh


def test_four_cheap_orders_of_each_of_two_items_are_let_pass() -> None:
    assert play(lambda _: {"live_item_cheap_orders": {"i1": 4, "i2": 4}}, 60) == []


def test_the_item_on_air_without_stock_is_sold_out() -> None:
    def facts(second: int) -> dict[str, Any]:
        return {"title": "夜场", "item_id": "i7", "item_stock": 0 if 10 <= second < 30 else 3}

    told = play(lambda _: {}, 60, facts=facts)
    assert story(told) == [("sold_out", "firing", "warning", 10), ("sold_out", "resolved", "warning", 35)]
    assert told[0].summary.zh == "「夜场」讲解中的商品 i7 已售罄。"


def test_an_item_without_a_stock_or_off_air_is_not_sold_out() -> None:
    assert play(lambda _: {}, 30, facts=lambda _: {"item_id": "i7"}) == []
    assert play(lambda _: {}, 30, facts=lambda _: {"item_stock": 0}) == []


def test_a_paused_room_raises_nothing_of_traffic_or_commerce() -> None:
    figures = {
        **refunds(20, 20, before=(0, 0)),
        "live_item_cheap_orders": {"i1": 9},
        'live_payment_failure_ratio{window="1m"}': 1.0,
        'live_orders_in_window{status="failed",window="1m"}': 50,
        'live_interaction_concentration{window="1m"}': 0.9,
        'live_interaction_events{window="1m"}': 500,
    }
    facts = {"item_id": "i1", "item_stock": 0}
    assert play(lambda _: figures, 120, state=lambda _: "paused", facts=lambda _: facts) == []
    assert {each.kind for each in play(lambda _: figures, 120, facts=lambda _: facts)} == {
        "refund_surge",
        "price_error",
        "payment_failure",
        "suspect_interaction",
        "sold_out",
    }


def test_a_critical_word_is_told_at_once_and_ends_a_minute_after_it_was_said() -> None:
    told = play(
        lambda _: {},
        200,
        hits=lambda s: [hit("ad_law", "critical", "transcript", "全国第一")] if s == 20 else [],
    )
    assert story(told) == [
        ("prohibited_words", "firing", "critical", 20),
        ("prohibited_words", "resolved", "critical", 140),
    ]
    assert (told[0].labels["group"], told[0].labels["source"]) == ("ad_law", "transcript")
    assert told[0].summary.zh == "「夜场」违禁词：主播口播近 1 分钟出现广告法类 1 处，上限 1 处。"


def test_three_warnings_a_minute_of_one_group_are_told_two_are_not() -> None:
    def said(seconds: tuple[int, ...]) -> list[tuple[str, str, str, int]]:
        line = hit("diversion", "warning", "danmaku", "加v信")
        return story(play(lambda _: {}, 160, hits=lambda s: [line] if s in seconds else []))

    assert said((10, 30, 50))[0] == ("prohibited_words", "firing", "warning", 50)
    assert said((10, 30, 75)) == []


def test_mild_hits_and_advertising_words_of_viewers_pass() -> None:
    hits = [
        hit("picture", "info", "danmaku"),
        hit("ad_law", "critical", "danmaku"),
        hit("vulgar", "info", "danmaku"),
    ]
    assert play(lambda _: {}, 60, hits=lambda _: hits) == []


def test_a_word_in_the_title_counts_while_the_title_stands() -> None:
    def facts(second: int) -> dict[str, Any]:
        return {"title": "全网最低" if second < 300 else "新款"}

    found = [hit("ad_law", "critical", "room_title", "全网最低")]
    told = play(lambda _: {}, 400, facts=facts, hits=lambda s: found if s == 5 else [])
    assert story(told) == [
        ("prohibited_words", "firing", "critical", 5),
        ("prohibited_words", "resolved", "critical", 360),
    ]


def test_a_slow_vendor_is_told_by_its_slowest_calls() -> None:
    player = Player(default_rules())
    for second in range(60):
        figures = {
            'live_vendor_latency_p99_seconds{window="1m"}': 6.0 if second >= 10 else 0.4,
            'live_vendor_calls{window="1m"}': 40,
            'live_vendor_timeout_ratio{window="1m"}': 0.0,
        }
        player.tick(second, vendors=[vendor(figures, newest_ms=T0 + 1000 * second)])
    assert story(player.told) == [("vendor_slow", "firing", "critical", 15)]
    assert (player.told[0].value, player.told[0].threshold) == (6.0, 5)


def test_payments_without_any_click_say_nothing_of_conversion() -> None:
    """A shop that does not tell of clicks is not watched, and does no harm."""
    columns = {"live_clicks_total": 0}
    assert play(lambda s: columns | {'live_orders_total{status="paid"}': s}, 200) == []
