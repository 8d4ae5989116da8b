"""The values of ``grafana.spec`` as a dashboard of Grafana 11.

What a dashboard says stands in ``grafana.boards``; here stands how it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model

from grafana.spec import NO_STEPS, Annotation, BoardSpec, Kind, Locale, PanelSpec, Shelf, Step
from grafana.tables import cells_of, table
from grafana.variables import DATASOURCE, variables

__all__ = ["GRID", "board"]

GRID: Final = 24
"""Columns of Grafana's grid."""


def board(spec: BoardSpec, locale: Locale) -> build.Dashboard:
    """Return a dashboard in one language."""
    made = (
        build.Dashboard(spec.title.of(locale))
        .uid(f"{spec.uid}-{locale}")
        .description(spec.description.of(locale))
        .tags(["roomwatch", locale])
        .timezone("browser")
        .refresh("5s")
        .time(spec.since, "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links(_links(locale))
    )
    for variable in variables(spec.variables, locale):
        made.with_variable(variable)
    for annotation in spec.annotations:
        made.annotation(_annotation(annotation, locale))
    for number, part in enumerate(_parts(spec.shelves, locale), 1):
        part.id(number)
        if isinstance(part, build.Row):
            made.with_row(part)
        else:
            made.with_panel(part)
    return made


def _links(locale: Locale) -> list[Any]:
    """Lead to the other dashboards in the same language, with the same time and choice."""
    console = "告警台" if locale == "zh" else "Console"
    others = build.DashboardLink("roomwatch").type(model.DashboardLinkType.DASHBOARDS)
    return [
        others.tags(["roomwatch", locale]).include_vars(True).keep_time(True),
        build.DashboardLink(console)
        .type(model.DashboardLinkType.LINK)
        .url("${console}/")
        .icon("bell")
        .target_blank(True),
    ]


def _annotation(spec: Annotation, locale: Locale) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(spec.name.of(locale))
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(spec.colour)
        .expr(spec.expr)
    )


def _parts(shelves: Sequence[Shelf], locale: Locale) -> Iterator[Any]:
    """Yield rows and panels, each in its place."""
    y = 0
    for shelf in shelves:
        if shelf.title is not None:
            yield build.Row(shelf.title.of(locale)).grid_pos(model.GridPos(x=0, y=y, w=GRID, h=1))
            y += 1
        x = 0
        for panel, width in zip(shelf.panels, _widths(shelf), strict=True):
            yield _panel(panel, locale).grid_pos(model.GridPos(x=x, y=y, w=width, h=shelf.height))
            x += width
        y += shelf.height


def _widths(shelf: Shelf) -> Iterator[int]:
    """Share the width that no panel asks for among the others; the first ones get what is left over."""
    rest = GRID - sum(panel.width or 0 for panel in shelf.panels)
    free = sum(panel.width is None for panel in shelf.panels)
    for panel in shelf.panels:
        if panel.width is None:
            width = -(-rest // free)
            rest, free = rest - width, free - 1
            yield width
        else:
            yield panel.width


def _panel(spec: PanelSpec, locale: Locale) -> Any:
    made: Any = _KINDS[spec.kind](spec)
    made.title(spec.title.of(locale)).description(spec.description.of(locale))
    made.no_value(spec.no_data.of(locale)).unit(spec.unit).datasource(DATASOURCE)
    made.thresholds(_thresholds(spec.steps or NO_STEPS))
    if spec.decimals is not None:
        made.decimals(spec.decimals)
    if spec.states:
        made.mappings([_mapping(spec, locale)])
    if spec.link is not None:
        link = build.DashboardLink(spec.title.of(locale)).type(model.DashboardLinkType.LINK).url(spec.link)
        made.data_links([link.target_blank(True)])
    if spec.kind == "table":
        cells_of(made, spec, locale)
    for number, query in enumerate(spec.queries):
        asked = (
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend.of(locale))
            .ref_id(chr(ord("A") + number))
            .datasource(DATASOURCE)
        )
        made.with_target(asked.instant() if spec.kind == "bars" else asked.range())
    return made


def _thresholds(steps: Sequence[Step]) -> build.ThresholdsConfig:
    levels = [model.Threshold(value=step.value, color=step.colour) for step in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(levels)


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


def _bars(_spec: PanelSpec) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .display_mode(looks.BarGaugeDisplayMode.BASIC)
        .orientation(looks.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
    )


_KINDS: Final[dict[Kind, Callable[[PanelSpec], object]]] = {
    "stat": _stat,
    "series": _series,
    "states": _states,
    "bars": _bars,
    "table": table,
}
