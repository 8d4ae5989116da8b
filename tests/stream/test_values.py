"""Figures of a subject are the same however they are written down; what formulas share is worked out once."""

from __future__ import annotations

import math

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream import figures
from stream.figures import new_tally
from stream.figures.columns import Columns
from stream.figures.expression import (
    UNKNOWN,
    Encoded,
    Given,
    Labelled,
    Open,
    added,
    expression,
    known,
    larger,
    number,
    ratio,
    smaller,
    unknown,
    where,
)
from tests.stream.asked import asked

_label = st.text(st.characters(codec="utf-8"), max_size=12)
_real = st.floats(allow_nan=False, allow_infinity=False).map(lambda figure: figure + 0.0)
"""Without -0.0, which is the same expression as 0."""


def values_of(columns, tally=None):
    """Return the figures of one subject."""
    (values,) = Columns(figures._SCHEMA, columns).values([tally or new_tally()], [], [{}])
    return values


@given(
    st.lists(st.tuples(_real, st.just(False)) | st.tuples(st.integers(0, 2**53), st.just(True))),
    st.dictionaries(_label, _real | st.just(math.nan), max_size=4),
    st.dictionaries(_label.filter(bool), st.integers(0, 2**60), max_size=4),
    st.none() | st.dictionaries(_label, st.integers(0, 99), max_size=3),
)
def test_all_ways_of_writing_figures_down_say_the_same(plain, by_label, amounts, given_one):
    tally = new_tally()
    tally.registers = {f"from:{label}": [0, amount] for label, amount in amounts.items()} | {"fro": [1]}
    encoded = None
    if given_one is not None:
        encoded = Encoded(given_one, msgspec.msgpack.encode(given_one), orjson.dumps(given_one))
    values = values_of(
        [
            *((number(figure), whole) for figure, whole in plain),
            (UNKNOWN, False),
            (Labelled({label: (number(figure), False) for label, figure in by_label.items()}), False),
            (Open("from", 1), False),
            (Open("from", 1, 100), False),
            (Given(lambda _tally: encoded), False),
        ],
        tally,
    )
    wanted = [
        *(figure for figure, _ in plain),
        None,
        {label: None if math.isnan(figure) else figure for label, figure in by_label.items()},
        dict(sorted(amounts.items())),
        {label: amount / 100 for label, amount in sorted(amounts.items())},
        given_one,
    ]
    assert len(values) == len(wanted)
    found = [values.tolist(), msgspec.msgpack.decode(values.pack()), orjson.loads(values.json())]
    assert [repr(one) for one in found] == [repr(wanted)] * 3


def test_what_is_reckoned_with_no_data_is_no_data_unless_it_is_asked_for():
    two, none = number(2), UNKNOWN
    columns = {
        two + none: None,
        3 - two: 1,
        two * 4 / 8: 1,
        1.5**two: 2.25,
        ratio(two, number(0)): None,
        ratio(two, none): None,
        ratio(two, number(4)): 0.5,
        known(none): 0,
        known(two): 2,
        unknown(none): 1,
        larger(two, 3): 3,
        larger(none, 3): None,
        smaller(two, 3): 2,
        smaller(number(4), 3): 3,
        where(two > 1, two, none): 2,
        where(none > 1, two, 5): 5,
        added([two, two, two]): 6,
    }
    assert asked([new_tally()], *columns) == [[wanted] for wanted in columns.values()]


def test_what_two_formulas_ask_for_is_one_expression():
    assert ratio(number(2), number(3)) is ratio(number(2.0), number(3))
    assert (number(2) > 1) is not (number(2) > 3)


def test_an_operation_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no operation guess"):
        values_of([(expression("guess"), False)])
