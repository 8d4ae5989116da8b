"""``roomwatch alerts``: list, show, acknowledge, resolve, assign, test, and what an alert rests on."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import click

from alerts.commands.client import Asking, asking
from alerts.commands.silences import seconds
from alerts.commands.tables import alerts_table, as_json, clock, deliveries_table, heading, table
from alerts.commands.words import word
from alerts.model import KINDS, OPEN_STATES, SEVERITIES
from alerts.tail.screen import clean

__all__ = ["command"]

VERDICTS: Final = ("real", "false_alarm", "expected", "duplicate")
_verdict = click.option("--verdict", type=click.Choice(VERDICTS), help="what it turned out to be")
_comment = click.option("-m", "--comment", default="", help="why")


@click.group("alerts")
def command() -> None:
    """List alerts and act on them."""


@command.command("list")
@click.option("--state", type=click.Choice((*OPEN_STATES, "resolved")), help="default: all that are open")
@click.option("--all", "everything", is_flag=True, help="resolved ones too")
@click.option("--room", help="only this room")
@click.option("--kind", type=click.Choice(KINDS), help="only this kind")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@asking
def list_(asking: Asking, state: str | None, everything: bool, limit: int, **query: str | None) -> None:  # noqa: FBT001 - click hands options over by name
    """List alerts, newest first."""
    wanted = [None] if everything else OPEN_STATES if state is None else [state]
    found = [
        alert
        for one in wanted
        for alert in asking.gateway.all("/alerts", query={"state": one, **query}, limit=limit)
    ]
    found = sorted(found, key=lambda alert: (alert["started_at_ms"], alert["id"]), reverse=True)[:limit]
    as_json(found) if asking.as_json else alerts_table(asking, found)


@command.command("show")
@click.argument("alert_id")
@asking
def show(asking: Asking, alert_id: str) -> None:
    """Show an alert: what it says, its way, every change of it and every delivery."""
    found = asking.gateway.ask("GET", f"/alerts/{quote(alert_id, safe='')}")
    if asking.as_json:
        as_json(found)
        return
    alert, locale = found["alert"], asking.locale
    alerts_table(asking, [alert])
    click.echo(f"\n{word('advice', locale)}: {clean(alert['advice'][locale])}")
    click.echo(f"{word('runbook', locale)}: {clean(_opened(asking, alert['runbook_url']))}")
    click.echo(f"{word('path', locale)}: {clean(' → '.join(_path(found, locale)))}\n")
    heading("timeline", asking)
    table(
        asking,
        ("time", "state", "severity", "reason", "who", "comment"),
        (_change(one, locale) for one in found["timeline"]),
    )
    click.echo()
    heading("deliveries", asking)
    deliveries_table(asking, found["deliveries"])


@command.command("ack")
@click.argument("alert_id")
@click.option("--for", "span", help="how long: 30m, 2h, or seconds; then it fires again; default 1h")
@_verdict
@_comment
@asking
def ack(asking: Asking, alert_id: str, span: str | None, **body: Any) -> None:
    """Say that you look after an alert."""
    for_s = None if span is None else int(span) if span.isdecimal() else seconds(span)
    _act(asking, "ack", alert_id, {**body, "for_s": for_s})


@command.command("resolve")
@click.argument("alert_id")
@_verdict
@_comment
@asking
def resolve(asking: Asking, alert_id: str, **body: Any) -> None:
    """Say that an alert is over, and what it was."""
    _act(asking, "resolve", alert_id, body)


@command.command("assign")
@click.argument("alert_id")
@click.argument("owner")
@_comment
@asking
def assign(asking: Asking, alert_id: str, **body: Any) -> None:
    """Give an alert to somebody."""
    _act(asking, "assign", alert_id, body)


@command.command("evidence")
@click.argument("alert_id")
@asking
def evidence(asking: Asking, alert_id: str) -> None:
    """Show what an alert rests on; with --json one line for each change and each piece, for the archive."""
    found = asking.gateway.ask("GET", f"/alerts/{quote(alert_id, safe='')}")
    alert = found["alert"]
    if asking.as_json:
        as_json({"type": "alert", **alert})
        for kind in ("timeline", "deliveries"):
            for one in found[kind]:
                as_json({"type": kind, "alert_id": alert_id, **one})
        for one in alert["evidence"]:
            as_json({"type": "evidence", "alert_id": alert_id, **one})
        return
    rows = [
        (
            clock(one["at_ms"]),
            word(one["source"], asking.locale),
            _place(one),
            one.get("text") or one.get("recording_url"),
        )
        for one in alert["evidence"]
    ]
    table(asking, ("time", "source", "place", "text"), rows)


@command.command("test")
@click.option("--kind", type=click.Choice(KINDS), default="monitor_degraded", show_default=True)
@click.option("--severity", type=click.Choice(SEVERITIES), default="warning", show_default=True)
@click.option("--room", "room_id", help="of this room")
@_comment
@asking
def test(asking: Asking, **body: Any) -> None:
    """Send a marked test alert down the whole path and show each delivery."""
    found = asking.gateway.ask("POST", "/alerts/test", body=body)
    if asking.as_json:
        as_json(found)
        return
    if "alert" not in found:
        click.echo(word("waiting", asking.locale))
        return
    alerts_table(asking, [found["alert"]])
    click.echo()
    heading("deliveries", asking)
    deliveries_table(asking, found["deliveries"])


def _act(asking: Asking, what: str, alert_id: str, body: dict[str, Any]) -> None:
    given = {name: value for name, value in body.items() if value is not None}
    found = asking.gateway.ask("POST", f"/alerts/{quote(alert_id, safe='')}/{what}", body=given)
    if asking.as_json:
        as_json(found)
    elif "command_id" in found:
        click.echo(word("waiting", asking.locale))
    else:
        alerts_table(asking, [found])


def _change(one: dict[str, Any], locale: str) -> tuple[Any, ...]:
    reason = one.get("escalated_to") or one["reason"]
    who = " → ".join(filter(None, (one.get("by"), one.get("owner"))))
    state, severity = word(one["state"], locale), word(one["severity"], locale)
    return clock(one["at_ms"]), state, severity, reason and word(reason, locale), who, one.get("comment")


def _opened(asking: Asking, runbook_url: str) -> str:
    """Return the address at which a runbook opens."""
    if not runbook_url.startswith("/"):
        return runbook_url
    return f"{asking.gateway.url.rstrip('/')}{runbook_url}?lang={asking.locale}"


def _path(found: dict[str, Any], locale: str) -> list[str]:
    """Return an alert's way: rule, why it is suppressed, who got it by the routes of then, deliveries."""
    path = found["path"]
    rule = (
        f"{word('rule', locale)} {path['rule']['name']} ({word('version', locale)} {path['rule']['version']})"
    )
    causes = [f"{word(one['why'], locale)} {one['by']}" for one in path["suppress"]]
    route = path["route"]
    names = [one["receiver"] for one in route["targets"]] if route else []
    to = ", ".join(names) or word("no_route", locale)
    by = f" ({word('version', locale)} {route['version']})" if route else ""
    return [
        rule,
        ", ".join(causes) or word("not_suppressed", locale),
        f"{word('routes', locale)}{by} {to}",
        f"{word('deliveries', locale)} {path['deliveries']}",
    ]


def _place(one: dict[str, Any]) -> str:
    return f"{one['topic']}-{one['partition']}@{one['offset']}" if one.get("topic") else ""
