"""``roomwatch explain``: an alert, the figures around it, and what was open beside it."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, Literal
from zoneinfo import ZoneInfo

import click
import orjson
from rich.console import Console

from alerts.backtest.inputs import rules_in_force
from alerts.explain.kept import Kept, look_up
from alerts.explain.past import trace_of
from alerts.explain.screen import show
from alerts.explain.story import span_of, story
from alerts.explain.traced import Trace
from alerts.explain.words import WHY_NOT
from stream.archive import Archive
from stream.errors import ArchiveError, StoreError
from stream.settings import Settings, load

__all__ = ["command"]


@click.command("explain")
@click.argument("alert_id", metavar="ID")
@click.option(
    "--around",
    type=click.IntRange(0, 86_400),
    default=300,
    show_default=True,
    help="Seconds before it began and after it ended that are shown too.",
)
@click.option("--locale", type=click.Choice(["zh", "en"]), help="Default: ROOMWATCH_LOCALE.")
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON document.")
def command(*, alert_id: str, around: int, locale: Literal["zh", "en"] | None, as_json: bool) -> int:
    """Draw the figures around an alert: values, what was expected, bounds, and the alerts beside it.

    The alert comes from the store, its figures from the archive of roomwatch recorder.
    """
    settings = load(Settings)
    now_ms = time.time_ns() // 1_000_000

    def span(alert: dict[str, Any]) -> tuple[int, int]:
        return span_of(alert, around_ms=around * 1_000, now_ms=now_ms)

    kept = asyncio.run(look_up(settings, alert_id, span))
    if kept is None:
        raise StoreError(
            f"no alert {alert_id}: the store keeps those of the last 35 days; see roomwatch alerts list --all"
        )
    begin_ms, end_ms = span(kept.alert)
    trace, why_not = _figures(settings, kept, begin_ms, end_ms)
    told = story(
        kept.alert, kept.timeline, kept.beside, trace, span=(begin_ms, min(end_ms, now_ms)), why_not=why_not
    )
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    else:
        show(told, Console(), locale=locale or settings.locale, zone=ZoneInfo(settings.timezone))
    return 0


def _figures(
    settings: Settings, kept: Kept, from_ms: int, to_ms: int
) -> tuple[Trace | None, dict[str, str] | None]:
    """Return what the archive holds, or in both languages why it is nothing."""
    alert = kept.alert
    if alert["room_id"] is None and "/" not in alert["subject"]:
        return None, WHY_NOT["monitor"]
    try:
        archive = Archive(settings.archive)
        sets = asyncio.run(rules_in_force(settings))
        trace = trace_of(archive, alert, sets, from_ms=from_ms, to_ms=to_ms)
    except ArchiveError as error:
        return None, {name: text.format(why=error) for name, text in WHY_NOT["archive"].items()}
    return trace, None if trace is not None else WHY_NOT["rows"]
