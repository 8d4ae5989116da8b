"""``roomwatch tail``: the gateway's alerts in a terminal, or as JSON lines for scripts.

Read ``board`` (what is open, pure), ``feed`` (the connection: back-off, resume), ``screen`` (the terminal).
"""

from __future__ import annotations

import asyncio
import os
import sys

import click

from alerts.model import SEVERITIES
from alerts.tail.board import Wanted
from alerts.tail.feed import Feed
from alerts.tail.here import default_url, local_zone
from alerts.tail.screen import Lines, Screen, Show

__all__ = ["command"]


@click.command(name="tail")
@click.option("--url", help="the gateway; default ROOMWATCH_GATEWAY_HOST and _PORT, http://127.0.0.1:8700")
@click.option("--token", envvar="ROOMWATCH_TOKEN", help="access token; better given as ROOMWATCH_TOKEN")
@click.option("--room", "rooms", multiple=True, help="only this room; may be given several times")
@click.option("--kind", "kinds", multiple=True, help="only this kind; may be given several times")
@click.option("--min-severity", type=click.Choice(SEVERITIES), default="info", show_default=True)
@click.option("--locale", type=click.Choice(["zh", "en"]), envvar="ROOMWATCH_LOCALE", default="zh")
@click.option("--json", "as_json", is_flag=True, help="one alert record a line, from now on; for scripts")
def command(
    url: str | None,
    token: str | None,
    rooms: tuple[str, ...],
    kinds: tuple[str, ...],
    min_severity: str,
    locale: str,
    as_json: bool,  # noqa: FBT001 - click hands options over by name
) -> int:
    """Show alerts as they come; goes on where it was after every break. Ctrl-C ends it."""
    wanted = Wanted(rooms, kinds, min_severity, locale)
    show: Show = Lines() if as_json else Screen(wanted, zone=local_zone())
    feed = Feed(url or default_url(), token, wanted, show, with_open=not as_json)
    try:
        with show:
            asyncio.run(feed.follow())
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: end without a word
    return 0
