"""Asks tallies for figures that no column tells by itself."""

from __future__ import annotations

from stream import figures
from stream.figures.columns import Columns
from stream.figures.expression import Span, expression


def asked(tallies, *columns, ends_ms=(0,)):
    """Return what each column comes to of each tally; None is no data."""
    program = Columns(figures._SCHEMA, [(column, False) for column in columns])
    rows = [values.tolist() for values in program.values(tallies, ends_ms, [{} for _ in tallies])]
    return [list(column) for column in zip(*rows, strict=True)]


def panes(first, end, *, coarse):
    """Return the span of these panes, whatever the reach."""
    return Span(0, coarse, 1, 1, first, end)


def people(tally, extra, first, end, *, coarse=True):
    """Return how many different people some panes hold."""
    ((found,),) = asked([tally], expression("people", extra, panes(first, end, coarse=coarse)))
    return found
