"""What panes keep of pings does not depend on the order in which they came, however many they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.pings import NODE_BITS, PINGS_MAX, PingLog, read_pings
from stream.model import Ping

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


def log_of(pings):
    found = PingLog()
    for ping in pings:
        found.add(ping)
    return found


@given(st.lists(_some, min_size=1, max_size=150), st.integers(0, 149), st.randoms(use_true_random=False))
def test_pieces_in_any_order_are_the_whole(pings, cut, chance):
    whole = log_of(pings)
    shuffled = list(pings)
    chance.shuffle(shuffled)
    parts = log_of(shuffled[:cut])
    parts.merge(log_of(shuffled[cut:]))
    assert parts.pack() == whole.pack()
    again = PingLog()
    again.unpack(whole.pack())
    assert again.pack() == whole.pack()


def flood(probe, number):
    return [
        Ping(room_id="r", at_ms=at, probe=probe, node=f"p{at % 100}", interval_ms=1) for at in range(number)
    ]


def test_a_probe_that_floods_leaves_the_others_alone():
    found = log_of([*flood("player", 500), *flood("ingest", 3)])
    pings = read_pings([{0: {"pings": found}}], 0, 10_000)
    assert [(pings.group == number).sum() for number in range(3)] == [3, 0, PINGS_MAX["player"]]
    assert pings.limit == {2: pings.node[pings.group == 2].max() - (2 << NODE_BITS)}


def test_the_pings_of_a_window_are_read_by_their_time():
    panes = {1: {"pings": log_of(flood("edge", 10))}, 2: {"pings": log_of(flood("edge", 5))}, 3: {}}
    pings = read_pings([{}, panes], 10_004, 20_003)
    assert sorted(pings.at_ms) == [0, 1, 2, 3, 4, 5, 9_996, 9_997, 9_998]
    assert set(pings.group) == {4}
    assert len(read_pings([{}, {}], 0, 60_000).group) == 0
