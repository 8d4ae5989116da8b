"""Which of the shipped rules watch a room, and what those that do not are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from alerts.coverage import Seen, coverage
from alerts.model import KINDS
from stream.catalogue import ROOM_COLUMN_INDEX, ROOM_COLUMNS
from stream.model import FEEDS
from tests.alerts.kinds.playing import default_rules
from tests.alerts.windowed import T0, pings

ALL_FEEDS = dict.fromkeys(FEEDS, T0)


def seen(columns: dict[str, Any], feeds: Mapping[Any, int], **facts: Any) -> dict[str, tuple[str, list[str]]]:
    """Return of each rule whether it watches, and what is missing."""
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    for name, value in columns.items():
        values[ROOM_COLUMN_INDEX[name]] = value
    found = coverage(default_rules(), Seen("r1", facts, values, feeds))
    return {each["rule"]: (each["coverage"], each["missing"]) for each in found}


def pinged(probe: str, **figures: Any) -> dict[str, Any]:
    return pings(probe, **figures) | {f'live_ping_newest_timestamp_seconds{{probe="{probe}"}}': T0 / 1000}


def test_a_room_of_which_nothing_is_known_is_blind_everywhere_and_says_of_what() -> None:
    found = seen({}, {})
    assert set(found) == set(KINDS) - {"vendor_slow", "monitor_degraded"}
    assert {state for state, _ in found.values()} == {"blind"}
    assert found["stutter"][1] == ["health"]
    assert found["retention_drop"][1] == ["visits"]
    assert found["viewer_complaints"][1] == ["danmaku"]
    assert found["conversion_drop"][1] == ["visits", "orders"]
    assert found["capacity_risk"][1] == ["rooms.capacity", "health", "visits"]


def test_a_room_that_only_pings_is_watched_for_its_picture() -> None:
    bytes_ = {f'live_bytes_per_second{{probe="edge",window="{w}"}}': 5e5 for w in ("10s", "1m", "5m")}
    found = seen(pinged("edge", stall=0.0, av=0.0, fps=25) | bytes_, {"health": T0})
    watched = {rule for rule, (state, _) in found.items() if state == "watched"}
    assert watched == {
        "stutter",
        "av_desync",
        "fps_low",
        "bitrate_low",
        "feed_lost",
        "traffic_spike",
        "traffic_drop",
    }
    assert "health.probe=ingest" in found["stutter"][1]


def test_what_a_ping_leaves_out_is_named() -> None:
    found = seen(pinged("edge", stall=0.0) | pinged("ingest", stall=0.0), {"health": T0})
    assert found["fps_low"] == ("blind", ["health.fps"])
    assert found["av_desync"] == ("blind", ["health.av_offset_ms"])
    assert found["bitrate_low"] == ("blind", ["health.bitrate_kbps"])


def test_what_a_shop_leaves_out_is_named() -> None:
    found = seen({"live_clicks_total": 0}, ALL_FEEDS, item_id="i1")
    assert found["price_error"] == ("blind", ["orders.item_id"])
    assert found["sold_out"] == ("blind", ["marks.stock"])
    assert found["conversion_drop"] == ("blind", ["visits.action=click"])
    assert found["retention_drop"] == ("blind", ["visits.action=leave"])
    assert found["payment_failure"] == ("watched", [])
    assert found["refund_surge"] == ("watched", [])


def test_with_everything_told_everything_is_watched() -> None:
    columns = {
        "live_viewers": 10,
        "live_capacity": 100,
        "live_clicks_total": 5,
        "live_leaves_total": 5,
        "live_item_cheap_orders": {},
        "live_egress_limit_bytes_per_second": 1e6,
        'live_cpu_ratio{window="1m"}': 0.3,
    }
    for probe in ("edge", "ingest", "player"):
        columns |= pinged(probe, stall=0.0, av=0.0, fps=25)
        for name, value in (("live_bytes_per_second", 5e5), ("live_stalls_per_100_seconds", 0.0)):
            for window in ("10s", "1m", "5m"):
                column = f'{name}{{probe="{probe}",window="{window}"}}'
                columns |= {column: value} if column in ROOM_COLUMN_INDEX else {}
    found = seen(columns, ALL_FEEDS, capacity=100, starts_at_ms=T0, item_id="i1", item_stock=3)
    assert found == dict.fromkeys(found, ("watched", []))


def test_without_a_limit_egress_and_capacity_are_blind() -> None:
    found = seen({"live_viewers": 10}, ALL_FEEDS)
    assert found["capacity_risk"] == (
        "blind",
        ["rooms.capacity", "health.egress_limit_kbps", "health.cpu_ratio"],
    )


def test_values_of_released_columns_are_understood() -> None:
    found = coverage(default_rules(), Seen("r1", {}, [5], {"health": T0}))
    assert {each["rule"]: each["coverage"] for each in found}["traffic_spike"] == "watched"


@pytest.mark.parametrize(
    ("kind", "figure", "needs"),
    [
        ("conversion_drop", 'live_orders_total{status="paid"}', 30),
        ("retention_drop", "live_enters_total", 200),
    ],
)
@pytest.mark.parametrize("has", [0, 12, 1_000])
def test_says_what_a_rule_must_see_before_it_can_tell_a_drop(
    kind: str, figure: str, needs: int, has: int
) -> None:
    values: list[Any] = [1.0] * len(ROOM_COLUMNS)
    values[ROOM_COLUMN_INDEX[figure]] = has
    feeds = {str(feed): at_ms for feed, at_ms in ALL_FEEDS.items()}
    found = coverage(default_rules(), Seen("r1", {}, values, feeds))
    (rule,) = (one for one in found if one["kind"] == kind)
    wanted = [{"figure": figure, "has": has, "needs": needs}] if has < needs else []
    assert (rule["coverage"], rule["not_yet"]) == ("watched", wanted)
