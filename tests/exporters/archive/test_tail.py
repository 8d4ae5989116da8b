"""What came last: packed in time, passed over where the rules pass over it, prepared for its deployment."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from exporters.archive import tail as tail_module
from exporters.archive.role import prepare
from exporters.archive.tail import Tail
from stream.archive import Archive
from stream.archive.columns import CURRENT, Names, NamesByVersion
from stream.catalogue import COLUMNS_VERSION
from stream.errors import ArchiveError
from tests.exporters.archive.recording import entries, heads, keep, settings_of
from tests.services.windows_log import TICK0, windows


@pytest.fixture
def tail():
    return Tail(3, NamesByVersion({}))


def test_nothing_makes_no_file(tail):
    assert tail.cut() is None


def test_a_cut_names_offsets_and_ticks_and_begins_anew(tail):
    log = list(windows(3, 20, rooms=2, seed=1))
    for offset, value in enumerate(log, 100):
        tail.add(offset, 0, value)
    cut = tail.cut()
    assert cut
    span = cut.span
    assert (span.partition, span.first, span.last) == (3, 100, 99 + len(log))
    assert (span.begin_ms, span.end_ms) == (TICK0, TICK0 + 19_000)
    assert len(tail) == 0
    assert tail.cut() is None


def test_it_is_full_before_it_holds_more_than_it_may(tail, monkeypatch):
    monkeypatch.setattr(tail_module, "ROWS_MAX", 60)
    monkeypatch.setattr(tail_module, "_PACKED", 7)
    log = windows(3, 100, rooms=2, seed=1)
    offset = 0
    while not tail.full:
        tail.add(offset, 0, next(log))
        offset += 1
    assert 60 <= len(tail) < 65


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"v":1}'])
def test_what_is_no_record_is_passed_over_and_counted(tail, value):
    tail.add(0, 0, value)
    assert (tail.bad, len(tail)) == (1, 0)


def test_columns_of_an_unknown_version_end_the_role(tail):
    record = orjson.loads(next(windows(3, 1, rooms=1, seed=1)))
    with pytest.raises(ArchiveError, match="columns of version 99"):
        tail.add(0, 0, orjson.dumps({**record, "columns": 99}))


def test_figures_of_an_older_version_are_found_by_name(tmp_path):
    old = Names(("live_viewers", "live_gone"), ())
    (tmp_path / "columns").mkdir()
    (tmp_path / "columns" / "0.json").write_bytes(old.to_json())
    record = orjson.loads(next(windows(0, 1, rooms=1, seed=1)))
    record["rooms"][0]["values"] = [812, 5]
    log = [orjson.dumps({**record, "columns": 0})]
    archive = keep(tmp_path, log)
    ((_, entry),) = entries(archive)
    assert entry.values[CURRENT.room.index("live_viewers")] == 812
    assert sum(value is not None for value in entry.values) == 1
    assert heads(archive)[0][2]["columns"] == COLUMNS_VERSION


def test_the_archive_notes_what_the_columns_of_this_program_mean(tmp_path):
    prepare(settings_of(tmp_path))
    kept = (tmp_path / "columns" / f"{COLUMNS_VERSION}.json").read_bytes()
    assert Names.from_json(kept) == CURRENT


def test_another_number_of_partitions_or_zone_is_refused(tmp_path):
    prepare(settings_of(tmp_path, partitions=4))
    with pytest.raises(ArchiveError, match="has 4 partitions and the time zone Asia/Shanghai"):
        prepare(settings_of(tmp_path, partitions=2))


def test_what_a_crash_left_unfinished_is_removed(tmp_path):
    prepare(settings_of(tmp_path))
    (tmp_path / "tail" / "p0").mkdir(parents=True)
    (tmp_path / "tail" / "p0" / ".77.p0.1-2.3-4.parquet").write_bytes(b"half")
    prepare(settings_of(tmp_path))
    assert not list(tmp_path.rglob("*.parquet"))


def test_no_archive_and_one_of_another_form_are_told(tmp_path):
    with pytest.raises(ArchiveError, match=r"no archive in .*: it is written by roomwatch recorder"):
        Archive(tmp_path)
    (tmp_path / "archive.json").write_bytes(msgspec.json.encode({"v": 2, "partitions": 1, "timezone": "UTC"}))
    with pytest.raises(ArchiveError, match=r"archive\.json"):
        Archive(tmp_path)


def test_a_file_that_is_none_is_told(tmp_path):
    archive = keep(tmp_path, list(windows(0, 5, rooms=1, seed=1)))
    (path,) = tmp_path.rglob("*.parquet")
    path.write_bytes(b"PAR1 but no more")
    with pytest.raises(ArchiveError, match="cannot be read"):
        heads(archive)


def test_a_disk_that_refuses_is_told(tmp_path):
    prepare(settings_of(tmp_path))
    (tmp_path / "tail").write_text("a file where a folder must be")
    with pytest.raises(ArchiveError, match=r"cannot be (read|written)"):
        keep(tmp_path, list(windows(0, 5, rooms=1, seed=1)))
