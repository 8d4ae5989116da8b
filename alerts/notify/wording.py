"""Texts of messages from templates and alerts, in a channel's language and within its size. Pure.

A template is plain text with ``{placeholders}``; a line all of whose placeholders are empty is left out. The
first line of a template is the title. What is too long is cut where it hurts least: the summary's end, never
the links.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import orjson

from alerts.incidents.book import REMIND_MS
from alerts.model import SEVERITIES
from alerts.notify.model import SILENCES, Item, Occasion
from alerts.wording import KIND_NAMES, SEVERITY_NAMES, Wording
from stream.errors import SettingsError

__all__ = [
    "ALERT_PLACEHOLDERS",
    "DIGEST_PLACEHOLDERS",
    "SILENCE_PLACEHOLDERS",
    "TEMPLATES",
    "Templates",
    "Wordsmith",
    "alert_link",
    "fill",
    "mention_bytes",
    "runbook_link",
    "weight",
]

Locale = Literal["zh", "en"]

TEMPLATES: Final = ("alert", "resolved", "reminder", "silence", "digest", "digest_line", "silence_line")
"""Templates of a language: one alert, one that is over, a word to its owner, a silence that begins or ends, a
digest and the lines of it, of an alert and of a silence."""
ALERT_PLACEHOLDERS: Final = frozenset((
    "occasion", "severity", "kind", "title", "room_id", "subject", "host", "category", "owner", "cdn",
    "region", "vendor", "rule", "summary", "advice", "started", "at", "duration", "link", "runbook", "reason",
    "incident", "mentions", "id", "message_id", "test", "assignee", "until",
))  # fmt: skip
SILENCE_PLACEHOLDERS: Final = frozenset((
    "occasion", "matchers", "by", "comment", "starts", "ends", "hidden", "why", "ended_by", "at", "link",
    "mentions", "id", "message_id",
))  # fmt: skip
DIGEST_PLACEHOLDERS: Final = frozenset((
    "count", "total", "more", "critical", "warning", "info", "resolved", "notices", "lines", "link",
    "mentions", "message_id",
))  # fmt: skip
_OCCASIONS: Final[dict[Occasion, Wording]] = {
    "firing": Wording("告警", "alert"),
    "severity": Wording("级别上升", "severity rose"),
    "escalated": Wording("升级：无人确认", "escalated: not acknowledged"),
    "again": Wording("仍在持续", "goes on"),
    "resolved": Wording("已恢复", "resolved"),
    "assigned": Wording("已指派", "assigned"),
    "ack_ending": Wording("认领即将到期", "acknowledgement ends soon"),
    "ack_expired": Wording("认领已到期，告警仍在持续", "acknowledgement ended, the alert goes on"),
    "silence_started": Wording("静默开始", "silence began"),
    "silence_ended": Wording("静默结束", "silence ended"),
}
_REMINDERS: Final = frozenset(("assigned", "ack_ending", "ack_expired"))
_WHY_ENDED: Final = {
    "expired": Wording("到期", "its time was over"),
    "unmatched": Wording("长时间没有匹配到告警，自动结束", "it had hidden nothing for long"),
    "by_hand": Wording("手动结束", "by hand"),
}
_TEST: Final = Wording("【测试】", "[TEST] ")
_CUT: Final = "…"
_LINE_SUMMARY_MAX: Final = 160
"""Characters of a summary that a line of a digest shows."""
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600


def weight(text: str) -> int:
    """Return the bytes that a text takes within a JSON body."""
    return len(orjson.dumps(text)) - 2


def mention_bytes(items: Sequence[Item]) -> int:
    """Return the bytes that mentioning people takes: in the text, and in fields or tags of their own."""
    return 4 * weight(_mentions(items))


def runbook_link(public_url: str, runbook_url: str, locale: Locale) -> str:
    """Return the address of a runbook; one of ours in a language."""
    return f"{public_url}{runbook_url}?lang={locale}" if runbook_url.startswith("/") else runbook_url


def alert_link(public_url: str, alert_id: str) -> str:
    """Return the address of an alert in the console."""
    return f"{public_url}/?alert={alert_id}"


_KNOWN: Final = {
    "digest": DIGEST_PLACEHOLDERS,
    "silence": SILENCE_PLACEHOLDERS,
    "silence_line": SILENCE_PLACEHOLDERS,
}


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of all languages, by (name, language).

    Raises:
        SettingsError: one is missing, broken, or names what there is not.
    """

    texts: Mapping[tuple[str, Locale], str]

    def __post_init__(self) -> None:
        for name in TEMPLATES:
            for locale in ("zh", "en"):
                text = self.texts.get((name, locale))
                if text is None:
                    raise SettingsError(f"there is no template {name}.{locale}.md")
                known = _KNOWN.get(name, ALERT_PLACEHOLDERS)
                for wrong in _unknown(text, known):
                    raise SettingsError(
                        f"template {name}.{locale}.md: {wrong}; allowed: {', '.join(sorted(known))}"
                    )


@dataclass(frozen=True, slots=True)
class Wordsmith:
    """Makes the texts of messages.

    Attributes:
        templates: what they look like.
        public_url: where people reach the gateway, without a slash at its end.
        zone: whose clocks times are told by.
    """

    templates: Templates
    public_url: str
    zone: ZoneInfo

    def one(self, item: Item, message_id: str, *, locale: Locale, bytes_max: int) -> tuple[str, str]:
        """Return title and body of a message of one item."""
        name = _template(item.occasion)
        words = self._words(item, locale) | {"message_id": message_id}
        text = self._filled(name, locale, words)
        over = _size(text) - bytes_max
        for long in ("advice", "summary", "comment", "matchers", "title", "reason", "host"):
            if over <= 0:
                break
            if long not in words:
                continue
            words[long] = _cut(words[long], weight(words[long]) - over - len(_CUT.encode()))
            text = self._filled(name, locale, words)
            over = _size(text) - bytes_max
        title, _, body = text.partition("\n")
        return title, body.strip("\n")

    def many(self, items: Sequence[Item], message_id: str, *, total: int, locale: Locale) -> tuple[str, str]:
        """Return title and body of a digest: how many, by severity, and which."""
        notices = sum(item.occasion in SILENCES for item in items)
        open_ = [item for item in items if item.occasion != "resolved" and item.occasion not in SILENCES]
        count = Counter(item.alert["severity"] for item in open_)
        over = sum(item.occasion == "resolved" for item in items)
        words: dict[str, str] = {
            "count": str(len(items)),
            "total": str(total),
            "more": str(total - len(items)) if total > len(items) else "",
            "resolved": str(over) if over else "",
            "notices": str(notices) if notices else "",
            "lines": "\n".join(self.line(item, locale) for item in items),
            "link": f"{self.public_url}/",
            "mentions": _mentions(items),
            "message_id": message_id,
            **{name: str(count[name]) if count[name] else "" for name in SEVERITIES},
        }
        title, _, body = self._filled("digest", locale, words).partition("\n")
        return title, body.strip("\n")

    def fitting(self, items: Sequence[Item], *, locale: Locale, bytes_max: int) -> int:
        """Return how many items, from the first on, a digest of that size has room for; at least one."""
        title, body = self.many(items[:0], "0" * 20, total=10**6, locale=locale)
        room = bytes_max - weight(title) - weight(body) - _HEAD_BYTES - mention_bytes(items)
        for count, item in enumerate(items):
            room -= weight(self.line(item, locale)) + _NEWLINE_BYTES
            if room < 0:
                return max(1, count)
        return len(items)

    def line(self, item: Item, locale: Locale) -> str:
        """Return an item's line in a digest."""
        words = self._words(item, locale)
        for name in ("summary", "title", "matchers", "comment"):
            if name in words:
                words[name] = _cut_characters(words[name], _LINE_SUMMARY_MAX)
        line = "silence_line" if item.occasion in SILENCES else "digest_line"
        return self._filled(line, locale, words).replace("\n", " ").strip()

    def _filled(self, name: str, locale: Locale, words: Mapping[str, str]) -> str:
        return fill(self.templates.texts[name, locale], words)

    def _words(self, item: Item, locale: Locale) -> dict[str, str]:
        if item.occasion in SILENCES:
            return self._words_of_silence(item, locale)
        alert = item.alert
        labels: Mapping[str, Any] = alert["labels"]
        runbook = alert["runbook_url"]
        until_ms = alert["at_ms"] + REMIND_MS if item.occasion == "ack_ending" else None
        return {
            "occasion": _OCCASIONS[item.occasion].of(locale),
            "severity": SEVERITY_NAMES[alert["severity"]].of(locale),
            "kind": KIND_NAMES[alert["kind"]].of(locale),
            "title": _plain(labels.get("title") or alert["subject"]),
            "room_id": alert["room_id"] or "",
            "subject": alert["subject"],
            **{name: _plain(labels.get(name, "")) for name in _LABELS},
            "rule": alert["rule"],
            "summary": _plain(alert["summary"].get(locale, "")),
            "advice": _plain(alert["advice"].get(locale, "")),
            "started": self._clock(alert["started_at_ms"]),
            "at": self._clock(alert["at_ms"]),
            "duration": _duration(alert["at_ms"] - alert["started_at_ms"], locale),
            "link": alert_link(self.public_url, alert["id"]),
            "runbook": runbook_link(self.public_url, runbook, locale),
            "reason": _plain(alert["reason"] or ""),
            "incident": alert["incident_id"] or "",
            "mentions": _mentions([item]),
            "id": alert["id"],
            "message_id": "",
            "test": _TEST.of(locale) if labels.get("test") else "",
            "assignee": _plain(alert.get("owner") or ""),
            "until": "" if until_ms is None else self._clock(until_ms),
        }

    def _words_of_silence(self, item: Item, locale: Locale) -> dict[str, str]:
        silence = item.alert["silence"]
        matchers = " ".join(f"{one['label']}{one['op']}{one['value']}" for one in silence["matchers"])
        over = item.occasion == "silence_ended"
        why = _WHY_ENDED.get(silence["end_reason"] or "")
        return {
            "occasion": _OCCASIONS[item.occasion].of(locale),
            "matchers": _plain(matchers),
            "by": _plain(silence["by"]),
            "comment": _plain(silence["comment"]),
            "starts": self._clock(silence["starts_at_ms"]),
            "ends": self._clock(silence["ends_at_ms"]),
            "at": self._clock(item.alert["at_ms"]) if over else "",
            "hidden": str(silence["hidden"]) if over else "",
            "why": "" if why is None else why.of(locale),
            "ended_by": _plain(silence["ended_by"] or ""),
            "link": f"{self.public_url}/?silence={silence['id']}",
            "mentions": _mentions([item]),
            "id": silence["id"],
            "message_id": "",
        }

    def _clock(self, at_ms: int) -> str:
        return dt.datetime.fromtimestamp(at_ms / 1_000, self.zone).strftime("%Y-%m-%d %H:%M:%S")


def fill(template: str, words: Mapping[str, str]) -> str:
    """Return a template with its placeholders filled; lines with nothing but empty ones are left out."""
    lines = []
    for line in template.strip("\n").split("\n"):
        named = [name for _, name, _, _ in Formatter().parse(line) if name]
        if not named or any(words[name] for name in named):
            lines.append(line.format_map(words).rstrip())
    return "\n".join(lines)


_TAG: Final = re.compile(r"<(?=[a-zA-Z/!])")
_LABELS: Final = ("host", "category", "owner", "cdn", "region", "vendor")
_NEWLINE_BYTES: Final = 4
"""Of a line's end within a JSON body, with the two spaces that some Markdown needs."""
_HEAD_BYTES: Final = 200
"""Room for the numbers in a digest's head, which an empty one does not show."""


def _template(occasion: Occasion) -> str:
    """Return the name of the template of a message of one item."""
    if occasion in SILENCES:
        return "silence"
    return "reminder" if occasion in _REMINDERS else "resolved" if occasion == "resolved" else "alert"


def _size(text: str) -> int:
    """Return the bytes of a message: some robots want its title twice."""
    return weight(text) + weight(text.partition("\n")[0])


def _unknown(text: str, known: frozenset[str]) -> list[str]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        return [str(error)]
    return [
        f"{{{name}}} is no placeholder"
        for _, name, spec, conversion in parsed
        if name is not None and (name not in known or spec or conversion)
    ]


def _plain(text: str) -> str:
    """Return a text in one line that can be neither a link nor a tag: people typed the title of a room."""
    return _TAG.sub("＜", " ".join(str(text).split()).replace("](", "] ("))


def _mentions(items: Sequence[Item]) -> str:
    known = dict.fromkeys(who for item in items for who in item.mentions)
    return " ".join(f"@{who}" for who in known)


def _cut(text: str, bytes_max: int) -> str:
    if bytes_max <= 0:
        return ""
    while text and weight(text) > bytes_max:
        text = text[: max(0, len(text) - max(1, (weight(text) - bytes_max) // 4))]
    return text + _CUT


def _cut_characters(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + _CUT


def _duration(length_ms: int, locale: Locale) -> str:
    seconds = max(0, length_ms // 1_000)
    hours, minutes = seconds // _HOUR_S, seconds % _HOUR_S // _MINUTE_S
    if seconds < _MINUTE_S:
        return f"{seconds} 秒" if locale == "zh" else f"{seconds} s"
    if not hours:
        return f"{minutes} 分钟" if locale == "zh" else f"{minutes} min"
    return f"{hours} 小时 {minutes} 分钟" if locale == "zh" else f"{hours} h {minutes} min"
