import json

import pytest
from click.testing import CliRunner, Result

from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS
from stream.errors import SettingsError
from stream.model import FEEDS
from stream.sources.feeds import command, schema_text
from tests.stream.corpus.case import record


def call(*args: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, args, input=stdin, catch_exceptions=False, standalone_mode=False)


def test_feeds_are_listed():
    assert all(f"live.{feed}" in call().output for feed in FEEDS)
    found = json.loads(call("--json").output)["feeds"]
    assert [one["feed"] for one in found] == list(FEEDS)
    vendors = next(one for one in found if one["feed"] == "vendors")
    assert (vendors["key"], vendors["critical"]) == ("vendor", True)
    assert {
        "name": "room_id",
        "required": False,
        "allowed": "1-64 characters of A-Z a-z 0-9 _ . : -",
    } in vendors["fields"]


def test_columns_come_in_the_order_of_the_catalogue():
    found = json.loads(call("--columns", "--json").output)
    rooms = [one for one in found["columns"] if one["scope"] == "room"]
    assert [(one["index"], one["name"]) for one in rooms] == [(i, c.name) for i, c in enumerate(ROOM_COLUMNS)]
    assert len(found["columns"]) == len(ROOM_COLUMNS) + len(VENDOR_COLUMNS)
    stall = next(one for one in rooms if one["metric"] == "live_stall_ratio")
    assert (stall["label"], stall["unit"], stall["window"]) == ("probe", "share", "10s")
    assert "live_viewers" in call("--columns").output


def test_schemas_are_written(tmp_path):
    call("--schemas", str(tmp_path / "new"))
    assert (tmp_path / "new" / "live.likes.json").read_text(encoding="utf-8") == schema_text("likes")
    assert len(list((tmp_path / "new").iterdir())) == len(FEEDS)


def test_schemas_that_cannot_be_written_are_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot write the schemas to"):
        call("--schemas", str(tmp_path / "file"))


def test_good_lines_pass():
    result = call("--check", "-", "--feed", "likes", stdin=record("likes") + b"\r\n" + record("likes"))
    assert result.return_value == 0
    assert "2 lines for live.likes, 0 bad" in result.output


def test_each_bad_line_is_told(tmp_path):
    path = tmp_path / "likes.jsonl"
    huge = b'"' + b"x" * 200_000 + b'"'
    path.write_bytes(b"\n".join([record("likes"), record("likes", count=0), b"", huge, record("likes")]))
    result = call("--check", str(path), "--feed", "likes")
    assert result.return_value == 1
    assert f"{path}:2: bad_value: count is 0; it must be an integer from 1 to 10000" in result.output
    assert f"{path}:3: not_json" in result.output
    assert f"{path}:4: too_large" in result.output
    assert "5 lines for live.likes, 3 bad" in result.output


def test_bad_lines_are_told_as_json():
    result = call("--check", "-", "--feed", "orders", "--json", stdin=b"{}")
    told, summary = map(json.loads, result.output.splitlines())
    assert (told["line"], told["reason"]) == (1, "missing_field")
    assert summary == {"lines": 1, "bad": 1}


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="cannot read"):
        call("--check", str(tmp_path / "none"), "--feed", "likes")


@pytest.mark.parametrize("args", [("--check", "-"), ("--feed", "likes"), ("--columns", "--create")])
def test_options_that_do_not_fit_are_refused(args):
    assert CliRunner().invoke(command, args).exit_code == 2
