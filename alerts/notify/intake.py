"""Which changes of an alert are told to whom, and which notices of silences. Pure.

A channel is told when an alert begins, when its severity rises above what it was told, when nobody
acknowledged it in time, when its acknowledgement is about to end, when it goes on after an acknowledgement or
a suppression ended, when it has another owner, and when it is over, if it was told of it before. What is
suppressed is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from alerts.model import SEVERITY_RANK
from alerts.notify.channels import Channel, ChannelKind
from alerts.notify.model import Item, Known, Occasion, Target, Told, item_id
from alerts.notify.posts import asked_of, labels_of

__all__ = ["is_told", "tell", "tell_silence"]

_TELLING_STATES: Final = frozenset(("firing", "escalated"))
_QUIET: Final = frozenset(("acknowledged", "suppressed"))
_NOTICES: Final[dict[str | None, Occasion]] = {
    "ack_ending": "ack_ending",
    "ack_expired": "ack_expired",
    "assigned": "assigned",
}
"""Reasons of changes that are told for their own sake, whatever the channel was told before."""
_MACHINES: Final[frozenset[ChannelKind]] = frozenset(("action", "alertmanager"))
"""Kinds that know alerts alone: no silences, no owners."""


def is_told(alert: Mapping[str, Any]) -> bool:
    """Return whether a change is told to those whom the routes name."""
    return alert["state"] in _TELLING_STATES or (
        alert["state"] == "acknowledged" and alert["reason"] in _NOTICES
    )


def tell_silence(
    told: Told | None,
    notice: Mapping[str, Any],
    targets: Sequence[Target],
    channels: Mapping[str, Channel],
    *,
    now_ms: int,
) -> tuple[Told, list[Item]]:
    """Return what is known of a silence after a notice of it, and the items that tell it.

    Its end is told to those who were told of its start, too.

    Args:
        told: what was known; None before its first notice.
        notice: as ``notice_record`` returns it.
        targets: whom it concerns.
        channels: those that there are.
        now_ms: the clock, epoch milliseconds.
    """
    if told is not None and notice["change"] <= told.change:
        return told, []
    before = told or Told(0, "")
    over: bool = notice["state"] == "silence_ended"
    meant = {to.channel: to for to in targets} | {
        name: Target(name) for name in before.channels if over and name not in {to.channel for to in targets}
    }
    items = [
        _item(notice, to, notice["state"], None, {}, now_ms=now_ms)
        for name, to in meant.items()
        if name in channels and _takes_notices(channels[name])
    ]
    known = {item.channel: Known(item.severity, notice["change"]) for item in items}
    closed_ms = notice["at_ms"] if over else None
    return Told(notice["change"], notice["state"], known, closed_at_ms=closed_ms), items


def tell(
    told: Told | None,
    alert: Mapping[str, Any],
    targets: Sequence[Target],
    channels: Mapping[str, Channel],
    *,
    now_ms: int,
) -> tuple[Told, list[Item]]:
    """Return what is known of an alert after a change of it, and the items that tell it.

    Args:
        told: what was known; None before its first change.
        alert: the record of ``live.alerts``.
        targets: whom the routes name for it.
        channels: those that there are; a target without one is passed over.
        now_ms: the clock, epoch milliseconds.
    """
    if told is not None and alert["change"] <= told.change:
        return told, []
    before = told or Told(0, "")
    after = replace(before, change=alert["change"], state=alert["state"])
    if alert["state"] == "resolved":
        items = [
            _item(alert, Target(name), "resolved", known, after.labels, known.action, now_ms=now_ms)
            for name, known in before.channels.items()
            if name in channels and (channels[name].send_resolved or channels[name].kind == "action")
        ]
        last = {item.channel: Known(item.severity, alert["change"]) for item in items}
        return replace(after, channels=last, closed_at_ms=alert["at_ms"]), items
    if not is_told(alert):
        return after, []
    return _told_to(before, after, alert, [to for to in targets if to.channel in channels], channels, now_ms)


def _told_to(
    before: Told,
    after: Told,
    alert: Mapping[str, Any],
    targets: Sequence[Target],
    channels: Mapping[str, Channel],
    now_ms: int,
) -> tuple[Told, list[Item]]:
    labels = after.labels or labels_of(alert)
    known = dict(after.channels)
    items = []
    for target in targets:
        prior = known.get(target.channel)
        occasion = _occasion(before, prior, alert, channels[target.channel])
        if occasion is None:
            continue
        channel = channels[target.channel]
        asked = asked_of(channel, alert) if channel.kind == "action" else None
        items.append(_item(alert, target, occasion, prior, labels, asked, now_ms=now_ms))
        if asked is None or asked["do"]:  # what cannot be done need not be undone
            known[target.channel] = Known(items[-1].severity, alert["change"], asked)
    return replace(after, channels=known, labels=labels if items else after.labels), items


def _occasion(
    before: Told, prior: Known | None, alert: Mapping[str, Any], channel: Channel
) -> Occasion | None:
    notice = _NOTICES.get(alert["reason"]) if _takes_notices(channel) else None
    if alert["state"] == "acknowledged":
        return notice
    if prior is None:
        return "escalated" if alert["state"] == "escalated" else "firing"
    if channel.kind == "action":  # done once, undone at the end
        return None
    return notice or _news(before, prior, alert)


def _news(before: Told, prior: Known, alert: Mapping[str, Any]) -> Occasion | None:
    """Return what a change tells that goes beyond what a channel was told."""
    climbed = before.state != "escalated" or alert["reason"] == "not_acknowledged"
    if alert["state"] == "escalated" and climbed:
        return "escalated"
    if SEVERITY_RANK[alert["severity"]] > SEVERITY_RANK[prior.severity]:
        return "severity"
    return "again" if before.state in _QUIET else None


def _takes_notices(channel: Channel) -> bool:
    return channel.send_notices and channel.kind not in _MACHINES


def _item(
    alert: Mapping[str, Any],
    target: Target,
    occasion: Occasion,
    prior: Known | None,
    labels: Mapping[str, str],
    asked: dict[str, str] | None = None,
    *,
    now_ms: int,
) -> Item:
    highest = alert["severity"]
    if prior is not None and SEVERITY_RANK[prior.severity] >= SEVERITY_RANK[highest]:
        highest = prior.severity
    rose = prior is not None and prior.severity != highest and occasion != "resolved"
    if prior is not None and occasion == "resolved":
        highest = prior.severity
    return Item(
        id=item_id(alert["id"], alert["change"], target.channel),
        channel=target.channel,
        alert=dict(alert),
        occasion=occasion,
        queued_at_ms=now_ms,
        routes=target.routes,
        mentions=target.mentions,
        severity=highest,
        ended_severity=prior.severity if prior is not None and rose else None,
        labels=dict(labels),
        action=asked,
    )
