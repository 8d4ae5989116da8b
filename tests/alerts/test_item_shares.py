"""How well items sell against their room: learnt from due clicks and payments."""

from __future__ import annotations

import pytest

from alerts.detectors.item_shares import ITEMS_MAX, ItemShares

NOW = (1.0,)
"""Clicks are due at once."""


def sold(shares: ItemShares, item: str, clicks: int, paid: int) -> float:
    """Play a step in which an item is on air; return the clicks that were due."""
    due = shares.learn([clicks], [shares.slot(item, [])], NOW, paid)
    shares.take_as_own(1.0)
    return due


def surely(shares: ItemShares, item: str, clicks: int) -> float:
    return sum(shares.lowered([clicks], [shares.slot(item, [])]))


def test_a_room_with_one_item_counts_clicks_as_they_are() -> None:
    shares = ItemShares()
    assert sold(shares, "", 100, 5) == 100
    assert surely(shares, "", 40) == 40


def test_clicks_on_an_item_that_sells_less_count_for_less() -> None:
    shares = ItemShares()
    for _ in range(50):
        sold(shares, "good", 100, 12)
        sold(shares, "poor", 100, 4)
    good, poor = sold(shares, "good", 100, 12), sold(shares, "poor", 100, 4)
    assert good == pytest.approx(150, rel=0.05)
    assert poor == pytest.approx(50, rel=0.1)
    assert 0.8 * poor < surely(shares, "poor", 100) < poor


def test_what_is_not_known_of_a_new_item_is_taken_low() -> None:
    shares = ItemShares()
    for _ in range(50):
        sold(shares, "known", 100, 10)
    assert 30 < surely(shares, "new", 100) < 50
    assert 90 < surely(shares, "known", 100) < 100


def test_a_lasting_drop_of_the_whole_room_says_nothing_of_its_items() -> None:
    shares = ItemShares()
    sold(shares, "a", 100, 10)
    sold(shares, "b", 100, 10)
    shares.learn([1_000], [shares.slot("b", [])], NOW, 0)
    shares.take_as_own(0.0)
    assert surely(shares, "a", 100) == pytest.approx(surely(shares, "b", 100))


def test_payments_are_put_down_to_the_item_whose_clicks_were_due() -> None:
    shares = ItemShares()
    first, second = shares.slot("a", []), shares.slot("b", [])
    shares.learn([0, 100], [second, first], (0.0, 1.0), 7)
    assert [item[3] for item in shares.packed()] == [7, 0]


def test_items_make_room_but_not_those_whose_clicks_may_still_be_paid() -> None:
    shares = ItemShares()
    for number in range(ITEMS_MAX):
        sold(shares, f"i{number}", 10 * (number + 1), 1)
    place = shares.slot("new", [0, 0, 1])
    assert place == 2
    assert len(shares.packed()) == ITEMS_MAX
    again = ItemShares(shares.packed())
    assert again.slot("new", []) == place
    assert shares.slot("other", list(range(ITEMS_MAX))) == ITEMS_MAX - 1
