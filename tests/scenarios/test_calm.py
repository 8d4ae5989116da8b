"""Calm rooms raise nothing: simulated broadcasts through ingest's folds and the rules stage."""

from __future__ import annotations

import pytest

from tests.scenarios.playing import simulate
from tests.waiting import PATIENCE

CALM = """
rooms:
  - {count: 1, viewers: 1, ramp_s: 0}
  - {count: 1, viewers: 4, ramp_s: 60, ping_s: 20}
  - {count: 1, viewers: 40, ramp_s: 60, clicks_per_viewer_s: 0.0003, conversion: 0.05, ping_s: 5}
  - {count: 1, viewers: 80, ramp_s: 90, item_s: 45, pauses: [{at_s: 180, for_s: 60}]}
  - {count: 1, viewers: 60, ramp_s: 60, lasts_s: 240, rests_s: 40}
"""
"""One viewer; a night of four and slow pings; some orders an hour; items and a pause; an end and a start."""


@pytest.mark.timeout(170 * PATIENCE)
def test_nights_starts_ends_pauses_and_items_raise_nothing() -> None:
    told, rules = simulate(CALM, seconds=400)
    assert [(each.kind, each.subject, each.to) for each in told] == []
    held = rules.subject("sim-0000")
    assert held is not None
    assert held.memory, "the detectors have learnt something"
