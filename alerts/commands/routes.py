"""``roomwatch routes``: get, check, diff, put, history, rollback, preview."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from alerts.commands.client import Asking, asking
from alerts.commands.sets import add_commands, read
from alerts.commands.tables import as_json, heading, table
from alerts.instants import instant_ms
from alerts.model import KINDS, SEVERITIES
from alerts.routing import check
from alerts.tail.here import local_zone

__all__ = ["command"]


@click.group("routes")
def command() -> None:
    """Read, check and change who is told of what."""


add_commands(command, "routes", check)


@command.command("preview")
@click.option("--id", "alert_id", help="of an alert that there is; else one with what follows")
@click.option("--kind", type=click.Choice(KINDS), default="stutter", show_default=True)
@click.option("--severity", type=click.Choice(SEVERITIES), default="critical", show_default=True)
@click.option("--room", "room_id")
@click.option("--label", "labels", multiple=True, help="name=value, several times: category, owner, cdn, …")
@click.option("--at", help="+6h, 2025-10-09T20:00, epoch ms; default: now")
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="routes not in force yet"
)
@asking
def preview(
    asking: Asking,
    alert_id: str | None,
    labels: tuple[str, ...],
    at: str | None,
    file: Path | None,
    **given: Any,
) -> None:
    """Show who would get an alert."""
    body = {name: value for name, value in given.items() if value is not None}
    body["labels"] = dict(_label(one) for one in labels)
    if at is not None:
        body["at_ms"] = instant_ms(at, now_ms=time.time_ns() // 1_000_000, zone=local_zone())
    if alert_id is not None:
        body = {"id": alert_id}
    if file is not None:
        body["routes"] = read(file)
    found = asking.gateway.ask("POST", "/routes/preview", body=body)
    if asking.as_json:
        as_json(found)
        return
    rows = [
        (one["receiver"], ", ".join(person["name"] for person in one["mentions"])) for one in found["targets"]
    ]
    table(asking, ("receiver", "mentions"), rows)
    for name, key in (("muted", "muted_by"), ("silenced", "silenced_by"), ("unknown", "unknown")):
        if found[key]:
            heading(name, asking, f": {', '.join(found[key])}")


def _label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise click.UsageError(f"--label: {text!r} is not name=value, such as cdn=a")
    return name, value
