"""Who comes, from where, and how long they stay: small logs whose answers can be told by hand."""

from __future__ import annotations

import pytest

from stream.figures import new_tally
from stream.figures.labels import LABELS_MAX, amounts_of
from tests.stream.figured import Figures, visit

AFTERS = ("30s", "1m", "3m", "10m")


def play(log, *stays):
    """Let viewers enter and leave.

    Args:
        log: the log; its time is afterwards that of the last who comes or goes.
        stays: user, when they enter after the log's time, and how long they stay; None is to the end.
    """
    start_ms, moves = log.now_ms, []
    for user, enters_ms, stays_ms in stays:
        moves.append((enters_ms, user, {"action": "enter"}))
        if stays_ms is not None:
            moves.append((enters_ms + stays_ms, user, {"action": "leave", "dwell_ms": stays_ms}))
    for at_ms, user, fields in sorted(moves, key=lambda move: move[0]):
        visit(log, user, append_ms=start_ms + at_ms, **fields)


def test_visitors_are_people_and_enters_are_visits(log):
    for user in ("a", "a", "b", "c"):
        visit(log, user, "enter")
    visit(log, "d", "leave")
    found = Figures(log)
    assert found('live_visitors{window="session"}') == 3
    assert (found("live_enters_total"), found("live_leaves_total")) == (4, 1)


def test_enters_are_told_by_source_and_add_up(log):
    for source in ("feed", "search", "feed", "other"):
        visit(log, "a", "enter", source=source)
    visit(log, "a", "enter")
    visit(log, "a", "click", source="ads")
    assert Figures(log)("live_source_enters_total") == {"feed": 2, "other": 2, "search": 1}


def test_only_the_first_twelve_sources_have_their_own_enters(log):
    for number in (*range(15), 3, 14):
        visit(log, "a", "enter", source=f"s{number:02}")
    found = Figures(log)("live_source_enters_total")
    assert len(found) == LABELS_MAX + 1
    assert (found["s03"], found["s11"], found["other"]) == (2, 1, 4)


def test_the_labels_of_one_name_do_not_use_up_those_of_another():
    tally = new_tally()
    for number in range(LABELS_MAX):
        amounts_of(tally, "enters_from", str(number), 1)[0] += 1
        amounts_of(tally, "orders_from", str(number), 2)[1] += 1
    amounts_of(tally, "enters_from", "more", 1)[0] += 1
    assert tally.registers["enters_from:other"] == [1]
    assert "orders_from:other" not in tally.registers
    assert tally.changed_registers == set(tally.registers)


def test_the_histogram_of_stays_holds_each_bound(log):
    for stayed_ms in (0, 5_000, 5_001, 3_600_000, 3_600_001, 10**12):
        visit(log, "a", "leave", dwell_ms=stayed_ms)
    visit(log, "a", "leave")
    found = Figures(log)("live_dwell_seconds")
    assert found == {
        "5": 2, "15": 3, "30": 3, "60": 3, "180": 3, "300": 3, "600": 3, "1800": 3, "3600": 4, "+Inf": 6,
        "sum": pytest.approx(5 + 5.001 + 3_600 + 3_600.001 + 86_400),
    }  # fmt: skip


def test_the_mean_stay_is_of_those_who_tell_it(log):
    for stayed_ms in (1_000, 2_000, 6_000):
        visit(log, "a", "leave", dwell_ms=stayed_ms)
    visit(log, "a", "leave")
    assert Figures(log)('live_dwell_mean_seconds{window="15m"}') == 3


def test_who_leaves_within_five_seconds_has_bounced(log):
    play(log, ("a", 0, 4_000), ("b", 0, 5_000), ("c", 0, 5_001), ("d", 0, None))
    assert Figures(log)('live_bounce_ratio{window="5m"}') == 0.5


def test_retention_looks_at_those_whose_time_is_over(log):
    """Four enter at once and leave before each time to look; eight are too young to be looked at.

    ::

        0 s  a b c d enter  | 29 s a leaves | 59 s b leaves | 179 s c leaves   ...   620 s
                                                                        605 s  eight enter
    """
    stays = [("a", 0, 29_000), ("b", 0, 59_000), ("c", 0, 179_000), ("d", 0, None)]
    play(log, *stays, *((f"young-{number}", 605_000, None) for number in range(8)))
    found = Figures(log, more_ms=15_000)
    for after, left in zip(AFTERS, (1, 2, 3, 3), strict=True):
        labels = f'after="{after}",window="session"'
        assert found(f"live_retention_entered{{{labels}}}") == 4
        assert found(f"live_retention_left{{{labels}}}") == left
        assert found(f"live_retention_ratio{{{labels}}}") == 1 - left / 4
    assert found('live_retention_ratio{after="10m",window="5m"}') == 0.25
    assert found('live_retention_entered{after="3m",window="5m"}') == 0


@pytest.mark.parametrize(
    ("more_ms", "share"), [(0, None), (10_000, 0.5), (290_000, 0.5), (300_000, 0.5), (310_000, None)]
)
def test_a_cohort_is_looked_at_for_five_minutes(log, more_ms, share):
    """Who enters at 0 s is looked at from the end of their ten seconds and 30 s more."""
    play(log, ("a", 0, 10_000), ("b", 0, 30_000))
    found = Figures(log, more_ms=more_ms)
    assert found('live_retention_ratio{after="30s",window="5m"}') == share
    assert found('live_retention_ratio{after="30s",window="session"}') == (0.5 if more_ms else None)


def test_a_feed_without_stays_has_no_retention(log):
    play(log, ("a", 0, None))
    log.wait(1_000)
    visit(log, "a", "leave")
    found = Figures(log, more_ms=60_000)
    assert found('live_retention_entered{after="30s",window="5m"}') == 1
    for window in ("session", "5m"):
        assert found(f'live_retention_ratio{{after="30s",window="{window}"}}') is None
        assert found(f'live_retention_left{{after="30s",window="{window}"}}') is None


def test_more_who_left_than_are_known_to_have_come_is_no_negative_share(log):
    visit(log, "a", "enter")
    for _ in range(3):
        visit(log, "b", "leave", dwell_ms=1_000)
    assert Figures(log, more_ms=60_000)('live_retention_ratio{after="30s",window="session"}') == 0
    assert Figures(log, more_ms=60_000)('live_bounce_ratio{window="5m"}') == 1
