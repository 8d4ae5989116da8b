"""The catalogue names each metric once, and its columns have one order."""

from __future__ import annotations

import pytest

from stream.catalogue import (
    METRIC_BY_NAME,
    METRICS,
    ROOM_COLUMN_INDEX,
    ROOM_COLUMNS,
    VENDOR_COLUMN_INDEX,
    VENDOR_COLUMNS,
    WINDOWS_MS,
    column,
)
from stream.model import FEEDS


def test_each_metric_is_there_once_with_its_words():
    assert len(METRIC_BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("live_")
        assert metric.help.endswith(".")
        assert metric.formula
        assert metric.zh
        assert set(metric.feeds) <= set(FEEDS)
        assert metric.type != "counter" or metric.name.endswith("_total")


def test_windows_are_of_the_contract():
    assert WINDOWS_MS == {"10s": 10_000, "1m": 60_000, "5m": 300_000, "15m": 900_000}
    known = {*WINDOWS_MS, "session"}
    assert all(set(metric.windows) <= known for metric in METRICS)


@pytest.mark.parametrize(
    ("columns", "index"), [(ROOM_COLUMNS, ROOM_COLUMN_INDEX), (VENDOR_COLUMNS, VENDOR_COLUMN_INDEX)]
)
def test_a_column_is_found_by_the_name_of_its_series(columns, index):
    assert len(index) == len(columns)
    assert all(columns[at].name == name for name, at in index.items())
    assert all(c.metric.feeds for c in columns), "a column ends at the reach of some feed"


def test_a_column_is_named_as_prometheus_writes_it():
    found = column("live_stall_ratio", label_value="edge", window="10s")
    assert found.name == 'live_stall_ratio{probe="edge",window="10s"}'
    assert column("live_viewers").name == "live_viewers"


def test_an_unknown_column_is_a_fault_that_tells_what_there_is():
    with pytest.raises(KeyError, match="no metric 'live_nothing'"):
        column("live_nothing")
    with pytest.raises(KeyError, match=r"has only .*window=\\'5m\\'|has only .*5m"):
        column("live_smooth_ratio", window="10s")
