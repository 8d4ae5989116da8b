"""``roomwatch rules``: get, check, diff, put, history, rollback."""

from __future__ import annotations

import click

from alerts.commands.sets import add_commands
from alerts.rulecheck import check

__all__ = ["command"]


@click.group("rules")
def command() -> None:
    """Read, check and change the rule set."""


add_commands(command, "rules", check)
