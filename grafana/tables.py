"""Tables: a row for each series of an expression; further expressions are joined by their labels."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.builders import table as build
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.spec import Cell, Locale, PanelSpec
from grafana.variables import DATASOURCE

__all__ = ["cells_of", "table"]


def table(_spec: PanelSpec) -> build.Panel:
    """Return a table without columns."""
    return build.Panel().show_header(True).cell_height(looks.TableCellHeight.MD)


def cells_of(made: Any, spec: PanelSpec, locale: Locale) -> None:
    """Give a table its queries, its columns in their order, and their looks."""
    figures = [cell for cell in spec.cells if cell.unit is not None]
    fields = {cell.source: cell.source for cell in spec.cells if cell.unit is None}
    for number, cell in enumerate(figures):
        name = chr(ord("A") + number)
        fields[cell.source] = f"Value #{name}" if len(figures) > 1 else "Value"
        asked = prometheus.Dataquery().expr(cell.source).ref_id(name).datasource(DATASOURCE)
        made.with_target(asked.format(PromQueryFormat.TABLE).instant())
    names = [fields[cell.source] for cell in spec.cells]
    titles = {name: cell.title.of(locale) for name, cell in zip(names, spec.cells, strict=True)}
    sorted_by = spec.cells[spec.sort if spec.sort >= 0 else -spec.sort - 1].title.of(locale)
    for kind, options in (
        ("merge", {}),
        ("filterFieldsByName", {"include": {"names": names}}),
        ("organize", {"indexByName": {name: at for at, name in enumerate(names)}, "renameByName": titles}),
        ("sortBy", {"fields": {}, "sort": [{"field": sorted_by, "desc": spec.sort >= 0}]}),
    ):
        made.with_transformation(model.DataTransformerConfig(id_val=kind, options=options))
    for cell in spec.cells:
        made.override_by_name(cell.title.of(locale), list(_looks(cell, locale)))


def _looks(cell: Cell, locale: Locale) -> Any:
    if cell.unit is not None:
        yield _value("unit", cell.unit)
    if cell.decimals is not None:
        yield _value("decimals", cell.decimals)
    if cell.steps is not None:
        steps = [{"value": step.value, "color": step.colour} for step in cell.steps]
        yield _value("thresholds", {"mode": "absolute", "steps": steps})
    if cell.states:
        options = {
            str(value): {"text": words.of(locale), "color": colour, "index": number}
            for number, (value, words, colour) in enumerate(cell.states)
        }
        yield _value("mappings", [{"type": "value", "options": options}])
    if cell.steps is not None or cell.states:
        yield _value("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    if cell.link is not None:
        title = cell.title.of(locale)
        yield _value("links", [{"title": title, "url": cell.link.replace("$locale", locale)}])
    if cell.hidden:
        yield _value("custom.hidden", value=True)
    if cell.width is not None:
        yield _value("custom.width", cell.width)


def _value(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)
