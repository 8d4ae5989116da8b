"""One detector stepped through figures, without the fold around it: hours in a moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alerts.conditions import watch
from alerts.detectors.reading import Subject
from alerts.rulecheck import load
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from tests.alerts.windowed import T0

__all__ = ["steps"]


def steps(
    condition: str, figures: Iterable[Mapping[str, Any]], *, step_s: int, more: str = ""
) -> Iterator[int | None]:
    """Yield the level after each step of the only condition of a rule."""
    rules = load(f"rules: [{{name: it, kind: stutter, {more} any: [{condition}]}}]")
    (it,) = watch(rules.rules[0], 0).conditions
    subject = Subject("r1", "r1", values=[None] * len(ROOM_COLUMNS))
    for number, columns in enumerate(figures):
        subject.tick_ms = T0 + 1000 * step_s * number
        for name, value in columns.items():
            subject.values[ROOM_COLUMN_INDEX[name]] = value
        it.observe(subject)
        yield it.level(subject)
