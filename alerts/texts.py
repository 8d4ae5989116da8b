"""The sentences of an alert, in Chinese and English, with its numbers in them. Pure.

A template is plain text with ``{placeholders}`` of PLACEHOLDERS; a rule may bring its own, the defaults for
each kind are in ``alerts.wording``.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Final, Literal

from alerts.detectors.reading import Condition, Reading
from alerts.model import Severity, Text
from alerts.ruleset import Rule
from alerts.wording import (
    ADVICE,
    ENDED,
    FLAPPING,
    GROUP_NAMES,
    KIND_NAMES,
    PROBE_NAMES,
    RECOVERED,
    SEVERITY_NAMES,
    SOURCE_NAMES,
    SUMMARY,
    Wording,
)
from stream.catalogue import METRIC_BY_NAME

__all__ = ["PLACEHOLDERS", "flapping_too", "labels_of", "number", "sentences", "unknown_placeholders"]

Language = Literal["zh", "en"]

PLACEHOLDERS: Final = (
    "value",
    "expected",
    "threshold",
    "samples",
    "confidence",
    "window",
    "metric",
    "kind",
    "severity",
    "subject",
    "title",
    "host",
    "probe",
    "direction",
    "vendor",
    "operation",
    "item",
    "group",
    "source",
)
"""What a template may name: the reading's numbers with their unit, the figure, the subject and its labels."""

_FACTS: Final = ("title", "host", "category", "owner", "cdn", "region", "item_id", "vendor", "operation")
"""Facts of a subject that become labels of its alerts, in this order."""
_UNITS: Final[dict[str, Wording]] = {
    "live_viewers": Wording(" 人", " viewers"),
    "live_enters_per_second": Wording(" 人/秒", " enters/s"),
    "live_danmaku_per_second": Wording(" 条/秒", " lines/s"),
    "live_likes_per_second": Wording(" 个/秒", " likes/s"),
    "live_frames_per_second": Wording(" 帧/秒", " frames/s"),
    "live_complaining_users": Wording(" 人", " viewers"),
    "live_prohibited_total": Wording(" 处", " hits"),
    "live_item_cheap_orders": Wording(" 单", " orders"),
    "live_stalls_per_100_seconds": Wording(" 次/百秒", " stalls per 100 s"),
}
_SCALED: Final[dict[str, tuple[float, str, Wording]]] = {
    "live_av_offset_seconds": (1_000, "+.0f", Wording(" 毫秒", " ms")),
    "live_av_drift_ratio": (60_000, "+.0f", Wording(" 毫秒/分钟", " ms/min")),
    "live_bytes_per_second": (1 / 125, ",.0f", Wording(" kbit/s", " kbit/s")),
}
"""Metric -> factor from its unit to the one that people read, form of the number, that unit."""
_HUNDRED: Final = 100
"""From here on decimals tell nothing any more."""
_SURE: Final = 0.999
"""More confidence than this is not told apart."""
_MINUTES_FROM_S: Final = 120
"""Times from here on are told in minutes, seconds."""
_MINUTE_S: Final = 60
_NO_DATA: Final = Wording("无数据", "no data")


def labels_of(facts: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, str]:
    """Return an alert's labels: what is known of its subject, in fixed order, and the condition's own."""
    known = {name: value for name in _FACTS if isinstance(value := facts.get(name), str) and value}
    return {**known, **more}


def sentences(
    rule: Rule,
    condition: Condition,
    reading: Reading,
    labels: Mapping[str, str],
    *,
    subject: str,
    severity: Severity,
    ended: str | None,
) -> tuple[Text, Text]:
    """Return summary and advice of a change.

    Args:
        rule: its templates go before the defaults of its kind, but for the end of an episode.
        condition: the one that decided.
        reading: its numbers.
        labels: of the alert.
        subject: named where the room has no title.
        severity: from now on.
        ended: why the episode is over; None while it is not.
    """
    summary: tuple[str, str]
    if ended == "recovered":
        summary = RECOVERED.get(rule.kind, RECOVERED[None])
    elif ended is not None:
        summary = ENDED.get(ended, ENDED["room_ended"])
    elif rule.summary is not None:
        summary = (rule.summary.zh, rule.summary.en)
    else:
        words = filter(None, (reading.reason, condition.metric))
        word = next((word for word in words if (rule.kind, word) in SUMMARY), None)
        summary = SUMMARY.get((rule.kind, word), SUMMARY[None, None])
    advice = (rule.advice.zh, rule.advice.en) if rule.advice else ADVICE[rule.kind]
    known = [
        _words(rule, condition, reading, labels, subject=subject, severity=severity, language=language)
        for language in ("zh", "en")
    ]
    return _rendered(summary, known), _rendered(advice, known)


def flapping_too(summary: Text, times: int) -> Text:
    """Return a summary that also says how often the alert has come lately, and that it stays open longer."""
    zh, en = FLAPPING
    return Text(summary.zh + zh.format(times=times), summary.en + en.format(times=times))


def number(value: float | None, metric: str | None, language: Language) -> str:
    """Return a figure with its unit as people read it; without a metric it is a time in seconds."""
    if value is None:
        return _NO_DATA.of(language)
    if metric in _UNITS:
        return f"{_short(value)}{_UNITS[metric].of(language)}"
    if metric in _SCALED:
        factor, form, unit = _SCALED[metric]
        return f"{factor * value:{form}}{unit.of(language)}"
    if metric is None or metric.endswith("_seconds"):
        return _seconds(value, language)
    if "_yuan" in metric:
        return f"{value:,.2f} 元" if language == "zh" else f"¥{value:,.2f}"
    return f"{_short(100 * value)}%" if metric.endswith("_ratio") else _short(value)


def unknown_placeholders(template: str) -> list[str]:
    """Return what a template names that is no plain placeholder of the list; a broken one names its fault."""
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        return [str(error)]
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in parsed
        if name is not None and (name not in PLACEHOLDERS or spec or conversion)
    ]


def _words(
    rule: Rule,
    condition: Condition,
    reading: Reading,
    labels: Mapping[str, str],
    *,
    subject: str,
    severity: Severity,
    language: Language,
) -> dict[str, str]:
    metric = METRIC_BY_NAME.get(condition.metric or "")
    kind = KIND_NAMES[rule.kind].of(language)
    early = (reading.value or 0) > 0
    probe = labels.get("probe", "")
    return {
        "value": number(reading.value, condition.metric, language),
        "expected": number(reading.expected, condition.metric, language),
        "threshold": number(reading.threshold, condition.metric, language),
        "samples": _NO_DATA.of(language) if reading.samples is None else f"{reading.samples:,}",
        "confidence": _NO_DATA.of(language) if reading.confidence is None else _share(reading.confidence),
        "window": _window(reading.window_s, language),
        "metric": kind if metric is None else (metric.zh if language == "zh" else metric.name),
        "kind": kind,
        "severity": SEVERITY_NAMES[severity].of(language),
        "subject": subject,
        "title": labels.get("title", subject),
        "host": labels.get("host", ""),
        "probe": _named(PROBE_NAMES, probe, language),
        "direction": Wording("声音超前", "early").of(language)
        if early
        else Wording("声音滞后", "late").of(language),
        "vendor": labels.get("vendor", ""),
        "operation": labels.get("operation", ""),
        "item": labels.get("item_id", ""),
        "group": _named(GROUP_NAMES, labels.get("group", ""), language),
        "source": _named(SOURCE_NAMES, labels.get("source", ""), language),
    }


def _named(names: Mapping[str, Wording], key: str, language: Language) -> str:
    return names[key].of(language) if key in names else key


def _rendered(template: tuple[str, str], words: list[dict[str, str]]) -> Text:
    zh, en = (text.format_map(known) for text, known in zip(template, words, strict=True))
    return Text(zh, en)


def _short(value: float) -> str:
    """Return three figures that matter, thousands apart: 0.034, 3.4, 1,234."""
    if value and abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= _HUNDRED or value == round(value) else f"{value:,.1f}"


def _share(confidence: float) -> str:
    return "> 99.9%" if confidence > _SURE else f"{100 * confidence:.3g}%"


def _seconds(value: float, language: Language) -> str:
    if abs(value) < 1:
        return f"{1000 * value:.0f}" + (" 毫秒" if language == "zh" else " ms")
    if abs(value) < _MINUTES_FROM_S:
        return f"{_short(value)}" + (" 秒" if language == "zh" else " s")
    return f"{_short(value / 60)}" + (" 分钟" if language == "zh" else " min")


def _window(window_s: int | None, language: Language) -> str:
    if window_s is None:
        return "本场" if language == "zh" else "session"
    if window_s < _MINUTE_S:
        return f"{window_s} 秒" if language == "zh" else f"{window_s} s"
    return f"{_short(window_s / 60)} 分钟" if language == "zh" else f"{_short(window_s / 60)} min"
