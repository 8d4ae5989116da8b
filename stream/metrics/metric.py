"""What an entry of the catalogue says, and the columns that it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from stream.model import Feed

__all__ = ["ROLLING", "SHORT", "WINDOWS_MS", "Column", "Metric", "Window", "column_name"]

Window = Literal["10s", "1m", "5m", "15m", "session"]
"""The label ``window``; ``session`` is the total of the session."""

WINDOWS_MS: Final[dict[str, int]] = {"10s": 10_000, "1m": 60_000, "5m": 300_000, "15m": 900_000}
"""Length of each rolling window, milliseconds."""

ROLLING: Final[tuple[Window, ...]] = ("10s", "1m", "5m", "15m")
SHORT: Final[tuple[Window, ...]] = ("10s", "1m", "5m")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: the exported name, in base units.
        type: Prometheus type.
        help: one English sentence, the ``# HELP`` text.
        formula: how the figure comes from events, for the docs.
        feeds: feeds that it uses; the figure ends at the smallest reach of them.
        windows: values of the label ``window``; empty for none.
        label: the one further label, if any.
        label_values: its values when they are known beforehand; empty with ``label`` set means an open label,
            whose column is an object label value -> figure.
        more_labels: the rest of the labels, for the few derived metrics that have more than one.
        scope: what it describes; a room's metrics carry ``room_id``, a vendor's ``vendor`` and ``operation``,
            those of the whole deployment only their own labels.
        exported: False for columns that travel in ``live.windows`` for the rules only.
        derived: True where the exporter works it out at scrape time and no column travels.
        whole: whether its figures are whole numbers.
        zh: the Chinese name shown to people.
    """

    name: str
    type: Literal["gauge", "counter", "histogram"]
    help: str
    formula: str
    feeds: tuple[Feed, ...]
    windows: tuple[Window, ...] = ()
    label: str | None = None
    label_values: tuple[str, ...] = ()
    more_labels: tuple[str, ...] = ()
    scope: Literal["room", "vendor", "deployment"] = "room"
    exported: bool = True
    derived: bool = False
    whole: bool = False
    zh: str = ""

    def columns(self) -> Iterable[Column]:
        """Yield the metric's columns, windows fastest."""
        for value in self.label_values or (None,):
            for window in self.windows or (None,):
                yield Column(self, value, window)


@dataclass(frozen=True, slots=True)
class Column:
    """One figure: a metric, the value of its label, a window."""

    metric: Metric
    label_value: str | None
    window: Window | None

    @property
    def name(self) -> str:
        """Return the column as Prometheus would write the series, ``room_id`` aside."""
        return column_name(self.metric.name, self.metric.label, self.label_value, self.window)


def column_name(metric: str, label: str | None, value: str | None, window: str | None) -> str:
    """Return the name of a column: its metric, and in braces what label and window it has."""
    labels = [] if value is None else [f'{label}="{value}"']
    if window is not None:
        labels.append(f'window="{window}"')
    return metric + ("{" + ",".join(labels) + "}" if labels else "")
