import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

from stream.codec import Decoder, partition_of
from stream.errors import SettingsError
from stream.model import FEEDS
from stream.sources.bilibili import Archive, Day, Minute, day_files, read_day
from stream.sources.broadcast import Record

START_MS = 1_760_000_000_000
DAY = """TIME19:58ONLINE1
早
TIME20:0ONLINE800
来了
来了来了
TIME20:1ONLINE0
哈哈
TIME20:5ONLINE900
{}
TIME20:6ONLINE1
没了
SPEAKERNUM4
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "123").mkdir()
    (tmp_path / "123" / "2019-5-10.txt").write_text(DAY.format("播" * 600), encoding="utf-8")
    return tmp_path


def read(path: Path) -> tuple[Day, list[str]]:
    faults: list[str] = []
    return read_day(path, lambda file, line, what: faults.append(f"{file.name}:{line}: {what}")), faults


def written(tmp_path: Path, raw: bytes) -> tuple[Day, list[str]]:
    path = tmp_path / "2019-5-10.txt"
    path.write_bytes(raw)
    return read(path)


def replayed(folder: Path, **given) -> list[Record]:
    days = [read(file)[0] for file in day_files([folder])]
    return list(Archive(days, start_ms=START_MS, **{"speed": 1.0, **given}).records())


def on_air(*minutes: tuple[int, int]) -> list[tuple[int, int]]:
    return Day("r", "d", [Minute(number, online, []) for number, online in minutes]).on_air()


def test_a_day_is_read(folder):
    day, faults = read(folder / "123" / "2019-5-10.txt")
    assert faults == []
    assert (day.room, day.name) == ("123", "2019-5-10")
    assert [(m.number, m.online, len(m.texts)) for m in day.minutes] == [
        (1_198, 1, 1),
        (1_200, 800, 2),
        (1_201, 0, 1),
        (1_205, 900, 1),
        (1_206, 1, 1),
    ]


def test_bad_lines_are_told_and_skipped(tmp_path):
    day, faults = written(
        tmp_path, b"early\nTIME1:0ONLINE5\n\xff\nTIME1:xONLINE5\n\nTIME25:0ONLINE5\nTIME0:9ONLINE7\nok\n"
    )
    assert [m.texts for m in day.minutes] == [["ok"]]
    assert [fault.split(": ", 1) for fault in faults] == [
        ["2019-5-10.txt:1", "a message before the first TIMEh:mONLINEn line"],
        ["2019-5-10.txt:3", "not UTF-8"],
        ["2019-5-10.txt:4", "a broken TIMEh:mONLINEn line"],
        ["2019-5-10.txt:5", "an empty message"],
        ["2019-5-10.txt:6", "no time of day: 25:0"],
        ["2019-5-10.txt:7", "the clock went back to 0:09"],
    ]


def test_a_collector_started_again_goes_on_with_its_minute(tmp_path):
    day, faults = written(tmp_path, b"TIME1:0ONLINE5\r\na\r\nTIME1:0ONLINE0\r\nb\r\nTIME1:0ONLINE9\r\n")
    assert faults == []
    assert day.minutes == [Minute(60, 9, ["a", "b"])]


#  minute    1   2   3   4 .. 20  21
@pytest.mark.parametrize(
    ("minutes", "broadcasts"),
    [
        ([(1, 1), (2, 1)], []),
        ([(1, 0), (2, 500), (3, 500)], [(2, 4)]),
        ([(1, 500), (3, 1)], [(1, 3)]),
        ([(1, 500), (3, 1), (5, 500), (9, 1)], [(1, 9)]),
        ([(1, 500), (3, 1), (4, 1), (20, 500)], [(1, 3), (20, 21)]),
        ([(1, 500), (20, 500), (21, 0)], [(1, 21)]),
    ],
)
def test_broadcasts_bridge_the_collectors_breaks(minutes, broadcasts):
    assert on_air(*minutes) == broadcasts


def test_records_are_moved_to_now_in_order(folder):
    found = replayed(folder)
    times = [record.at_ms - START_MS for record in found]
    assert times == sorted(times)
    said = [(r.feed, r.at_ms - START_MS, json.loads(r.value)) for r in found]
    assert [(t, s["state"]) for feed, t, s in said if feed == "rooms"] == [
        (120_000, "live"),
        (480_000, "ended"),
    ]
    chat = [(t, s["text"]) for feed, t, s in said if feed == "danmaku"]
    assert [text[:4] for _, text in chat] == ["早", "来了", "来了来了", "哈哈", "播播播播", "没了"]
    assert all(120_000 <= t < 180_000 for t, text in chat if text.startswith("来了"))
    assert len(chat[4][1]) == 500


def test_popularity_becomes_online_while_on_air(folder):
    pings = [json.loads(r.value) for r in replayed(folder) if r.feed == "health"]
    assert {p["interval_ms"] for p in pings} == {5_000}
    assert [n for n, _ in itertools.groupby(p.get("online") for p in pings)] == [800, None, 900]
    assert (pings[0]["at_ms"] - START_MS, pings[-1]["at_ms"] - START_MS) == (125_000, 475_000)


@pytest.mark.parametrize(("speed", "interval_ms"), [(0.5, 5_000), (30, 2_000), (600, 1_000)])
def test_pings_come_every_recorded_minute_within_bounds(folder, speed, interval_ms):
    assert {
        json.loads(r.value)["interval_ms"] for r in replayed(folder, speed=speed) if r.feed == "health"
    } <= {interval_ms}


def test_texts_that_are_cut_are_counted(folder):
    counts: Counter[str] = Counter()
    replayed(folder, counts=counts)
    assert counts["texts_cut"] == 1


def test_the_days_before_a_time_can_be_left_out(folder):
    first = replayed(folder, from_minute=1_205)[0]
    assert (first.feed, first.at_ms) == ("rooms", START_MS)


def test_the_days_of_a_room_follow_each_other(folder):
    (folder / "123" / "2019-5-9.txt").write_text("TIME3:0ONLINE50\nhi\n", encoding="utf-8")
    assert [path.stem for path in day_files([folder])] == ["2019-5-9", "2019-5-10"]
    chat = [json.loads(r.value) for r in replayed(folder) if r.feed == "danmaku"]
    assert chat[0]["text"] == "hi"
    assert 60_000 <= chat[1]["at_ms"] - START_MS < 120_000


def test_the_same_seed_gives_the_same_records(folder):
    assert replayed(folder) == replayed(folder)
    assert replayed(folder) != replayed(folder, seed=2)


def test_closing_ends_what_is_live(folder):
    archive = Archive([read(file)[0] for file in day_files([folder])], start_ms=START_MS, speed=1.0)
    for record in archive.records():
        if record.feed == "health":
            break
    assert [(r.key, json.loads(r.value)["state"]) for r in archive.closing(START_MS)] == [
        ("bili-123", "ended")
    ]
    list(archive.records())
    assert archive.closing(START_MS) == []


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_path_without_days_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=f"cannot replay .*{name}: it"):
        day_files([tmp_path / name])


def test_the_real_archive_decodes(data_dir):
    """All 155 709 messages but the three before a first header and one empty."""
    faults = 0

    def complain(_path: Path, _line: int, _what: str) -> None:
        nonlocal faults
        faults += 1

    days = [read_day(file, complain) for file in day_files([data_dir / "chat_bilibili"])]
    decoders = {feed: Decoder(feed, 4) for feed in FEEDS}
    counts: Counter[str] = Counter()
    for record in Archive(days, start_ms=START_MS, speed=60.0).records():
        place = record.key.encode(), partition_of(record.key, 4), record.at_ms
        decoders[record.feed].decode(record.value, *place)
        counts[record.feed] += 1
    assert (len(days), faults, counts["danmaku"]) == (38, 4, 155_705)
    assert counts["rooms"] % 2 == 0
