"""Records become rows: every field kept, each figure in the physical column of its type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stream.archive.columns import Names
from stream.archive.rows import Rows, of_feed

NAMES = Names(('live_a{window="1m"}', "live_b"), ("live_v",))


def room(*values, **given):
    return {
        "room_id": "r1", "session_ms": 5, "state": "live", "values": list(values), "newest_ms": {}, **given,
    }  # fmt: skip


def record(*rooms, **given):
    return {
        "v": 1, "partition": 0, "epoch": 7, "seq": 1, "tick_ms": 1_000, "reach_ms": {"health": 900},
        "columns": 1, "last": True, "rooms": list(rooms), "vendors": [], **given,
    }  # fmt: skip


def made(*records) -> dict[str, dict[str, list[Any]]]:
    """Return the columns of each kind of rows."""
    rows = Rows()
    for offset, each in enumerate(records):
        rows.add(offset, 50 + offset, each, NAMES)
    found: dict[str, dict[str, list[Any]]] = {}
    for table in rows.take():
        found[table["kind"][0].as_py()] = table.to_pydict()
    assert len(rows) == 0
    return found


def test_whole_numbers_and_others_stand_in_columns_of_their_own():
    columns = made(record(room(1, 0.5)), record(room(2, None)))["room"]
    assert columns['live_a{window="1m"}#int'] == [1, 2]
    assert columns["live_b"] == [0.5, None]
    assert 'live_a{window="1m"}' not in columns


def test_a_figure_of_several_types_keeps_each_value_as_it_came():
    values = [1, 2.5, {"x": 1}, None, "text", True, 2**63]
    columns = made(*(record(room(value, None)) for value in values))["room"]
    name = 'live_a{window="1m"}'
    assert columns[f"{name}#int"] == [1, None, None, None, None, None, None]
    assert columns[name] == [None, 2.5, None, None, None, None, None]
    expected = [None, None, '{"x":1}', None, '"text"', "true", "9223372036854775808"]
    assert columns[f"{name}#json"] == expected


def test_a_figure_that_nobody_filled_has_no_column():
    columns = made(record(room(None, None)))["room"]
    assert not [name for name in columns if name.startswith("live_")]


def test_a_room_keeps_all_of_its_fields():
    hits = [{"group": "ad_law", "text": "最好"}]
    entry = room(
        1, 2, facts={"title": "夜场"}, hits=hits, ended_reason="silent", newest_ms={"orders": 3}, new=4
    )
    columns = made(record(entry))["room"]
    assert columns["facts"] == ['{"title":"夜场"}']
    assert columns["hits"] == ['[{"group":"ad_law","text":"最好"}]']
    assert (columns["ended_reason"], columns["extra"]) == (["silent"], ['{"new":4}'])
    assert columns[of_feed("newest_ms", "orders")] == [3]


def test_a_record_keeps_its_head_and_fields_that_nobody_knows():
    columns = made(record(records_1m=8, dead_1m=2, later={"a": 1}))["tick"]
    assert (columns["offset"], columns["append_ms"], columns["last"]) == ([0], [50], [True])
    assert [columns[name] for name in ("epoch", "seq", "tick_ms", "records_1m")] == [[7], [1], [1_000], [8]]
    assert columns[of_feed("reach_ms", "health")] == [900]
    assert columns["extra"] == ['{"later":{"a":1}}']


def test_a_vendor_is_a_row_of_its_own():
    vendor = {"vendor": "pay", "operation": "charge", "values": [0.25], "newest_ms": 9}
    columns = made(record(vendors=[vendor]))["vendor"]
    assert (columns["subject"], columns["newest_ms"], columns["live_v"]) == (["pay/charge"], [9], [0.25])


def test_rows_of_two_versions_have_the_columns_of_both():
    rows = Rows()
    rows.add(0, 0, record(room(1, 2)), NAMES)
    rows.add(1, 0, record(room(3)), Names(("live_c",), ()))
    tables = [table for table in rows.take() if table["kind"][0].as_py() == "room"]
    whole = pa.concat_tables(tables, promote_options="default").to_pydict()
    assert (whole["live_b#int"], whole["live_c#int"]) == ([2, None], [None, 3])
