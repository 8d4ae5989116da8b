"""Items and the way from click to payment, each figure on a small log whose answer can be told by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.items import ITEMS_MAX, Amounts
from tests.stream.figured import Figures, order, visit


def test_clickers_and_payers_are_people_by_item(log):
    for user, item in (("a", "i1"), ("a", "i1"), ("b", "i1"), ("b", "i2")):
        visit(log, user, "click", item_id=item)
    visit(log, "c", "click")
    visit(log, "c", "cart", item_id="i3")
    for number, (user, item) in enumerate((("a", "i1"), ("a", "i1"), ("b", "i4"))):
        order(log, number, "paid", user=user, item_id=item)
    order(log, 7, "created", user="c", item_id="i1")
    order(log, 8, "paid", user="c", item_id="i5", kind="gift")
    order(log, 9, "paid", user="c")
    found = Figures(log)
    assert found("live_item_clickers") == {"i1": 2, "i2": 1}
    assert found("live_item_payers") == {"i1": 1, "i4": 1}


def test_the_items_that_were_touched_last_are_kept(log):
    for number in range(ITEMS_MAX + 3):
        visit(log, "a", "click", item_id="on-air")
        visit(log, "a", "click", item_id=f"i{number:02}")
        log.wait(100)
    kept = Figures(log)("live_item_clickers")
    assert list(kept) == [*(f"i{number:02}" for number in range(4, ITEMS_MAX + 3)), "on-air"]


def test_many_people_of_an_item_are_estimated(log):
    for number in range(2_000):
        visit(log, f"u{number}", "click", item_id="i1")
    assert Figures(log)("live_item_clickers")["i1"] == pytest.approx(2_000, rel=0.2)


class TestCheapOrders:
    """Paid orders below 30 % of the session's median of their item."""

    def figure(self, log, *amounts, item="i1"):
        for number, fen in enumerate(amounts):
            order(log, f"{item}-{number}", "paid", fen, item_id=item)
        return Figures(log)("live_item_cheap_orders")

    def test_an_order_at_thirty_percent_is_not_cheap(self, log):
        assert self.figure(log, 1_000, 1_000, 1_000, 300, 299) == {"i1": 1}

    def test_the_median_of_an_even_number_is_between_the_middle_ones(self, log):
        """The median is 1 500: 449 is below 450."""
        assert self.figure(log, 1_000, 2_000, 449, 5_000) == {"i1": 1}

    def test_items_are_judged_by_their_own_price(self, log):
        self.figure(log, 10_000, 10_000, 10_000)
        assert self.figure(log, 100, 100, 20, item="i2") == {"i2": 1}

    def test_which_came_first_does_not_matter(self, log):
        assert self.figure(log, 99, 99, 9_900, 9_900, 9_900) == {"i1": 2}


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_amounts_do_not_depend_on_order_and_are_bounded(amounts, chance):
    one, other = Amounts(), Amounts()
    for fen in amounts:
        one.add(fen)
    chance.shuffle(amounts)
    for fen in amounts:
        other.add(fen)
    assert one.pack() == other.pack()
    assert len(one.counts) <= Amounts.KEYS_MAX
    assert sum(one.counts.values()) == len(amounts)


class TestLag:
    """From the last click of a payer to the payment, by panes of ten seconds."""

    def figures(self, log):
        found = Figures(log)
        kinds = ("median", "p90")
        return tuple(found(f'live_click_to_paid_{kind}_seconds{{window="15m"}}') for kind in kinds)

    def buy(self, log, user, *, after_s):
        visit(log, user, "click")
        log.wait(after_s * 1_000)
        order(log, f"of-{user}", "paid", user=user)

    def test_it_is_told_by_the_last_click_before_the_payment(self, log):
        visit(log, "a", "click")
        log.wait(60_000)
        self.buy(log, "a", after_s=40)
        log.wait(10_000)
        visit(log, "a", "click")
        assert self.figures(log) == (40, 40)

    def test_median_and_ninetieth_percentile_are_those_of_the_payers(self, log):
        for number in range(10):
            self.buy(log, f"u{number}", after_s=10 * (number + 1))
        assert self.figures(log) == (50, 90)

    def test_who_did_not_click_tells_nothing(self, log):
        order(log, 1, "paid", user="a")
        visit(log, "b", "click")
        assert self.figures(log) == (None, None)

    def test_of_a_crowd_a_sample_is_told(self, log):
        """Everyone pays 30 s after the click; ten seconds keep 64 of the people one by one."""
        for number in range(400):
            visit(log, f"u{number}", "click")
        log.wait(30_000)
        for number in range(400):
            order(log, number, "paid", user=f"u{number}")
        assert self.figures(log) == (30, 30)
