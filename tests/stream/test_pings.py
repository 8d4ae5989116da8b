"""What panes keep of pings does not depend on the order in which they came, however many they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.cells import Fresh
from stream.figures import new_tally
from stream.figures.expression import expression
from stream.figures.pings import PING_LOG, PINGS_MAX, add_ping
from stream.model import PROBES, Ping
from tests.stream.asked import asked, panes
from tests.stream.compare import node_hash, pings_of
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
def test_what_is_kept_is_what_came(pings):
    (pane,) = extras_of(log_of(pings), coarse=True).values()
    came = [
        (
            ping.probe,
            node_hash(ping.node),
            ping.at_ms,
            ping.interval_ms,
            min(ping.stall_ms or 0, (1 << 20) - 1),
            None if ping.av_offset_ms is None else round(ping.av_offset_ms * 10),
        )
        for ping in pings
    ]
    for number, probe in enumerate(PROBES):
        of_probe = sorted([row for row in came if row[0] == probe], key=repr)
        kept = sorted([row for row in pings_of(pane[PING_LOG]) if row[0] == probe], key=repr)
        cut = bool(pane[PING_LOG][0] >> number & 1)
        assert len(kept) == min(len(of_probe), PINGS_MAX[probe])
        assert cut == (len(of_probe) > PINGS_MAX[probe])
        assert kept == of_probe or (cut and set(kept) <= set(of_probe))


def flood(probe, number):
    return [
        Ping(room_id="r", at_ms=at, probe=probe, node=f"p{at % 100}", interval_ms=1) for at in range(number)
    ]


def nodes(tally, probe):
    """Return how many nodes of a probe ping in the first five minutes."""
    span = panes(-60, 30, coarse=True)
    ((found,),) = asked([tally], expression("ping_quarter", PING_LOG, PROBES.index(probe) * 7 + 1, span))
    return found


def kept_of(tally, probe):
    """Return of each pane the nodes of a probe that it keeps pings of."""
    return [
        [node for one, node, *_ in pings_of(pane[PING_LOG]) if one == probe]
        for _, pane in sorted(extras_of(tally, coarse=True).items())
    ]


def test_a_probe_that_floods_leaves_the_others_alone():
    found = log_of([*flood("player", 500), *flood("ingest", 3)])
    assert [len(*kept_of(found, probe)) for probe in PROBES] == [3, 0, PINGS_MAX["player"]]
    assert nodes(found, "ingest") == 3
    assert nodes(found, "edge") is None


def test_of_a_probe_that_floods_a_sample_of_the_nodes_is_told():
    found = log_of(flood("player", 500))
    (kept,) = kept_of(found, "player")
    limit = max(kept)
    whole = len({node for node in kept if node < limit})
    assert nodes(found, "player") == pytest.approx(whole * 2**32 / limit)
    assert nodes(found, "player") == pytest.approx(100, rel=0.9)


def test_a_probe_that_flooded_is_known_by_it_after_a_load():
    found = unpacked(fields_of(log_of(flood("player", 500))))
    (pane,) = extras_of(found, coarse=True).values()
    assert pane[PING_LOG][0] == 1 << 2
    assert nodes(found, "player") == nodes(log_of(flood("player", 500)), "player")
    (before,) = kept_of(found, "player")
    (after,) = kept_of(add(found, flood("player", 5)), "player")
    assert max(after) <= max(before)


def test_of_several_panes_the_lowest_limit_counts():
    found = log_of(flood("player", 500))
    add(found, flood("player", 40), second=10)
    first, second = kept_of(found, "player")
    limit = min(max(first), max(second))
    whole = len({node for node in (*first, *second) if node < limit})
    assert nodes(found, "player") == pytest.approx(whole * 2**32 / limit)
