"""Which thresholds need to be asked at all: nearly always every figure is within its recover bounds. Pure.

A threshold whose figure is missing, or within the recover bounds, is in no breach, whatever its samples say.
That is one comparison; asking the threshold is ten times as much. Only the others are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from alerts.detectors.reading import INFO, Condition, Subject
from alerts.detectors.threshold import Threshold, figure_for

__all__ = ["Screen"]

Ask = Callable[[Subject], int | None]
_Row = tuple[int, float, float, Ask]
"""Place of a figure, the recover bounds, and whom to ask when it is outside."""


class Screen:
    """Conditions, asked together.

    Args:
        conditions: those whose level may change with any record.
    """

    __slots__ = ("_others", "_pinged", "_plain")

    def __init__(self, conditions: Iterable[Condition]) -> None:
        plain: list[_Row] = []
        pinged: dict[int, tuple[list[_Row], ...]] = {}
        others: list[Ask] = []
        for one in conditions:
            if not isinstance(one, Threshold):
                others.append(one.level)
            elif one.interval_at is None:
                plain.append(_row(one, 0))
            else:
                rows = pinged.setdefault(one.interval_at, tuple([] for _ in one.figures))
                for place, those in enumerate(rows):
                    those.append(_row(one, place))
        self._plain = tuple(plain)
        self._pinged = tuple(pinged.items())
        self._others = tuple(others)

    def breached(self, subject: Subject) -> bool:
        """Return whether any condition is in breach."""
        values = subject.values
        if _outside(self._plain, values, subject):
            return True
        for interval_at, rows in self._pinged:
            if _outside(figure_for(rows, values[interval_at]), values, subject):
                return True
        for ask in self._others:
            level = ask(subject)
            if level is not None and level >= INFO:
                return True
        return False


def _row(threshold: Threshold, place: int) -> _Row:
    return threshold.figures[place].at, threshold.calm_from, threshold.calm_to, threshold.level


def _outside(rows: Iterable[_Row], values: list[Any], subject: Subject) -> bool:
    for at, calm_from, calm_to, ask in rows:
        value = values[at]
        if value is not None and not calm_from <= value <= calm_to:
            level = ask(subject)
            if level is not None and level >= INFO:
                return True
    return False
