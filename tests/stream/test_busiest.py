"""The busiest users of ten seconds, in bounded memory."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stream.figures import new_tally
from stream.figures.busiest import BUSIEST, CAPACITY, FLOOD, FLOODED, TOP
from stream.figures.expression import expression
from stream.panes import COARSE_MS
from tests.stream.asked import asked, panes
from tests.stream.figured import Figures
from tests.stream.logs import extras_of, fields_of, totals_of, unpacked
from tests.stream.plain_sets import rising, varints
from tests.stream.test_figures_interaction import like

_part = st.dictionaries(st.integers(0, CAPACITY - 1), st.integers(1, 500))
_few = st.lists(_part, min_size=1, max_size=6)
_seed = st.integers(0, 2**32)
SECOND = 1_700_000_000
OLDEST = (0, 0, 0)


def crowd(seed):
    """Return what comes of a crowd of more than a pane keeps, in several parts."""
    chance = random.Random(seed)
    people = chance.choice((70, 200, 1_000))
    return [
        dict(Counter(int(people * chance.random() ** 3) for _ in range(chance.randrange(1, 2_000))))
        for _ in range(chance.randrange(1, 6))
    ]


def total_of(parts):
    found: Counter[int] = Counter()
    for part in parts:
        found.update(part)
    return found


def merged(parts, *, into=None, second=SECOND, flush=fields_of):
    """Return a tally that took parts in, with a flush after each: then a pane is cut to what it keeps."""
    found = into or new_tally()
    for part in parts:
        found.take(second, {}, {BUSIEST.name: part}, OLDEST)
        flush(found)
    return found


def pane_of(tally):
    """Return what the pane keeps: all events, the most that a number may be too low by, the numbers."""
    total, missed, (users,), numbers = extras_of(tally, coarse=False)[SECOND][BUSIEST.name]
    assert rising(users) == sorted(set(rising(users)))
    return total, missed, dict(zip(rising(users), varints(numbers), strict=True))


def share_of(tally, seconds=10):
    span = panes(SECOND, SECOND + seconds, coarse=False)
    ((share,),) = asked([tally], expression("busiest_share", BUSIEST.name, TOP, span))
    return share


@given(_few, st.randoms())
def test_while_few_are_there_order_and_cuts_change_nothing(parts, chance):
    shuffled = list(parts)
    chance.shuffle(shuffled)
    together = total_of(parts)
    packed = merged(parts).extras_of_panes(False)
    assert packed == merged(shuffled).extras_of_panes(False) == merged([together]).extras_of_panes(False)
    assert pane_of(merged(parts)) == (together.total(), 0, together)


@given(_few, _few)
def test_while_few_are_there_the_share_is_that_of_a_plain_count(parts, later):
    """Of one pane, and of several."""
    found = merged(parts)
    merged(later, into=found, second=SECOND + 10)
    for seconds, together in ((10, total_of(parts)), (20, total_of([*parts, *later]))):
        most = sum(number for _, number in together.most_common(TOP))
        share = share_of(found, seconds)
        assert share == most / together.total() if together else share is None


@given(_few, st.randoms())
def test_while_few_are_there_a_flood_is_what_is_beyond_the_limit_however_it_came(parts, chance):
    shuffled = list(parts)
    chance.shuffle(shuffled)
    beyond = sum(max(0, number - FLOOD) for number in total_of(parts).values())
    for some in (parts, shuffled, [total_of(parts)]):
        found = merged(some)
        assert totals_of(found).get(FLOODED, 0) == beyond


def test_users_of_the_same_short_hash_are_one():
    found = merged([{7: 60, 1 << 32 | 7: 60}, {2 << 32 | 7: 5}])
    assert pane_of(found) == (125, 0, {7: 125})
    assert totals_of(found) == {FLOODED: 25}


@given(_seed)
def test_of_many_the_numbers_are_too_low_by_a_bounded_part(seed):
    parts = crowd(seed)
    together = total_of(parts)
    total, missed, numbers = pane_of(merged(parts))
    assert total == together.total()
    assert len(numbers) <= CAPACITY
    assert missed <= together.total() / (CAPACITY + 1)
    for user, number in numbers.items():
        assert number <= together[user] <= number + missed
    for user, number in together.items():
        assert user in numbers or number <= missed


@given(_seed)
def test_of_many_the_summary_is_that_of_a_plain_program(seed):
    """Misra and Gries: when there are too many, everyone loses as many as the first one too many has."""
    parts, numbers, missed = crowd(seed), Counter[int](), 0
    for part in parts:
        numbers.update(part)
        if len(numbers) > CAPACITY:
            cut = sorted(numbers.values(), reverse=True)[CAPACITY]
            numbers = +Counter({user: number - cut for user, number in numbers.items()})
            missed += cut
    found = merged(parts)
    assert pane_of(found) == (total_of(parts).total(), missed, numbers)
    most = sum(number + missed for _, number in numbers.most_common(TOP))
    assert share_of(found) == min(1, most / total_of(parts).total())


@given(_seed)
def test_what_is_packed_comes_back(seed):
    parts, kept = crowd(seed), {}
    found = merged(parts, flush=lambda tally: kept.update(fields_of(tally)))
    back = unpacked(kept)
    assert pane_of(back) == pane_of(found)
    assert share_of(back) == share_of(found)
    assert pane_of(merged(parts, into=back)) == pane_of(merged(parts, into=found))


def test_nobody_is_busy_in_a_large_crowd(log):
    """Told too high by at most 10/65: a crowd of 2 000 in which nobody stands out stays far below a half."""
    for number in range(2_000):
        like(log, f"u{number}")
    log.wait(COARSE_MS)
    assert Figures(log)('live_interaction_concentration{window="1m"}') <= 10 / 65


def test_ten_busy_users_stand_out_of_a_large_crowd(log):
    for turn in range(100):
        for number in range(10):
            like(log, f"busy-{number}")
        for number in range(10):
            like(log, f"{turn}-{number}")
    assert 0.5 <= Figures(log)('live_interaction_concentration{window="1m"}') <= 0.5 + 10 / 65
