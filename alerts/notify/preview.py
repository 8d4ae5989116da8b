"""Made-up alerts, and the messages that the templates make of them. Pure."""

from __future__ import annotations

from typing import Any, Final

from alerts.model import episode_id
from alerts.notify.model import Item, Occasion, item_id
from alerts.notify.wording import Locale, Wordsmith
from alerts.wording import ADVICE, KIND_NAMES

__all__ = ["sample", "shown"]

_BEGAN_MS: Final = 1_760_000_000_000
_LASTED_MS: Final = 95_000


def sample(number: int, kind: str, severity: str) -> dict[str, Any]:
    """Return a made-up record of ``live.alerts``."""
    room_id = f"room-{number}"
    started_at_ms = _BEGAN_MS + 1_000 * number
    name = KIND_NAMES[kind]  # type: ignore[index] # one of the kinds, as the command checked
    zh, en = ADVICE[kind]  # type: ignore[index] # as above
    return {
        "id": episode_id(kind, room_id, started_at_ms),
        "change": 1,
        "at_ms": started_at_ms + _LASTED_MS,
        "started_at_ms": started_at_ms,
        "room_id": room_id,
        "subject": room_id,
        "rule": kind,
        "kind": kind,
        "severity": severity,
        "severity_max": severity,
        "state": "firing",
        "labels": {"title": f"示例直播间 {number}", "host": "示例主播", "category": "beauty", "cdn": "cdn-a"},
        "summary": {"zh": f"「示例直播间 {number}」{name.zh}。", "en": f"Sample room {number}: {name.en}."},
        "advice": {"zh": zh, "en": en},
        "runbook_url": f"/runbooks/{kind}",
        "incident_id": None,
        "reason": None,
    }


def shown(
    words: Wordsmith, kind: str, severity: str, *, locale: Locale, bytes_max: int, many: int | None
) -> list[str]:
    """Return the texts of one alert, its end, or of a digest.

    Args:
        words: makes them.
        kind: of the alerts.
        severity: of the alerts.
        locale: language.
        bytes_max: size of the channel's messages.
        many: alerts of the digest; None for a single alert and its end.
    """
    if many is None:
        occasions: tuple[Occasion, ...] = ("firing", "resolved")
        items = [_item(0, kind, severity, occasion) for occasion in occasions]
        texts = [words.one(item, item.id, locale=locale, bytes_max=bytes_max) for item in items]
    else:
        items = [_item(number, kind, severity, "firing") for number in range(many)]
        fit = words.fitting(items, locale=locale, bytes_max=bytes_max)
        texts = [words.many(items[:fit], items[0].id, total=many, locale=locale)]
    return [f"{title}\n\n{body}\n" for title, body in texts]


def _item(number: int, kind: str, severity: str, occasion: Occasion) -> Item:
    alert = sample(number, kind, severity)
    return Item(item_id(alert["id"], 1, "preview"), "preview", alert, occasion, alert["at_ms"])
