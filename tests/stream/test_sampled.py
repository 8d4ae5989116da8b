"""A large set keeps the people with the lowest hashes, however it came about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.sampled import SAMPLE_MAX, Sampled

_hashes = st.lists(st.integers(0, 2**64 - 1), max_size=120)


def made(*parts):
    found = Sampled(8, 32)
    for part in parts:
        found.merge(part)
    return found


@given(_hashes, _hashes, _hashes)
def test_pieces_in_any_order_are_the_whole(first, second, third):
    whole = made({*first, *second, *third})
    parts = made(made(set(third)), made(set(first), made(set(second))))
    again = Sampled(8, 32)
    again.unpack(parts.pack())
    assert whole.pack() == parts.pack() == again.pack()
    members = {*first, *second, *third}
    if len(members) <= 32:
        assert set(whole.some()) == members
    else:
        assert whole.some() == sorted(members)[:SAMPLE_MAX]


def test_the_highest_is_told_of_a_large_set_only():
    assert made(set(range(32))).highest is None
    assert made(set(range(33))).highest == SAMPLE_MAX - 1
