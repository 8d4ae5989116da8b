"""``roomwatch token``, matchers and lengths of time as they are written on the command line."""

from __future__ import annotations

import stat
from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from alerts.commands.silences import parse, seconds
from alerts.commands.token import command
from alerts.gateway.filters import Scope
from alerts.gateway.tokens import Caller, Tokens


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--file", str(file)], standalone_mode=True)


def test_a_token_is_shown_once_kept_as_a_hash_and_revoked(tmp_path):
    file = tmp_path / "deep" / "tokens.yaml"
    token = run(file, "create", "wall", "--category", "beauty").output.strip()
    made = orjson.loads(run(file, "create", "li", "--role", "oncall", "--json").output)
    text = file.read_text()
    assert token not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tokens = Tokens.parse(text, source="")
    assert tokens.caller(token) == Caller("wall", "viewer", Scope(None, frozenset({"beauty"})))
    assert tokens.caller(made["token"]) == Caller("li", "oncall")
    listed = orjson.loads(run(file, "list", "--json").output)
    assert [(one["name"], one["role"]) for one in listed] == [("wall", "viewer"), ("li", "oncall")]
    assert "beauty" in run(file, "list").output
    assert run(file, "revoke", "wall").exit_code == 0
    assert Tokens.parse(file.read_text(), source="").caller(token) is None
    assert run(file, "revoke", "wall").exit_code == 1


def test_a_name_stands_once_and_the_file_stays(tmp_path):
    file = tmp_path / "tokens.yaml"
    run(file, "create", "wall")
    before = file.read_text()
    assert run(file, "create", "wall").exit_code != 0
    assert file.read_text() == before
    assert [one.name for one in tmp_path.iterdir()] == ["tokens.yaml"]


def test_the_last_token_revoked_lets_nobody_in(tmp_path):
    file = tmp_path / "tokens.yaml"
    token = run(file, "create", "wall").output.strip()
    run(file, "revoke", "wall")
    tokens = Tokens.parse(file.read_text(), source="")
    assert tokens.configured
    assert tokens.caller(token) is None


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("room_id=r1", ("room_id", "=", "r1")),
        ("title=~夜场.*", ("title", "=~", "夜场.*")),
        ("cdn!=a=b", ("cdn", "!=", "a=b")),
        ("owner=", ("owner", "=", "")),
    ],
)
def test_matchers_are_written_as_label_operator_value(text, matcher):
    assert tuple(parse(text).values()) == matcher


@pytest.mark.parametrize("text", ["", "room", "=a", "1a=b"])
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(click.UsageError):
        parse(text)


def test_lengths_of_time():
    assert (seconds("90s"), seconds("1h30m"), seconds("2d")) == (90, 5_400, 172_800)
    for wrong in ("", "5", "h", "1h 5m", "-1h"):
        with pytest.raises(click.UsageError):
            seconds(wrong)
