"""``roomwatch feeds``: the feeds, the columns of the windows, schemas, a check of records, the topics."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import click
import orjson
from rich.console import Console
from rich.table import Table

from stream import topics
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMNS, VENDOR_COLUMNS
from stream.codec import key_field
from stream.errors import InvalidEvent, SettingsError
from stream.judge import field_rules, judge
from stream.model import CRITICAL_FEEDS, FEEDS, STRUCTS, VALUE_BYTES_MAX, Feed
from stream.schemas import schema
from stream.settings import Settings, load

__all__ = ["command", "schema_text"]

_UNITS: Final = {
    "_per_second": "1/s",
    "_per_100_seconds": "1/100 s",
    "_seconds": "s",
    "_yuan": "yuan",
    "_yuan_total": "yuan",
    "_ratio": "share",
}
"""Unit by the end of a metric's name; others count."""


@click.command("feeds")
@click.option("--columns", is_flag=True, help="List the columns of live.windows instead.")
@click.option(
    "--schemas", type=click.Path(path_type=Path), help="Write a JSON Schema of each feed to a folder."
)
@click.option(
    "--check", type=click.Path(path_type=Path, allow_dash=True), help="Judge JSON lines; - is stdin."
)
@click.option("--feed", type=click.Choice(get_args(Feed)), help="With --check: the feed that they are for.")
@click.option("--create", is_flag=True, help="Make the topics that are missing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    columns: bool,
    schemas: Path | None,
    check: Path | None,
    feed: Feed | None,
    create: bool,
    as_json: bool,
) -> int:
    """List the feeds with what each takes.

    --check ends with status 1 when a line is bad. It looks at values only: key, partition and append time
    belong to a record.
    """
    if sum((columns, schemas is not None, check is not None, create)) > 1:
        raise click.UsageError("--columns, --schemas, --check and --create exclude each other")
    if (check is None) != (feed is None):
        raise click.UsageError("--check and --feed go together")
    if schemas is not None:
        _write_schemas(schemas, as_json=as_json)
    elif check is not None and feed is not None:
        return _check(check, feed, as_json=as_json)
    elif create:
        _create(as_json=as_json)
    elif columns:
        _show_columns(as_json=as_json)
    else:
        _show_feeds(as_json=as_json)
    return 0


def schema_text(feed: Feed) -> str:
    """Return a feed's JSON Schema as it lies in ``docs/schemas``."""
    return orjson.dumps(schema(feed), option=orjson.OPT_INDENT_2).decode() + "\n"


def _write_schemas(folder: Path, *, as_json: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for feed in FEEDS:
            path = folder / f"live.{feed}.json"
            path.write_text(schema_text(feed), encoding="utf-8")
            written.append(str(path))
    except OSError as error:
        raise SettingsError(f"cannot write the schemas to {folder}: {error}") from error
    click.echo(orjson.dumps({"written": written}) if as_json else "\n".join(written))


def _check(path: Path, feed: Feed, *, as_json: bool) -> int:
    lines = bad = 0
    for number, value in enumerate(_lines(path), start=1):
        lines += 1
        try:
            judge(feed, value)
        except InvalidEvent as error:
            bad += 1
            fault = {"line": number, "reason": error.reason, "detail": error.detail}
            click.echo(orjson.dumps(fault) if as_json else f"{path}:{number}: {error}")
    if as_json:
        click.echo(orjson.dumps({"lines": lines, "bad": bad}))
    else:
        click.echo(f"{lines} lines for live.{feed}, {bad} bad", err=True)
    return 1 if bad else 0


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines without their ends; one that is far too long comes cut, and is still too long."""
    try:
        source = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    with source:
        while line := source.readline(VALUE_BYTES_MAX + 2):
            whole = line.endswith(b"\n")
            while not whole and (rest := source.readline(VALUE_BYTES_MAX + 2)):
                whole = rest.endswith(b"\n")
            yield line.removesuffix(b"\n").removesuffix(b"\r")


def _create(*, as_json: bool) -> None:
    settings = load(Settings)
    made = asyncio.run(topics.ensure(settings))
    names = [topic.name for topic in topics.topics(settings)]
    if as_json:
        click.echo(orjson.dumps({"made": made, "topics": names}))
    else:
        click.echo(f"{made} topics made, {len(names) - made} were there")


def _show_columns(*, as_json: bool) -> None:
    found: list[dict[str, Any]] = [
        {
            "scope": scope,
            "index": index,
            "name": column.name,
            "metric": column.metric.name,
            "label": column.metric.label,
            "label_value": column.label_value,
            "window": column.window,
            "unit": _unit(column.metric.name),
            "help": column.metric.help,
        }
        for scope, columns in (("room", ROOM_COLUMNS), ("vendor", VENDOR_COLUMNS))
        for index, column in enumerate(columns)
    ]
    if as_json:
        click.echo(orjson.dumps({"version": COLUMNS_VERSION, "columns": found}))
        return
    table = Table("of", "index", "column", "unit", "help", title=f"Columns, version {COLUMNS_VERSION}")
    table.columns[2].overflow = "fold"
    for one in found:
        table.add_row(one["scope"], str(one["index"]), one["name"], one["unit"], one["help"])
    Console().print(table)


def _unit(metric: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if metric.endswith(ending)), "")


def _show_feeds(*, as_json: bool) -> None:
    found = [_described(feed) for feed in FEEDS]
    if as_json:
        click.echo(orjson.dumps({"feeds": found}))
        return
    table = Table("topic", "key", "fields (? = optional)", "what", show_lines=True)
    for one in found:
        fields = " ".join(f["name"] + ("" if f["required"] else "?") for f in one["fields"])
        table.add_row(one["topic"], one["key"], fields, one["what"])
    Console().print(table)


def _described(feed: Feed) -> dict[str, Any]:
    return {
        "feed": feed,
        "topic": f"live.{feed}",
        "key": key_field(feed),
        "critical": feed in CRITICAL_FEEDS,
        "what": (STRUCTS[feed].__doc__ or "").replace("``", ""),
        "fields": [
            {"name": rule.name, "required": rule.required, "allowed": rule.allowed}
            for rule in field_rules(feed).values()
        ],
    }
