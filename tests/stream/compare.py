"""Compares what was counted with the recount."""

from __future__ import annotations

from collections import Counter, defaultdict

from stream.figures import GROUPS
from stream.windows import oldest_panes


def compare_room(room, wanted, hasher, *, reach_ms):
    """Assert that a room's sessions, totals, sets and panes are those of the recount."""
    assert room.state == wanted.state
    found = [(s.start_ms, s.end_ms, s.reason) for s in room.sessions]
    assert found == [(s.start_ms, s.end_ms, s.reason) for s in wanted.sessions]
    for session, counted in zip(room.sessions, wanted.sessions, strict=True):
        assert sums_of(session.totals) == +counted.sums
        compare_people(session.totals, counted.people, hasher)
        compare_registers(session.registers, counted)
    assert +Counter(room.off_air) == +wanted.off_air
    assert Counter(feed for feed, _ in room.waiting) == Counter(r.feed for r in wanted.waiting)
    compare_panes(room.panes, wanted, reach_ms)


def sums_of(totals):
    """Return the sums of groups by (group, cell), without zeros."""
    return Counter(
        {
            (name, cell): number
            for name, total in totals.items()
            for cell, number in zip(GROUPS[name].cells, total.row, strict=True)
            if number
        }
    )


def compare_people(totals, wanted, hasher):
    for name, total in totals.items():
        for set_name, found in zip(GROUPS[name].people, total.people, strict=True):
            users = wanted[name, set_name]
            assert found.members == {hasher.short(user) for user in users}, (name, set_name)


def compare_registers(registers, wanted):
    if wanted.balance is not None:
        assert registers["balance"] == [wanted.balance, wanted.balance_peak]
    if wanted.online is not None:
        assert registers["online"] == [*wanted.online, wanted.online_peak]


def compare_panes(panes, wanted, reach_ms):
    """Assert that the panes which windows up to this reach can need are those of the recount."""
    oldest_fine, oldest_coarse = oldest_panes(reach_ms)
    fine: dict[int, Counter] = defaultdict(Counter)
    coarse: dict[int, Counter] = defaultdict(Counter)
    for second, sums in wanted.panes.items():
        if second >= oldest_fine:
            fine[second].update(sums)
        if second // 10 >= oldest_coarse:
            coarse[second // 10].update(sums)
    assert pane_sums({name: found.fine for name, found in panes.items()}, oldest_fine) == nonzero(fine)
    assert pane_sums({name: found.coarse for name, found in panes.items()}, oldest_coarse) == nonzero(coarse)


def pane_sums(panes, oldest):
    found: dict[int, Counter] = defaultdict(Counter)
    for name, kept in panes.items():
        for number, pane in kept.items():
            if number >= oldest:
                found[number].update(sums_of({name: pane}))
    return nonzero(found)


def nonzero(sums):
    return {number: dict(+cells) for number, cells in sums.items() if +cells}
