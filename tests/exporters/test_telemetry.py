from __future__ import annotations

import math

import pytest
from prometheus_client import CollectorRegistry

from exporters.selection import Selected
from exporters.telemetry import OUTCOMES, Telemetry
from stream.store import PartitionStatus

NOW_MS = 1_760_000_000_000


def _told(*statuses: PartitionStatus) -> CollectorRegistry:
    registry = CollectorRegistry()
    Telemetry(registry).saw(Selected([], None, 0, 2), statuses, now_ms=NOW_MS)
    return registry


def _status(age_ms: int, **reach_ms: int) -> PartitionStatus:
    return PartitionStatus(3, 1, "a", NOW_MS - age_ms, reach_ms)


@pytest.mark.parametrize(("age_ms", "up"), [(0, 1), (15_000, 1), (15_001, 0), (-5_000, 1)])
def test_it_is_up_while_no_partition_is_older_than_15_s(age_ms: int, up: int):
    registry = _told(_status(0), _status(age_ms))
    assert registry.get_sample_value("roomwatch_up") == up


def test_a_partition_that_nobody_owned_is_infinitely_old():
    registry = _told(PartitionStatus(3, 0, "", 0, {}))
    assert registry.get_sample_value("roomwatch_tick_age_seconds", {"partition": "3"}) == math.inf
    assert registry.get_sample_value("roomwatch_up") == 0


def test_ages_are_told_by_partition_and_feed():
    registry = _told(_status(1_000, health=NOW_MS - 2_500))
    labels = {"partition": "3", "feed": "health"}
    assert registry.get_sample_value("roomwatch_reach_age_seconds", labels) == 2.5
    assert registry.get_sample_value("roomwatch_rooms_unreadable") == 2


def test_every_outcome_begins_at_zero():
    registry = _told()
    values = [registry.get_sample_value("roomwatch_scrapes_total", {"outcome": name}) for name in OUTCOMES]
    assert values == [0] * len(OUTCOMES)
