"""Compares what was counted with the recount."""

from __future__ import annotations

from collections import Counter

from stream.figures import GROUPS


def compare_room(room, wanted, hasher):
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
    compare_panes(room.panes, wanted)


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


def compare_panes(panes, wanted):
    """Assert that every fine pane there is holds what the recount has, and that none is missing in between."""
    oldest = min((min(p.fine, default=1 << 60) for p in panes.values()), default=0)
    seconds = {second for second in wanted.panes if second >= oldest}
    for second in seconds | {second for p in panes.values() for second in p.fine}:
        found = {name: p.fine[second] for name, p in panes.items() if second in p.fine}
        assert sums_of(found) == +wanted.panes[second], second
    coarse = Counter()
    for second, sums in wanted.panes.items():
        for key, number in sums.items():
            coarse[second // 10, *key] += number
    for name, kept in panes.items():
        for number, pane in kept.coarse.items():
            for cell, got in zip(GROUPS[name].cells, pane.row, strict=True):
                assert got == coarse[number, name, cell], (number, name, cell)
