"""The front door: what it lists, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import types

import click
import pytest

import roomwatch
from stream.errors import SettingsError


def told(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Run the front door; return status, stdout and stderr."""
    with pytest.raises(SystemExit) as end:
        roomwatch.main(args)
    out, err = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch):
    """Put a command ``play`` in the table whose end the test chooses: an error or a status."""

    def put(end: Exception | int) -> None:
        module = types.ModuleType("played_command")

        @click.command
        def command() -> int:
            if isinstance(end, Exception):
                raise end
            return end

        module.command = command  # type: ignore[attr-defined] # a module made for the test
        module.__spec__ = types.SimpleNamespace(name="played_command")  # type: ignore[assignment] # it is found
        monkeypatch.setitem(sys.modules, "played_command", module)
        monkeypatch.setitem(roomwatch.COMMANDS, "play", ("played_command", "play a part"))

    return put


def test_an_unknown_command_lists_what_there_is(capsys, played):
    played(0)
    status, _, err = told(capsys, "plya")
    assert status == 2
    assert "no command 'plya'; there is " in err
    assert "play" in err


def test_an_error_of_ours_is_one_sentence(capsys, played):
    played(SettingsError("ROOMWATCH_PARTITIONS: not a number"))
    assert told(capsys, "play") == (1, "", "roomwatch play: ROOMWATCH_PARTITIONS: not a number\n")


@pytest.mark.parametrize("status", [0, 3])
def test_a_command_ends_with_the_number_that_it_returns(capsys, played, status):
    played(status)
    assert told(capsys, "play")[0] == status


def test_a_programmer_error_is_not_hidden(played):
    played(ZeroDivisionError("oops"))
    with pytest.raises(ZeroDivisionError):
        roomwatch.main(["play"])


def test_a_command_without_a_module_is_not_listed(capsys, monkeypatch):
    monkeypatch.setitem(roomwatch.COMMANDS, "later", ("stream.not_there_yet", "nothing"))
    monkeypatch.setitem(roomwatch.COMMANDS, "never", ("no_package.at_all", "nothing"))
    status, out, _ = told(capsys, "--help")
    assert status == 0
    assert "later" not in out
    assert "never" not in out


def test_every_listed_command_has_help():
    for name in roomwatch.door.list_commands(click.Context(roomwatch.door)):
        command = roomwatch.door.get_command(click.Context(roomwatch.door), name)
        assert command is not None
        assert command.help, f"{name} tells nothing under --help"


def test_the_version_is_told(capsys):
    status, out, _ = told(capsys, "--version")
    assert status == 0
    assert out.startswith("roomwatch ")


def test_the_list_of_commands_imports_none_of_them():
    code = (
        "import sys, contextlib, roomwatch\n"
        "with contextlib.suppress(SystemExit): roomwatch.main(['--help'])\n"
        "print(sorted({name for name, _ in roomwatch.COMMANDS.values()} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert run.stdout.splitlines()[-1] == "[]"
