"""A dashboard as plain values, and those values as Grafana 11 panels.

What a dashboard says stands in its own module (``room``) in both languages; here stands how it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

__all__ = [
    "DATASOURCE",
    "BoardSpec",
    "Box",
    "Locale",
    "PanelSpec",
    "Query",
    "Row",
    "Step",
    "Words",
    "board",
]

Locale = Literal["zh", "en"]

DATASOURCE: Final = "${datasource}"
_PLAIN: Final = "text"
"""Colour of a figure that is neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    zh: str
    en: str

    def of(self, locale: Locale) -> str:
        """Return the text of a language."""
        return self.zh if locale == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Box:
    """Place on Grafana's grid of 24 columns; a unit of height is 30 pixels."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, this colour; None = from the least value."""

    value: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and the name of its series with labels as ``{{label}}``."""

    expr: str
    legend: Words


@dataclass(frozen=True, slots=True)
class Row:
    """A heading above panels."""

    title: Words
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """One panel.

    Attributes:
        kind: ``stat`` is a big number, ``series`` lines over time, ``states`` a band for each series.
        title: at most a few words.
        description: what the figure is, and what to do when it is bad.
        no_data: what to do when there is nothing to show.
        unit: Grafana's id of the unit.
        queries: one or more.
        box: its place.
        steps: thresholds, rising; coloured as such. None: the figure is neither good nor bad.
        states: value -> text and colour, for figures that are codes.
        decimals: digits after the point; None leaves it to Grafana.
    """

    kind: Literal["stat", "series", "states"]
    title: Words
    description: Words
    no_data: Words
    unit: str
    queries: Sequence[Query]
    box: Box
    steps: Sequence[Step] | None = None
    states: Sequence[tuple[int, Words, str]] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """One dashboard; ``uid`` gets the language as suffix."""

    uid: str
    title: Words
    description: Words
    room_label: Words
    datasource_label: Words
    parts: Sequence[PanelSpec | Row]


def board(spec: BoardSpec, locale: Locale) -> build.Dashboard:
    """Return a dashboard in one language."""
    made = (
        build.Dashboard(spec.title.of(locale))
        .uid(f"{spec.uid}-{locale}")
        .description(spec.description.of(locale))
        .tags(["roomwatch", locale])
        .timezone("browser")
        .refresh("5s")
        .time("now-30m", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(
            build.DatasourceVariable("datasource")
            .label(spec.datasource_label.of(locale))
            .type("prometheus")
            .allow_custom_value(False)
        )
        .with_variable(_room_variable(spec.room_label.of(locale)))
    )
    for number, part in enumerate(spec.parts, 1):
        if isinstance(part, Row):
            place = model.GridPos(x=0, y=part.y, w=24, h=1)
            made.with_row(build.Row(part.title.of(locale)).id(number).grid_pos(place))
        else:
            made.with_panel(_panel(part, locale).id(number))
    return made


def _room_variable(label: str) -> build.QueryVariable:
    """Let people choose a live room by its title; the value is its id."""
    return (
        build.QueryVariable("room")
        .label(label)
        .datasource(_datasource())
        .query({"qryType": 3, "query": "query_result(live_room_info)", "refId": "room"})
        .regex('/[{,]room_id="(?<value>[^"]+)"|[{,]title="(?<text>[^"]+)"/g')
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _datasource() -> model.DataSourceRef:
    return model.DataSourceRef(type_val="prometheus", uid=DATASOURCE)


def _panel(spec: PanelSpec, locale: Locale) -> Any:
    made: Any = _KINDS[spec.kind](spec)
    made.title(spec.title.of(locale)).description(spec.description.of(locale))
    made.no_value(spec.no_data.of(locale)).unit(spec.unit).datasource(_datasource())
    made.grid_pos(model.GridPos(x=spec.box.x, y=spec.box.y, w=spec.box.w, h=spec.box.h))
    steps = spec.steps or (Step(None, _PLAIN),)
    made.thresholds(
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=step.value, color=step.colour) for step in steps])
    )
    if spec.decimals is not None:
        made.decimals(spec.decimals)
    if spec.states:
        made.mappings([_mapping(spec, locale)])
    for number, query in enumerate(spec.queries):
        made.with_target(
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend.of(locale))
            .ref_id(chr(ord("A") + number))
            .datasource(_datasource())
            .range()
        )
    return made


def _mapping(spec: PanelSpec, locale: Locale) -> model.ValueMap:
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=words.of(locale), color=colour, index=number)
            for number, (value, words, colour) in enumerate(spec.states)
        }
    )


def _stat(spec: PanelSpec) -> stat.Panel:
    """Return a number that can be read from across the room; its background tells good from bad."""
    judged = spec.steps is not None or bool(spec.states)
    return (
        stat.Panel()
        .color_mode(looks.BigValueColorMode.BACKGROUND_SOLID if judged else looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.AREA)
        .text_mode(looks.BigValueTextMode.VALUE)
        .justify_mode(looks.BigValueJustifyMode.CENTER)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    )


def _series(spec: PanelSpec) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(8)
        .span_nulls(False)
        .show_points(looks.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
    )
    if spec.steps is not None:
        drawn = looks.GraphThresholdsStyleMode.DASHED
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(drawn))
    return made


def _states(_spec: PanelSpec) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .show_value(looks.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
    )


_KINDS: Final[dict[str, Callable[[PanelSpec], object]]] = {
    "stat": _stat,
    "series": _series,
    "states": _states,
}
