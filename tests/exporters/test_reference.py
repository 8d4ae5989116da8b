from __future__ import annotations

from exporters.reference import PAGE, reference
from stream.catalogue import METRICS


def test_the_committed_page_is_the_one_that_is_made():
    """After a change of the catalogue or of the exporter's own metrics: python -m exporters.reference."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_metric_is_on_the_page_once():
    page = reference()
    assert [metric.name for metric in METRICS if page.count(f"| `{metric.name}` |") != 1] == []
