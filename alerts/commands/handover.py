"""``roomwatch handover``: what the next shift must know."""

from __future__ import annotations

import time

import click

from alerts.commands.client import Asking, asking
from alerts.commands.silences import seconds
from alerts.commands.tables import alerts_table, as_json, clock, heading, silences_table, table
from alerts.commands.words import word

__all__ = ["command"]


@click.command("handover")
@click.option(
    "--since", help="how far back notes go: 8h; default: since the shift of the roster began, or 12h"
)
@asking
def command(asking: Asking, since: str | None) -> None:
    """Show open alerts with their owners, running silences, and notes since the shift began."""
    since_ms = None if since is None else int(time.time() * 1_000) - seconds(since) * 1_000
    found = asking.gateway.ask("GET", "/handover", query={"since_ms": since_ms})
    if asking.as_json:
        as_json(found)
        return
    heading("alerts", asking, f": {len(found['alerts'])}")
    alerts_table(asking, found["alerts"])
    click.echo()
    heading("silences", asking, f": {len(found['silences'])}")
    silences_table(asking, found["silences"])
    click.echo()
    heading("notes", asking, f" ({word('since', asking.locale)} {clock(found['since_ms'])})")
    rows = [
        (
            clock(one["at_ms"]),
            one["by"],
            word(one["do"], asking.locale),
            one["id"],
            one["verdict"] and word(one["verdict"], asking.locale),
            one["comment"],
        )
        for one in found["notes"]
    ]
    table(asking, ("time", "who", "what", "id", "verdict", "comment"), rows)
