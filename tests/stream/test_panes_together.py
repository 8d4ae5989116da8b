"""Panes that lie in one field of the store: dense, and what earlier versions wrote is read as well."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures import LAYOUT
from stream.figures.busiest import BUSIEST
from stream.sessions import Room, Session
from stream.store.packing import pack_room, unpack_room
from tests.stream.logs import START_MS, TOPICS, Folding, PlainStore, fields_of, unpacked
from tests.stream.plain_sets import rising, varints
from tests.stream.test_packed_panes import CELLS, OLDEST, SECOND, known_of, pane_bytes, tally_of, used

FINE, COARSE = SECOND // 10, SECOND // 60
UPPER = 1 << 16
"""Panes keep the bits of a hash from this on."""
hashes = st.integers(0, 2**64 - 1)


def field_of(tally, *, coarse):
    """Return what the one field of a tally's panes holds."""
    return panes_of(fields_of(tally), coarse=coarse)


def panes_of(fields, *, coarse):
    """Return what the one field of panes holds."""
    (found,) = (raw for name, raw in fields.items() if name.startswith(b"P:" if coarse else b"p:"))
    return msgspec.msgpack.decode(found)


def test_neighbours_lie_together_and_a_small_sum_takes_a_byte():
    likes, lines = LAYOUT.names.index("likes.count"), LAYOUT.names.index("danmaku.count")
    tally = tally_of([(0, "likes.count", 7), (2, "likes.count", 300), (9, "danmaku.count", 1)])
    wanted = {likes: [0b101, 7, 300], lines: [1 << 9, 1]}
    numbers, before = [], -1
    for cell in sorted(wanted):
        numbers += [cell - before - 1, *wanted[cell]]
        before = cell
    fields = fields_of(tally)
    assert {f"p:0:{FINE}".encode(), f"P:0:{COARSE}".encode()} <= fields.keys()
    assert varints(panes_of(fields, coarse=False)["cells"]) == numbers


@given(st.sets(hashes, max_size=40), st.integers(0, 60))
def test_hashes_are_kept_by_their_distances(some, shift):
    """However near to each other they are, and whatever bits all of them lack."""
    some = {one >> shift for one in some} if shift % 2 else {one >> shift << shift for one in some}
    said = {one >> 4: one & 7 for one in sorted(some)}
    tally = tally_of([], [(0, "said", said), (0, "clicked", some)])
    fields = fields_of(tally)
    (_, (raw,)) = panes_of(fields, coarse=False)["said"]
    assert rising(raw) == sorted(pair << 4 | second for pair, second in said.items())
    (_, (raw,)) = panes_of(fields, coarse=True)["clicked"]
    assert rising(raw) == sorted({one >> 32 for one in some})[:32]
    assert known_of(unpacked(fields)) == known_of(tally)


def test_many_hashes_take_few_bits():
    """Of 200 that are spread evenly each is 2^56 / 200 from the next: 48 bits, and two."""
    chance = random.Random(1)
    tally = tally_of([], [(0, "visitors", {chance.getrandbits(64) for _ in range(200)})])
    (_, (raw,)) = field_of(tally, coarse=True)["visitors"]
    assert len(raw) < 200 * (48 - 7 + 2) / 8 + 5


def test_people_of_a_pane_are_told_apart_by_the_upper_bits_of_their_hashes():
    tally = tally_of([], [(0, "visitors", {5 * UPPER, 5 * UPPER + 1, 6 * UPPER})])
    (_, (raw,)) = field_of(tally, coarse=True)["visitors"]
    assert rising(raw) == [5 * UPPER, 6 * UPPER]
    assert tally.people("visitors").count() == 3


def former(tally, *, fine_extras, coarse_extras):
    """Return the fields as earlier versions wrote them."""
    fields = {name: raw for name, raw in fields_of(tally).items() if name[:2] not in {b"p:", b"P:"}}
    for kind, coarse in (("f", False), ("c", True)):
        fields |= {f"{kind}:0:{number}".encode(): raw for number, raw in tally.panes(coarse).items()}
    pack = msgspec.msgpack.encode
    fields[f"F:0:{SECOND}".encode()] = pack(fine_extras)
    fields[f"C:0:{FINE}".encode()] = pack(coarse_extras)
    return fields


def earlier():
    """Return a tally, and its fields as earlier versions wrote them: hashes whole, nothing by distances."""
    people = [3 * UPPER, 4 * UPPER]
    cells = [(0, "likes.count", 2**33), (1, "likes.count", 4), (25, "danmaku.count", 1)]
    extras = [
        (0, "busiest", {7: 3, 9: 400}), (0, "said", {5: 2}), (0, "complainers", set(people)),
        (0, "visitors", {*people}), (0, "clicked", {1 << 33, 5 << 32}), (0, "pings", [1 << 20, 5]),
    ]  # fmt: skip
    tally = tally_of(cells, extras)
    packed = b"".join(one.to_bytes(8, "little") for one in people)
    fields = former(
        tally,
        fine_extras={
            "busiest": [403, 0, struct.pack("<II", 7, 9), struct.pack("<II", 3, 400)],
            "said": struct.pack("<Q", 5 << 4 | 2),
            "complainers": b"e" + packed,
        },
        coarse_extras={
            "visitors": b"e" + packed,
            "clicked": struct.pack("<II", 2, 5),
            "pings": [0, struct.pack("<QQ", 1 << 20, 5)],
        },
    )
    return tally_of(cells, extras), fields


def test_what_earlier_versions_wrote_is_read_and_written_anew():
    wanted, fields = earlier()
    found = unpacked(fields)
    assert known_of(found) == known_of(wanted)
    panes = {name: raw for name, raw in fields_of(wanted).items() if name[:2] in {b"p:", b"P:"}}
    assert {name: raw for name, raw in fields_of(found).items() if name[:2] in {b"p:", b"P:"}} == panes
    assert sorted(found.former) == sorted(
        name.decode() for name in fields if name[:2] in {b"f:", b"c:", b"F:", b"C:"}
    )


def test_people_whom_earlier_versions_kept_are_the_same_ones():
    """With all bits of their hashes they would be counted beside themselves."""
    packed = (5 * UPPER + 77).to_bytes(8, "little")
    raw = msgspec.msgpack.encode({"visitors": b"e" + packed})
    found = unpacked({b"state": fields_of(tally_of([]))[b"state"], f"C:0:{FINE // 6 * 6}".encode(): raw})
    found.take(SECOND // 60 * 60, {}, {"visitors": {5 * UPPER + 77}}, OLDEST)
    (_, (raw,)) = field_of(found, coarse=True)["visitors"]
    assert rising(raw) == [5 * UPPER]


def test_the_flush_that_writes_panes_anew_removes_what_they_were_read_from():
    _, fields = earlier()
    room = Room("r1")
    room.sessions.append(Session(START_MS, START_MS, START_MS))
    room.current = room.sessions[0]
    start = str(START_MS).encode()
    in_room: dict[bytes, Any] = {b"state": pack_room(room)["state"]}
    in_room |= {name[:2] + start + name[3:]: raw for name, raw in fields.items() if name != b"state"}
    loaded = unpack_room("r1", in_room)
    folding, store = Folding(), PlainStore()
    store.hashes["{p0}:room:r1"] = in_room
    folding.partition.adopt(loaded)
    folding.partition.touched.add(loaded)
    for feed in TOPICS:
        folding.saw_end(feed, START_MS + 1_000)
    store.apply(folding.flush().writes)
    kinds = {name[:1] for name in store.hashes["{p0}:room:r1"]}
    assert kinds >= {b"p", b"P", b"t"}
    assert not kinds & {b"f", b"c", b"F", b"C"}
    (session,), (again,) = loaded.sessions, unpack_room("r1", store.hashes["{p0}:room:r1"]).sessions
    assert known_of(again.tally) == known_of(session.tally)
    assert not session.tally.former


junk = st.recursive(
    st.one_of(st.integers(-(2**63), 2**64 - 1), st.binary(max_size=60), st.text(max_size=5), st.none()),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=8,
)
dense = st.tuples(st.integers(0, 70), st.integers(0, 70), st.integers(0, 99), st.binary(max_size=60)).map(
    lambda parts: bytes(parts[:3]) + parts[3]
)
places = st.integers(-1, 11)
kept = st.one_of(
    dense.map(lambda raw: [raw]),
    dense,
    st.tuples(st.integers(0, 9), st.integers(0, 9), dense.map(lambda raw: [raw]), st.binary(max_size=30)),
    junk,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ("cells", "said", "complainers", "visitors", "clicked", "pings", BUSIEST.name, "new")
        ),
        st.one_of(
            st.binary(max_size=60), st.lists(st.tuples(places, kept), max_size=3).map(lambda p: sum(p, ()))
        ),
        max_size=4,
    ).map(msgspec.msgpack.encode)
    | st.binary(max_size=60),
    st.booleans(),
    st.none() | st.lists(st.integers(-2, 2 * CELLS), max_size=9),
)
def test_bytes_that_are_no_panes_are_refused_or_make_some(raw, coarse, moved):
    """Whatever they are, nothing worse comes of them than a refusal."""
    found = tally_of([])
    try:
        found.unpack_together(coarse, COARSE if coarse else FINE, raw, moved)
    except ValueError:
        return
    used(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cells", b"\x80"),
        ("cells", bytes([0, 0x80, 0x80, 0x80])),
        ("cells", bytes([0xFF, 0xFF, 0x7F, 1, 1])),
        ("cells", bytes([1, 0x80, 8, 1])),
        ("cells", bytes([1, 3, 1])),
        ("visitors", [10, [b""]]),
        ("visitors", [0, [b"\x40\0\1\1"]]),
        ("visitors", [0, [b"\0\x40\1\1"]]),
        ("visitors", [0, [b"\0\0\x7f\1"]]),
        ("visitors", [0, [b"\0\0\1\0"]]),
        ("visitors", [0, [b"\0"]]),
        ("clicked", [0, [b"\x1f\0\1\4"]]),
        ("clicked", [0, [b"\0\x3f\1\1"]]),
    ],
)
def test_what_no_panes_can_hold_is_refused(name, value):
    """Torn numbers, cells and panes that are not there, more numbers than bits, too large numbers."""
    raw = msgspec.msgpack.encode({name: value})
    with pytest.raises(ValueError, match=r"."):
        tally_of([]).unpack_together(False, FINE, raw, None)


def test_a_cell_of_one_pane_is_as_before():
    found = tally_of([])
    found.unpack_cells(False, SECOND, pane_bytes((3, 9)), None)
    assert varints(field_of(found, coarse=False)["cells"]) == [3, 1, 9]
