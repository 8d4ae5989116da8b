"""Words of the lists leave the ingest as evidence, a bounded number of them."""

from __future__ import annotations

from stream.cells import Batch, FloodBatch
from stream.figures import FEED_FIGURES, new_tally
from stream.figures.words import HITS_MAX, add_title_words
from stream.model import FLOODS, Danmaku, Like, Speech
from stream.native import Events
from tests.stream.logs import WORDS, cells_of, totals_of

AT_MS = 1_700_000_000_000


def batch_of(feed, tally, events, **more):
    numbers = range(len(events))
    if feed in FLOODS:
        flood = Events(len(events))
        for number, event in enumerate(events):
            flood.put(number, event, number, AT_MS, number)
        ((_, part),) = flood.rooms()
        FEED_FIGURES[feed].add(FloodBatch(tally, part, late=False, **more))
        return
    records = [(None, None, AT_MS, at) for at in numbers]
    FEED_FIGURES[feed].add(Batch(tally, events, numbers, records, numbers, late=False, **more))


def lines(*texts):
    return [Danmaku("r", f"u{number}", AT_MS, text) for number, text in enumerate(texts)]


def test_a_hit_is_told_with_its_evidence():
    tally = new_tally()
    batch_of("danmaku", tally, lines("好看", "卡了 加微信"), words=WORDS)
    batch_of("transcript", tally, [Speech("r", AT_MS, "全网最低价")], words=WORDS)
    assert tally.hits == [
        ("picture", "info", "danmaku", "卡了 加微信", 1, "danmaku", 1),
        ("diversion", "warning", "danmaku", "卡了 加微信", 1, "danmaku", 1),
        ("ad_law", "critical", "transcript", "全网最低价", 0, "transcript", 0),
    ]


def test_a_title_counts_and_is_evidence():
    tally = new_tally()
    add_title_words(tally, WORDS, "全网最低价", "item_title", feed="marks", offset=7)
    assert tally.registers == {"prohibited": [1, 0, 0, 0]}
    assert tally.hits == [("ad_law", "critical", "item_title", "全网最低价", 0, "marks", 7)]


def test_of_too_many_hits_the_gravest_are_told():
    tally = new_tally()
    batch_of("danmaku", tally, lines(*["画面好卡"] * 30, "卡了 加微信", "画面好卡"), words=WORDS)
    assert len(tally.hits) == HITS_MAX
    assert [hit[0] for hit in tally.hits if hit[1] != "info"] == ["diversion"]
    assert tally.registers == {"complaints": [32, 0, 0, 0, 0], "prohibited": [0, 0, 0, 1]}


def test_twenty_grave_hits_leave_no_room_for_more():
    tally = new_tally()
    batch_of("danmaku", tally, lines(*["加微信"] * 25), words=WORDS)
    assert [hit[-1] for hit in tally.hits] == list(range(HITS_MAX))


def test_without_lists_nothing_is_found_and_repeats_are_told_all_the_same():
    tally = new_tally()
    batch_of("danmaku", tally, lines("画面好卡", "画面好卡"))
    tally.merge((0, 0, 0))
    assert totals_of(tally) == {"danmaku.count": 2, "danmaku.again": 1}
    assert {number: cells_of(pane) for number, pane in tally.panes(False).items()} == {
        AT_MS // 1_000: totals_of(tally)
    }
    assert not tally.hits


def test_the_core_of_the_catalogue_has_neither_people_nor_words():
    tally = new_tally()
    batch_of("danmaku", tally, lines("画面好卡", "画面好卡"), words=WORDS, whole=False)
    batch_of("likes", tally, [Like("r", "u", AT_MS, 3)], whole=False)
    tally.merge((0, 0, 0))
    assert totals_of(tally) == {"danmaku.count": 2, "likes.events": 1, "likes.count": 3}
    assert tally.numbers(False) == [AT_MS // 1_000]
    assert tally.parts() == ([], [])
    assert not any(tally.extras_of_panes(coarse) for coarse in (False, True))
