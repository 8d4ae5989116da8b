"""``roomwatch token``: make, list and revoke the tokens of a gateway's file.

The file holds the hash of a token, never the token; it is written whole and put in place at once, readable by
its owner only. A running gateway reads it anew within a second or two.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from alerts.commands.client import Asking, Gateway
from alerts.commands.tables import as_json, table
from alerts.gateway.tokens import Tokens
from stream.errors import SettingsError

__all__ = ["command"]

_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="ROOMWATCH_TOKENS_FILE",
    required=True,
    help="default ROOMWATCH_TOKENS_FILE",
)
_json = click.option("--json", "machine", is_flag=True, help="JSON, for scripts")
_locale = click.option("--locale", type=click.Choice(["zh", "en"]), envvar="ROOMWATCH_LOCALE", default="zh")


@click.group("token")
def command() -> None:
    """Make, list and revoke access tokens of the gateway."""


@command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "oncall", "ops"]), default="viewer", show_default=True)
@click.option("--room", "rooms", multiple=True, help="only this room; several times")
@click.option("--category", "categories", multiple=True, help="only rooms of this category; several times")
@_file
@_json
def create(
    name: str,
    role: str,
    rooms: tuple[str, ...],
    categories: tuple[str, ...],
    file: Path,
    machine: bool,  # noqa: FBT001 - click hands options over by name
) -> None:
    """Make a token and print it; it is shown this once."""
    entries = _read(file) if file.exists() else []
    token = secrets.token_urlsafe(24)
    entry: dict[str, Any] = {
        "name": name,
        "role": role,
        "sha256": hashlib.sha256(token.encode()).hexdigest(),
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "created_by": getpass.getuser(),
    }
    entry |= {"rooms": list(rooms)} if rooms else {}
    entry |= {"categories": list(categories)} if categories else {}
    _write(file, [*entries, entry])
    as_json({"name": name, "role": role, "token": token}) if machine else click.echo(token)


@command.command("list")
@_file
@_json
@_locale
def list_(file: Path, machine: bool, locale: str) -> None:  # noqa: FBT001 - as above
    """List the tokens: who may do and see what."""
    entries = [{name: value for name, value in one.items() if name != "sha256"} for one in _read(file)]
    if machine:
        as_json(entries)
        return
    asked = Asking(Gateway("http://127.0.0.1", None), locale, as_json=False)
    rows = [
        (one["name"], one["role"], _limits(one), one.get("created"), one.get("created_by")) for one in entries
    ]
    table(asked, ("name", "role", "limits", "time", "by"), rows)


@command.command("revoke")
@click.argument("name")
@_file
def revoke(name: str, file: Path) -> None:
    """Take a token back; who is connected with it is cut off."""
    entries = _read(file)
    rest = [one for one in entries if one["name"] != name]
    if len(rest) == len(entries):
        raise click.ClickException(f"{file} has no token named {name}")
    _write(file, rest)


def _limits(entry: dict[str, Any]) -> str:
    return " ".join(str(one) for one in (*entry.get("rooms", ()), *entry.get("categories", ())))


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    Tokens.parse(text, source=str(file))
    return list(yaml.safe_load(text)["tokens"])


def _write(file: Path, entries: list[dict[str, Any]]) -> None:
    """Put the file in place, whole or not at all.

    Raises:
        SettingsError: an entry is wrong, such as a name that stands twice.
    """
    text = yaml.safe_dump({"tokens": entries}, sort_keys=False, allow_unicode=True)
    Tokens.parse(text, source=str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as made:
        made.write(text)
        made.flush()
        os.fsync(made.fileno())
    Path(name).replace(file)
