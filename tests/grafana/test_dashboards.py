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
from grafana import colours, panels
from grafana.generate import BOARDS as SPECS
from grafana.generate import DASHBOARDS, files
from grafana.spec import PanelSpec, Shelf, Words
from tests.grafana.known import LABELS, METRIC_OF, NAME, SCRAPED, windows_of

SCRAPE_S = 5
MADE = files()
BOARDS: dict[str, dict[str, Any]] = {name: orjson.loads(content) for name, content in MADE.items()}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
EXPRESSIONS = [
    pytest.param(expression, id=f"{name}-{title}-{number}")
    for name, board in BOARDS.items()
    if name.endswith(".en.json")
    for number, (title, expression) in enumerate(
        [
            *((p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])),
            *((mark["name"], mark["expr"]) for mark in board["annotations"].get("list", [])),
        ]
    )
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
    assert len(panel["description"]) > 5
    assert defaults["unit"]
    assert defaults["noValue"]
    assert panel["targets"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_the_chosen_datasource(panel: dict[str, Any]):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel["targets"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_metrics_that_exist_with_the_labels_that_they_have(expression: str):
    used = re.findall(NAME.pattern + r"(?:\{([^}]*)\})?", expression)
    assert used
    for name, matchers in used:
        assert name in LABELS
        labels = LABELS[name] | SCRAPED
        for label, value in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers):
            assert (value in windows_of(name)) if label == "window" else (label in labels)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_series_names_one_window(expression: str):
    """A figure of several windows without a matcher would be drawn several times."""
    for name, matchers in re.findall(NAME.pattern + r"(?:\{([^}]*)\})?", expression):
        assert ("window=" in matchers) is bool(windows_of(name))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_rate_reaches_over_four_scrapes_and_is_of_a_counter(expression: str):
    units = {"s": 1, "m": 60, "h": 3600}
    for number, unit in re.findall(r"\[(\d+)([smhd])", expression):
        assert int(number) * units[unit] >= 4 * SCRAPE_S
    for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
        metric = METRIC_OF.get(name)
        assert name.endswith(("_total", "_bucket", "_sum", "_count"))
        assert metric is None or metric.type in ("counter", "histogram")


@pytest.mark.parametrize("name", BOARDS)
def test_each_variable_that_is_used_is_there_and_each_that_is_there_is_used(name: str):
    board = BOARDS[name]
    there = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", orjson.dumps(board).decode()))
    assert used == there


@pytest.mark.parametrize("panel", PANELS)
def test_each_column_of_a_table_is_renamed_and_comes_from_a_query(panel: dict[str, Any]):
    if panel["type"] != "table":
        return
    steps = {step["id"]: step["options"] for step in panel["transformations"]}
    kept = steps["filterFieldsByName"]["include"]["names"]
    values = [f"Value #{target['refId']}" for target in panel["targets"]]
    values = ["Value"] if len(values) == 1 else values
    assert set(values) <= set(kept)
    assert set(steps["organize"]["renameByName"]) == set(kept)
    (order,) = steps["sortBy"]["sort"]
    titles = list(steps["organize"]["renameByName"].values())
    assert order["field"] in titles
    assert len(set(titles)) == len(titles)
    assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} == set(titles)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_on_the_grid_and_none_on_another(name: str):
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for a, b in itertools.combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


@pytest.mark.parametrize("name", BOARDS)
def test_the_grid_has_no_holes(name: str):
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    height = max(place["y"] + place["h"] for place in places)
    assert sum(place["w"] * place["h"] for place in places) == panels.GRID * height


@pytest.mark.parametrize("name", BOARDS)
def test_what_matters_is_big_and_on_top(name: str):
    """Numbers before the first line; the first row five units (180 pixels) or more high."""
    numbers = [panel for panel in BOARDS[name]["panels"] if panel["type"] == "stat"]
    lines = [panel for panel in BOARDS[name]["panels"] if panel["type"] == "timeseries"]
    assert max(panel["gridPos"]["y"] for panel in numbers) < min(panel["gridPos"]["y"] for panel in lines)
    assert all(panel["gridPos"]["h"] >= 5 for panel in numbers if panel["gridPos"]["y"] == 0)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_has_an_id_of_its_own_and_refreshes_with_each_scrape(name: str):
    board = BOARDS[name]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert len({other["uid"] for other in BOARDS.values()}) == len(BOARDS)
    assert board["refresh"] == f"{SCRAPE_S}s"
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert [link["type"] for link in board["links"]] == ["dashboards", "link"]
    assert board["links"][0]["tags"] == ["roomwatch", name.split(".")[1]]


@pytest.mark.parametrize("name", SPECS)
def test_both_languages_have_the_same_panels(name: str):
    shapes = []
    for locale in ("zh", "en"):
        board = BOARDS[f"{name}.{locale}.json"]
        shapes.append(
            [(p["type"], p["gridPos"], [t["expr"] for t in p.get("targets", [])]) for p in board["panels"]]
        )
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", [name for name in BOARDS if name.endswith(".zh.json")])
def test_what_chinese_people_read_is_chinese(name: str):
    for panel in BOARDS[name]["panels"]:
        assert re.search(r"[\u4e00-\u9fff]", panel["title"])
        if panel["type"] != "row":
            assert re.search(r"[\u4e00-\u9fff]", panel["description"])
            assert re.search(r"[\u4e00-\u9fff]", panel["fieldConfig"]["defaults"]["noValue"])


def _shelf(*widths: int | None) -> Shelf:
    words = Words("字", "word")
    return Shelf(
        None,
        4,
        [
            PanelSpec(kind="stat", title=words, description=words, no_data=words, unit="short", width=width)
            for width in widths
        ],
    )


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ((None,), [24]),
        ((None, None, None, None, None), [5, 5, 5, 5, 4]),
        ((10, None, None), [10, 7, 7]),
        ((None, 6), [18, 6]),
    ],
)
def test_panels_share_the_width(widths: tuple[int | None, ...], expected: list[int]):
    assert list(panels._widths(_shelf(*widths))) == expected


def test_colours_change_where_the_default_rules_alert():
    assert [(step.value, step.colour) for step in colours.judged("live_stall_ratio")] == [
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
        colours.judged("live_stall_ratio")
    with pytest.raises(ValueError, match="0 conditions on live_nothing"):
        colours.judged("live_nothing")


def test_a_figure_that_is_bad_below_its_bounds_is_red_at_the_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "default.yaml"
    condition = {"metric": "live_frames_per_second", "compare": "<", "warning": 15, "critical": 10}
    other.write_text(yaml.safe_dump({"rules": [{"any": [condition]}]}), encoding="utf-8")
    monkeypatch.setattr(colours, "DEFAULT_RULES", other)
    steps = colours.judged("live_frames_per_second")
    assert [(step.value, step.colour) for step in steps] == [(None, "red"), (10, "orange"), (15, "green")]


def test_every_state_that_the_exporter_shows_has_a_name():
    assert {0, 1, *EXPORTED_STATES.values()} == {value for value, _, _ in colours.ALERT_STATES}


def test_provisioning_names_the_datasource_and_the_dashboards():
    datasource = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())
    boards = yaml.safe_load((PROVISIONING / "dashboards" / "roomwatch.yaml").read_text())
    assert datasource["datasources"][0]["jsonData"]["timeInterval"] == f"{SCRAPE_S}s"
    assert boards["providers"][0]["options"]["path"] == "${ROOMWATCH_DASHBOARDS}"
