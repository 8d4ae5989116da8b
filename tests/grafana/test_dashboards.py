"""The committed dashboards are what the generator makes, and each panel says what a person needs."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from exporters.page import ALERT_STATES as EXPORTED_STATES
from grafana import colours
from grafana.generate import DASHBOARDS, files
from stream.catalogue import METRIC_BY_NAME

SCRAPE_S = 5
MADE = files()
BOARDS: dict[str, dict[str, Any]] = {name: orjson.loads(content) for name, content in MADE.items()}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
PROVISIONING = Path(__file__).parents[2] / "grafana" / "provisioning"


def test_the_committed_files_are_those_that_the_generator_makes():
    """After a change of the dashboards or of the default rules: python -m grafana.generate."""
    committed = {path.name: path.read_bytes() for path in DASHBOARDS.iterdir()}
    assert committed == MADE


@pytest.mark.parametrize("name", BOARDS)
def test_the_json_is_a_dashboard_by_grafanas_own_types(name: str):
    read = Dashboard.from_json(BOARDS[name])
    assert orjson.loads(JSONEncoder().encode(read)) == BOARDS[name]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_is_and_what_to_do_without_data(panel: dict[str, Any]):
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"]) > 8
    assert defaults["unit"]
    assert defaults["noValue"]
    assert panel["targets"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_the_chosen_datasource(panel: dict[str, Any]):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_uses_metrics_of_the_catalogue_with_the_labels_that_they_have(panel: dict[str, Any]):
    for target in panel["targets"]:
        used = re.findall(r"\b(live_\w+)(?:\{([^}]*)\})?", target["expr"])
        assert used
        for name, matchers in used:
            metric = METRIC_BY_NAME[name]
            assert metric.exported
            labels = {metric.label, *metric.more_labels, "room_id" if metric.scope == "room" else None}
            for label, value in re.findall(r'(\w+)!?="([^"]*)"', matchers):
                assert (value in metric.windows) if label == "window" else (label in labels)


@pytest.mark.parametrize("panel", PANELS)
def test_a_series_of_a_room_names_one_window(panel: dict[str, Any]):
    """A figure of several windows without a matcher would be drawn several times."""
    for target in panel["targets"]:
        for name, matchers in re.findall(r"\b(live_\w+)\{([^}]*)\}", target["expr"]):
            assert ("window=" in matchers) is bool(METRIC_BY_NAME[name].windows)


@pytest.mark.parametrize("panel", PANELS)
def test_a_rate_reaches_over_four_scrapes_and_is_of_a_counter(panel: dict[str, Any]):
    units = {"s": 1, "m": 60, "h": 3600}
    for target in panel["targets"]:
        for number, unit in re.findall(r"\[(\d+)([smh])\]", target["expr"]):
            assert int(number) * units[unit] >= 4 * SCRAPE_S
        for name in re.findall(r"(?:rate|increase)\((\w+)", target["expr"]):
            assert METRIC_BY_NAME[name].type == "counter"


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_on_the_grid_and_none_on_another(name: str):
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for a, b in itertools.combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


@pytest.mark.parametrize("name", BOARDS)
def test_what_matters_is_big_and_on_top(name: str):
    """Two rows of numbers before the first line; the first one six units (220 pixels) high."""
    numbers = [panel for panel in BOARDS[name]["panels"] if panel["type"] == "stat"]
    lines = [panel for panel in BOARDS[name]["panels"] if panel["type"] == "timeseries"]
    assert max(panel["gridPos"]["y"] for panel in numbers) < min(panel["gridPos"]["y"] for panel in lines)
    assert all(panel["gridPos"]["h"] >= 6 for panel in numbers if panel["gridPos"]["y"] == 0)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_has_an_id_of_its_own_and_refreshes_with_each_scrape(name: str):
    board = BOARDS[name]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert len({other["uid"] for other in BOARDS.values()}) == len(BOARDS)
    assert board["refresh"] == f"{SCRAPE_S}s"
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "room"]


def test_both_languages_have_the_same_panels():
    boards = [orjson.loads(content) for name, content in MADE.items() if name.startswith("room.")]
    shapes = [
        [(p["type"], p["gridPos"], [t["expr"] for t in p.get("targets", [])]) for p in board["panels"]]
        for board in boards
    ]
    assert len(shapes) == 2
    assert shapes[0] == shapes[1]


def test_colours_change_where_the_default_rules_alert():
    assert [(step.value, step.colour) for step in colours.above("live_stall_ratio")] == [
        (None, "green"),
        (0.02, "orange"),
        (0.05, "red"),
    ]
    assert [step.value for step in colours.outside("live_av_offset_seconds")] == [
        None,
        -0.185,
        -0.125,
        0.045,
        0.09,
    ]
    assert [step.value for step in colours.silent()] == [None, 5, 15]


def test_bounds_that_differ_cannot_be_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rules = yaml.safe_load(colours.DEFAULT_RULES.read_text(encoding="utf-8"))
    rules["rules"][0]["any"][0]["warning"] = 0.03
    other = tmp_path / "default.yaml"
    other.write_text(yaml.safe_dump(rules), encoding="utf-8")
    monkeypatch.setattr(colours, "DEFAULT_RULES", other)
    with pytest.raises(ValueError, match="one set of bounds is needed"):
        colours.above("live_stall_ratio")
    with pytest.raises(ValueError, match="0 conditions on live_nothing"):
        colours.above("live_nothing")


def test_every_state_that_the_exporter_shows_has_a_name():
    assert {0, 1, *EXPORTED_STATES.values()} == {value for value, _, _ in colours.ALERT_STATES}


def test_provisioning_names_the_datasource_and_the_dashboards():
    datasource = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())
    boards = yaml.safe_load((PROVISIONING / "dashboards" / "roomwatch.yaml").read_text())
    assert datasource["datasources"][0]["jsonData"]["timeInterval"] == f"{SCRAPE_S}s"
    assert boards["providers"][0]["options"]["path"] == "${ROOMWATCH_DASHBOARDS}"
