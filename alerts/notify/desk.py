"""The notifier's desk: what waits, what is under way, and what becomes of it. Pure; time is an argument.

Every step changes the desk and is kept in the store (``written``) before what it asks for is done: a message
is kept before it is sent, so that a process that dies sends it again with the same id and the same words, and
an attempt counts against the budget before it is made. Nothing leaves the desk without a delivery record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from alerts.notify import budget, intake
from alerts.notify.channels import Channel
from alerts.notify.model import (
    ChannelState,
    Delivery,
    Item,
    Message,
    Status,
    Target,
    Told,
    decode,
    encode,
    item_id,
    message_id,
    urgency,
)
from alerts.notify.posts import OVERHEAD_BYTES, is_rehearsal
from alerts.notify.records import record, unrouted
from alerts.notify.retry import Patience, Verdict, next_attempt_ms, patience_with
from alerts.notify.wording import Wordsmith, mention_bytes

__all__ = ["Desk", "Kept", "Written"]

_RETRYING_MAX: Final = 3
"""Messages of a channel that may wait for another attempt; meanwhile new ones still go out."""
_BATCH_MAX: Final = 500
"""Alerts of one post to a channel that takes lists."""
_RECORD_EXTRA_BYTES: Final = 1_000
"""What a list's entry holds beside the alert's record."""
_FORGET_MS: Final = 3_600_000
"""How long a resolved alert is remembered, so that a repeat of its records is known as one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store keeps: bytes of the values by id, name of the channel or alert."""

    items: Mapping[str, bytes]
    messages: Mapping[str, bytes]
    channels: Mapping[str, bytes]
    told: Mapping[str, bytes]


@dataclass(slots=True)
class Written:
    """What changed since the last call; None stands for what is gone."""

    items: dict[str, bytes | None] = field(default_factory=dict)
    messages: dict[str, bytes | None] = field(default_factory=dict)
    channels: dict[str, bytes | None] = field(default_factory=dict)
    told: dict[str, bytes | None] = field(default_factory=dict)


class Desk:
    """What waits for each channel.

    Args:
        channels: by name.
        words: makes the texts.
        patience: with failed attempts.
    """

    def __init__(self, channels: Mapping[str, Channel], words: Wordsmith, patience: Patience) -> None:
        self.channels = dict(channels)
        self._words = words
        self._patience = patience
        self._waiting: dict[str, dict[str, Item]] = {}
        self._messages: dict[str, dict[str, Message]] = {}
        self._states: dict[str, ChannelState] = {}
        self._told: dict[str, Told] = {}
        self._closed: dict[str, int] = {}
        self._written = Written()

    def load(self, kept: Kept, *, now_ms: int) -> list[Delivery]:
        """Take over what the store kept; returns the records of what no channel can take any more."""
        for value in kept.items.values():
            item = decode(value, Item)
            self._waiting.setdefault(item.channel, {})[item.alert["id"]] = item
        for value in kept.messages.values():
            message = decode(value, Message)
            self._messages.setdefault(message.channel, {})[message.id] = message
        self._states = {name: decode(value, ChannelState) for name, value in kept.channels.items()}
        self._told = {name: decode(value, Told) for name, value in kept.told.items()}
        self._closed = {
            name: told.closed_at_ms for name, told in self._told.items() if told.closed_at_ms is not None
        }
        return self._drop_unknown(now_ms)

    def take(self, alert: Mapping[str, Any], targets: Sequence[Target], *, now_ms: int) -> list[Delivery]:
        """Take in a change of an alert; returns the records of what it leaves untold."""
        before = self._told.get(alert["id"])
        told, items = intake.tell(before, alert, targets, self.channels, now_ms=now_ms)
        if told is before:
            return []
        records = self._take(alert, told, items, now_ms)
        if not any(to.channel in self.channels for to in targets) and intake.is_told(alert):
            records.append(unrouted(alert, targets, now_ms))
        return records

    def take_silence(
        self, notice: Mapping[str, Any], targets: Sequence[Target], *, now_ms: int
    ) -> list[Delivery]:
        """Take in a notice of a silence, as ``notice_record`` returns it; else as ``take``."""
        before = self._told.get(notice["id"])
        told, items = intake.tell_silence(before, notice, targets, self.channels, now_ms=now_ms)
        if told is before:
            return []
        records = self._take(notice, told, items, now_ms)
        return records if items else [*records, unrouted(notice, targets, now_ms)]

    def _take(self, about: Mapping[str, Any], told: Told, items: list[Item], now_ms: int) -> list[Delivery]:
        self._told[about["id"]] = told
        self._written.told[about["id"]] = encode(told)
        if told.closed_at_ms is not None:
            self._closed[about["id"]] = told.closed_at_ms
        self._forget(about["at_ms"])
        records = []
        for item in items:
            if item.action is not None and not item.action["do"]:
                records.append(record(item, None, "failed", now_ms, reason="no_action"))
            else:
                records += self._queue(item, now_ms)
        return records

    def step(self, name: str, *, now_ms: int) -> tuple[Message | None, int | None, list[Delivery]]:
        """Return what to do for a channel now.

        Returns:
            The message to send, or None; when to ask again (None = when something changed); and the records
            of items that went to the fallback instead.
        """
        channel, state = self.channels[name], self._states.get(name, ChannelState())
        if state.paused_until_ms > now_ms:
            return None, state.paused_until_ms, self._divert(channel, now_ms)
        under_way = sorted(self._messages.get(name, {}).values(), key=lambda message: message.next_at_ms)
        next_ms = under_way[0].next_at_ms if under_way else None
        if under_way and under_way[0].next_at_ms <= now_ms:
            free_ms = budget.free_at_ms(state.attempts_at_ms, channel.budget, now_ms)
            if free_ms is None:
                return self._attempt(channel, under_way[0], now_ms), None, []
        elif len(under_way) < (1 if channel.mode == "single" else _RETRYING_MAX):
            message, look_ms = self._compose(channel, state, now_ms)
            if message is not None:
                return self._attempt(channel, message, now_ms), None, []
            return None, min((at for at in (next_ms, look_ms) if at is not None), default=None), []
        else:
            return None, next_ms, []
        return None, free_ms, []

    def settle(self, message: Message, verdict: Verdict, *, now_ms: int, chance: float) -> list[Delivery]:
        """Take in what became of an attempt; returns the records of what that settles.

        Args:
            message: as ``step`` gave it.
            verdict: what the channel answered.
            now_ms: the clock, epoch milliseconds.
            chance: from 0 to 1, spreads repeats.
        """
        channel = self.channels[message.channel]
        before = self._states[channel.name]
        # The service counted the call at some moment until now: it leaves the budget no sooner than there.
        state = replace(before, attempts_at_ms=(*before.attempts_at_ms[:-1], now_ms))
        if verdict.ok:
            self._keep_state(channel.name, replace(state, failing=False, paused_until_ms=0))
            self._keep_message(message, gone=True)
            return [record(item, message, _status(channel, message), now_ms) for item in message.items]
        paused_ms = now_ms + verdict.pause_ms if verdict.pause_ms else state.paused_until_ms
        self._keep_state(channel.name, replace(state, paused_until_ms=paused_ms))
        at_ms = next_attempt_ms(
            patience_with(
                self._patience,
                verdict,
                has_fallback=channel.fallback is not None,
                failing=state.failing,
                urgent=any(item.alert["severity"] == "critical" for item in message.items),
            ),
            verdict,
            attempts=message.attempts,
            first_at_ms=message.first_at_ms,
            now_ms=now_ms,
            chance=chance,
        )
        if at_ms is not None:
            self._keep_message(replace(message, next_at_ms=at_ms))
            return []
        self._keep_state(channel.name, replace(self._states[channel.name], failing=True))
        self._keep_message(message, gone=True)
        return self._give_up(channel, message.items, message, verdict, now_ms)

    def written(self) -> Written:
        """Return what changed since the last call."""
        found, self._written = self._written, Written()
        return found

    def waiting(self, name: str) -> int:
        """Return how many items wait for a channel, those under way included."""
        under_way = sum(len(message.items) for message in self._messages.get(name, {}).values())
        return len(self._waiting.get(name, {})) + under_way

    def failing(self, name: str) -> bool:
        """Return whether a channel gave up its last message."""
        return self._states.get(name, ChannelState()).failing

    def told_on(self, name: str) -> dict[str, tuple[dict[str, str], str]]:
        """Return alert -> labels and severity, of the open alerts that a channel was told."""
        return {
            alert_id: (told.labels, told.channels[name].severity)
            for alert_id, told in self._told.items()
            if name in told.channels and told.closed_at_ms is None
        }

    def _queue(self, item: Item, now_ms: int) -> list[Delivery]:
        """Let an item wait; of two of the same alert only the newer one does."""
        older = self._waiting.get(item.channel, {}).get(item.alert["id"])
        if older is None:
            self._keep_item(item)
            return []
        if older.alert["change"] >= item.alert["change"]:
            older, item = item, older
        else:
            self._keep_item(older, gone=True)
        records = [record(older, None, "superseded", now_ms, reason=f"change {item.alert['change']}")]
        if self.channels[item.channel].kind == "action":
            return [*records, record(item, None, "superseded", now_ms, reason="was never done")]
        mentions = tuple(dict.fromkeys((*item.mentions, *older.mentions)))
        ended = older.ended_severity or item.ended_severity
        self._keep_item(replace(item, mentions=mentions, ended_severity=ended))
        return records

    def _compose(
        self, channel: Channel, state: ChannelState, now_ms: int
    ) -> tuple[Message | None, int | None]:
        """Make the next message of what waits, if the budget says so."""
        waiting = sorted(self._free(channel.name), key=urgency)
        found = budget.step(
            channel.mode,
            channel.budget,
            waiting=len(waiting),
            critical=sum(item.alert["severity"] == "critical" for item in waiting),
            attempts_at_ms=state.attempts_at_ms,
            digest_at_ms=state.digest_at_ms,
            now_ms=now_ms,
        )
        if not found.take:
            return None, found.wait_ms
        items = self._fitting(channel, waiting[: found.take])
        for item in items:
            self._keep_item(item, gone=True)
        if len(items) > 1 and channel.mode == "digest":
            self._keep_state(channel.name, replace(state, digest_at_ms=now_ms))
        return self._worded(channel, items, total=found.take, now_ms=now_ms), None

    def _free(self, name: str) -> list[Item]:
        """Return what waits, but for changes of alerts that are under way: nobody reads of the end first."""
        under_way = self._messages.get(name, {}).values()
        busy = {item.alert["id"] for message in under_way for item in message.items}
        return [item for alert_id, item in self._waiting.get(name, {}).items() if alert_id not in busy]

    def _fitting(self, channel: Channel, items: Sequence[Item]) -> Sequence[Item]:
        room = channel.budget.bytes_max - OVERHEAD_BYTES
        if channel.mode == "digest":
            return items[: self._words.fitting(items, locale=channel.locale, bytes_max=room)]
        for count, item in enumerate(items):
            room -= 2 * len(orjson.dumps(item.alert)) + _RECORD_EXTRA_BYTES
            if room < 0 or count == _BATCH_MAX:
                return items[: max(1, count)]
        return items

    def _worded(self, channel: Channel, items: Sequence[Item], *, total: int, now_ms: int) -> Message:
        own_id = message_id(items)
        if len(items) == 1:
            room = channel.budget.bytes_max - OVERHEAD_BYTES - mention_bytes(items)
            title, body = self._words.one(items[0], own_id, locale=channel.locale, bytes_max=room)
        else:
            title, body = self._words.many(items, own_id, total=total, locale=channel.locale)
        return Message(own_id, channel.name, tuple(items), title, body, total, next_at_ms=now_ms)

    def _attempt(self, channel: Channel, message: Message, now_ms: int) -> Message:
        state = self._states.get(channel.name, ChannelState())
        counted = (*budget.recent(state.attempts_at_ms, channel.budget, now_ms), now_ms)
        self._keep_state(channel.name, replace(state, attempts_at_ms=counted))
        tried = replace(
            message,
            attempts=message.attempts + 1,
            first_at_ms=message.first_at_ms or now_ms,
            next_at_ms=now_ms,
        )
        self._keep_message(tried)
        return tried

    def _divert(self, channel: Channel, now_ms: int) -> list[Delivery]:
        """Hand critical items to the fallback while the channel's service wants to be left alone."""
        if channel.fallback is None:
            return []
        urgent = [item for item in self._free(channel.name) if item.alert["severity"] == "critical"]
        for item in urgent:
            self._keep_item(item, gone=True)
        return self._give_up(channel, urgent, None, Verdict(ok=False, reason="rate_limited"), now_ms)

    def _give_up(
        self, channel: Channel, items: Iterable[Item], message: Message | None, verdict: Verdict, now_ms: int
    ) -> list[Delivery]:
        """Record that items failed here, and let the fallback have them."""
        records = []
        for item in items:
            records.append(
                record(
                    item,
                    message,
                    "failed",
                    now_ms,
                    reason=verdict.reason,
                    code=verdict.code,
                    fallback=channel.fallback,
                )
            )
            if channel.fallback is not None and not self._knows(channel.fallback, item):
                other = item_id(item.alert["id"], item.alert["change"], channel.fallback)
                same = (
                    self.channels[channel.fallback].kind == channel.kind
                )  # others know people by other names
                moved = replace(
                    item,
                    id=other,
                    channel=channel.fallback,
                    fallback_of=channel.name,
                    mentions=item.mentions if same else (),
                )
                records += self._queue(moved, now_ms)
        return records

    def _knows(self, name: str, item: Item) -> bool:
        """Return whether a channel was told this very change by a route of its own."""
        told = self._told.get(item.alert["id"])
        known = None if told is None else told.channels.get(name)
        return known is not None and known.change == item.alert["change"]

    def _drop_unknown(self, now_ms: int) -> list[Delivery]:
        """Give up what waits for channels that are no more."""
        records = []
        for name in [*self._waiting, *self._messages]:
            if name in self.channels:
                continue
            for message in list(self._messages.get(name, {}).values()):
                self._keep_message(message, gone=True)
                records += [
                    record(item, message, "failed", now_ms, reason="no_channel") for item in message.items
                ]
            for item in list(self._waiting.get(name, {}).values()):
                self._keep_item(item, gone=True)
                records.append(record(item, None, "failed", now_ms, reason="no_channel"))
        return records

    def _keep_item(self, item: Item, *, gone: bool = False) -> None:
        waiting = self._waiting.setdefault(item.channel, {})
        self._written.items[item.id] = None if gone else encode(item)
        if gone:
            waiting.pop(item.alert["id"], None)
        else:
            waiting[item.alert["id"]] = item

    def _keep_message(self, message: Message, *, gone: bool = False) -> None:
        messages = self._messages.setdefault(message.channel, {})
        self._written.messages[message.id] = None if gone else encode(message)
        if gone:
            messages.pop(message.id, None)
        else:
            messages[message.id] = message

    def _keep_state(self, name: str, state: ChannelState) -> None:
        self._states[name] = state
        self._written.channels[name] = encode(state)

    def _forget(self, at_ms: int) -> None:
        """Let go of alerts that have long been over; they stand in the order of their end, nearly."""
        while self._closed and (oldest := next(iter(self._closed.items())))[1] < at_ms - _FORGET_MS:
            del self._closed[oldest[0]]
            self._told.pop(oldest[0], None)
            self._written.told[oldest[0]] = None


def _status(channel: Channel, message: Message) -> Status:
    if is_rehearsal(channel, message):
        return "dry_run"
    return "digested" if channel.mode == "digest" and len(message.items) > 1 else "sent"
