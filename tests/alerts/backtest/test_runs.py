"""Which rules are played for which set, and which sets apply when."""

from __future__ import annotations

from alerts.backtest.runs import CANDIDATE, plan_runs
from alerts.backtest.sets import Sets, always
from alerts.rulecheck import load
from tests.alerts.backtest.history import RULES
from tests.alerts.backtest.made import told

ONE = load(RULES, 1)
TWO = load(RULES.replace("for_s: 3", "for_s: 4"), 2)  # stutter and spike differ


def test_the_set_of_a_tick_is_the_newest_that_applies_from_then_or_before():
    sets = Sets(((100, ONE), (200, TWO)))
    assert [sets.at(tick).version for tick in (0, 100, 199, 200, 999)] == [1, 1, 1, 2, 2]
    assert [from_ms for from_ms, _ in sets.within(150, 300).applied] == [150, 200]
    assert [found.version for _, found in sets.within(200, 300).applied] == [2]
    assert sets.within(0, 200).switches_ms == [100]


def test_a_set_is_made_ready_once():
    assert len(Sets(((0, ONE), (100, TWO), (200, ONE))).bundles) == 2


def test_rules_that_two_sets_share_are_played_once():
    runs = plan_runs(ONE, {"against": always(TWO)}, 0, 1_000)
    (_, rest), *_ = runs.played["against"].applied
    assert {rule.name for rule in rest.rules} == {"stutter", "spike"}
    played = {
        CANDIDATE: [told(1, "firing", started=0), told(2, "firing", started=0, rule="fps")],
        "against": [told(3, "firing", started=0)],
    }
    assert [each.tick_ms % 60_000 for each in runs.told("against", played)] == [
        each.tick_ms % 60_000 for each in (*played["against"], played[CANDIDATE][1])
    ]


def test_an_equal_set_needs_no_run():
    runs = plan_runs(ONE, {"against": always(load(RULES, 9))}, 0, 1_000)
    assert set(runs.played) == {CANDIDATE}
    played = {CANDIDATE: [told(1, "firing", started=0)]}
    assert runs.told("against", played) == played[CANDIDATE]


def test_sets_that_change_within_the_range_are_played_whole():
    sets = Sets(((0, ONE), (500, TWO)))
    runs = plan_runs(ONE, {"against": sets}, 0, 1_000)
    assert runs.played["against"] is sets
    assert "against" not in plan_runs(ONE, {"against": sets}, 0, 400).played


def test_what_must_be_looked_for_follows_from_the_rules():
    both = plan_runs(ONE, {}, 0, 1)
    assert (both.vendors, both.planned) == (True, True)
    rest = "rules:\n" + RULES[RULES.index("  - name: av_desync") : RULES.index("  - name: fps")]
    neither = plan_runs(load(rest), {}, 0, 1)
    assert (neither.vendors, neither.planned) == (False, False)
