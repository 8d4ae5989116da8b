"""``roomwatch silences``: list, show, preview, create, end."""

from __future__ import annotations

import re
import time
from typing import Any, Final
from urllib.parse import quote

import click

from alerts.commands.client import Asking, asking
from alerts.commands.tables import alerts_table, as_json, deliveries_table, heading, silences_table
from alerts.commands.words import word

__all__ = ["command", "parse", "seconds"]

_MATCHER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(=~|!=|=)(.*)", re.DOTALL)
_SPAN: Final = re.compile(r"(\d+)([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_matchers = click.argument("matchers", nargs=-1, required=True)


def parse(text: str) -> dict[str, str]:
    """Return a matcher written as ``label=value``, ``label!=value`` or ``label=~pattern``.

    Raises:
        UsageError: it is none.
    """
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is no matcher such as room_id=r1, cdn!=a or title=~夜场.*")
    return dict(zip(("label", "op", "value"), found.groups(), strict=True))


def seconds(text: str) -> int:
    """Return a length of time written as ``30m``, ``2h`` or ``1h30m``.

    Raises:
        UsageError: it is none.
    """
    parts = _SPAN.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise click.UsageError(f"{text!r} is no length of time such as 30m, 2h or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


@click.group("silences")
def command() -> None:
    """Keep alerts quiet, for a time and with a reason."""


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="those that ended too")
@asking
def list_(asking: Asking, everything: bool) -> None:  # noqa: FBT001 - click hands options over by name
    """List silences, newest first."""
    found = asking.gateway.all("/silences", limit=10_000)
    found = [one for one in found if everything or one["state"] != "ended"]
    as_json(found) if asking.as_json else silences_table(asking, found)


@command.command("show")
@click.argument("silence_id")
@asking
def show(asking: Asking, silence_id: str) -> None:
    """Show a silence, and who was told of its start and end."""
    found = asking.gateway.ask("GET", f"/silences/{quote(silence_id, safe='')}")
    if asking.as_json:
        as_json(found)
        return
    silences_table(asking, [found["silence"]])
    click.echo()
    heading("deliveries", asking)
    deliveries_table(asking, found["deliveries"])


@command.command("preview")
@_matchers
@asking
def preview(asking: Asking, matchers: tuple[str, ...]) -> None:
    """Show what a silence would hide."""
    _preview(asking, [parse(one) for one in matchers])


@command.command("create")
@_matchers
@click.option("--for", "span", required=True, help="how long: 30m, 2h, 1d")
@click.option("--idle", help="end it when it has hidden nothing for so long; default 1d")
@click.option("-m", "--comment", required=True, help="why")
@click.option("--yes", is_flag=True, help="do not ask")
@asking
def create(
    asking: Asking,
    matchers: tuple[str, ...],
    span: str,
    idle: str | None,
    comment: str,
    yes: bool,  # noqa: FBT001 - as above
) -> None:
    """Silence what matches all MATCHERS, after showing what that hides."""
    wanted = [parse(one) for one in matchers]
    if not yes and not asking.as_json:
        _preview(asking, wanted)
        click.confirm(word("silence_it", asking.locale), abort=True)
    body: dict[str, Any] = {
        "matchers": wanted,
        "ends_at_ms": int(time.time() * 1_000) + seconds(span) * 1_000,
        "comment": comment,
    }
    if idle is not None:
        body["idle_s"] = seconds(idle)
    _told(asking, asking.gateway.ask("POST", "/silences", body=body))


@command.command("end")
@click.argument("silence_id")
@asking
def end(asking: Asking, silence_id: str) -> None:
    """End a silence now."""
    _told(asking, asking.gateway.ask("DELETE", f"/silences/{quote(silence_id, safe='')}"))


def _preview(asking: Asking, matchers: list[dict[str, str]]) -> None:
    found = asking.gateway.ask("POST", "/silences/preview", body={"matchers": matchers})
    if asking.as_json:
        as_json(found)
        return
    heading("would_hide", asking, f": {found['open']}")
    alerts_table(asking, found["items"])
    heading("last_day", asking, f": {found['last_day']}")


def _told(asking: Asking, found: dict[str, Any]) -> None:
    if asking.as_json:
        as_json(found)
    elif "command_id" in found:
        click.echo(word("waiting", asking.locale))
    else:
        silences_table(asking, [found])
