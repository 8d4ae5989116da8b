"""Compares what was counted with the recount."""

from __future__ import annotations

from collections import Counter, defaultdict

from stream.figures import EXTRAS
from stream.panes import oldest_panes
from stream.sketches import Distinct
from tests.stream.logs import cells_of, totals_of


def compare_room(room, wanted, hasher, windows, *, reach_ms):
    """Assert that a room's sessions, totals, sets and panes are those of the recount."""
    assert room.state == wanted.state
    found = [(s.start_ms, s.end_ms, s.reason) for s in room.sessions]
    assert found == [(s.start_ms, s.end_ms, s.reason) for s in wanted.sessions]
    for session, counted in zip(room.sessions, wanted.sessions, strict=True):
        assert totals_of(session.tally, windows) == dict(+counted.sums)
        compare_people(session.tally.extras, counted.people, hasher)
        compare_registers(session.tally.registers, counted)
    assert +Counter(room.off_air) == +wanted.off_air
    assert Counter(feed for feed, _ in room.waiting) == Counter(r.feed for r in wanted.waiting)
    compare_panes(room, wanted, hasher, reach_ms)


def compare_people(extras, wanted, hasher):
    """Assert that the sets of people hold the same users."""
    found = {name: kept.members for name, kept in extras.items() if isinstance(kept, Distinct)}
    assert found == {name: {hasher.short(user) for user in users} for name, users in wanted.items()}


def compare_registers(registers, wanted):
    if wanted.balance is not None:
        assert registers["balance"] == [wanted.balance, wanted.balance_peak]
    for name, sources in wanted.sources.items():
        assert {k: v for k, v in registers.items() if k.startswith(f"{name}:")} == {
            f"{name}:{source}": amounts for source, amounts in sources.items()
        }
    if wanted.online is not None:
        assert registers["online"] == [*wanted.online, wanted.online_peak]


def compare_panes(room, wanted, hasher, reach_ms):
    """Assert that the panes which windows up to this reach can need are those of the recount."""
    oldest_fine, oldest_coarse = oldest_panes(reach_ms)
    fine: dict[int, Counter] = defaultdict(Counter)
    coarse: dict[int, Counter] = defaultdict(Counter)
    for second, sums in wanted.panes.items():
        if second >= oldest_fine:
            fine[second].update(sums)
        if second // 10 >= oldest_coarse:
            coarse[second // 10].update(sums)
    tallies = [session.tally for session in room.sessions]
    assert pane_sums([tally.fine for tally in tallies], oldest_fine) == nonzero(fine)
    assert pane_sums([tally.coarse for tally in tallies], oldest_coarse) == nonzero(coarse)
    found = defaultdict(set)
    for tally in tallies:
        for number, extras in tally.coarse_extras.items():
            for name, kept in extras.items():
                if number >= oldest_coarse and isinstance(kept, Distinct):
                    found[name, number] |= kept.members
    people = {key: users for key, users in wanted.pane_people.items() if key[1] >= oldest_coarse}
    assert {name for name, _ in found} <= set(EXTRAS)
    assert found == {key: {hasher.short(user) for user in users} for key, users in people.items()}


def pane_sums(kept, oldest):
    found: dict[int, Counter] = defaultdict(Counter)
    for panes in kept:
        for number, pane in panes.items():
            if number >= oldest:
                found[number].update(cells_of(pane))
    return nonzero(found)


def nonzero(sums):
    return {number: dict(+cells) for number, cells in sums.items() if +cells}
