"""Prometheus' scrape configuration: the committed one, and others with other targets.

``prometheus.yml`` beside this file is ``render()``; ``python -m deploy.prometheus`` writes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

__all__ = ["ALERTMANAGER", "CONFIG", "RECORDS", "RULES", "TARGETS", "render"]

_HERE: Final = Path(__file__).parent
CONFIG: Final = _HERE / "prometheus.yml"
RULES: Final = _HERE / "roomwatch.rules.yml"
"""Alert rules about roomwatch itself."""
RECORDS: Final = _HERE / "roomwatch.records.yml"
"""Recording rules that the dashboards need."""
ALERTMANAGER: Final = _HERE / "alertmanager.yml"
"""An example of what becomes of those alerts."""

TARGETS: Final[dict[str, str]] = {
    "exporter": "127.0.0.1:9700",
    "gateway": "127.0.0.1:8700",
    "ingest": "127.0.0.1:9701",
    "engine": "127.0.0.1:9702",
    "notifier": "127.0.0.1:9703",
}
"""Role -> where its ``/metrics`` is; the last three listen there with ``ROOMWATCH_METRICS_PORT`` set."""

_ROOM_SERIES: Final = r"live_[^;]+;[^(;]+;|live_[^;]+;;.+"
"""Name, room and vendor of the series of a room or a vendor; of ``(rest)`` each exporter has its own."""
_RELABELLED: Final = f"""\
    metric_relabel_configs:
      # Exporters share the rooms: a room's series stay the same when another exporter shows them.
      - source_labels: [__name__, room_id, vendor]
        regex: '{_ROOM_SERIES}'
        target_label: instance
        replacement: ""
"""
_HEAD: Final = """\
# Made by `python -m deploy.prometheus`.
# Ingest, engine and notifier show their own metrics only with ROOMWATCH_METRICS_PORT set: 9701 to 9703 here.
global:
  scrape_interval: 5s
  scrape_timeout: 5s
  evaluation_interval: 5s
"""


def render(
    targets: Mapping[str, str] = TARGETS, *, rule_files: Sequence[str | Path] = (RECORDS.name, RULES.name)
) -> str:
    """Return the configuration as YAML.

    Args:
        targets: role -> ``host:port``, several after commas; the job is ``roomwatch-<role>``.
        rule_files: paths of rule files; relative ones are looked for beside the configuration.
    """
    rules = "".join(f"  - {path}\n" for path in rule_files)
    jobs = "".join(
        f"  - job_name: roomwatch-{role}\n    static_configs:\n      - targets: [{_listed(places)}]\n"
        f"{_RELABELLED if role == 'exporter' else ''}"
        for role, places in targets.items()
    )
    return f"{_HEAD}rule_files:\n{rules}scrape_configs:\n{jobs}"


def _listed(places: str) -> str:
    return ", ".join(f'"{place.strip()}"' for place in places.split(","))
