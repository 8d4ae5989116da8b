"""A rule set is checked whole: one broken sample for each fault, and every fault is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts.bundles import resolved
from alerts.conditions import scope_of, watch
from alerts.rulecheck import RuleSetError, check, load
from alerts.ruleset import DetectorCondition, matching_overrides
from alerts.ruletext import DEPTH_MAX, TEXT_BYTES_MAX
from alerts.states import Policy

SAMPLES = sorted((Path(__file__).parent / "rulesets").glob("*.yaml"))
GOOD = """
rules:
  - name: stutter
    kind: stutter
    any:
      - {metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
         warning: 0.02, critical: 0.05, recover: 0.01}
      - {detector: spike, metric: live_viewers, params: {warning: 3}}
    for_s: 5
    min_samples: 3
    overrides:
      - {match: {category: beauty}, set: {live_stall_ratio.warning: 0.03, for_s: 8}}
      - {match: {category: beauty, cdn: a}, set: {live_stall_ratio.warning: 0.04, spike.warning: 4}}
    summary: {zh: "卡顿 {value}", en: "stalls {value}"}
"""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_broken_set_names_its_one_fault(sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    path, fault = (line.split(": ", 1)[-1].strip() for line in text.splitlines()[:2])
    path = "" if path == "# path:" else path
    ruleset, faults = check(text)
    assert ruleset is None
    assert [found.path for found in faults] == [path], [str(found) for found in faults]
    assert fault in faults[0].problem.en
    assert faults[0].problem.zh != faults[0].problem.en
    assert _is_chinese(faults[0].problem.zh)
    assert not re.search("[a-z] [a-z]", faults[0].allowed.zh), faults[0].allowed.zh
    assert faults[0].line is None or faults[0].line > 2 or not text.splitlines()[2:]


def _is_chinese(text: str) -> bool:
    return any("一" <= character <= "鿿" for character in text)


def test_every_fault_is_told_at_once_in_the_order_of_the_text() -> None:
    text = GOOD.replace("kind: stutter", "kind: stuter").replace("window: 10s", "window: 9s")
    text = text.replace("for_s: 5", "for_s: -5").replace("params: {warning: 3}", "params: {warnings: 3}")
    _, faults = check(text)
    assert [fault.path for fault in faults] == [
        "rules[0].kind",
        "rules[0].any[0].window",
        "rules[0].any[1].params.warnings",
        "rules[0].for_s",
    ]
    assert [fault.line for fault in faults] == [4, 6, 8, 9]


def test_a_fault_says_where_what_and_what_is_allowed() -> None:
    with pytest.raises(RuleSetError, match="1 fault:") as raised:
        load(GOOD.replace("window: 10s", "window: 9s"))
    assert (
        str(raised.value.faults[0]) == "rules[0].any[0].window (line 6): is '9s'; allowed: 10s, 1m, 5m, 15m"
    )
    assert raised.value.faults[0].to_record("en") == {
        "path": "rules[0].any[0].window",
        "message": "rules[0].any[0].window (line 6): is '9s'; allowed: 10s, 1m, 5m, 15m",
        "line": 6,
    }
    assert (
        raised.value.faults[0].of("zh")
        == "rules[0].any[0].window（第 6 行）：是 '9s'；允许：10s, 1m, 5m, 15m"
    )


def test_many_faults_are_counted_and_the_first_told() -> None:
    text = "rules:\n" + "  - {name: Bad, kind: stutter, any: [x]}\n" * 8
    with pytest.raises(RuleSetError, match=r"16 faults: .*; and 6 more"):
        load(text)


def test_json_and_yaml_give_the_same_rules() -> None:
    as_json = json.dumps(yaml.safe_load(GOOD), ensure_ascii=False, indent="\t")
    assert load(as_json).rules == load(GOOD).rules


def test_json_faults_have_paths() -> None:
    _, faults = check('{"rules": [], "rules": [], "x": 1}')
    assert {fault.path for fault in faults} == {"rules", "x"}
    _, faults = check('{"rules": [{"name": "a", "kind": "stutter", "any": [], "for_s": 1e999}]}')
    assert "not finite" in faults[0].problem.en


def test_a_huge_text_is_refused_unread() -> None:
    _, faults = check("# " + "x" * TEXT_BYTES_MAX)
    assert [fault.allowed.en for fault in faults] == [f"at most {TEXT_BYTES_MAX}"]


def test_too_many_rules_are_refused() -> None:
    rule = "  - {{name: r{}, kind: stutter, any: [{{metric: live_viewers, compare: '>', warning: 1}}]}}\n"
    _, faults = check("rules:\n" + "".join(rule.format(number) for number in range(201)))
    assert [str(fault) for fault in faults] == ["rules (line 2): has 201 entries; allowed: at most 200"]


@pytest.mark.parametrize("text", ["a: !!python/object:os.x {}", "a: \x07", "\ufeff{", "? [a]\n: b", "a: 0x"])
def test_odd_texts_are_faults(text: str) -> None:
    ruleset, faults = check(text)
    assert ruleset is None
    assert faults


def test_deep_json_is_a_fault() -> None:
    _, faults = check('{"rules":' + "[" * 5_000 + "]" * 5_000 + "}")
    assert f"nested deeper than {DEPTH_MAX}" in str(faults[0])


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    ruleset, faults = check(text)
    assert (ruleset is None) is bool(faults)


@given(st.data())
def test_any_value_in_any_place_is_judged(data: st.DataObject) -> None:
    """A good set with one value replaced never raises."""
    places = [match.span(1) for match in re.finditer(r": ([^\s{}\[\],]+)", GOOD)]
    start, end = data.draw(st.sampled_from(places))
    value = data.draw(
        st.sampled_from(["~", "-1", "[1, 2]", "{a: b}", "1e999", "yes", '""', "x" * 300, "[0.1, -0.1]"])
    )
    ruleset, faults = check(GOOD[:start] + value + GOOD[end:])
    assert (ruleset is None) is bool(faults)


def test_overrides_apply_in_their_order() -> None:
    rule = load(GOOD).rules[0]
    which = matching_overrides(rule, room_id="r1", facts={"category": "beauty", "cdn": "a"})
    assert which == (0, 1)
    changed = resolved(rule, which)
    assert changed.for_s == 8
    assert [getattr(c, "warning", None) for c in changed.any] == [0.04, None]
    assert isinstance(changed.any[1], DetectorCondition)
    assert changed.any[1].params == {"warning": 4}
    assert matching_overrides(rule, room_id="r1", facts={"category": "food", "cdn": "a"}) == ()
    assert resolved(rule, ()) is rule


def test_a_rule_is_made_ready() -> None:
    rule = load(GOOD).rules[0]
    ready = watch(rule, 0)
    assert scope_of(rule) == "room"
    assert ready.policy == Policy(for_ms=5_000, keep_firing_ms=10_000, lowest=3)
    assert [condition.step_ms for condition in ready.conditions] == [0, 10_000]
