"""What the rules read is kept: a fold that starts from the store sees every figure that is looked at."""

from __future__ import annotations

import random
from typing import Any

from alerts.bundles import Bundles
from alerts.detectors.reading import Subject
from stream.catalogue import ROOM_COLUMNS, VENDOR_COLUMNS, Column
from tests.alerts.kinds.playing import default_rules
from tests.alerts.windowed import T0


class _Read(list[Any]):
    """Values that note which of them are looked at."""

    def __init__(self, values: list[Any]) -> None:
        super().__init__(values)
        self.places: set[int] = set()

    def __getitem__(self, place: Any) -> Any:
        self.places.add(place)
        return super().__getitem__(place)


def _any(column: Column, dice: random.Random) -> Any:
    metric = column.metric
    if metric.label and not metric.label_values:
        return {"i": 6}
    return dice.choice((0, 1, 40 if metric.whole else 0.5, None))


def test_no_condition_reads_a_figure_that_is_not_kept() -> None:
    bundles, dice = Bundles(default_rules()), random.Random(1)
    for columns, bundle, kept in (
        (ROOM_COLUMNS, bundles.room("r1", {}), bundles.room_figures),
        (VENDOR_COLUMNS, bundles.vendor, bundles.vendor_figures),
    ):
        subject = Subject("r1", "r1", session_ms=T0, reach_ms={"health": T0}, tick_ms=T0)
        for second in range(300):
            values = [_any(column, dice) for column in columns]
            subject.values = read = _Read(values)
            subject.tick_ms += 60_000
            for watch in bundle.by_name.values():
                for condition in watch.conditions:
                    level = condition.level(subject)
                    condition.read(subject, level or 0)
                    condition.total(subject)
                    condition.observe(subject)
            for learning in bundle.observers.values():
                for condition in learning:
                    condition.observe(subject)
            assert read.places <= set(kept), second
