"""What is recorded is what was in the log, each entry once, wherever it lies and whatever crashed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from alerts.windows import parse_windows
from exporters.archive.settle import expire, merge_ended, settle
from exporters.archive.tail import Tail, next_offset
from stream.archive import Archive
from stream.archive.columns import NamesByVersion
from stream.archive.files import listed
from stream.catalogue import COLUMNS_VERSION, ROOM_COLUMNS, VENDOR_COLUMNS
from tests.exporters.archive.recording import CrashingDisk, entries, heads, keep, record_with_crashes

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = 1_760_025_600_000  # 2025-10-10 in Shanghai
DAY = 86_400_000


def made_log(seed: int, records: int = 450, begin_ms: int = MIDNIGHT - 75_000) -> list[bytes]:
    """Return a log with rooms that begin and end, planned ones, vendors, objects, and two owners."""
    dice = random.Random(seed)
    sessions: dict[str, int | None] = {}
    log = []
    for number in range(records):
        tick_ms = begin_ms + number // 3 * 1_000
        rooms = [entry(f"r{n}", tick_ms, sessions, dice) for n in range(5) if dice.random() < 0.5]
        vendors = [vendor(tick_ms, dice)] if dice.random() < 0.2 else []
        head = {"v": 1, "partition": 0, "epoch": 1 + number // 200, "seq": number + 1, "tick_ms": tick_ms}
        more = {
            "reach_ms": {"health": tick_ms - 5, "orders": tick_ms - dice.randrange(9)},
            "records_1m": number,
        }
        body = {"columns": COLUMNS_VERSION, "last": number % 3 == 2, "rooms": rooms, "vendors": vendors}
        log.append(orjson.dumps(head | more | body))
    return log


def entry(room_id: str, tick_ms: int, sessions: dict[str, int | None], dice: random.Random) -> dict[str, Any]:
    state = "live"
    if sessions.setdefault(room_id, None) is None:
        state = "planned"
        sessions[room_id] = tick_ms + 1 if dice.random() < 0.5 else None
    elif dice.random() < 0.05:
        state = "ended"
    session_ms = None if state == "planned" else sessions[room_id]
    if state == "ended":
        sessions[room_id] = None
    values: list[Any] = [None] * len(ROOM_COLUMNS)
    values[5:9] = (dice.choice((None, 0, 7, 0.25, 1 / 3)) for _ in range(4))
    values[3] = {"live": 1.5, "搜索": 2} if dice.random() < 0.3 else None
    found: dict[str, Any] = {"room_id": room_id, "session_ms": session_ms, "state": state, "values": values}
    found |= {
        "newest_ms": {"health": tick_ms - 20},
        "hits": [{"group": "ad_law"}] if dice.random() < 0.1 else [],
    }
    found |= {"facts": {"title": f"房间 {room_id}", "item_id": str(dice.randrange(3))}}
    return found | ({"ended_reason": "silent"} if state == "ended" else {})


def vendor(tick_ms: int, dice: random.Random) -> dict[str, Any]:
    values = [dice.choice((None, 0.5, 3)) for _ in VENDOR_COLUMNS]
    return {"vendor": "pay", "operation": dice.choice("ab"), "values": values, "newest_ms": tick_ms}


def wanted_entries(log: list[bytes]) -> list[tuple[int, Any]]:
    records = [(offset, parse_windows(value)) for offset, value in enumerate(log)]
    found = [(offset, each) for offset, record in records for each in (*record.rooms, *record.vendors)]
    return sorted(found, key=lambda each: (each[0], getattr(each[1], "room_id", "pay/")))


def check(archive: Archive, log: list[bytes]) -> None:
    """Fail unless the archive holds exactly this log."""
    assert [offset for offset, _, _ in heads(archive)] == list(range(len(log)))
    for (offset, append_ms, head), value in zip(heads(archive), log, strict=True):
        record = orjson.loads(value)
        assert append_ms == offset + 50
        assert head == {
            "dead_1m": 0,
            **{name: record[name] for name in record if name not in ("rooms", "vendors")},
        }
    found, wanted = entries(archive), wanted_entries(log)
    assert [each[0] for each in found] == [each[0] for each in wanted]
    assert [repr(each) for each in found] == [repr(each) for each in wanted]  # 1 is not 1.0 here


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder).parent) for path in folder.rglob("*.parquet"))


@pytest.mark.parametrize(("flush", "settle_every"), [(50, 10_000), (7, 100), (600, 600)])
def test_the_archive_holds_the_log_wherever_it_lies(tmp_path, flush, settle_every):
    log = made_log(1)
    check(keep(tmp_path, log, flush_every=flush, settle_every=settle_every), log)


@pytest.mark.parametrize("seed", range(6))
def test_crashes_lose_nothing_and_double_nothing(tmp_path, monkeypatch, seed):
    log, dice = made_log(seed), random.Random(seed)
    disk = CrashingDisk(monkeypatch)
    assert record_with_crashes(tmp_path, log, disk, dice) > 2
    archive = Archive(tmp_path)
    check(archive, log)
    settle(tmp_path, 0, SHANGHAI)
    merge_ended(tmp_path, 0, MIDNIGHT + 3 * DAY, SHANGHAI)
    check(archive, log)
    assert not list(tmp_path.rglob(".*.parquet"))


def test_a_session_that_ended_is_one_file_in_the_folder_of_the_day_it_began(tmp_path):
    log = made_log(2)
    keep(tmp_path, log, flush_every=20, settle_every=100)
    settle(tmp_path, 0, SHANGHAI)
    assert len(files(tmp_path)) > len(set(files(tmp_path)))
    merge_ended(tmp_path, 0, MIDNIGHT + 2 * DAY, SHANGHAI)
    assert len(files(tmp_path)) == len(set(files(tmp_path)))
    assert {folder.split("/")[1] for folder in files(tmp_path)} == {"day=2025-10-09", "day=2025-10-10"}
    for session in Archive(tmp_path).sessions(0, 2 * MIDNIGHT):
        assert str(session.folder.relative_to(tmp_path)) in files(tmp_path)
        assert ("day=2025-10-09" in str(session.folder)) == (session.session_ms < MIDNIGHT)


def test_a_session_that_goes_on_keeps_its_files(tmp_path):
    keep(tmp_path, made_log(3), flush_every=20, settle_every=100)
    end_ms = Archive(tmp_path).bounds_ms()
    assert end_ms
    before = files(tmp_path)
    merge_ended(tmp_path, 0, end_ms[1] + 60_000, SHANGHAI)
    assert [name for name in before if name.startswith("rooms")] == [
        name for name in files(tmp_path) if name.startswith("rooms")
    ]


def test_what_is_asked_to_stop_goes_on_the_next_time(tmp_path):
    log = made_log(4)
    archive = keep(tmp_path, log, settle_every=10_000)
    assert settle(tmp_path, 0, SHANGHAI, lambda: False) == 0
    check(archive, log)
    assert settle(tmp_path, 0, SHANGHAI) == 9
    assert merge_ended(tmp_path, 0, MIDNIGHT + 2 * DAY, SHANGHAI, lambda: False) == 0
    check(archive, log)


def test_many_rows_are_put_away_in_groups(tmp_path, monkeypatch):
    log = made_log(5)
    archive = keep(tmp_path, log, settle_every=10_000)
    monkeypatch.setattr("exporters.archive.settle._GROUP_ROWS", 200)
    monkeypatch.setattr("exporters.archive.settle._RUN_FILES", 5)
    assert settle(tmp_path, 0, SHANGHAI) == 9
    check(archive, log)


def test_what_a_slow_predecessor_still_writes_neither_doubles_nor_hides_anything(tmp_path):
    """Whoever lost a partition may still write a file of it; the next one had read the same anew."""
    log = made_log(6)
    keep(tmp_path, log[:300], flush_every=50, settle_every=300)
    keep(tmp_path, log, flush_every=50, settle_every=10_000)
    late = Tail(0, NamesByVersion({}))
    for offset in range(120, 330):
        late.add(offset, offset + 50, log[offset])
    cut = late.cut()
    assert cut
    cut.write(tmp_path)
    check(Archive(tmp_path), log)
    late.add(10, 60, log[10])
    again = late.cut()
    assert again
    again.write(tmp_path)  # an island before what is settled already
    settle(tmp_path, 0, SHANGHAI)
    check(Archive(tmp_path), log)
    merge_ended(tmp_path, 0, MIDNIGHT + 2 * DAY, SHANGHAI)
    check(Archive(tmp_path), log)


def test_only_the_rooms_and_times_that_are_asked_for_are_found(tmp_path):
    archive = keep(tmp_path, made_log(7))
    assert {each.room_id for each in archive.sessions(0, 2 * MIDNIGHT, {"r1", "r9"})} == {"r1"}
    assert archive.sessions(0, MIDNIGHT - 200_000) == []
    assert archive.sessions(MIDNIGHT + DAY, 2 * MIDNIGHT) == []
    planned = archive.planned(0, 2 * MIDNIGHT, ["state"], {"r2"})
    assert set(planned["subject"].to_pylist()) == {"r2"}


def test_days_past_the_limit_are_deleted(tmp_path):
    keep(tmp_path, made_log(8), settle_every=300)
    assert expire(tmp_path, MIDNIGHT + DAY, 2, SHANGHAI) == []
    gone = expire(tmp_path, MIDNIGHT + DAY, 1, SHANGHAI)
    assert "rooms/day=2025-10-09" in gone
    assert {part.partition("/")[0] for part in gone} == {"rooms", "ticks", "vendors", "planned"}
    assert not any("10-09" in name for name in files(tmp_path))


def test_progress_is_that_of_the_files(tmp_path):
    log = made_log(9)
    assert next_offset(tmp_path, 0) is None
    keep(tmp_path, log[:110], flush_every=50, settle_every=100)
    assert next_offset(tmp_path, 0) == 110
    assert next_offset(tmp_path, 1) is None
    settle(tmp_path, 0, SHANGHAI)
    assert listed(tmp_path / "tail" / "p0") == []
    assert next_offset(tmp_path, 0) == 110
