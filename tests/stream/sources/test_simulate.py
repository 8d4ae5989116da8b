import base64
import json

import pytest
from click.testing import CliRunner, Result

from stream.errors import SettingsError
from stream.sources.broadcast import records
from stream.sources.plan import Plan
from stream.sources.scenario import parse
from stream.sources.simulate import command

SCENARIO = """
duration_s: 40
rooms: [{count: 2, viewers: 20, ramp_s: 0}]
incidents:
  - {kind: stutter, room: 0, at_s: 5, for_s: 10}
  - {kind: monitor_degraded, room: 1, at_s: 10, for_s: 5}
"""


def call(*args: str) -> Result:
    return CliRunner().invoke(command, args, catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return str(path)


def test_a_dump_holds_the_records_and_the_labels(scenario, tmp_path):
    dump, labels = tmp_path / "dump", tmp_path / "labels"
    result = call(
        "--scenario", scenario, "--dump", str(dump), "--labels", str(labels), "--start-ms", "1000", "--json"
    )
    lines = [json.loads(line) for line in dump.read_text(encoding="utf-8").splitlines()]
    values = [
        base64.b64decode(v) if (v := one.get("value_base64")) else one["value"].encode() for one in lines
    ]
    want = list(records(Plan(parse(SCENARIO), 1_000)))
    assert values == [record.value for record in want]
    assert [(one["at_ms"], one["feed"], one["key"]) for one in lines] == [
        (r.at_ms, r.feed, r.key) for r in want
    ]
    assert [json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines()] == [
        {"kind": "stutter", "room_id": "sim-0000", "from_ms": 6_000, "to_ms": 16_000, "magnitude": 0.15},
        {
            "kind": "monitor_degraded",
            "room_id": "sim-0001",
            "from_ms": 11_000,
            "to_ms": 16_000,
            "magnitude": 20.0,
        },
    ]
    assert json.loads(result.output)["total"] == len(want)


def test_a_dump_needs_an_end(tmp_path):
    with pytest.raises(SettingsError, match="give --duration, or duration_s in the scenario"):
        call("--dump", str(tmp_path / "dump"))


def test_the_summary_is_a_table_for_people(scenario, tmp_path):
    result = call("--scenario", scenario, "--dump", str(tmp_path / "dump"), "--rooms", "3", "--seed", "4")
    assert "live.health" in result.output
    assert "sim-0002" in (tmp_path / "dump").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_written_is_an_error(scenario, tmp_path):
    with pytest.raises(SettingsError, match="cannot write"):
        call("--scenario", scenario, "--dump", str(tmp_path / "none" / "dump"))
