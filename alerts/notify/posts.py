"""What is posted to a channel, and what its answer means. Pure.

The robots of DingTalk, Feishu and WeCom answer 200 with an error code inside when they did not take a
message; apprise looks at the status alone (its plugins ``dingtalk``, ``feishu``, ``wecombot``), so these are
posted by us. Signed posts carry ``Roomwatch-Timestamp`` (epoch milliseconds) and ``Roomwatch-Signature``:
``v1=`` and the hex HMAC-SHA-256 of timestamp, a full stop and the body.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import orjson

from alerts.actions import filled
from alerts.notify.channels import Channel, ChannelKind
from alerts.notify.model import SILENCES, Item, Message
from alerts.notify.retry import Verdict
from alerts.notify.wording import alert_link

__all__ = [
    "OVERHEAD_BYTES",
    "Post",
    "action_of",
    "asked_of",
    "is_rehearsal",
    "judge",
    "labels_of",
    "post",
    "postable",
    "refreshed",
]

OVERHEAD_BYTES: Final = 400
"""Bytes of a robot's body beside title and text: field names, whom to mention."""

_PAUSE_MS: Final = 60_000
"""How long a robot that said "too fast" is left alone, unless it says how long."""
_PAUSE_MAX_MS: Final = 600_000
_DETAIL_MAX: Final = 200
_RATE: Final[dict[ChannelKind, frozenset[int]]] = {
    "dingtalk": frozenset((130101, 410100)),
    "feishu": frozenset((11232, 99991400)),
    "wecom": frozenset((45009, 45033)),
}
"""Codes for "too fast"; docs/notify.md names the source of each."""
_TOO_MANY: Final = (9499, (b"too many", b"frequency limited"))
"""Feishu's code for a bad request and for "too many request" alike: the texts tell them apart."""
_FINAL: Final[dict[ChannelKind, frozenset[int]]] = {
    "dingtalk": frozenset((
        40035, 43004, 300001, 300005, 310000, 400013, 400101, 400102, 400105, 400106,
        430101, 430102, 430104, 460101,
    )),
    "feishu": frozenset((9499, 19001, 19002, 19007, 19021, 19022, 19024)),
    "wecom": frozenset((40008, 40058, 44004, 93000, 93004, 93008)),
}  # fmt: skip
"""Codes that no repeat will change: wrong token, signature or keyword, robot stopped, content refused. A code
that stands in neither list is tried again, and the fallback gets what it does not take."""
_LABEL_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")
_TIMES_OUT_S: Final = 300
"""Alertmanager takes an alert for over when it has not heard of it for so long; we tell it each minute."""
_AM_FACTS: Final = ("category", "owner", "host", "cdn", "region", "vendor", "operation", "title", "test")


@dataclass(frozen=True, slots=True)
class Post:
    """An HTTP request."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str]


def post(channel: Channel, message: Message, *, now_ms: int, public_url: str) -> Post:
    """Return the request that carries a message.

    Args:
        channel: of a kind that is posted by us.
        message: what to say.
        now_ms: for timestamps and signatures, epoch milliseconds.
        public_url: where people reach the gateway.
    """
    if channel.kind == "dingtalk":
        return _dingtalk(channel, message, now_ms)
    if channel.kind == "feishu":
        return _feishu(channel, message, now_ms)
    if channel.kind == "wecom":
        return _wecom(channel, message)
    if channel.kind == "alertmanager":
        alerts = [
            alert
            for item in message.items
            for alert in _postables(item, now_ms=now_ms, public_url=public_url)
        ]
        return postable(channel, alerts)
    if channel.kind == "action":
        return _signed(channel, action_of(channel, message), message.id, now_ms)
    assert channel.kind == "webhook", channel.kind
    told = {
        "v": 1,
        "id": message.id,
        "title": message.title,
        "text": message.body,
        "alerts": [
            {**item.alert, "occasion": item.occasion}
            for item in message.items
            if item.occasion not in SILENCES
        ],
        "notices": [
            {"notice": item.occasion, "at_ms": item.alert["at_ms"], "silence": item.alert["silence"]}
            for item in message.items
            if item.occasion in SILENCES
        ],
    }
    return _signed(channel, told, message.id, now_ms)


def postable(channel: Channel, alerts: Sequence[Mapping[str, Any]]) -> Post:
    """Return the request that tells Alertmanager alerts in its form."""
    url = f"{channel.url.rstrip('/')}/api/v2/alerts"
    return Post(url, orjson.dumps(alerts), {"Content-Type": "application/json"})


def labels_of(alert: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by which Alertmanager knows an alert, without its severity.

    They are those of its first change: Alertmanager takes an alert with another label for another alert.
    """
    facts = {name: str(alert["labels"][name]) for name in _AM_FACTS if alert["labels"].get(name)}
    own = {
        "alertname": alert["kind"],
        "rule": alert["rule"],
        "subject": alert["subject"],
        "kind": alert["kind"],
    }
    room = {"room_id": alert["room_id"]} if alert["room_id"] else {}
    return {_LABEL_NAME.sub("_", name): value for name, value in (facts | own | room).items()}


def refreshed(
    alert: Mapping[str, Any], labels: Mapping[str, str], severity: str, *, now_ms: int, public_url: str
) -> dict[str, Any]:
    """Return an alert in Alertmanager's form; over when it is resolved, else until it is not told again."""
    over = alert["state"] == "resolved"
    ends_ms = alert["at_ms"] if over else now_ms + 1_000 * _TIMES_OUT_S
    runbook = alert["runbook_url"]
    return {
        "labels": {**labels, "severity": severity},
        "annotations": {
            "summary": alert["summary"].get("en", ""),
            "summary_zh": alert["summary"].get("zh", ""),
            "advice": alert["advice"].get("en", ""),
            "advice_zh": alert["advice"].get("zh", ""),
            "runbook_url": public_url + runbook if runbook.startswith("/") else runbook,
            "alert_id": alert["id"],
        },
        "startsAt": _instant(min(alert["started_at_ms"], ends_ms)),
        "endsAt": _instant(ends_ms),
        "generatorURL": alert_link(public_url, alert["id"]),
    }


def asked_of(channel: Channel, alert: Mapping[str, Any]) -> dict[str, str]:
    """Return ``do`` and ``target`` of an action: the alert's own wish, or the channel's for it.

    ``do`` is empty when nothing can be asked for: neither names anything, or the alert lacks the labels of
    the channel's target.
    """
    if wish := alert.get("action"):
        return {"do": wish["do"], "target": wish["target"]}
    words = {**alert["labels"], "room_id": alert["room_id"] or "", "subject": alert["subject"]}
    target = filled(channel.target, words)
    return {"do": "" if channel.target and not target else channel.do, "target": target}


def is_rehearsal(channel: Channel, message: Message) -> bool:
    """Return whether an action is only recorded: the channel says so, or a test alert asks for it."""
    tests = any(item.alert["labels"].get("test") for item in message.items if item.action is not None)
    return channel.kind == "action" and (channel.dry_run or tests)


def action_of(channel: Channel, message: Message) -> dict[str, Any]:
    """Return what an action asks for; undone is what was asked for when it was done."""
    (item,) = message.items
    alert = item.alert
    return {
        "v": 1,
        "id": message.id,
        **(item.action or asked_of(channel, alert)),
        "undo": item.occasion == "resolved",
        "alert_id": alert["id"],
        "change": alert["change"],
        "kind": alert["kind"],
        "subject": alert["subject"],
        "at_ms": alert["at_ms"],
    }


def judge(kind: ChannelKind, status: int, body: bytes, *, retry_after: str | None = None) -> Verdict:
    """Return what an answer means.

    Args:
        kind: of the channel.
        status: of HTTP.
        body: of the answer.
        retry_after: the header of that name, if any.
    """
    detail = body[:_DETAIL_MAX].decode(errors="replace").strip() or None
    code = _code_inside(body) if kind in _RATE else None
    if _is_too_fast(kind, code, body):
        pause_ms = _pause_ms(retry_after)
        return Verdict(ok=False, reason="rate_limited", code=str(code), detail=detail, pause_ms=pause_ms)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _refused(status, detail, retry_after)
    if kind not in _RATE:
        return Verdict(ok=True, code=str(status))
    if code == 0:
        return Verdict(ok=True, code="0")
    final = code in _FINAL[kind]
    told = None if code is None else str(code)
    return Verdict(
        ok=False, final=final, reason="refused" if final else "error_inside", code=told, detail=detail
    )


def _is_too_fast(kind: ChannelKind, code: int | None, body: bytes) -> bool:
    """Return whether a robot said "too fast", which Feishu does with a status of 400 or 429 as well."""
    if code == _TOO_MANY[0]:
        return any(text in body.lower() for text in _TOO_MANY[1])
    return code is not None and code in _RATE[kind]


def _refused(status: int, detail: str | None, retry_after: str | None) -> Verdict:
    told = str(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        pause_ms = _pause_ms(retry_after)
        return Verdict(ok=False, reason="rate_limited", code=told, detail=detail, pause_ms=pause_ms)
    if (
        status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return Verdict(ok=False, reason="server_error", code=told, detail=detail)
    return Verdict(ok=False, final=True, reason="refused", code=told, detail=detail)


def _pause_ms(retry_after: str | None) -> int:
    if retry_after and retry_after.isdecimal():
        return min(1_000 * int(retry_after), _PAUSE_MAX_MS)
    return _PAUSE_MS


def _code_inside(body: bytes) -> int | None:
    """Return the code that a robot answered with; None when there is none, which is no success either."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(answer, dict):
        return None
    codes = [answer[name] for name in ("errcode", "code", "StatusCode") if name in answer]
    return next((code for code in codes if isinstance(code, int)), None)


def _dingtalk(channel: Channel, message: Message, now_ms: int) -> Post:
    url = channel.url
    if channel.secret:
        digest = _hmac(channel.secret, f"{now_ms}\n{channel.secret}")
        url += f"&timestamp={now_ms}&sign={quote(base64.b64encode(digest), safe='')}"
    body = {
        "msgtype": "markdown",
        "markdown": {"title": message.title, "text": f"### {message.title}\n\n{_lines(message.body)}"},
        "at": {"atMobiles": _mentions(message), "isAtAll": False},
    }
    return _json_post(url, body, message.id)


def _feishu(channel: Channel, message: Message, now_ms: int) -> Post:
    mentions = "".join(f"\n<at id={who}></at>" for who in _mentions(message))
    body: dict[str, Any] = {
        "msg_type": "interactive",
        "card": {
            "header": {"title": {"tag": "plain_text", "content": message.title}},
            "elements": [{"tag": "markdown", "content": message.body + mentions}],
        },
    }
    if channel.secret:
        seconds = str(now_ms // 1_000)
        digest = _hmac(f"{seconds}\n{channel.secret}", "")
        body |= {"timestamp": seconds, "sign": base64.b64encode(digest).decode()}
    return _json_post(channel.url, body, message.id)


def _wecom(channel: Channel, message: Message) -> Post:
    text = {"content": f"{message.title}\n{message.body}", "mentioned_mobile_list": _mentions(message)}
    return _json_post(channel.url, {"msgtype": "text", "text": text}, message.id)


def _signed(channel: Channel, told: Mapping[str, Any], message_id: str, now_ms: int) -> Post:
    found = _json_post(channel.url, told, message_id)
    if not channel.secret:
        return found
    signature = hmac.new(channel.secret.encode(), b"%d." % now_ms + found.body, sha256).hexdigest()
    headers = {"Roomwatch-Timestamp": str(now_ms), "Roomwatch-Signature": f"v1={signature}"}
    return Post(found.url, found.body, {**found.headers, **headers})


def _json_post(url: str, body: Mapping[str, Any], message_id: str) -> Post:
    return Post(
        url,
        orjson.dumps(body),
        {"Content-Type": "application/json; charset=utf-8", "Roomwatch-Message-Id": message_id},
    )


def _postables(item: Item, *, now_ms: int, public_url: str) -> list[dict[str, Any]]:
    """Return an item in Alertmanager's form; a risen severity ends the alert of the old one first."""
    alert, labels = item.alert, item.labels
    found = refreshed(alert, labels, item.severity, now_ms=now_ms, public_url=public_url)
    if item.ended_severity is None:
        return [found]
    over = {**alert, "state": "resolved"}
    return [refreshed(over, labels, item.ended_severity, now_ms=now_ms, public_url=public_url), found]


def _mentions(message: Message) -> list[str]:
    return list(dict.fromkeys(who for item in message.items for who in item.mentions))


def _lines(body: str) -> str:
    """DingTalk's Markdown joins lines unless two spaces end them."""
    return body.replace("\n", "  \n")


def _hmac(key: str, text: str) -> bytes:
    return hmac.new(key.encode(), text.encode(), sha256).digest()


def _instant(at_ms: int) -> str:
    at = dt.datetime.fromtimestamp(at_ms / 1_000, dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
