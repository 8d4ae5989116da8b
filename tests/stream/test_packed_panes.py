"""Panes as bytes: what goes in comes out, whatever the size of the numbers and however it was split."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cells import FloodBatch, part_of
from stream.figures import EXTRAS, FEED_FIGURES, LAYOUT, new_tally
from stream.figures.expression import expression
from stream.model import Danmaku
from stream.panes import LATE
from tests.stream.asked import asked, panes
from tests.stream.logs import cells_of, extras_of, fields_of, sets_of, totals_of, unpacked

ENTRY_BYTES = 6
"""A cell and a number."""
SECOND = 1_700_000_000
OLDEST = (0, 0, 0)
CELLS = len(LAYOUT.names)

cells = st.sampled_from(LAYOUT.names)
numbers = st.one_of(st.integers(1, 9), st.integers(1, 2**40), st.sampled_from((2**32 - 1, 2**32, 2**53)))
pieces = st.lists(st.tuples(st.integers(0, 25), cells, numbers), max_size=40)
_hash = st.integers(0, 2**64 - 1)
_CAME = {
    "people": st.sets(_hash, min_size=1, max_size=4),
    "sample": st.sets(_hash, min_size=1, max_size=4),
    "busiest": st.dictionaries(_hash, st.integers(1, 300), min_size=1, max_size=4),
    "said": st.dictionaries(st.integers(0, 2**59), st.integers(0, 9), min_size=1, max_size=4),
    "pings": st.tuples(st.integers(0, 3 * 2**46 - 1), st.integers(0, 2**62)).map(list),
    "counts": st.dictionaries(st.integers(0, 1_100), st.integers(1, 2**40), min_size=1, max_size=4),
}
came = st.sampled_from(sorted(EXTRAS)).flatmap(
    lambda name: st.tuples(st.integers(0, 25), st.just(name), _CAME[EXTRAS[name].kind])
)


def tally_of(rows, extras=()):
    """Return a tally to which cells have come, and extras, each by itself."""
    found = new_tally()
    for second, cell, number in rows:
        found.take(SECOND + second, {cell: number}, {}, OLDEST)
    for second, name, part in extras:
        found.take(SECOND + second, {}, {name: part}, OLDEST)
    return found


def pane_bytes(*entries):
    return b"".join(struct.pack("<HI", cell, number) for cell, number in entries)


def known_of(tally):
    """Return all that panes, totals, sets and samples hold, as plain values."""
    return {
        "totals": totals_of(tally),
        "panes": [tally.panes(coarse) for coarse in (False, True)],
        "extras": [extras_of(tally, coarse=coarse) for coarse in (False, True)],
        "sets": {name: kept.pack() for name, kept in sets_of(tally).items()},
        "samples": {name: tally.sample(name).pack() for name in tally.parts()[1]},
    }


@given(pieces)
def test_panes_and_totals_hold_what_came(rows):
    totals = Counter[str]()
    fine: dict[int, Counter[str]] = {}
    coarse: dict[int, Counter[str]] = {}
    for second, cell, number in rows:
        totals[cell] += number
        fine.setdefault(SECOND + second, Counter())[cell] += number
        coarse.setdefault((SECOND + second) // 10, Counter())[cell] += number
    found = tally_of(rows)
    assert totals_of(found) == totals
    assert {number: cells_of(pane) for number, pane in found.panes(False).items()} == fine
    assert {number: cells_of(pane) for number, pane in found.panes(True).items()} == coarse
    assert (found.numbers(False), found.numbers(True)) == (sorted(fine), sorted(coarse))


@given(pieces, st.integers(0, 40))
def test_what_is_packed_comes_back(rows, cut):
    """At once, in parts, and whichever came first."""
    found = tally_of(rows)
    fields = fields_of(found)
    backwards = tally_of(rows[::-1])
    in_parts = tally_of(rows[:cut])
    written = fields_of(in_parts)
    for second, cell, number in rows[cut:]:
        in_parts.take(SECOND + second, {cell: number}, {}, OLDEST)
    written |= fields_of(in_parts)
    again = unpacked(fields)
    assert written == fields == fields_of(backwards)
    assert known_of(again) == known_of(found)
    assert set(fields_of(again)) == {b"state"}
    for second, cell, number in rows:
        for tally in (found, again):
            tally.take(SECOND + second, {cell: number}, {}, OLDEST)
    assert fields_of(again) == fields_of(found)


@given(pieces, st.permutations([*range(CELLS), *[-1] * 9]), st.integers(1, CELLS))
def test_cells_that_moved_are_found_again_and_lost_ones_dropped(rows, shuffled, old_cells):
    """Written by a version that had other cells in another order; all of it is written anew."""
    places = shuffled[:old_cells]
    names = [LAYOUT.names[place] for place in places]
    rows = [(second, LAYOUT.names[LAYOUT.index[cell] % old_cells], n) for second, cell, n in rows]
    moved = [(second, names[LAYOUT.index[cell]], n) for second, cell, n in rows]
    moved = [row for row, old in zip(moved, rows, strict=True) if places[LAYOUT.index[old[1]]] >= 0]
    wanted = known_of(tally_of(moved))
    found = unpacked(fields_of(tally_of(rows)), places)
    assert known_of(found)["totals"] == wanted["totals"]
    assert known_of(found)["panes"] == wanted["panes"]
    assert known_of(unpacked(fields_of(found))) == {**known_of(found)}


def test_a_pane_of_which_all_cells_are_lost_leaves_nothing_that_is_read_again():
    fields = fields_of(tally_of([(0, LAYOUT.names[0], 5)]))
    found = unpacked(fields, [-1, *range(1, CELLS)])
    fields |= fields_of(found)
    again = unpacked(fields)
    assert totals_of(again) == {}
    assert all(cells_of(pane) == {} for coarse in (False, True) for pane in again.panes(coarse).values())


def test_an_entry_is_small_and_a_large_number_takes_two():
    cell = LAYOUT.names[1]
    found = tally_of([(0, cell, 7), (1, cell, 2**32 + 5)]).panes(False)
    assert [len(found[SECOND + second]) for second in (0, 1)] == [ENTRY_BYTES, 2 * ENTRY_BYTES]
    assert found[SECOND + 1] == pane_bytes((1, 5), (0x8001, 1))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 2**27)), max_size=9))
def test_entries_of_one_cell_add_up_in_any_order(entries):
    raw = pane_bytes(*((cell | 0x8000 * high, number) for cell, high, number in entries))
    wanted = [0] * CELLS
    for cell, high, number in entries:
        wanted[cell] += number << 32 if high else number
    found = new_tally()
    found.unpack_cells(True, 7, raw, None)
    found.unpack_totals(raw, None)
    assert found.totals == wanted
    known = cells_of(found.panes(True).get(7, b""))
    assert {name: number for name, number in known.items() if number} == totals_of(found)


@pytest.mark.parametrize(
    ("raw", "places"),
    [
        (pane_bytes((CELLS, 1)), None),
        (pane_bytes((0, 1), (CELLS | 0x8000, 1)), None),
        (pane_bytes((0x7FFF, 1)), None),
        (pane_bytes((3, 1)), [0, 1, 2]),
        (pane_bytes((0, 1)), [CELLS]),
        (pane_bytes((0, 1))[:-1], None),
        (pane_bytes((0, 1)) + b"\0", [0]),
    ],
)
def test_cells_that_are_not_known_and_torn_panes_are_refused(raw, places):
    for unpack in (
        lambda tally: tally.unpack_cells(False, 7, raw, places),
        lambda tally: tally.unpack_cells(True, 7, raw, places),
        lambda tally: tally.unpack_totals(raw, places),
    ):
        found = new_tally()
        with pytest.raises(ValueError, match=r"."):
            unpack(found)
        assert known_of(found) == known_of(new_tally())


@given(st.lists(came, max_size=8), st.integers(0, 8), st.randoms(use_true_random=False))
def test_extras_come_back_however_they_were_cut(parts, cut, chance):
    found = tally_of([], parts)
    shuffled = list(parts)
    chance.shuffle(shuffled)
    begun = tally_of([], shuffled[:cut])
    fields = fields_of(begun)
    # Pieces of sets of people may hold the same person only once, in the order in which people came.
    going_on = unpacked(fields)
    for second, name, part in shuffled[cut:]:
        going_on.take(SECOND + second, {}, {name: part}, OLDEST)
    fields |= fields_of(going_on)
    assert known_of(going_on) == known_of(found)
    assert known_of(unpacked(fields)) == known_of(found)


def test_what_a_newer_version_keeps_besides_is_left_alone():
    """Whatever it is made of."""
    found = tally_of([], [(0, "clicked", {1 << 32}), (0, "pings", [1 << 20, 5])])
    (raw,) = found.extras_of_panes(True).values()
    known = msgspec.msgpack.decode(raw)
    strange = [
        7, -1, -9_000, 2**63, "text", "x" * 300, b"bytes", b"y" * 70_000, None, True, False, 1.5,
        [], [1, [2, {"a": b"b"}]], {}, {"a": {1: None}}, list(range(70_000)),
        msgspec.msgpack.Ext(5, b"abc"),
    ]  # fmt: skip
    for one in strange:
        newer = msgspec.msgpack.encode({"first": one, **known, "last": one})
        again = new_tally()
        again.unpack_extras(True, SECOND // 10, newer)
        assert extras_of(again, coarse=True) == {SECOND // 10: known}


def test_what_is_nested_without_end_is_refused():
    """In a process of its own: whoever goes down with every level runs out of stack."""
    program = (
        "from stream.figures import new_tally\n"
        r"new_tally().unpack_extras(True, 1, b'\x81\xa1?' + b'\x91' * 3_000_000)"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("ValueError")


def used(tally):
    """Ask a tally for everything that its panes may be asked for."""
    fine, coarse = (panes(0, 2 * SECOND, coarse=one) for one in (False, True))
    names = [name for name, extra in EXTRAS.items() if extra.kind == "people" and extra.panes]
    asked(
        [tally],
        expression("busiest_share", "busiest", 10, fine),
        expression("lag", "clicked", "paid", 8, 0.5, coarse),
        expression("ping_minute", "pings", 0, fine),
        expression("ping_quarter", "pings", 0, coarse),
        expression("rank", "latencies", 0.99, fine),
        *(expression("people", name, coarse if EXTRAS[name].coarse else fine) for name in names),
    )
    line = part_of(Danmaku("r", "u", SECOND * 1_000, "hello"), 1, SECOND * 1_000, 0)
    FEED_FIGURES["danmaku"].add(FloodBatch(tally, line, late=False))
    for second, name, part in (
        (0, "busiest", {1: 500}), (0, "said", {1: 2}), (0, "pings", [1 << 46, 0]), (0, "complainers", {3}),
        (0, "visitors", {3}), (0, "clicked", {3}), (0, "latencies", {5: 1}),
    ):  # fmt: skip
        tally.take(SECOND + second, {}, {name: part}, OLDEST)
    known = known_of(tally)
    again = unpacked(fields_of(tally))
    assert extras_of(again, coarse=True) == known["extras"][1]


_junk = st.recursive(
    st.one_of(st.integers(-(2**63), 2**64 - 1), st.binary(max_size=50), st.text(max_size=5), st.none()),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_bad_extras = st.one_of(
    st.binary(max_size=80),
    st.dictionaries(st.sampled_from((*EXTRAS, "other")), _junk, max_size=4).map(msgspec.msgpack.encode),
    st.dictionaries(
        st.sampled_from(sorted(EXTRAS)),
        st.one_of(
            st.tuples(st.sampled_from((b"e", b"s", b"z")), st.binary(max_size=60)).map(b"".join),
            st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 2, *[st.binary(max_size=48)] * 2),
            st.tuples(st.integers(-9, 9), st.binary(max_size=96)),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=7),
        ),
        max_size=4,
    ).map(msgspec.msgpack.encode),
)


@given(_bad_extras, st.booleans())
def test_bytes_that_are_no_extras_are_refused_or_make_some(raw, coarse):
    """Whatever they are, nothing worse comes of them than a refusal."""
    found = new_tally()
    try:
        found.unpack_extras(coarse, SECOND // 10 if coarse else SECOND, raw)
    except ValueError:
        return
    used(found)


def of_every_kind():
    """Return a tally with every extra, small, and one whose sets are estimates and whose panes are full."""
    chance = random.Random(1)
    few, many = new_tally(), new_tally()
    for found, number in ((few, 2), (many, 400)):
        users = {chance.getrandbits(64): chance.randrange(1, 9) for _ in range(number)}
        pings = [part for user in users for part in (user >> 17, user >> 1)]
        by_kind = {"people": set(users), "sample": set(users), "pings": pings}
        said = {user >> 4: number for user, number in users.items()}
        counts = {user >> 54: number for user, number in users.items()}
        parts = {"busiest": users, "said": said, "counts": counts, **by_kind}
        found.take(SECOND, {}, {name: parts[extra.kind] for name, extra in EXTRAS.items()}, OLDEST)
    return few, many


@pytest.mark.parametrize("coarse", [False, True])
def test_extras_of_which_a_byte_is_wrong_or_the_end_is_lost_are_refused_or_make_some(coarse):
    number = SECOND // 10 if coarse else SECOND
    few, many = of_every_kind()
    chance = random.Random(2)
    for tally, changes in ((few, 1), (few, 2), (many, 3)):
        raw = tally.extras_of_panes(coarse)[number]
        for _ in range(1_500):
            spoilt = bytearray(raw)
            for _ in range(changes):
                spoilt[chance.randrange(len(raw))] = chance.choice(
                    (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
                )
            found = new_tally()
            try:
                found.unpack_extras(
                    coarse, number, bytes(spoilt[: chance.choice((None, None, -chance.randrange(len(raw))))])
                )
            except ValueError:
                continue
            used(found)


@given(
    st.sampled_from(("visitors", "returners", "other", "")),
    st.sampled_from(("", "0", "7", "8", "x")),
    st.one_of(
        st.binary(max_size=60),
        st.tuples(st.sampled_from((b"e", b"s", b"z", b"\xc4\x08")), st.binary(max_size=60)).map(b"".join),
    ),
)
def test_bytes_that_are_no_set_or_sample_of_a_session_are_refused_or_make_one(name, part, raw):
    found = new_tally()
    try:
        found.unpack_part(name, part, raw)
    except ValueError:
        return
    found.take(LATE, {}, {"visitors": {1, 2**63}}, OLDEST)
    ((people,),) = asked([found], expression("session_people", "visitors"))
    assert people >= 0
    assert found.sample("returners") is not None
    again = unpacked(fields_of(found))
    assert again.people("visitors").count() >= 0


@given(st.binary(max_size=40), st.none() | st.lists(st.integers(-2, 2 * CELLS), max_size=9))
def test_bytes_that_are_no_pane_are_refused_or_make_one(raw, places):
    found = new_tally()
    try:
        found.unpack_cells(True, 7, raw, places)
        found.unpack_totals(raw, places)
    except ValueError:
        return
    assert known_of(unpacked(fields_of(found))).keys() == known_of(found).keys()
