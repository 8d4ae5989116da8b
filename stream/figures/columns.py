"""Works out the columns of subjects of one kind: their formulas, as a program of the native module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stream.figures.expression import Column, Expression, Given, Labelled, Open
from stream.native import Program, Schema, Values
from stream.tally import Tally

__all__ = ["Columns"]


class Columns:
    """The columns of subjects of one kind.

    Args:
        schema: what there is to count.
        columns: what each column comes of, and whether its figures are whole numbers.
    """

    def __init__(self, schema: Schema, columns: Sequence[tuple[Column, bool]]) -> None:
        self._places: dict[Expression, int] = {}
        self._instructions: list[tuple[Any, ...]] = []
        told = [self._told(column, whole=whole) for column, whole in columns]
        self._given: Final = [column for column, _ in columns if isinstance(column, Given)]
        self._program: Final = Program(schema, self._instructions, told)

    def values(
        self,
        tallies: Sequence[Tally],
        ends_ms: Sequence[int],
        facts: Sequence[Mapping[str, Any]],
    ) -> list[Values]:
        """Return the figures of each subject.

        Args:
            tallies: the subjects.
            ends_ms: where windows of each set of feeds end, epoch milliseconds.
            facts: what the room records say of each subject's room.
        """
        given = [[column.read(tally) for column in self._given] for tally in tallies]
        return self._program.values(list(tallies), ends_ms, list(facts), given)

    def _told(self, column: Column, *, whole: bool) -> tuple[Any, ...]:
        """Return a column as the native module takes it."""
        if isinstance(column, Expression):
            return "figure", [("", self._place(column), whole)]
        if isinstance(column, Labelled):
            figures = column.figures.items()
            return "labelled", [(label, self._place(one), whole) for label, (one, whole) in figures]
        if isinstance(column, Open):
            return "open", column.name, column.at, column.unit
        return ("given",)

    def _place(self, one: Expression) -> int:
        """Return the place of the instruction that works out an expression, after those that it needs."""
        place = self._places.get(one)
        if place is None:
            parts = [self._place(part) if isinstance(part, Expression) else part for part in one.parts]
            place = self._places[one] = len(self._instructions)
            self._instructions.append((one.operation, *parts))
        return place
