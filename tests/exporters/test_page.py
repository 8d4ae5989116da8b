"""The page is right by the rules of both formats, and says what the store holds."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from alerts.tally import Tally
from exporters.page import Snapshot, pieces
from exporters.selection import Selected, Selection
from exporters.text import Format, unit_of
from stream.catalogue import METRICS, ROOM_COLUMN_INDEX, ROOM_COLUMNS, VENDOR_COLUMN_INDEX
from stream.store import RoomFigures
from tests.exporters import made
from tests.promtool import promtool

NOW_MS = 1_760_000_000_000
EXPORTED = [metric for metric in METRICS if metric.exported]


def _snapshot(rooms: list[RoomFigures] | None = None, *, rooms_max: int = 100, **changes: Any) -> Snapshot:
    if rooms is None:
        rooms = [made.room("r1", now_ms=NOW_MS), made.room("r.2:b-c_d", now_ms=NOW_MS)]
    given: dict[str, Any] = {
        "rooms": Selection(rooms_max).choose(rooms, now_ms=NOW_MS),
        "vendors": [made.vendor(now_ms=NOW_MS)],
        "alerts": [_alert("stutter", "r1", "firing"), _alert("monitor_degraded", None, "acknowledged")],
        "pending": [("av_desync", "r1")],
        "rules": ["stutter", "av_desync"],
        "now_ms": NOW_MS,
    }
    return Snapshot(**(given | changes))


def _text(snapshot: Snapshot, form: Format = "prometheus") -> str:
    return b"".join(pieces(snapshot, form)).decode()


def _alert(kind: str, room_id: str | None, state: str, severity: str = "critical") -> dict[str, Any]:
    return {"rule": kind, "kind": kind, "room_id": room_id, "state": state, "severity": severity}


def _values(snapshot: Snapshot, name: str) -> dict[tuple[str, ...], float]:
    """Return label values, in the order of the page, -> value of one metric."""
    text = _text(snapshot)
    samples = [s for family in parse_prometheus(text) for s in family.samples if s.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


@pytest.mark.services
def test_promtool_finds_nothing_to_say():
    text = _text(_snapshot())
    assert promtool("check", "metrics", text=text) == ""


@pytest.mark.parametrize(
    "snapshot", [_snapshot(), _snapshot([], vendors=[], alerts=[], pending=[], rules=[])]
)
def test_both_parsers_read_every_family_of_the_catalogue_once(snapshot: Snapshot):
    prometheus = list(parse_prometheus(_text(snapshot)))
    openmetrics = list(parse_openmetrics(_text(snapshot, "openmetrics") + "# EOF\n"))
    assert [f"{f.name}_total" if f.type == "counter" else f.name for f in prometheus] == [
        metric.name for metric in EXPORTED
    ]
    assert [family.documentation for family in openmetrics] == [metric.help for metric in EXPORTED]
    assert [family.unit or None for family in openmetrics] == [unit_of(metric.name) for metric in EXPORTED]
    assert [f.samples for f in prometheus] == [f.samples for f in openmetrics]


def test_every_figure_of_a_room_is_on_the_page():
    room = made.room("r1", now_ms=NOW_MS)
    text = _text(_snapshot([room]))
    shown = {
        f"{s.name}{sorted(s.labels.items())}": s.value
        for family in parse_prometheus(text)
        for s in family.samples
    }
    for column, value in zip(ROOM_COLUMNS, room.values, strict=True):
        for suffix, more, figure in _samples_of(column, value):
            wanted = {"room_id": "r1"} | more | ({"window": column.window} if column.window else {})
            found = shown.get(f"{column.metric.name}{suffix}{sorted(wanted.items())}")
            assert found == (figure if column.metric.exported else None), column.name


def _samples_of(column, value):
    """Give suffix of the name, labels and number of each sample that a figure makes."""
    if column.metric.type == "histogram":
        yield from (("_bucket", {"le": bound}, number) for bound, number in value.items() if bound != "sum")
        yield from (("_sum", {}, value["sum"]), ("_count", {}, value["+Inf"]))
    elif isinstance(value, dict):
        yield from (("", {column.metric.label: name}, number) for name, number in value.items())
    else:
        label = {} if column.label_value is None else {column.metric.label: column.label_value}
        yield "", label, value


def test_no_data_is_no_sample():
    room = made.room("r1", now_ms=NOW_MS, values=[None] * len(ROOM_COLUMNS))
    text = _text(_snapshot([room]))
    named = [line for line in text.splitlines() if 'room_id="r1"' in line]
    derived = tuple(metric.name for metric in METRICS if metric.derived)
    assert named
    assert all(line.startswith(derived) for line in named)


def test_facts_become_labels_and_unknown_ones_are_empty():
    room = made.room("r1", now_ms=NOW_MS, facts={"title": 'a"b\\\n', "host": None, "capacity": 5})
    assert _values(_snapshot([room]), "live_room_info") == {("r1", 'a"b\\\n', "", "", "", "", ""): 1}


def test_the_item_on_air_is_named_by_its_title_or_else_its_id_and_no_item_is_no_sample():
    facts = [{"item_id": "i1", "item_title": '口红"'}, {"item_id": "i2"}, {}]
    rooms = [made.room(f"r{at}", now_ms=NOW_MS, facts=given) for at, given in enumerate(facts)]
    assert _values(_snapshot(rooms), "live_item_on_air") == {("r0", '口红"'): 1, ("r1", "i2"): 1}


def test_a_planned_room_tells_when_it_begins():
    facts = {"title": "夜场", "starts_at_ms": NOW_MS + 500}
    planned = made.room("p1", now_ms=NOW_MS, state="planned", session_ms=None, facts=facts)
    nameless = made.room("p2", now_ms=NOW_MS, state="planned", facts={"starts_at_ms": NOW_MS + 1_000})
    shown = _values(_snapshot([planned, nameless]), "live_next_start_timestamp_seconds")
    assert shown == {("p1", "夜场"): (NOW_MS + 500) / 1_000, ("p2", "p2"): NOW_MS / 1_000 + 1}


def test_the_age_of_a_feed_ends_now_and_never_falls_below_zero():
    room = made.room("r1", now_ms=NOW_MS, newest_ms={"health": NOW_MS - 1500, "likes": NOW_MS + 90})
    assert _values(_snapshot([room]), "live_feed_age_seconds") == {("r1", "health"): 1.5, ("r1", "likes"): 0}


def test_the_share_of_time_at_fault_is_that_of_the_rooms_own_session():
    session_ms = NOW_MS - 3_600_000
    faults = {
        "r1": Tally(session_ms, "live", NOW_MS, live_ms=4_000, fault_ms=1_000),
        "r2": Tally(session_ms - 1, "ended", NOW_MS, live_ms=4_000, fault_ms=1_000),
        "r3": Tally(session_ms, "live", NOW_MS),
    }
    rooms = [made.room(room_id, now_ms=NOW_MS) for room_id in ("r1", "r2", "r3", "r4")]
    assert _values(_snapshot(rooms, faults=faults), "live_fault_ratio") == {("r1", "session"): 0.25}


def test_vendors_have_their_own_labels():
    vendor = made.vendor("pay", "charge", now_ms=NOW_MS)
    shown = _values(_snapshot(vendors=[vendor]), "live_vendor_error_ratio")
    wanted = {w: VENDOR_COLUMN_INDEX[f'live_vendor_error_ratio{{window="{w}"}}'] for w in ("1m", "5m")}
    assert shown == {("pay", "charge", window): vendor.values[at] for window, at in wanted.items()}


def test_open_alerts_are_counted_and_the_others_are_zero():
    alerts = [_alert("stutter", "r1", "firing"), _alert("stutter", "r2", "suppressed")]
    shown = _values(_snapshot(alerts=alerts), "live_alerts")
    assert shown.pop(("critical", "stutter")) == 2
    assert len(shown) == 3 * 19 - 1
    assert set(shown.values()) == {0}


def test_each_rule_has_a_state_on_each_room_that_is_shown():
    alerts = [
        _alert("stutter", "r1", "escalated"),
        _alert("stutter", "gone", "firing"),
        _alert("vendor_slow", None, "firing"),
        _alert("sold_out", "r2", "acknowledged"),
    ]
    rooms = [made.room(room_id, now_ms=NOW_MS) for room_id in ("r1", "r2")]
    pending = [("stutter", "r1"), ("sold_out", "r1")]
    snapshot = _snapshot(rooms, alerts=alerts, pending=pending, rules=["stutter"])
    assert _values(snapshot, "live_alert_state") == {
        ("r1", "stutter"): 4,
        ("r2", "stutter"): 0,
        ("r1", "sold_out"): 1,
        ("r2", "sold_out"): 3,
    }


def test_rooms_above_the_cap_are_one_sum_under_a_name_that_no_room_can_have():
    rooms = [made.room(room_id, now_ms=NOW_MS, session_ms=n) for n, room_id in enumerate(("r1", "r2", "r3"))]
    snapshot = _snapshot(rooms, rooms_max=1)
    clicks = next(i for i, column in enumerate(ROOM_COLUMNS) if column.name == "live_clicks_total")
    assert _values(snapshot, "live_clicks_total") == {
        ("r1",): rooms[0].values[clicks],
        ("(rest)",): rooms[1].values[clicks] + rooms[2].values[clicks],
    }
    assert list(_values(snapshot, "live_viewers")) == [("r1",)]
    assert _values(snapshot, "live_rooms_not_exported") == {(): 2}


def test_a_vendor_of_another_version_does_not_break_the_page():
    vendors = [made.vendor(now_ms=NOW_MS), made.vendor("sms", now_ms=NOW_MS)]
    vendors[1].values.append(1)
    assert {labels[0] for labels in _values(_snapshot(vendors=vendors), "live_vendor_error_ratio")} == {"pay"}


def test_an_open_label_has_a_line_for_each_of_its_values_whatever_they_are():
    sources = [{"feed": 2, 'a"b\\\n': 3}, {}, None]
    rooms = [_room_with("live_source_enters_total", value, f"r{at}") for at, value in enumerate(sources)]
    assert _values(_snapshot(rooms), "live_source_enters_total") == {("r0", "feed"): 2, ("r0", 'a"b\\\n'): 3}


def test_a_histogram_keeps_its_samples_together_with_rising_bounds():
    figure = {"5": 1, "15": 4, "+Inf": 9, "sum": 123.5}
    room = _room_with("live_dwell_seconds", figure, "r0")
    lines = [line for line in _text(_snapshot([room])).splitlines() if line.startswith("live_dwell_seconds")]
    assert lines == [
        'live_dwell_seconds_bucket{room_id="r0",le="5"} 1',
        'live_dwell_seconds_bucket{room_id="r0",le="15"} 4',
        'live_dwell_seconds_bucket{room_id="r0",le="+Inf"} 9',
        'live_dwell_seconds_sum{room_id="r0"} 123.5',
        'live_dwell_seconds_count{room_id="r0"} 9',
    ]


def _room_with(column: str, value: Any, room_id: str) -> RoomFigures:
    room = made.room(room_id, now_ms=NOW_MS)
    room.values[ROOM_COLUMN_INDEX[column]] = value
    return room


def test_nothing_to_show_is_a_page_too():
    empty = Snapshot(Selected([], None, 0, 0), [], [], [], [], NOW_MS)
    assert "live_rooms_not_exported 0\n" in _text(empty)
