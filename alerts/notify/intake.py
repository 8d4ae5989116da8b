"""Which changes of an alert are told to whom. Pure.

A channel is told when an alert begins, when its severity rises above what it was told, when nobody
acknowledged it in time, when it goes on after an acknowledgement or a suppression ended, and when it is over,
if it was told of it before. What is suppressed is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alerts.model import SEVERITY_RANK
from alerts.notify.channels import Channel
from alerts.notify.model import Item, Known, Occasion, Target, Told, item_id
from alerts.notify.posts import labels_of

__all__ = ["TELLING_STATES", "tell"]

TELLING_STATES = frozenset(("firing", "escalated"))
"""States in which an alert is told to those whom the routes name."""
_QUIET = frozenset(("acknowledged", "suppressed"))


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
            _item(alert, Target(name), "resolved", known, after.labels, now_ms=now_ms)
            for name, known in before.channels.items()
            if name in channels and (channels[name].send_resolved or channels[name].kind == "action")
        ]
        last = {item.channel: Known(item.severity, alert["change"]) for item in items}
        return replace(after, channels=last, closed_at_ms=alert["at_ms"]), items
    if alert["state"] not in TELLING_STATES:
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
        items.append(_item(alert, target, occasion, prior, labels, now_ms=now_ms))
        known[target.channel] = Known(items[-1].severity, alert["change"])
    return replace(after, channels=known, labels=labels if items else after.labels), items


def _occasion(
    before: Told, prior: Known | None, alert: Mapping[str, Any], channel: Channel
) -> Occasion | None:
    if prior is None:
        return "escalated" if alert["state"] == "escalated" else "firing"
    if channel.kind == "action":  # done once, undone at the end
        return None
    climbed = before.state != "escalated" or alert["reason"] == "not_acknowledged"
    if alert["state"] == "escalated" and climbed:
        return "escalated"
    if SEVERITY_RANK[alert["severity"]] > SEVERITY_RANK[prior.severity]:
        return "severity"
    return "again" if before.state in _QUIET else None


def _item(
    alert: Mapping[str, Any],
    target: Target,
    occasion: Occasion,
    prior: Known | None,
    labels: Mapping[str, str],
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
    )
