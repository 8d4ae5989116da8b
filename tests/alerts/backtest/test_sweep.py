"""A number of a rule set is tried out: how it is written, which values, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.backtest.sweep import parse_sweep, swept
from alerts.ruleset import RuleSet
from alerts.wording import Wording
from stream.errors import SettingsError
from tests.alerts.backtest.history import RULES


def rule_of(made: RuleSet | Wording, name: str) -> dict[str, Any]:
    assert isinstance(made, RuleSet)
    rule = made.rule(name)
    assert rule
    return rule.model_dump()


def test_ten_values_from_the_first_to_the_last_unless_told_otherwise():
    found = parse_sweep("stutter.live_stall_ratio.warning=0.01..0.1")
    assert (found.rule, found.path) == ("stutter", "live_stall_ratio.warning")
    assert found.values == (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1)
    assert found.name == "stutter.live_stall_ratio.warning"


def test_whole_numbers_stay_whole():
    assert parse_sweep("stutter.for_s=0..10:5").values == (0, 2.5, 5, 7.5, 10)
    assert [type(value) for value in parse_sweep("stutter.min_samples=10..30:3").values] == [int] * 3


def test_bounds_may_be_below_zero():
    assert parse_sweep("x.y.z=-0.2..0.1:4").values == pytest.approx((-0.2, -0.1, 0, 0.1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stutter",
        "stutter.for_s",
        "stutter.for_s=1",
        "stutter.for_s=1..x",
        "a.b.c.d=1..2",
        "Stutter.for_s=1..2",
    ],
)
def test_another_form_is_told(text):
    with pytest.raises(SettingsError, match=r"not of the form rule\.key=low\.\.high"):
        parse_sweep(text)


@pytest.mark.parametrize("text", ["stutter.for_s=5..1", "stutter.for_s=1..5:1", "stutter.for_s=1..5:101"])
def test_a_range_that_cannot_be_is_told(text):
    with pytest.raises(SettingsError, match="needs a range that rises and 2 to 100 steps"):
        parse_sweep(text)


def test_each_value_makes_a_set_in_which_nothing_else_differs():
    found = swept(RULES, parse_sweep("stutter.live_stall_ratio.warning=0.015..0.045:3"))
    assert [value for value, _ in found] == [0.015, 0.03, 0.045]
    for value, made in found:
        rule = rule_of(made, "stutter")
        assert [condition["warning"] for condition in rule["any"]] == [value, value]
        assert rule_of(made, "fps")


def test_keys_of_a_rule_and_parameters_of_a_detector_can_be_swept():
    (_, first), _ = swept(RULES, parse_sweep("stutter.for_s=1..2:2"))
    assert rule_of(first, "stutter")["for_s"] == 1
    (_, first), _ = swept(RULES, parse_sweep("feed_lost.silence.warning_s=2..3:2"))
    conditions = rule_of(first, "feed_lost")["any"]
    assert [condition["params"].get("warning_s") for condition in conditions] == [2, 2, None]


def test_a_value_that_makes_the_set_wrong_is_told_and_the_others_are_tried():
    found = swept(RULES, parse_sweep("stutter.live_stall_ratio.warning=0.04..0.06:3"))
    assert [isinstance(made, Wording) for _, made in found] == [False, True, True]
    assert "rules[0]" in str(found[2][1])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing.for_s=1..2", "no rule 'nothing'; there is stutter, av_desync"),
        (
            "stutter.live_viewers.warning=1..2",
            "stutter looks at no 'live_viewers'; it looks at live_stall_ratio",
        ),
        (
            "stutter.summary=1..2",
            "stutter has no number 'summary'; there is for_s, keep_firing_s, min_samples",
        ),
    ],
)
def test_what_the_set_does_not_have_is_told(text, told):
    with pytest.raises(SettingsError, match=told):
        swept(RULES, parse_sweep(text))
