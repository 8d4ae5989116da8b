"""Distinct counts and medians are exact while small, good when large, and never depend on order."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sketches import (
    EXACT_MAX,
    SESSION_PRECISION,
    WINDOW_PRECISION,
    Distinct,
    GrowingDistinct,
    Samples,
    union_count,
)

hashes = st.integers(0, 2**64 - 1)


def filled(precision, members):
    found = Distinct(precision)
    found.merge(set(members))
    return found


def some(number, seed=1):
    chance = random.Random(seed)
    return [chance.getrandbits(64) for _ in range(number)]


@pytest.mark.parametrize("number", [0, 1, EXACT_MAX])
def test_few_are_counted_exactly(number):
    assert filled(SESSION_PRECISION, some(number)).count() == number


@pytest.mark.parametrize(("precision", "error"), [(SESSION_PRECISION, 0.0082), (WINDOW_PRECISION, 0.023)])
def test_many_are_counted_within_the_error_that_is_promised(precision, error):
    """The root mean square of the relative errors of 12 sets of each size is the standard error, or less."""
    for number in (1_100, 4_000, 40_000):
        squares = [(filled(precision, some(number, seed)).count() / number - 1) ** 2 for seed in range(12)]
        assert statistics.fmean(squares) ** 0.5 < 1.6 * error


@given(st.lists(hashes, max_size=50), st.randoms())
def test_the_order_of_members_changes_no_bit(members, chance):
    shuffled = list(members)
    chance.shuffle(shuffled)
    assert filled(11, members).pack() == filled(11, shuffled).pack()


@pytest.mark.parametrize("number", [10, EXACT_MAX, EXACT_MAX + 1, 5_000])
def test_it_does_not_matter_how_members_were_split(number):
    members = some(number)
    whole = filled(WINDOW_PRECISION, members)
    pieces = Distinct(WINDOW_PRECISION)
    for start in range(0, number, 700):
        pieces.merge(filled(WINDOW_PRECISION, members[start : start + 700]))
    assert pieces.pack() == whole.pack()
    assert union_count([whole, pieces]) == whole.count()


def test_many_merge_with_few_either_way_round():
    many, few = some(3_000, 1), some(5, 2)
    one = filled(11, many)
    one.merge(filled(11, few))
    other = filled(11, few)
    other.merge(filled(11, many))
    assert one.pack() == other.pack() == filled(11, many + few).pack()


@pytest.mark.parametrize("precision", [WINDOW_PRECISION, SESSION_PRECISION])
@pytest.mark.parametrize("number", [0, 3, 1_100, 40_000])
def test_a_packed_set_comes_back(number, precision):
    found = filled(precision, some(number))
    again = Distinct(precision)
    again.unpack(found.pack())
    assert again.pack() == found.pack()
    assert again.registers == found.registers


@given(st.lists(st.integers(0, 700), max_size=12), st.integers(0, 2**32))
def test_a_growing_set_is_what_its_base_and_pieces_say(sizes, seed):
    """Whatever is written over what, and also when somebody goes on from what was written."""
    chance, kept = random.Random(seed), dict[str, bytes]()
    found, whole = GrowingDistinct(SESSION_PRECISION), Distinct(SESSION_PRECISION)
    for size in sizes:
        came = {chance.getrandbits(64) for _ in range(size)}
        found.merge(came)
        whole.merge(came)
        kept |= found.pack_changes()
        again = GrowingDistinct(SESSION_PRECISION)
        for part in chance.sample(sorted(kept), len(kept)):
            again.unpack_part(part, kept[part])
        assert again.pack() == whole.pack()
        if chance.random() < 0.3:
            found = again


def test_what_a_growing_set_writes_at_a_flush_is_small():
    chance, found = random.Random(1), GrowingDistinct(SESSION_PRECISION)
    sizes = []
    for _ in range(2_000):
        found.merge({chance.getrandbits(64) for _ in range(10)})
        sizes.append(sum(map(len, found.pack_changes().values())))
    assert sum(sizes) / len(sizes) < 1_000


def test_changed_tells_whether_there_is_something_to_keep():
    found = filled(11, {1, 2})
    assert found.changed
    found.changed = False
    found.merge({1})
    assert not found.changed
    found.merge(set(some(2_000)))
    found.changed = False
    found.merge(set(some(2_000)))
    assert not found.changed


def test_a_union_of_nothing_is_empty():
    assert union_count([]) == 0


def of(values):
    found = Samples()
    for value in values:
        found.add(value)
    return found


def test_without_numbers_there_is_no_median():
    assert Samples().median() is None


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=100))
def test_the_median_of_tenths_is_exact(tenths):
    values = [tenth / 10 for tenth in tenths]
    assert of(values).median() == pytest.approx(statistics.median(values))


@given(st.lists(st.floats(-600_000, 600_000), min_size=1, max_size=400), st.integers(0, 400))
def test_numbers_split_anywhere_merge_to_the_same(values, at):
    left = of(values[:at])
    left.merge(of(values[at:]))
    assert left.pack() == of(values).pack() == of(sorted(values)).pack()


def test_many_different_numbers_stay_bounded_and_near():
    chance = random.Random(3)
    values = [chance.uniform(-200, 200) for _ in range(20_000)]
    found = of(values)
    assert len(found.counts) <= Samples.KEYS_MAX
    assert found.median() == pytest.approx(statistics.median(values), abs=400 * 0.004)


def test_packed_samples_come_back():
    found = of([1.5, -3, 1.5])
    again = Samples()
    again.unpack(found.pack())
    assert again.median() == found.median() == 1.5
