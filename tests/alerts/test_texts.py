"""What people read: the numbers with their units, in both languages, for every kind."""

from __future__ import annotations

import re

import pytest

from alerts.conditions import watch
from alerts.detectors.reading import Condition, Reading
from alerts.model import KINDS, SEVERITIES
from alerts.rulecheck import load
from alerts.ruleset import Rule
from alerts.texts import PLACEHOLDERS, labels_of, number, sentences, unknown_placeholders
from alerts.wording import ADVICE, ENDED, KIND_NAMES, PROBE_NAMES, RECOVERED, SEVERITY_NAMES, SUMMARY
from stream.catalogue import METRICS
from stream.model import PROBES

FIGURE = "{metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: '>', warning: 0.02}"
READING = Reading(value=0.034, expected=0.01, threshold=0.02, samples=12, confidence=0.97, window_s=10)


def _rule(kind: str = "stutter", figure: str = FIGURE, more: str = "") -> tuple[Rule, Condition]:
    rule = load(f"rules: [{{name: it, kind: {kind}, any: [{figure}]{more}}}]").rules[0]
    return rule, watch(rule, 0).conditions[0]


def _told(
    rule: Rule, condition: Condition, reading: Reading = READING, ended: str | None = None
) -> tuple[str, ...]:
    labels = labels_of({"title": "夜场", "host": "小李", "cost_fen": 3}, condition.labels)
    summary, advice = sentences(
        rule, condition, reading, labels, subject="r1", severity="warning", ended=ended
    )
    return summary.zh, summary.en, advice.zh, advice.en


@pytest.mark.parametrize(
    ("value", "metric", "zh", "en"),
    [
        (0.034, "live_stall_ratio", "3.4%", "3.4%"),
        (0.0002, "live_stall_ratio", "0.02%", "0.02%"),
        (1.0, "live_stall_ratio", "100%", "100%"),
        (-0.1301, "live_av_offset_seconds", "-130 毫秒", "-130 ms"),
        (0.045, "live_av_offset_seconds", "+45 毫秒", "+45 ms"),
        (1_234, "live_viewers", "1,234 人", "1,234 viewers"),
        (2.5, "live_danmaku_per_second", "2.5 条/秒", "2.5 lines/s"),
        (23.976, "live_frames_per_second", "24.0 帧/秒", "24.0 frames/s"),
        (0.25, "live_rtt_seconds", "250 毫秒", "250 ms"),
        (12.0, None, "12 秒", "12 s"),
        (7.25, None, "7.2 秒", "7.2 s"),
        (300, None, "5 分钟", "5 min"),
        (1234.5, "live_gmv_yuan_total", "1,234.50 元", "¥1,234.50"),
        (0, "live_clicks_total", "0", "0"),
        (None, "live_viewers", "无数据", "no data"),
    ],
)
def test_numbers_carry_their_unit(value: float | None, metric: str | None, zh: str, en: str) -> None:
    assert (number(value, metric, "zh"), number(value, metric, "en")) == (zh, en)


def test_every_metric_of_a_rule_has_a_readable_number() -> None:
    for metric in METRICS:
        assert re.match(r"[+¥]?[\d,.]+", number(0.5, metric.name, "zh"))


def test_a_stutter_reads_like_a_colleague_wrote_it() -> None:
    zh, en, advice, _ = _told(*_rule())
    assert zh == "「夜场」卡顿：边缘节点近 10 秒卡顿率 3.4%，超过 2%（12 次心跳）。"
    assert en == "夜场 stutters: 3.4% of the last 10 s stalled on the edge probe, limit 2% (12 pings)."
    assert "CDN" in advice


@pytest.mark.parametrize(
    ("value", "words"), [(0.12, "声音超前，偏移 +120 毫秒"), (-0.2, "声音滞后，偏移 -200 毫秒")]
)
def test_desync_says_which_comes_first(value: float, words: str) -> None:
    figure = (
        "{metric: live_av_offset_seconds, where: {probe: ingest}, window: 10s, compare: outside,"
        " warning: [-0.1, 0.1]}"
    )
    assert words in _told(*_rule("av_desync", figure), Reading(value=value, threshold=0.1))[0]


def test_a_rules_own_templates_win_but_not_for_its_end() -> None:
    rule, condition = _rule(
        more=', summary: {zh: "{host} 卡 {value}", en: "{host} {value}"}, advice: {zh: "看", en: "look"}'
    )
    assert _told(rule, condition) == ("小李 卡 3.4%", "小李 3.4%", "看", "look")
    assert "已恢复" in _told(rule, condition, ended="recovered")[0]


def test_braces_in_a_title_are_text() -> None:
    rule, condition = _rule()
    summary, _ = sentences(
        rule, condition, READING, {"title": "{value}"}, subject="r1", severity="info", ended=None
    )
    assert summary.zh.startswith("「{value}」卡顿")


def test_a_room_without_title_goes_by_its_id() -> None:
    rule, condition = _rule()
    summary, _ = sentences(rule, condition, READING, {}, subject="r1", severity="info", ended=None)
    assert summary.en.startswith("r1 stutters")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ended", [None, "recovered", "room_ended", "rule_removed", "whatever"])
@pytest.mark.parametrize("reading", [READING, Reading()])
def test_every_kind_has_whole_sentences(kind: str, ended: str | None, reading: Reading) -> None:
    for text in _told(*_rule(kind), reading, ended):
        assert text
        assert "{" not in text
        assert text.endswith(("。", "."))


def test_every_word_is_there_in_both_languages() -> None:
    assert set(ADVICE) == set(KIND_NAMES) == set(KINDS)
    assert set(PROBE_NAMES) == set(PROBES)
    assert set(SEVERITY_NAMES) == set(SEVERITIES)
    templates = [*SUMMARY.values(), *RECOVERED.values(), *ENDED.values(), *ADVICE.values()]
    for zh, en in templates:
        assert unknown_placeholders(zh) == unknown_placeholders(en) == []
        assert re.search("[一-鿿]", zh)
        assert not re.search("[一-鿿]", en)
        assert set(re.findall(r"{(\w+)}", zh)) - {"kind", "metric"} == set(re.findall(r"{(\w+)}", en)) - {
            "kind",
            "metric",
        }


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{value}", []),
        ("{wert}", ["wert"]),
        ("{value!r}", ["value!r"]),
        ("{value:>3}", ["value:>3"]),
        ("{}", [""]),
    ],
)
def test_only_plain_placeholders_are_known(template: str, unknown: list[str]) -> None:
    assert unknown_placeholders(template) == unknown
    assert unknown_placeholders("{") != []
    assert unknown_placeholders("".join(f"{{{name}}}" for name in PLACEHOLDERS)) == []


def test_labels_are_texts_in_a_fixed_order() -> None:
    facts = {"region": "华东", "title": "夜场", "capacity": 3, "host": None, "cdn": ""}
    assert list(labels_of(facts, {"probe": "edge"}).items()) == [
        ("title", "夜场"),
        ("region", "华东"),
        ("probe", "edge"),
    ]
