"""Budgets and repeats, with time and chance as arguments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from alerts.notify.budget import Budget, Step, free_at_ms, left, step
from alerts.notify.retry import Patience, Verdict, next_attempt_ms

BUDGET = Budget(messages=20, span_ms=60_000, bytes_max=20_000)
NOW = 1_000_000


def _step(waiting: int, attempts: list[int], **given_: object) -> Step:
    fields = {"critical": 0, "digest_at_ms": None, "now_ms": NOW, **given_}
    return step("digest", BUDGET, waiting=waiting, attempts_at_ms=attempts, **fields)  # type: ignore[arg-type]


def test_within_the_budget_each_goes_out_by_itself():
    assert _step(15, []) == Step(take=1)
    assert _step(1, [NOW - 1_000] * 14) == Step(take=1)


def test_more_than_the_budget_less_its_reserve_goes_out_together():
    assert _step(16, []) == Step(take=16)
    assert _step(500, [NOW] * 10) == Step(take=500)


def test_once_only_the_reserve_is_left_digests_are_spread_over_the_span():
    attempts = [NOW - 2_000] * 16
    assert _step(3, attempts) == Step(take=3)
    assert _step(3, attempts, digest_at_ms=NOW - 1_000) == Step(wait_ms=NOW - 1_000 + 12_000)
    assert _step(3, attempts, digest_at_ms=NOW - 12_000) == Step(take=3)


def test_a_few_critical_ones_go_first_while_more_than_half_of_the_reserve_is_left():
    assert _step(9, [NOW] * 16, critical=1, digest_at_ms=NOW) == Step(take=1)
    assert _step(9, [NOW] * 18, critical=1, digest_at_ms=NOW).take == 0


def test_with_nothing_left_it_waits_for_the_oldest_call_to_leave_the_span():
    attempts = [NOW - 59_000 + 10 * at for at in range(20)]
    assert _step(3, attempts, critical=3) == Step(wait_ms=NOW + 1_000)
    assert left(attempts, BUDGET, NOW) == 0
    assert left(attempts, BUDGET, NOW + 1_000) == 1


def test_no_second_holds_more_calls_than_the_service_takes_in_one():
    quick = Budget(messages=100, span_ms=60_000, bytes_max=20_000, per_second=5)
    fields = {"waiting": 9, "critical": 9, "digest_at_ms": None}
    attempts = [NOW - 900 + 10 * at for at in range(5)]
    assert step("digest", quick, attempts_at_ms=attempts[:4], now_ms=NOW, **fields) == Step(take=1)  # type: ignore[arg-type]
    assert step("digest", quick, attempts_at_ms=attempts, now_ms=NOW, **fields) == Step(wait_ms=NOW + 100)  # type: ignore[arg-type]
    assert free_at_ms(attempts, quick, NOW + 100) is None


@given(calls=some.lists(some.integers(0, 400), max_size=300))
def test_calls_made_when_free_exceed_neither_the_second_nor_the_minute(calls):
    small = Budget(messages=12, span_ms=10_000, bytes_max=1, per_second=3)
    made: list[int] = []
    now_ms = NOW
    for pause_ms in calls:
        now_ms += pause_ms
        now_ms = free_at_ms(made, small, now_ms) or now_ms
        made.append(now_ms)
    for span_ms, most in ((1_000, 3), (10_000, 12)):
        assert all(sum(at <= one < at + span_ms for one in made) <= most for at in made)


def test_a_clock_that_stepped_back_does_not_lock_a_channel_up():
    assert _step(1, [NOW + 3_600_000] * 20) == Step(wait_ms=NOW + 60_000)


def test_lists_go_out_at_once_and_actions_one_by_one():
    fields = {"critical": 0, "attempts_at_ms": [], "digest_at_ms": NOW, "now_ms": NOW}
    assert step("batch", BUDGET, waiting=400, **fields) == Step(take=400)  # type: ignore[arg-type]
    assert step("single", BUDGET, waiting=400, **fields) == Step(take=1)  # type: ignore[arg-type]
    assert step("batch", BUDGET, waiting=0, **fields) == Step()  # type: ignore[arg-type]


@given(
    attempts=some.lists(some.integers(NOW - 120_000, NOW), max_size=20).map(sorted),
    waiting=some.integers(0, 600),
    critical=some.integers(0, 600),
    digest_at_ms=some.none() | some.integers(NOW - 120_000, NOW),
)
def test_a_step_never_exceeds_the_budget_and_always_says_when_to_look_again(
    attempts, waiting, critical, digest_at_ms
):
    found = _step(waiting, attempts, critical=min(waiting, critical), digest_at_ms=digest_at_ms)
    assert found.take <= waiting
    if found.take:
        assert left(attempts, BUDGET, NOW) > 0
    elif waiting:
        assert found.wait_ms is not None
        assert NOW < found.wait_ms <= NOW + 60_000


@given(attempts=some.integers(1, 10), chance=some.floats(0, 1), elapsed_ms=some.integers(0, 400_000))
def test_repeats_back_off_with_jitter_and_end_at_the_deadline(attempts, chance, elapsed_ms):
    patience = Patience(attempts=6, base_ms=1_000, cap_ms=8_000, deadline_ms=300_000)
    at_ms = next_attempt_ms(
        patience,
        Verdict(ok=False, reason="timeout"),
        attempts=attempts,
        first_at_ms=NOW,
        now_ms=NOW + elapsed_ms,
        chance=chance,
    )
    longest = min(8_000, 1_000 * 2 ** (attempts - 1))
    if attempts >= 6:
        assert at_ms is None
    elif at_ms is None:
        assert elapsed_ms + longest > 300_000
    else:
        assert longest // 2 <= at_ms - NOW - elapsed_ms <= longest
        assert at_ms <= NOW + 300_000


def test_what_can_never_be_taken_is_not_tried_again():
    final = Verdict(ok=False, final=True, reason="refused")
    assert next_attempt_ms(Patience(), final, attempts=1, first_at_ms=0, now_ms=0, chance=0.5) is None


def test_a_service_that_asks_for_a_pause_gets_it():
    slow = Verdict(ok=False, reason="rate_limited", pause_ms=60_000)
    assert next_attempt_ms(Patience(), slow, attempts=1, first_at_ms=0, now_ms=0, chance=0.5) == 60_000
