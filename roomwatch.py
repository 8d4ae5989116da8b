"""The front door: ``roomwatch COMMAND`` finds the role or tool that the command names, and imports only that.

A command is the click command named ``command`` in its module. An error of ours becomes one sentence on
stderr and exit status 1; a command that returns a number ends with it.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from stream.errors import RoomwatchError

__all__ = ["COMMANDS", "door", "main"]

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "ingest": ("stream.ingest", "fold the feeds into the windows of the store"),
    "engine": ("alerts.engine", "judge the windows and keep the alerts"),
    "gateway": ("alerts.gateway", "push the alerts, serve the API and the console"),
    "exporter": ("exporters.rooms", "show the figures to Prometheus"),
    "notifier": ("alerts.notify", "tell people, within what each channel takes"),
    "recorder": ("exporters.archive", "keep the windows by session, for backtests"),
    "simulate": ("stream.sources.simulate", "send believable broadcasts with labelled incidents"),
    "replay": ("stream.sources.replay", "send a recorded broadcast, moved to now"),
    "feeds": ("stream.sources.feeds", "describe the feeds and the columns of the windows"),
    "backtest": ("alerts.backtest", "run a rule set over what was recorded"),
    "shadow": ("alerts.shadow", "run a rule set live beside the one in force, heard by nobody"),
    "explain": ("alerts.explain", "draw the figures around an alert, and what was open beside it"),
    "alerts": ("alerts.commands.alerts", "list alerts, acknowledge, resolve, assign them"),
    "silences": ("alerts.commands.silences", "keep alerts quiet for a time, with a preview"),
    "rules": ("alerts.commands.rules", "read, check and change the rule set"),
    "routes": ("alerts.commands.routes", "read, check and change who is told of what"),
    "handover": ("alerts.commands.handover", "show what the next shift must know"),
    "token": ("alerts.commands.token", "make, list and revoke access tokens"),
    "tail": ("alerts.tail", "show the alerts in this terminal as they come"),
}
"""Command -> module and what it does, in the order of the help."""


class FrontDoor(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the commands whose modules exist."""
        return [name for name, (module, _) in COMMANDS.items() if _exists(module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command), cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name, or list what there is."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise click.UsageError(f"no command {args[0]!r}; there is {', '.join(known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _version() -> str:
    try:
        return importlib.metadata.version("roomwatch")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(cls=FrontDoor, name="roomwatch", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), message="%(prog)s %(version)s")
def door() -> None:
    """Watch live-commerce rooms and push alerts.

    Settings are read from ROOMWATCH_… variables.
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its status."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        status = door.main(args, prog_name="roomwatch", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except RoomwatchError as error:
        told = error.of("en" if os.environ.get("ROOMWATCH_LOCALE") == "en" else "zh")
        click.echo(f"roomwatch {next(iter(args), '')}: {told}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is not there
        return False


if __name__ == "__main__":
    main()
