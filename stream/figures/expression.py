"""What formulas are made of: numbers of a session (or a vendor's operation), and arithmetic on them.

An expression is a number that the native module works out for each subject of a flush; NaN is "no data", and
what is reckoned with it is NaN, too. Two formulas that ask for the same have the same expression, which is
worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from stream.tally import Tally

__all__ = [
    "UNKNOWN",
    "Column",
    "Encoded",
    "Expression",
    "Given",
    "Labelled",
    "Open",
    "Span",
    "accumulated",
    "added",
    "expression",
    "known",
    "larger",
    "number",
    "ratio",
    "smaller",
    "unknown",
    "where",
]


class Expression:
    """One number of each subject: an operation and what it works on.

    Args:
        operation: one that the native module knows, see ``stream/native/program.hpp``.
        parts: expressions, or what says which number of the subject it is.
    """

    __slots__ = ("operation", "parts")

    def __init__(self, operation: str, parts: tuple[Any, ...]) -> None:
        self.operation: Final = operation
        self.parts: Final = parts

    def __add__(self, other: Number) -> Expression:
        """Return the sum."""
        return expression("add", self, number(other))

    def __radd__(self, other: Number) -> Expression:
        """Return the sum."""
        return number(other) + self

    def __sub__(self, other: Number) -> Expression:
        """Return the difference."""
        return expression("subtract", self, number(other))

    def __rsub__(self, other: Number) -> Expression:
        """Return the difference."""
        return number(other) - self

    def __mul__(self, other: Number) -> Expression:
        """Return the product."""
        return expression("multiply", self, number(other))

    def __rmul__(self, other: Number) -> Expression:
        """Return the product."""
        return number(other) * self

    def __truediv__(self, other: float) -> Expression:
        """Return the quotient by a number that is not 0; by an expression see ``ratio``."""
        return expression("divide", self, number(other))

    def __rpow__(self, other: Number) -> Expression:
        """Return a power of a number."""
        return expression("power", number(other), self)

    def __gt__(self, other: Number) -> Expression:
        """Return 1 where this is above the other, else 0."""
        return expression("above", self, number(other))


Number = Expression | float


class Span(NamedTuple):
    """Where the panes of a window lie: counted from the reach of its feeds, cut to whole steps.

    Attributes:
        end: place of the set of feeds at whose smallest reach it ends.
        coarse: whether its panes are coarse.
        step_ms: length of a step, milliseconds.
        step: panes in a step.
        first: its first pane.
        last: the first pane after it.
    """

    end: int
    coarse: bool
    step_ms: int
    step: int
    first: int
    last: int


class Encoded(NamedTuple):
    """An object that was worked out in Python.

    Attributes:
        value: the object.
        packed: as MessagePack.
        json: as JSON.
    """

    value: Any
    packed: bytes
    json: bytes


@dataclass(frozen=True, slots=True)
class Labelled:
    """A column that is an object: figures by labels that are known beforehand.

    Attributes:
        figures: of each label its figure, and whether that is a whole number.
    """

    figures: Mapping[str, tuple[Expression, bool]]


@dataclass(frozen=True, slots=True)
class Open:
    """A column that is an object: amounts by labels that came along, see ``stream.figures.labels``.

    Attributes:
        name: of the amounts.
        at: which of them.
        unit: how many of them make one; 0 leaves them whole numbers.
    """

    name: str
    at: int
    unit: float = 0


@dataclass(frozen=True, slots=True)
class Given:
    """A column that is an object which Python works out.

    Attributes:
        read: returns a subject's; None is no data.
    """

    read: Callable[[Tally], Encoded | None]


Column = Expression | Labelled | Open | Given


@cache
def expression(operation: str, *parts: Any) -> Expression:
    """Return an expression; the same one for the same operation on the same parts."""
    return Expression(operation, parts)


def number(value: Number) -> Expression:
    """Return a number as an expression."""
    return value if isinstance(value, Expression) else expression("number", float(value))


UNKNOWN: Final = number(float("nan"))


def known(figure: Expression) -> Expression:
    """Return a figure with 0 for "no data"."""
    return expression("known", figure)


def unknown(figure: Expression) -> Expression:
    """Return 1 where a figure is "no data", else 0."""
    return expression("unknown", figure)


def ratio(part: Expression, whole: Expression) -> Expression:
    """Return part / whole; NaN where either is unknown or the whole is 0."""
    return expression("ratio", part, whole)


def where(condition: Expression, one: Number, other: Number) -> Expression:
    """Return the one where the condition is not 0, else the other."""
    return expression("where", condition, number(one), number(other))


def larger(one: Expression, other: Number) -> Expression:
    """Return the larger of two."""
    return expression("larger", one, number(other))


def smaller(one: Expression, other: Number) -> Expression:
    """Return the smaller of two."""
    return expression("smaller", one, number(other))


def added(figures: Iterable[Expression]) -> Expression:
    """Return the sum of one figure or more."""
    return accumulated(figures)[-1]


def accumulated(figures: Iterable[Expression]) -> list[Expression]:
    """Return of each figure the sum of it and those before it."""
    found: list[Expression] = []
    for figure in figures:
        found.append(found[-1] + figure if found else figure)
    return found
