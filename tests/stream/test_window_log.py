"""Records of ``live.windows`` fit into a broker's, are counted from 1, and close each tick once."""

from __future__ import annotations

import orjson
import pytest

from stream.window_log import RECORD_BYTES_MAX, WindowLog


def records(log, *, rooms=0, vendors=0, size=10, last=True):
    entries = [{"room_id": f"r{number}", "values": ["x" * size]} for number in range(rooms)]
    calls = [{"vendor": "v", "operation": f"o{number}", "values": []} for number in range(vendors)]
    made = log.records(
        tick_ms=5_000,
        reach_ms={"health": 1},
        rooms=entries,
        vendors=calls,
        records_1m=8,
        dead_1m=2,
        last=last,
    )
    return list(made)


@pytest.fixture
def log():
    return WindowLog(3, 7)


def test_an_empty_tick_is_closed_by_an_empty_record(log):
    (raw,) = records(log)
    record = orjson.loads(raw)
    assert (record["partition"], record["epoch"], record["seq"], record["last"]) == (3, 7, 1, True)
    assert (record["rooms"], record["vendors"], record["tick_ms"]) == ([], [], 5_000)


def test_nothing_to_tell_between_ticks_is_no_record(log):
    assert records(log, last=False) == []
    assert orjson.loads(records(log)[0])["seq"] == 1


def test_many_rooms_are_split_and_only_the_last_record_closes(log):
    made = records(log, rooms=900, vendors=40, size=2_000)
    assert len(made) > 3
    assert all(len(raw) <= RECORD_BYTES_MAX for raw in made)
    found = [orjson.loads(raw) for raw in made]
    assert [record["seq"] for record in found] == list(range(1, len(found) + 1))
    assert [record["last"] for record in found] == [False] * (len(found) - 1) + [True]
    assert [room["room_id"] for record in found for room in record["rooms"]] == [f"r{n}" for n in range(900)]
    assert sum(len(record["vendors"]) for record in found) == 40
