"""Distinct counts are exact while small, good when large, and never depend on order."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.people import EXACT_MAX, SESSION_PRECISION, WINDOW_PRECISION
from stream.native import Distinct, GrowingDistinct, Lowest, union_count
from tests.stream.plain_sets import PlainDistinct

hashes = st.integers(0, 2**64 - 1)
alike = st.one_of(
    hashes,
    st.integers(0, 9),
    st.integers(0, 63).map((1).__lshift__),
    st.integers(0, 2**12 - 1).map(lambda top: top << 52),
)
"""Any hashes, and those that fill few registers, or have many leading zeros."""
PRECISIONS = (4, WINDOW_PRECISION, SESSION_PRECISION, 16)


def filled(precision, members):
    found = Distinct(precision)
    found.merge(set(members))
    return found


def some(number, seed=1):
    chance = random.Random(seed)
    return [chance.getrandbits(64) for _ in range(number)]


def twins(precision, exact_max, parts):
    """Return a native set and a plain one, to which the same has come in the same parts."""
    found, plain = Distinct(precision, exact_max), PlainDistinct(precision, exact_max)
    for part in parts:
        found.merge(part)
        plain.merge(part)
    return found, plain


@pytest.mark.parametrize("number", [0, 1, EXACT_MAX])
def test_few_are_counted_exactly(number):
    assert filled(SESSION_PRECISION, some(number)).count() == number


@pytest.mark.parametrize(("precision", "error"), [(SESSION_PRECISION, 0.0082), (WINDOW_PRECISION, 0.023)])
def test_many_are_counted_within_the_error_that_is_promised(precision, error):
    """The root mean square of the relative errors of 12 sets of each size is the standard error, or less."""
    for number in (1_100, 4_000, 40_000):
        squares = [(filled(precision, some(number, seed)).count() / number - 1) ** 2 for seed in range(12)]
        assert statistics.fmean(squares) ** 0.5 < 1.6 * error


@given(st.lists(st.lists(alike, max_size=30), max_size=5), st.sampled_from((0, 3, 40)))
def test_a_set_is_what_a_plain_program_keeps(parts, exact_max):
    found, plain = twins(5, exact_max, parts)
    assert found.members == plain.members
    assert found.pack() == plain.pack()
    assert found.count() == plain.count()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("number", [EXACT_MAX, EXACT_MAX + 1, 3_000, 60_000])
def test_a_large_set_is_what_a_plain_program_keeps(number, precision):
    """Sparse registers and dense ones, estimates and bytes."""
    members = some(number, seed=number)
    found, plain = twins(precision, EXACT_MAX, [members[: number // 3], members[number // 3 :]])
    assert found.pack() == plain.pack()
    assert found.count() == plain.count()


@given(st.sets(alike, max_size=30), st.sets(alike, max_size=30), st.sampled_from((0, 8, 100)))
def test_sets_are_united_as_a_plain_program_does(some_members, others, exact_max):
    found, plain = twins(6, exact_max, [some_members])
    other, plain_other = twins(6, exact_max, [others])
    together = union_count([found, other])
    found.merge(other)
    plain.unite(plain_other)
    assert found.pack() == plain.pack()
    assert other.pack() == plain_other.pack()
    if found.members is not None or other.members is None:
        assert together == plain.count()


@given(st.lists(st.sets(st.integers(0, 40), max_size=30), max_size=8))
def test_a_union_of_small_sets_is_exact(parts):
    """Also where it holds more than one set may."""
    found = [Distinct(WINDOW_PRECISION, 30) for _ in parts]
    for one, part in zip(found, parts, strict=True):
        one.merge(part)
    assert union_count(found) == len(set().union(*parts))
    assert [one.members for one in found] == parts


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


@pytest.mark.parametrize("number", [3, 3_000])
def test_a_set_that_is_united_with_itself_stays_as_it_is(number):
    found = filled(11, some(number))
    before = found.pack()
    found.merge(found)
    assert found.pack() == before
    assert union_count([found, found]) == found.count()


def test_sets_of_different_precision_are_not_united():
    found = filled(11, some(2_000))
    with pytest.raises(ValueError, match="precision"):
        found.merge(filled(14, some(2_000)))
    assert found.pack() == filled(11, some(2_000)).pack()


@pytest.mark.parametrize("precision", [-1, 3, 17, 64])
def test_there_is_no_set_of_a_precision_that_cannot_be(precision):
    with pytest.raises(ValueError, match="precision"):
        Distinct(precision)


@pytest.mark.parametrize("wrong", [-1, 2**64, "1", None, 1.5])
def test_what_is_no_hash_is_refused(wrong):
    found = filled(11, {1})
    with pytest.raises((TypeError, OverflowError)):
        found.merge([2, wrong])


@pytest.mark.parametrize("precision", [WINDOW_PRECISION, SESSION_PRECISION])
@pytest.mark.parametrize("number", [0, 3, 1_100, 40_000])
def test_a_packed_set_comes_back(number, precision):
    found = filled(precision, some(number))
    again = Distinct(precision)
    again.unpack(found.pack())
    assert again.pack() == found.pack()
    assert again.members == found.members
    assert again.count() == found.count()
    found.merge(some(2_000, seed=2))
    again.merge(some(2_000, seed=2))
    assert again.pack() == found.pack()


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


def test_a_growing_set_has_no_more_parts_than_it_says():
    chance, found, names = random.Random(1), GrowingDistinct(SESSION_PRECISION), set[str]()
    for _ in range(300):
        found.merge({chance.getrandbits(64) for _ in range(chance.randrange(90))})
        names |= set(found.pack_changes())
    assert names == {"", *map(str, range(GrowingDistinct.PIECES))}


@pytest.mark.parametrize("kind", [Distinct, GrowingDistinct])
def test_changed_tells_whether_there_is_something_to_keep(kind):
    found = kind(11)
    found.merge({1, 2})
    assert found.changed
    found.changed = False
    found.merge({1})
    assert not found.changed
    found.merge(set(some(2_000)))
    found.changed = False
    found.merge(set(some(2_000)))
    assert not found.changed


def test_what_was_packed_is_not_packed_again():
    found = GrowingDistinct(11)
    found.merge({1, 2})
    assert found.changed
    assert found.pack_changes()
    assert not found.changed


def test_a_union_of_nothing_is_empty():
    assert union_count([]) == 0


@given(st.lists(st.sets(alike, max_size=30), max_size=6), st.integers(1, 12))
def test_a_sample_is_of_the_lowest(parts, most):
    """By the upper half of the hash; and it tells below which everyone is kept."""
    found, whole = Lowest(most), set().union(*parts)
    halves = sorted({hashed >> 32 for hashed in whole})
    for part in parts:
        before = found.kept
        found.changed = False
        found.merge(part)
        assert found.changed == (found.kept != before)
    assert found.kept == halves[:most]
    assert found.limit == (halves[most - 1] if len(halves) >= most else 2**32)
    again = Lowest(most)
    again.unpack(found.pack())
    assert (again.kept, again.limit, again.pack()) == (found.kept, found.limit, found.pack())
    assert found.pack() == b"".join(half.to_bytes(4, "little") for half in halves[:most])


bad_sets = st.one_of(
    st.binary(max_size=60),
    st.tuples(st.sampled_from((b"e", b"s", b"z")), st.binary(max_size=400)).map(b"".join),
)


@given(bad_sets, st.sampled_from((4, WINDOW_PRECISION)))
def test_bytes_that_are_no_set_are_refused_or_make_one(raw, precision):
    """Whatever they are, nothing worse comes of them than a refusal."""
    found = Distinct(precision)
    try:
        found.unpack(raw)
    except ValueError:
        return
    found.merge({1, 2**63})
    again = Distinct(precision)
    again.unpack(found.pack())
    assert again.pack() == found.pack()
    assert found.count() >= 0


@given(st.integers(0, 3_000), st.integers(0, 10_000), st.integers(0, 255))
def test_a_set_of_which_a_byte_is_lost_or_wrong_is_refused_or_makes_one(number, at, wrong):
    raw = bytearray(filled(WINDOW_PRECISION, some(number)).pack())
    raw[at % len(raw)] = wrong
    for spoilt in (bytes(raw), bytes(raw[: at % len(raw)])):
        found = GrowingDistinct(WINDOW_PRECISION)
        try:
            found.unpack_part("", spoilt)
        except ValueError:
            continue
        found.merge({1})
        assert found.count() >= 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"q",
        b"e1234567",
        b"s\xff\xff\x01",
        b"z",
        b"z12345",
        filled(14, some(40_000)).pack(),
    ],
)
def test_what_is_no_packed_set_of_this_precision_is_refused(raw):
    """Nothing, an unknown kind, a torn hash, a register that is not there, no zlib, another precision."""
    with pytest.raises(ValueError, match=r"."):
        Distinct(WINDOW_PRECISION).unpack(raw)
