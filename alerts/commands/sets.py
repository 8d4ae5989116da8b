"""What ``roomwatch rules`` and ``roomwatch routes`` share: get, check, diff, put, history, rollback."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import click

from alerts.commands.client import Asking, asking
from alerts.commands.tables import as_json, clock, table
from alerts.commands.words import word
from alerts.ruletext import Fault
from stream.errors import ServiceError

__all__ = ["add_commands", "read"]

Check = Callable[[str], tuple[Any, list[Fault]]]
_VERSION: Final = click.IntRange(1, 2**31)
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))


def read(file: Path) -> str:
    """Return a file's text; ``-`` is standard input.

    Raises:
        UsageError: it is no text.
    """
    try:
        return click.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file} is no text: {error}") from error


def add_commands(group: click.Group, name: str, check_text: Check) -> None:
    """Add the commands of one kind of set to its group.

    Args:
        group: the command.
        name: `rules` or `routes`, as in the interface.
        check_text: returns the set of a text and every fault in it.
    """
    _add_check(group, check_text)
    _add_looks(group, name)
    _add_changes(group, name)


def _add_check(group: click.Group, check_text: Check) -> None:
    @group.command("check")
    @_file
    @click.option("--json", "machine", is_flag=True, help="JSON, for scripts")
    @click.option("--locale", type=click.Choice(["zh", "en"]), envvar="ROOMWATCH_LOCALE", default="zh")
    def check(file: Path, machine: bool, locale: Literal["zh", "en"]) -> int:  # noqa: FBT001 - click hands options over by name
        """Check a file; tells every fault with its place and what is allowed there. Needs no gateway."""
        _, faults = check_text(read(file))
        if machine:
            as_json({"faults": [fault.to_record(locale) for fault in faults]})
        else:
            click.echo("\n".join(fault.of(locale) for fault in faults) or word("right", locale))
        return 1 if faults else 0


def _add_looks(group: click.Group, name: str) -> None:
    @group.command("get")
    @click.option("--version", type=_VERSION, help="an older one")
    @asking
    def get(asking: Asking, version: int | None) -> None:
        """Print the set in force."""
        found = _get(asking, name, version)
        as_json(found) if asking.as_json else click.echo(found["yaml"], nl=not found["yaml"].endswith("\n"))

    @group.command("diff")
    @_file
    @asking
    def diff(asking: Asking, file: Path) -> None:
        """Show how a file differs from the set in force."""
        found = _get(asking, name, None)
        lines = list(
            difflib.unified_diff(
                found["yaml"].splitlines(),
                read(file).splitlines(),
                f"version {found['version']}",
                str(file),
                lineterm="",
            )
        )
        if asking.as_json:
            as_json({"version": found["version"], "diff": lines})
        elif lines:
            click.echo("\n".join(lines))
        else:
            click.echo(word("same", asking.locale), err=True)

    @group.command("history")
    @click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
    @asking
    def history(asking: Asking, limit: int) -> None:
        """List the versions, newest first."""
        found = asking.gateway.all(f"/{name}/history", limit=limit)
        as_json(found) if asking.as_json else _table(asking, found)


def _add_changes(group: click.Group, name: str) -> None:
    @group.command("put")
    @_file
    @click.option("--version", type=_VERSION, help="that it was made from; default: the newest")
    @click.option("-m", "--comment", default="", help="why")
    @asking
    def put(asking: Asking, file: Path, version: int | None, comment: str) -> None:
        """Make a file the set in force, one second from now."""
        base = _get(asking, name, None)["version"] if version is None else version
        _told(
            asking,
            asking.gateway.ask(
                "PUT",
                f"/{name}",
                body=read(file),
                query={"comment": comment},
                headers={"If-Match": f'"{base}"'},
            ),
        )

    @group.command("rollback")
    @click.argument("version", type=_VERSION)
    @click.option("-m", "--comment", default="", help="why")
    @asking
    def rollback(asking: Asking, version: int, comment: str) -> None:
        """Make an older version the newest one again."""
        body = {"version": version, "comment": comment}
        _told(asking, asking.gateway.ask("POST", f"/{name}/rollback", body=body))


def _get(asking: Asking, name: str, version: int | None) -> dict[str, Any]:
    if version is None:
        found: dict[str, Any] = asking.gateway.ask("GET", f"/{name}")
        return found
    page = asking.gateway.ask("GET", f"/{name}/history", query={"limit": 1, "cursor": str(version + 1)})
    if not page["items"] or page["items"][0]["version"] != version:
        raise ServiceError(f"{word('no_version', asking.locale)}: {version}")
    return dict(page["items"][0])


def _told(asking: Asking, found: dict[str, Any]) -> None:
    as_json(found) if asking.as_json else _table(asking, [found])


def _table(asking: Asking, found: list[dict[str, Any]]) -> None:
    rows = [(one["version"], clock(one["from_ms"] or None), one["author"], one["comment"]) for one in found]
    table(asking, ("version", "from", "author", "comment"), rows)
