"""Compares what was counted with the recount."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from hashlib import blake2b

import pytest

from stream.figures import EXTRAS
from stream.figures.pings import NODE_BITS
from stream.model import PROBES
from stream.panes import oldest_brief, oldest_panes
from tests.stream.logs import cells_of, extras_of, sets_of, totals_of
from tests.stream.plain_sets import rising, varints

LISTS = {
    "complaints": ("picture", "sound", "buying", "after_sales", "question"),
    "prohibited": ("ad_law", "vulgar", "fraud", "diversion"),
}


def compare_room(room, wanted, hasher, *, reach_ms):
    """Assert that a room's sessions, totals, sets and panes are those of the recount."""
    assert room.state == wanted.state
    found = [(s.start_ms, s.end_ms, s.reason) for s in room.sessions]
    assert found == [(s.start_ms, s.end_ms, s.reason) for s in wanted.sessions]
    for session, counted in zip(room.sessions, wanted.sessions, strict=True):
        assert totals_of(session.tally) == dict(+counted.sums)
        compare_people(session.tally, counted.people, hasher)
        compare_registers(session.tally.registers, counted)
        compare_items(session.tally.items, counted, hasher)
    assert +Counter(room.off_air) == +wanted.off_air
    assert Counter(feed for feed, _ in room.waiting) == Counter(r.feed for r in wanted.waiting)
    compare_panes(room, wanted, hasher, reach_ms)


def compare_operation(operation, wanted, *, reach_ms):
    """Assert that an operation's totals, panes and latencies are those of the recount."""
    tally = operation.tally
    assert totals_of(tally) == dict(+wanted.sums)
    oldest_fine, oldest_coarse = oldest_panes(reach_ms)
    compare_sums([tally], wanted.panes, oldest_fine, oldest_coarse)
    kept = extras_of(tally, coarse=False)
    found = {n: flat_counts(extras["latencies"]) for n, extras in kept.items() if n >= oldest_fine}
    expected = {second: some for second, some in wanted.latencies.items() if second >= oldest_fine}
    assert set(found) == set(expected)
    for second, some in expected.items():
        compare_latencies(found[second], some)


def flat_counts(flat):
    """Return counts that are packed as step, number and so on."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def compare_latencies(counts, wanted_ms):
    """Assert that each latency is at most 1 % from the middle of its step, 0.1 ms times a power of 1.02."""
    steps = [step for step, number in sorted(counts.items()) for _ in range(number)]
    limited = [min(max(latency_ms, 0.1), 86_400_000) for latency_ms in sorted(wanted_ms)]
    for step, latency_ms in zip(steps, limited, strict=True):
        assert 0.1 * 1.02**step * 2 / 2.02 == pytest.approx(latency_ms, rel=0.010_001)


def compare_people(tally, wanted, hasher):
    """Assert that the sets of people hold the same users."""
    found = {name: kept.members for name, kept in sets_of(tally).items()}
    assert found == {name: {hasher.short(user) for user in users} for name, users in wanted.items()}


def compare_items(extras, wanted, hasher):
    """Assert that the items have the people and the prices of the recount."""
    for name, people in (("clicked_items", wanted.clicked), ("paid_items", wanted.paid)):
        kept = extras[name].kept if name in extras else {}
        found = {item: one.people.members for item, one in kept.items()}
        assert found == {item: {hasher.short(user) for user in users} for item, users in people.items()}
    kept = extras["paid_items"].kept if "paid_items" in extras else {}
    for item, prices in wanted.prices.items():
        found = Counter()
        for fen, number in prices.items():
            low = max(0, fen.bit_length() - kept[item].amounts.bits)
            found[fen >> low << low] += number
        assert kept[item].amounts.counts == found


def compare_registers(registers, wanted):
    if wanted.balance is not None:
        assert registers["balance"] == [wanted.balance, wanted.balance_peak]
    for name, sources in wanted.sources.items():
        assert {k: v for k, v in registers.items() if k.startswith(f"{name}:")} == {
            f"{name}:{source}": amounts for source, amounts in sources.items()
        }
    assert registers.get("dwell", [0] * 10) == wanted.dwell
    for name, lists in LISTS.items():
        assert registers.get(name, [0] * len(lists)) == [wanted.words[one] for one in lists]
    if wanted.online is not None:
        assert registers["online"] == [*wanted.online, wanted.online_peak]
    if wanted.egress_limit is not None:
        assert registers["egress_limit"] == [*wanted.egress_limit]


def compare_panes(room, wanted, hasher, reach_ms):
    """Assert that the panes which windows up to this reach can need are those of the recount."""
    oldest_fine, oldest_coarse = oldest_panes(reach_ms)
    tallies = [session.tally for session in room.sessions]
    compare_sums(tallies, wanted.panes, oldest_fine, oldest_coarse)
    found: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for tally in tallies:
        for number, extras in extras_of(tally, coarse=True).items():
            for name, kept in extras.items():
                kind = EXTRAS[name].kind
                if number >= oldest_of(name, reach_ms) and kind == "people":
                    found[name, number] |= members_of(kept)
                elif number >= oldest_coarse and kind == "sample":
                    found[name, number] |= set(rising(*kept))
    people = {
        key: users for key, users in wanted.pane_people.items() if key[1] >= oldest_of(key[0], reach_ms)
    }
    assert {name for name, _ in found} <= set(EXTRAS)
    assert found == {key: {hasher.short(user) >> 32 for user in users} for key, users in people.items()}
    compare_pings(tallies, wanted, oldest_coarse)
    compare_fine(tallies, wanted, hasher, oldest_fine)


def members_of(packed):
    """Return the upper halves of the members of a pane's set of people that is exact."""
    return {hashed >> 32 for hashed in rising(*packed)}


def oldest_of(name, reach_ms):
    """Return the number of the oldest coarse pane that keeps an extra of this name for sure."""
    return oldest_brief(reach_ms) if EXTRAS[name].brief else oldest_panes(reach_ms)[1]


def compare_fine(tallies, wanted, hasher, oldest):
    """Assert that the fine panes know who is busiest, and who says that something does not work."""
    found: dict[int, set[int]] = defaultdict(set)
    for tally, session in zip(tallies, wanted.sessions, strict=True):
        busy: dict[int, dict[int, int]] = defaultdict(dict)
        for (pane, user), number in session.busy.items():
            if pane * 10 >= oldest:
                busy[pane * 10][hasher.short(user) & 0xFFFF_FFFF] = number
        panes = {n: extras for n, extras in extras_of(tally, coarse=False).items() if n >= oldest}
        assert busy == {n: numbers_of(x["busiest"]) for n, x in panes.items() if "busiest" in x}
        for second, extras in panes.items():
            if "complainers" in extras:
                found[second] |= members_of(extras["complainers"])
    users = {second: users for second, users in wanted.complainers.items() if second >= oldest}
    assert found == {second: {hasher.short(user) >> 32 for user in who} for second, who in users.items()}


def numbers_of(busiest):
    """Return how many events of each user a pane knows."""
    _, _, (users,), numbers = busiest
    return dict(zip(rising(users), varints(numbers), strict=True))


def compare_pings(tallies, wanted, oldest):
    """Assert that the panes keep every ping."""
    found: dict[int, Counter] = defaultdict(Counter)
    for tally in tallies:
        for number, extras in extras_of(tally, coarse=True).items():
            if number >= oldest and "pings" in extras:
                found[number].update(pings_of(extras["pings"]))
    expected = {
        number: Counter({(probe, node_hash(node), *rest): n for (probe, node, *rest), n in pings.items()})
        for number, pings in wanted.pane_pings.items()
        if number >= oldest
    }
    assert found == expected


def pings_of(packed):
    """Yield the pings that a pane keeps."""
    numbers = array("Q", packed[1])
    for where, what in zip(numbers[::2], numbers[1::2], strict=True):
        offset = what & (1 << 24) - 1
        yield (
            PROBES[where >> 14 + NODE_BITS],
            where >> 14 & (1 << NODE_BITS) - 1,
            where & (1 << 14) - 1,
            what >> 44,
            what >> 24 & (1 << 20) - 1,
            offset - (1 << 23) if offset else None,
        )


def node_hash(node):
    return int.from_bytes(blake2b(node.encode(), digest_size=4).digest(), "big")


def compare_sums(tallies, wanted, oldest_fine, oldest_coarse):
    """Assert that the panes from the oldest on hold the sums of the seconds."""
    fine: dict[int, Counter] = defaultdict(Counter)
    coarse: dict[int, Counter] = defaultdict(Counter)
    for second, sums in wanted.items():
        if second >= oldest_fine:
            fine[second].update(sums)
        if second // 10 >= oldest_coarse:
            coarse[second // 10].update(sums)
    assert pane_sums([tally.panes(False) for tally in tallies], oldest_fine) == nonzero(fine)
    assert pane_sums([tally.panes(True) for tally in tallies], oldest_coarse) == nonzero(coarse)


def pane_sums(kept, oldest):
    found: dict[int, Counter] = defaultdict(Counter)
    for panes in kept:
        for number, pane in panes.items():
            if number >= oldest:
                found[number].update(cells_of(pane))
    return nonzero(found)


def nonzero(sums):
    return {number: dict(+cells) for number, cells in sums.items() if +cells}
