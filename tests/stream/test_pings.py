"""What panes keep of pings does not depend on the order in which they came, however many they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.cells import Fresh
from stream.figures import new_tally
from stream.figures.pings import NODE_BITS, PING_LOG, PINGS_MAX, add_ping, read_pings
from stream.model import Ping
from stream.native import Group
from tests.stream.logs import extras_of, fields_of, unpacked

OLDEST = (0, 0, 0)
_some = st.builds(
    Ping,
    room_id=st.just("r"),
    at_ms=st.integers(0, 9_999),
    probe=st.sampled_from(("edge", "player")),
    node=st.integers(0, 60).map("n{}".format),
    interval_ms=st.integers(1, 600_000),
    stall_ms=st.one_of(st.none(), st.integers(0, 2**53 - 1)),
    av_offset_ms=st.one_of(st.none(), st.floats(-600_000, 600_000)),
)


def add(tally, pings, *, second=0):
    """Let pings come at once, and return the tally."""
    fresh = Fresh()
    for ping in pings:
        add_ping(fresh, ping)
    tally.take(second, {}, fresh.extras, OLDEST)
    return tally


def log_of(pings):
    return add(new_tally(), pings)


@given(st.lists(_some, min_size=1, max_size=150), st.integers(0, 149), st.randoms(use_true_random=False))
def test_pieces_in_any_order_are_the_whole(pings, cut, chance):
    whole = log_of(pings)
    shuffled = list(pings)
    chance.shuffle(shuffled)
    parts = add(log_of(shuffled[:cut]), shuffled[cut:])
    going_on = add(unpacked(fields_of(log_of(shuffled[:cut]))), shuffled[cut:])
    again = unpacked(fields_of(whole))
    wanted = whole.extras_of_panes(True)
    assert [one.extras_of_panes(True) for one in (parts, again, going_on)] == [wanted] * 3


@given(st.lists(_some, min_size=1, max_size=150))
def test_what_is_read_is_what_came(pings):
    found = read_pings(Group([log_of(pings)]), [0], 0, 10_000)
    rows = [
        (
            ("ingest", "edge", "player").index(ping.probe),
            ping.at_ms,
            ping.interval_ms,
            min(ping.stall_ms or 0, (1 << 20) - 1),
            None if ping.av_offset_ms is None else round(ping.av_offset_ms * 10),
        )
        for ping in pings
    ]
    offsets = [
        offset if told else None
        for offset, told in zip(found.offset.tolist(), found.has_offset.tolist(), strict=True)
    ]
    columns = (found.group, found.at_ms, found.interval_ms, found.stall_ms)
    read = [*zip(*(column.tolist() for column in columns), offsets, strict=True)]
    for number, probe in enumerate(("ingest", "edge", "player")):
        of_probe = sorted([row for row in rows if row[0] == number], key=repr)
        kept = sorted([row for row in read if row[0] == number], key=repr)
        assert len(kept) == min(len(of_probe), PINGS_MAX[probe])
        assert (number in found.limit) == (len(of_probe) > PINGS_MAX[probe])
        assert kept == of_probe or (number in found.limit and set(kept) <= set(of_probe))


def flood(probe, number):
    return [
        Ping(room_id="r", at_ms=at, probe=probe, node=f"p{at % 100}", interval_ms=1) for at in range(number)
    ]


def test_a_probe_that_floods_leaves_the_others_alone():
    found = log_of([*flood("player", 500), *flood("ingest", 3)])
    pings = read_pings(Group([found]), [0], 0, 10_000)
    assert [(pings.group == number).sum() for number in range(3)] == [3, 0, PINGS_MAX["player"]]
    assert pings.limit == {2: pings.node[pings.group == 2].max() - (2 << NODE_BITS)}


def test_a_probe_that_flooded_is_known_by_it_after_a_load():
    found = unpacked(fields_of(log_of(flood("player", 500))))
    (pane,) = extras_of(found, coarse=True).values()
    assert pane[PING_LOG][0] == 1 << 2
    lowest = read_pings(Group([found]), [0], 0, 10_000)
    more = read_pings(Group([add(found, flood("player", 5))]), [0], 0, 10_000)
    assert more.limit[2] <= lowest.limit[2]


def test_of_several_panes_the_lowest_limit_counts():
    found = log_of(flood("player", 500))
    add(found, flood("player", 40), second=10)
    pings = read_pings(Group([found]), [0], 0, 20_000)
    limits = [
        read_pings(Group([found]), [0], start_ms, start_ms + 10_000).limit[2] for start_ms in (0, 10_000)
    ]
    assert pings.limit == {2: min(limits)}


def test_the_pings_of_a_window_are_read_by_their_time():
    none, some = new_tally(), new_tally()
    add(some, flood("edge", 10), second=10)
    add(some, flood("edge", 5), second=20)
    some.take(30, {"likes.count": 1}, {}, OLDEST)
    pings = read_pings(Group([none, some]), [0, 1], 10_004, 20_003)
    assert sorted(pings.at_ms) == [0, 1, 2, 3, 4, 5, 9_996, 9_997, 9_998]
    assert set(pings.group) == {4}
    assert len(read_pings(Group([none]), [0], 0, 60_000).group) == 0


def test_only_the_pings_of_those_who_are_asked_for_are_read():
    group = Group([log_of(flood("edge", number)) for number in (1, 2, 3)])
    pings = read_pings(group, [2, 0], 0, 10_000)
    assert (pings.sessions, pings.group.tolist()) == (2, [1, 1, 1, 4])
