"""The busiest users of ten seconds, in bounded memory."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.busiest import CAPACITY, Busiest
from stream.panes import COARSE_MS
from tests.stream.figured import Figures
from tests.stream.test_figures_interaction import like

_few = st.lists(st.dictionaries(st.integers(0, CAPACITY - 1), st.integers(1, 500)), min_size=1, max_size=6)
_seed = st.integers(0, 2**32)


def crowd(seed):
    """Return what comes of a crowd of more than a pane keeps, in several parts."""
    chance = random.Random(seed)
    people = chance.choice((70, 200, 1_000))
    return [
        dict(Counter(int(people * chance.random() ** 3) for _ in range(chance.randrange(1, 2_000))))
        for _ in range(chance.randrange(1, 6))
    ]


def total_of(parts):
    found: Counter[int] = Counter()
    for part in parts:
        found.update(part)
    return found


def merged(parts):
    found = Busiest()
    for part in parts:
        found.merge(part)
    return found


@given(_few, st.randoms())
def test_while_few_are_there_order_and_cuts_change_nothing(parts, chance):
    shuffled = list(parts)
    chance.shuffle(shuffled)
    together = total_of(parts)
    packed = merged(parts).pack()
    assert packed == merged(shuffled).pack() == merged([together]).pack()
    assert merged(parts).numbers() == together
    assert merged(parts).most == max(together.values(), default=0)


@given(_seed)
def test_of_many_the_numbers_are_too_low_by_a_bounded_part(seed):
    parts = crowd(seed)
    found, together = merged(parts), total_of(parts)
    assert found.total == together.total()
    assert len(found.numbers()) <= CAPACITY
    assert found.missed <= together.total() / (CAPACITY + 1)
    for user, number in found.numbers().items():
        assert number <= together[user] <= number + found.missed
    for user, number in together.items():
        assert user in found.numbers() or number <= found.missed


@given(_seed)
def test_what_is_packed_comes_back(seed):
    found, back = merged(crowd(seed)), Busiest()
    back.unpack(found.pack())
    assert (back.pack(), back.most, back.numbers()) == (found.pack(), found.most, found.numbers())


def test_nobody_is_busy_in_a_large_crowd(log):
    """Told too high by at most 10/65: a crowd of 2 000 in which nobody stands out stays far below a half."""
    for number in range(2_000):
        like(log, f"u{number}")
    log.wait(COARSE_MS)
    assert Figures(log)('live_interaction_concentration{window="1m"}') <= 10 / 65


def test_ten_busy_users_stand_out_of_a_large_crowd(log):
    for turn in range(100):
        for number in range(10):
            like(log, f"busy-{number}")
        for number in range(10):
            like(log, f"{turn}-{number}")
    assert 0.5 <= Figures(log)('live_interaction_concentration{window="1m"}') <= 0.5 + 10 / 65
