"""The values of the notifier, and their bytes in the store and in ``live.deliveries``. Pure.

An *item* is one change of one alert on its way to one channel. A *message* is what one call to a channel
carries: one item, or a digest of many. Both are kept before they are sent; their ids follow from what they
are made of, so that a repeat after a crash has the id of the first try. A *delivery* is the record of what
became of an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal, TypeVar

import msgspec

from alerts.model import SEVERITY_RANK

__all__ = [
    "SILENCES",
    "ChannelState",
    "Delivery",
    "Item",
    "Known",
    "Message",
    "Occasion",
    "Status",
    "Target",
    "Told",
    "decode",
    "encode",
    "item_id",
    "message_id",
    "notice_record",
    "urgency",
]

Occasion = Literal[
    "firing",
    "severity",
    "escalated",
    "again",
    "resolved",
    "assigned",
    "ack_ending",
    "ack_expired",
    "silence_started",
    "silence_ended",
]
"""Why a change is told: it began, its severity rose, nobody acknowledged it, it goes on after a suppression
ended, it is over; it has another owner, its acknowledgement ends soon, it goes on after that ended; and, of a
silence instead of an alert, that it holds now and that it is over."""
SILENCES: Final = frozenset(("silence_started", "silence_ended"))
"""Occasions of items that tell of a silence: their ``alert`` is what ``notice_record`` returns."""
Status = Literal["sent", "digested", "dry_run", "failed", "superseded", "unrouted"]
"""What became of an item: went out by itself; as a line of a digest; would have gone out; was given up (the
fallback channel, if there is one, gets it: its own record names this one); a newer change of the same alert
went out in its place; nobody was to get it."""

_ID_DIGITS: Final = 20
_Form = TypeVar("_Form")


@dataclass(frozen=True, slots=True)
class Target:
    """Who gets a change: a channel by name, and whom to call by name there.

    Attributes:
        channel: name of the receiver.
        routes: indices of the routes that name it, for the delivery record.
        mentions: mobile numbers or user ids, as the channel's service knows people.
    """

    channel: str
    routes: tuple[int, ...] = ()
    mentions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One change of one alert on its way to one channel.

    Attributes:
        id: follows from alert, change and channel.
        alert: the record of ``live.alerts``.
        queued_at_ms: when the notifier read it, epoch milliseconds.
        fallback_of: the channel that gave it up, None on its first way.
        severity: the highest that the channel was told of this alert, this item included.
        ended_severity: the one that it was told before, where it was a lower one.
        labels: what Alertmanager knows the alert by, without the severity; empty for other channels.
        action: what an action is asked for, ``{do, target}``; None for other channels.
    """

    id: str
    channel: str
    alert: dict[str, Any]
    occasion: Occasion
    queued_at_ms: int
    routes: tuple[int, ...] = ()
    mentions: tuple[str, ...] = ()
    fallback_of: str | None = None
    severity: str = ""
    ended_severity: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    action: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What one call to a channel carries; kept as it was first rendered.

    Attributes:
        total: items that waited when it was made; more than ``items`` when they did not fit.
        first_at_ms: when its first attempt began; 0 before.
        next_at_ms: when the next attempt is due.
    """

    id: str
    channel: str
    items: tuple[Item, ...]
    title: str
    body: str
    total: int
    attempts: int = 0
    first_at_ms: int = 0
    next_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What is known of a channel beside its items and messages.

    Attributes:
        attempts_at_ms: calls within the budget's span, oldest first; they count before they are made.
        digest_at_ms: when the last digest was made, None before the first.
        paused_until_ms: its service asked to be left alone until then; 0 for not.
        failing: the last message was given up: the next ones get one attempt each.
    """

    attempts_at_ms: tuple[int, ...] = ()
    digest_at_ms: int | None = None
    paused_until_ms: int = 0
    failing: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What a channel was told of an alert: the highest severity, the newest change, and what it was to do.

    What was done is kept, because a switch changes the room's facts: undoing looks at what was asked for.
    """

    severity: str
    change: int
    action: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of an alert: the newest change seen, and what each channel was told.

    Attributes:
        labels: what Alertmanager knows it by, without the severity: those of when it was first told.
        closed_at_ms: when it was resolved; None while it is open.
    """

    change: int
    state: str
    channels: dict[str, Known] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    closed_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record of ``live.deliveries``: what became of an item. A repeat has the same ``id``.

    Attributes:
        id: the item's.
        message_id: of the message that it went with; None when it went with none.
        of: how many alerts that message told.
        code: the error code that the service answered with.
        action: what an action was asked for: ``{do, target, undo}``; None for other channels.
    """

    id: str
    alert_id: str
    change: int
    at_ms: int
    status: Status
    occasion: str
    channel: str | None
    routes: tuple[int, ...]
    message_id: str | None = None
    of: int = 1
    attempts: int = 0
    reason: str | None = None
    code: str | None = None
    fallback: str | None = None
    fallback_of: str | None = None
    action: dict[str, Any] | None = None
    v: int = 1


def item_id(alert_id: str, change: int, channel: str) -> str:
    """Return the id of an item."""
    return _digest(f"{alert_id}|{change}|{channel}")


def notice_record(what: Occasion, at_ms: int, silence: dict[str, Any]) -> dict[str, Any]:
    """Return what an item about a silence holds instead of an alert; its changes are start and end.

    Args:
        what: one of ``SILENCES``.
        at_ms: when, epoch milliseconds.
        silence: its record.
    """
    return {
        "id": silence["id"],
        "change": 1 if what == "silence_started" else 2,
        "at_ms": at_ms,
        "severity": "info",
        "state": what,
        "silence": silence,
    }


def message_id(items: Sequence[Item]) -> str:
    """Return the id of a message: the same items always give the same."""
    return _digest("|".join(sorted(item.id for item in items)))


def urgency(item: Item) -> tuple[int, bool, int, str]:
    """Return what items are sorted by: critical first, what goes on before what is over, then by age."""
    return (
        -SEVERITY_RANK[item.alert["severity"]],
        item.occasion == "resolved",
        item.alert["at_ms"],
        item.id,
    )


def encode(value: object) -> bytes:
    """Return the bytes of a value of this module."""
    return msgspec.json.encode(value)


def decode(value: bytes, form: type[_Form]) -> _Form:
    """Return the value whose bytes ``encode`` gave."""
    return msgspec.json.decode(value, type=form)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_ID_DIGITS]
