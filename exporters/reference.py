"""The metrics as a page for people: ``python -m exporters.reference`` writes ``docs/metrics.md`` anew.

The page is committed; a test keeps it equal to the catalogue and to the exporter's own metrics.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from exporters.telemetry import Telemetry
from stream.catalogue import METRICS, Metric

__all__ = ["PAGE", "main", "reference"]

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD: Final = """\
# Metrics

Made by `python -m exporters.reference` from `stream/catalogue.py`. `roomwatch exporter` shows them at
`http://127.0.0.1:9700/metrics`, as Prometheus text or, when asked for, as OpenMetrics, where a counter's
family has no `_total` and `live_room_info` is an info. Units end the name: seconds, bytes, ratio (0..1),
yuan. No data is no sample.

- A room's metrics carry `room_id`. Its series begin when it is live and are gone within 60 s after it ended.
- A counter counts from the start of the session and never falls within it.
- Above `ROOMWATCH_EXPORT_ROOMS_MAX` live rooms (20 000), the oldest sessions have series. The counters of the
  others are added up under `room_id="(rest)"`, so that rates summed over all rooms stay right;
  `live_rooms_not_exported` tells how many they are. What a room has counted there stays there when it gets
  series of its own, because a counter must not fall.
- `live_room_info` joins the facts:
  `live_viewers * on (room_id) group_left (title, host) live_room_info`.
"""
_SCOPES: Final = {
    "room": ("Of a room", "`room_id`"),
    "vendor": ("Of a vendor's operation", "`vendor` and `operation`"),
    "deployment": ("Of the whole deployment", ""),
}


def reference() -> str:
    """Return the page."""
    parts = [_HEAD]
    for scope, (title, common) in _SCOPES.items():
        rows = [_row(metric) for metric in METRICS if metric.exported and metric.scope == scope]
        labels = f"Each carries {common}.\n\n" if common else ""
        parts.append(f"## {title}\n\n{labels}{_TABLE}" + "".join(rows))
    parts.append(f"## Of the exporter itself\n\n{_OWN_TABLE}" + "".join(_own_rows()))
    columns = "".join(_row(metric) for metric in METRICS if not metric.exported)
    parts.append(
        f"## In `live.windows` only\n\nFigures that the rules read and nobody shows.\n\n{_TABLE}{columns}"
    )
    return "\n".join(parts)


_TABLE: Final = """\
| metric | 中文 | type | labels | what it says | how |
|---|---|---|---|---|---|
"""
_OWN_TABLE: Final = """\
| metric | type | what it says |
|---|---|---|
"""


def _row(metric: Metric) -> str:
    cells = (
        f"`{metric.name}`",
        metric.zh,
        metric.type,
        "<br>".join(_labels(metric)),
        metric.help.replace("|", "\\|"),
        metric.formula.replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |\n"


def _labels(metric: Metric) -> Iterator[str]:
    if metric.label is not None:
        values = " ".join(metric.label_values)
        yield f"`{metric.label}`" + (f": {values}" if values else "")
    yield from (f"`{name}`" for name in metric.more_labels)
    if metric.windows:
        yield f"`window`: {' '.join(metric.windows)}"


def _own_rows() -> Iterator[str]:
    registry = CollectorRegistry()
    Telemetry(registry)
    for family in registry.collect():
        if family.name.startswith("roomwatch_process_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {family.documentation} |\n"
    yield "| `roomwatch_process_…` | gauge, counter | CPU, memory and files of the exporter's process. |\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
