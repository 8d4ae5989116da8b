"""What people ask for, done to the book: each function gives the outcome, or refuses with a code. Pure."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from alerts.incidents import episodes
from alerts.incidents.book import REMIND_MS, Book
from alerts.incidents.silences import Refusal, Silence
from alerts.model import KINDS, SEVERITIES, Alert, Command, Outcome
from alerts.stages import Record
from alerts.wording import Wording

__all__ = ["TEST_S", "obey"]

TEST_S: Final = 60
"""How long a test alert stays open, seconds."""
Order = Callable[[Book, Command, Record], Outcome]


def obey(book: Book, command: Command, record: Record) -> Outcome:
    """Do what a command asks for; never raises on what it holds."""
    order = _ORDERS.get(command.do)
    if order is None:
        return _refused(command, "unknown_command", f"the incidents stage does not know {command.do}")
    try:
        return order(book, command, record)
    except Refusal as refusal:
        return _refused(command, "bad_request", str(refusal))


def _ack(book: Book, command: Command, record: Record) -> Outcome:
    alert = _find(book, command)
    if isinstance(alert, Outcome):
        return alert
    for_ms = (command.for_s or episodes.ACK_S) * 1_000
    until_ms = book.now_ms + for_ms
    book.set_ack(alert.id, until_ms)
    remind_ms = until_ms - REMIND_MS if for_ms >= 2 * REMIND_MS else None
    after = episodes.acknowledged(alert, command, record.append_ms)
    return _done(command, book.commit(after, record, "command", command, remind_ms=remind_ms, steps=0))


def _resolve(book: Book, command: Command, record: Record) -> Outcome:
    alert = _find(book, command)
    if isinstance(alert, Outcome):
        return alert
    after = episodes.resolved_by_hand(alert, command, record.append_ms)
    return _done(command, book.commit(after, record, "command", command))


def _assign(book: Book, command: Command, record: Record) -> Outcome:
    alert = _find(book, command)
    if isinstance(alert, Outcome):
        return alert
    if not command.owner:
        raise Refusal(Wording("owner：需要姓名", "owner: a name is needed"))
    return _done(
        command, book.commit(episodes.assigned(alert, command, record.append_ms), record, "command", command)
    )


def _silence(book: Book, command: Command, record: Record) -> Outcome:
    silence_id = sha256(command.command_id.encode()).hexdigest()[:20]
    if book.silences.get(silence_id) is not None:
        return _refused(command, "conflict", "this silence was made already")
    made = book.silences.add(
        silence_id,
        command.body or {},
        by=command.by,
        comment=command.comment,
        now_ms=book.now_ms,
        offset=record.offset,
    )
    return _told(command, made)


def _unsilence(book: Book, command: Command, record: Record) -> Outcome:
    found = book.silences.get(command.id or "")
    if found is None:
        return _refused(command, "not_found", f"there is no silence {command.id}")
    if found.state == "ended":
        return _refused(command, "conflict", f"silence {command.id} has ended already")
    hidden = book.silences.hidden_by(found.id)
    ended = book.silences.end(found.id, "by_hand", book.now_ms, command.by)
    book.review(hidden, record)
    return _told(command, ended)


def _test(book: Book, command: Command, record: Record) -> Outcome:
    body = command.body or {}
    _must(body.get("kind") in (None, *KINDS), "kind", f"one of {', '.join(KINDS)}")
    _must(body.get("severity") in (None, *SEVERITIES), "severity", ", ".join(SEVERITIES))
    labels = body.get("labels") or {}
    _must(
        isinstance(labels, dict) and all(isinstance(v, str) for v in labels.values()),
        "labels",
        "texts by name",
    )
    alert = episodes.tested(command, record.append_ms)
    if book.find(episodes.key_of(alert)) is not None or alert.id in book.closed:
        return _refused(command, "conflict", "this test was sent already")
    ends_ms = book.now_ms + (command.for_s or TEST_S) * 1_000
    return _done(command, book.commit(alert, record, "command", command, ends_ms=ends_ms))


def _noted(book: Book, command: Command, record: Record) -> Outcome:  # noqa: ARG001 - the form of orders
    """Take a change that a gateway made into the audit, which is all that it comes here for."""
    return Outcome(command.command_id, "done")


_ORDERS: Final[dict[str, Order]] = {
    "ack": _ack,
    "resolve": _resolve,
    "assign": _assign,
    "silence": _silence,
    "unsilence": _unsilence,
    "test": _test,
    "rules_changed": _noted,
    "routes_changed": _noted,
}


def _find(book: Book, command: Command) -> Alert | Outcome:
    """Return the episode that a command is about, as it is without suppression, or why there is none."""
    if command.id in book.open:
        return book.bare(command.id or "")
    if command.id in book.closed:
        return _refused(command, "conflict", f"alert {command.id} is already resolved")
    return _refused(command, "not_found", f"there is no alert {command.id}")


def _must(right: Any, path: str, allowed: str) -> None:
    if not right:
        raise Refusal(Wording(f"{path}：只能是 {allowed}", f"{path}: allowed: {allowed}"))


def _done(command: Command, alert: Alert) -> Outcome:
    return Outcome(command.command_id, "done", alert=alert.to_record())


def _told(command: Command, silence: Silence) -> Outcome:
    return Outcome(command.command_id, "done", silence=silence.to_record())


def _refused(command: Command, code: str, message: str) -> Outcome:
    return Outcome(command.command_id, "error", code=code, message=message)
