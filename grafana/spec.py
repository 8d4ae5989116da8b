"""A dashboard as plain values, in both languages; nothing here knows how Grafana draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "NO_STEPS",
    "Annotation",
    "BoardSpec",
    "Cell",
    "Kind",
    "Locale",
    "PanelSpec",
    "Query",
    "Shelf",
    "Step",
    "Variable",
    "Words",
]

Locale = Literal["zh", "en"]
Kind = Literal["stat", "series", "states", "bars", "table"]
Variable = Literal["category", "room", "rooms"]
"""``room`` is one room, ``rooms`` one or all; the datasource is a variable of every dashboard."""


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    zh: str
    en: str

    def of(self, locale: Locale) -> str:
        """Return the text of a language."""
        return self.zh if locale == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, this colour; None = from the least value."""

    value: float | None
    colour: str


NO_STEPS: Final = (Step(None, "text"),)
"""Colour of a figure that is neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and the name of its series with labels as ``{{label}}``."""

    expr: str
    legend: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A column of a table.

    Attributes:
        source: an expression; or the name of a label of the table's first expression.
        title: its heading.
        unit: Grafana's id of the unit; None for a label.
        steps: thresholds of its colour.
        states: value -> text and colour, for figures that are codes.
        decimals: digits after the point.
        link: where a click on it leads.
        hidden: only there to be sorted by.
        width: pixels; None leaves it to Grafana.
    """

    source: str
    title: Words
    unit: str | None = None
    steps: Sequence[Step] | None = None
    states: Sequence[tuple[int, Words, str]] = ()
    decimals: int | None = None
    link: str | None = None
    hidden: bool = False
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """One panel.

    Attributes:
        kind: ``stat`` is a big number, ``series`` lines over time, ``states`` a band for each, ``bars``
            a bar for each series, ``table`` a row for each of them.
        title: at most a few words.
        description: what the figure is, and what to do when it is bad.
        no_data: what to do when there is nothing to show.
        unit: Grafana's id of the unit.
        queries: one or more; of a table its columns give them.
        cells: columns of a table.
        sort: number of the column that a table is sorted by, falling; rising when below zero, from -1 on.
        width: columns of the grid; None: an equal share of what the others leave.
        steps: thresholds, rising; coloured as such. None: the figure is neither good nor bad.
        states: value -> text and colour, for figures that are codes.
        decimals: digits after the point; None leaves it to Grafana.
        link: where a click on a figure leads; cells of a table have their own.
    """

    kind: Kind
    title: Words
    description: Words
    no_data: Words
    unit: str
    queries: Sequence[Query] = ()
    cells: Sequence[Cell] = ()
    sort: int = 0
    width: int | None = None
    steps: Sequence[Step] | None = None
    states: Sequence[tuple[int, Words, str]] = ()
    decimals: int | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Panels side by side over the whole width, perhaps under a heading; a unit of height is 30 pixels."""

    title: Words | None
    height: int
    panels: Sequence[PanelSpec]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is marked on every line of a dashboard while an expression has series."""

    name: Words
    expr: str
    colour: str


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """One dashboard; ``uid`` gets the language as suffix."""

    uid: str
    title: Words
    description: Words
    shelves: Sequence[Shelf]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    since: str = "now-30m"
