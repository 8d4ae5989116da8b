"""Delivery records: what ``live.deliveries`` gets of an item. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.notify.model import Delivery, Item, Message, Status, Target, item_id

__all__ = ["record", "unrouted"]


def record(
    item: Item,
    message: Message | None,
    status: Status,
    at_ms: int,
    *,
    reason: str | None = None,
    code: str | None = None,
    fallback: str | None = None,
) -> Delivery:
    """Return the record of what became of an item.

    Args:
        item: the change and its channel.
        message: that it went with; None when it went with none.
        status: what became of it.
        at_ms: when, epoch milliseconds.
        reason: why, where it was not told.
        code: error code of the service.
        fallback: the channel that tells it instead.
    """
    return Delivery(
        id=item.id,
        alert_id=item.alert["id"],
        change=item.alert["change"],
        at_ms=at_ms,
        status=status,
        occasion=item.occasion,
        channel=item.channel,
        routes=item.routes,
        message_id=None if message is None else message.id,
        of=1 if message is None else len(message.items),
        attempts=0 if message is None else message.attempts,
        reason=reason,
        code=code,
        fallback=fallback,
        fallback_of=item.fallback_of,
        action=None if item.action is None else {**item.action, "undo": item.occasion == "resolved"},
    )


def unrouted(alert: Mapping[str, Any], targets: Sequence[Target], at_ms: int) -> Delivery:
    """Return the record of a change that nobody was to get."""
    return Delivery(
        id=item_id(alert["id"], alert["change"], ""),
        alert_id=alert["id"],
        change=alert["change"],
        at_ms=at_ms,
        status="unrouted",
        occasion=alert["state"],
        channel=None,
        routes=tuple(sorted({route for to in targets for route in to.routes})),
        reason="no_channel" if targets else "no_route",
    )
