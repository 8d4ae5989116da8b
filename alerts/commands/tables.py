"""What the commands show: tables for people, JSON for scripts. Pure but for the terminal it writes to."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from alerts.commands.client import Asking
from alerts.commands.layout import lines_of
from alerts.commands.words import word
from alerts.tail.here import local_zone
from alerts.tail.screen import clean

__all__ = [
    "alerts_table",
    "as_json",
    "clock",
    "deliveries_table",
    "heading",
    "matchers_text",
    "silences_table",
    "table",
]

_OCCASIONS = {"severity": "severity_rose"}
"""Occasions of a delivery whose word means something else in a table."""


def as_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False))


def heading(name: str, asked: Asking, more: str = "") -> None:
    """Print the name of what follows."""
    click.echo(f"{word(name, asked.locale)}{more}")


def table(asked: Asking, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under the names of their columns, or that there are none."""
    cells = [[clean("" if value is None else value) for value in row] for row in rows]
    if not cells:
        click.echo(word("nothing", asked.locale))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines_of([word(name, asked.locale) for name in columns], cells, width=width):
        click.echo(line)


def alerts_table(asked: Asking, alerts: Iterable[Mapping[str, Any]]) -> None:
    """Print alerts, one a line."""
    columns = ("id", "began", "severity", "kind", "room", "state", "owner", "reason", "summary")
    table(asked, columns, (_alert_row(asked, one) for one in alerts))


def silences_table(asked: Asking, silences: Iterable[Mapping[str, Any]]) -> None:
    """Print silences, one a line."""
    rows = (
        (
            one["id"],
            word(one["state"], asked.locale),
            matchers_text(one["matchers"]),
            clock(one["starts_at_ms"]),
            clock(one["ended_at_ms"] if one["state"] == "ended" else one["ends_at_ms"]),
            one["hidden"],
            one["by"],
            one["comment"],
        )
        for one in silences
    )
    table(asked, ("id", "state", "matchers", "began", "ends", "hidden", "by", "comment"), rows)


def deliveries_table(asked: Asking, deliveries: Iterable[Mapping[str, Any]]) -> None:
    """Print what became of each change on each channel, one a line."""
    columns = ("time", "occasion", "channel", "status", "reason", "attempts", "message")
    table(asked, columns, (_delivery_row(asked, one) for one in deliveries))


def matchers_text(matchers: Iterable[Mapping[str, str]]) -> str:
    """Return matchers as they are written on the command line."""
    return " ".join(f"{one['label']}{one['op']}{one['value']}" for one in matchers)


def clock(at_ms: int | None) -> str:
    """Return an instant on the clocks of the deployment's time zone."""
    return "" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1_000, local_zone()):%m-%d %H:%M:%S}"


def _delivery_row(asked: Asking, one: Mapping[str, Any]) -> tuple[Any, ...]:
    locale = asked.locale
    why = [word(one["reason"], locale) if one["reason"] else None, one["code"], _detour(one, locale)]
    return (
        clock(one["at_ms"]),
        word(_OCCASIONS.get(one["occasion"], one["occasion"]), locale),
        one["channel"],
        word(one["status"], locale),
        " ".join(str(part) for part in why if part),
        one["attempts"] or None,
        one["message_id"],
    )


def _detour(one: Mapping[str, Any], locale: str) -> str | None:
    """Return whom a delivery went on to, came from, or what it was to do."""
    if (action := one.get("action")) is not None:
        undo = f"{word('undo', locale)} " if action["undo"] else ""
        return f"{undo}{action['do']} {action['target']}"
    if one["fallback"]:
        return f"→ {one['fallback']}"
    return f"← {one['fallback_of']}" if one["fallback_of"] else None


def _alert_row(asked: Asking, alert: Mapping[str, Any]) -> tuple[Any, ...]:
    locale = asked.locale
    return (
        alert["id"],
        clock(alert["started_at_ms"]),
        word(alert["severity"], locale),
        word(alert["kind"], locale),
        alert["room_id"] or alert["subject"],
        word(alert["state"], locale),
        alert.get("owner"),
        word(alert["reason"], locale) if alert["reason"] else None,
        alert["summary"][locale],
    )
