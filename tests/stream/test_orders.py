"""Orders are remembered for 24 hours, once in each status, in rows of fixed size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.orders import HOUR_MS, OFF_AIR, ROW_BYTES, OrderMemory, order_key
from stream.sessions import REMEMBERED_MS

START_MS = 1_700_000_000_000
KEY = order_key("r", "o")


def test_a_status_is_new_once_within_24_hours():
    memory = OrderMemory()
    assert memory.first(KEY, "paid", append_ms=START_MS, session_ms=5)
    assert not memory.first(KEY, "paid", append_ms=START_MS + REMEMBERED_MS - 1, session_ms=6)
    assert memory.first(KEY, "refunded", append_ms=START_MS + 1, session_ms=5)
    assert memory.first(KEY, "paid", append_ms=START_MS + REMEMBERED_MS, session_ms=7)


def test_an_order_belongs_to_where_it_was_paid_or_else_first_seen():
    memory = OrderMemory()
    assert memory.session_of(KEY, START_MS) is None
    memory.first(KEY, "failed", append_ms=START_MS, session_ms=5)
    memory.first(KEY, "created", append_ms=START_MS + 1, session_ms=6)
    assert memory.session_of(KEY, START_MS + 2) == 5
    memory.first(KEY, "paid", append_ms=START_MS + 2, session_ms=7)
    assert memory.session_of(KEY, START_MS + 3) == 7
    assert memory.session_of(KEY, START_MS + REMEMBERED_MS + 2) is None


def test_a_session_found_later_is_kept_at_the_same_place():
    memory = OrderMemory()
    memory.first(KEY, "paid", append_ms=START_MS, session_ms=OFF_AIR)
    (row,) = memory.take_changed()
    memory.belongs(KEY, "paid", START_MS - 9)
    (again,) = memory.take_changed()
    assert (again.hour, again.position) == (row.hour, row.position) == (START_MS // HOUR_MS, 0)
    assert memory.session_of(KEY, START_MS) == START_MS - 9
    assert memory.take_changed() == []


def chunks_of(rows):
    """Return the chunks as a store would hold them."""
    chunks: dict[int, bytearray] = {}
    for row in rows:
        chunk = chunks.setdefault(row.hour, bytearray())
        chunk.extend(bytes(max(0, (row.position + 1) * ROW_BYTES - len(chunk))))
        chunk[row.position * ROW_BYTES : (row.position + 1) * ROW_BYTES] = row.raw
    return {hour: bytes(chunk) for hour, chunk in chunks.items()}


steps = st.tuples(
    st.integers(0, 40 * 60_000),
    st.sampled_from(("a", "b", "c")),
    st.sampled_from(("created", "paid", "cancelled", "refunded", "failed")),
    st.integers(0, 2**47),
)


@given(st.lists(steps, max_size=40))
def test_what_was_kept_comes_back(drawn):
    memory, rows, now_ms = OrderMemory(), [], START_MS
    for wait_ms, order, status, session_ms in drawn:
        now_ms += wait_ms
        memory.first(order_key("r", order), status, append_ms=now_ms, session_ms=session_ms)
        rows += memory.take_changed()
    again = OrderMemory()
    for hour, chunk in sorted(chunks_of(rows).items()):
        again.load(hour, chunk)
    for order in ("a", "b", "c"):
        key = order_key("r", order)
        assert again.session_of(key, now_ms) == memory.session_of(key, now_ms)
        for status in ("created", "paid", "cancelled", "refunded", "failed"):
            assert again.knows(key, status, now_ms) == memory.knows(key, status, now_ms)
    assert again.first(order_key("r", "d"), "paid", append_ms=now_ms, session_ms=1)
    assert memory.first(order_key("r", "d"), "paid", append_ms=now_ms, session_ms=1)
    assert again.take_changed() == memory.take_changed()


def test_old_hours_are_dropped_whole():
    memory = OrderMemory()
    memory.first(KEY, "paid", append_ms=START_MS, session_ms=1)
    hour = START_MS // HOUR_MS
    assert memory.forget((hour + 1) * HOUR_MS + REMEMBERED_MS - 1) == []
    assert memory.forget((hour + 1) * HOUR_MS + REMEMBERED_MS) == [hour]
    assert len(memory) == 0


@pytest.mark.parametrize(("one", "other"), [(("a", "b"), ("ab", "")), (("r1", "o"), ("r2", "o"))])
def test_orders_of_different_rooms_have_different_keys(one, other):
    assert order_key(*one) != order_key(*other)


def test_an_order_takes_at_most_64_bytes():
    assert 3 * ROW_BYTES <= 64
