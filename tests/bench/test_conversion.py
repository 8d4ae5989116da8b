"""A small part of the bench of the sequential tests: false alarms and clicks to detection, with seeds."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from tests.bench.conversion import STEP_S, Shop, alarms, conversion, delays, oracle, retention, rule

pytestmark = pytest.mark.timeout(120)

HOURS = 5


@pytest.mark.parametrize(
    "shop",
    [
        Shop(0.05, 60),
        Shop(0.03, 10, bursts=True),
        Shop(0.1, 200, bursts=True, items=True),
        Shop(0.08, 60, items=True, lag=(90.0, 200.0)),
    ],
)
def test_rooms_in_which_nothing_happens_raise_no_drop(shop: Shop) -> None:
    counts = conversion(shop, HOURS * 3_600 // STEP_S, np.random.default_rng(5))
    assert list(alarms(rule("conversion_drop"), counts, which=0)) == []


def test_quick_buyers_of_the_first_minutes_are_no_share_that_falls_later() -> None:
    """A room opens with a burst and its buyers pay within a minute, sooner than the rule assumes."""
    shop = Shop(0.1, 200, bursts=True, lag=(20.0, 60.0))
    counts = conversion(shop, 3_600 // STEP_S, np.random.default_rng([7, 13]))
    assert list(alarms(rule("conversion_drop"), counts, which=0)) == []


def test_viewers_who_stay_as_usual_raise_no_drop() -> None:
    counts = retention(Shop(0.4, 60), HOURS * 3_600 // STEP_S, np.random.default_rng(5))
    assert list(alarms(rule("retention_drop"), counts, which=2)) == []


def test_a_halved_conversion_is_found_with_few_more_clicks_than_must_be() -> None:
    shop = Shop(0.1, 60)
    found = delays("conversion_drop", conversion, shop, runs=9, known_h=1.5, limit_h=1, seed=2)
    bound = oracle(shop, np.random.default_rng(3), runs=500)
    clicks = statistics.median(each for each, _ in found)
    assert math.isfinite(clicks)
    assert clicks <= 1.5 * bound


def test_the_same_seed_gives_the_same_room() -> None:
    shop = Shop(0.05, 60, bursts=True, items=True)
    one, two = (conversion(shop, 200, np.random.default_rng(9)) for _ in range(2))
    assert [each.tolist() for each in one[:3]] == [each.tolist() for each in two[:3]]
    assert one.lags == two.lags
