"""Time as the contract has it: idle feeds, feeds that start late, clocks that jump, logs read another day."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalogue import ROOM_COLUMN_INDEX
from stream.model import FEEDS
from tests.stream.logs import START_MS, Log, fold_at_once, totals_of
from tests.stream.recount import Record
from tests.stream.strategies import logs

HOUR_MS = 3_600_000
INSTANTS = ("at_ms", "starts_at_ms", "ends_at_ms")
"""Fields of an event that name an instant."""


def figures_at(log, *, after_ms=0):
    """Return the figures of the only room at an instant after the log's last record."""
    folding = fold_at_once(log.records, log.now_ms + after_ms)
    folding.flusher.tell_all_again()
    (entry,) = folding.flush().rooms
    return lambda name: entry["values"].tolist()[ROOM_COLUMN_INDEX[name]]


def line(log, **fields):
    log.put("danmaku", room_id="r", user_id="u", text="好", **fields)


@pytest.fixture
def log():
    log = Log()
    log.put("rooms", room_id="r", state="live")
    log.wait(1_000)
    return log


def test_an_idle_feed_moves_on_with_the_clock_and_its_windows_empty(log):
    line(log)
    assert figures_at(log, after_ms=2_000)('live_danmaku_per_second{window="10s"}') == 0.1
    later = figures_at(log, after_ms=30_000)
    assert later('live_danmaku_per_second{window="10s"}') == 0
    assert later('live_danmaku_per_second{window="1m"}') == pytest.approx(1 / 60)
    assert later("live_danmaku_total") == 1


def test_a_feed_that_starts_hours_later_holds_nothing_back_and_is_no_data_before(log):
    for _ in range(3):
        log.wait(5_000)
        log.put("likes", room_id="r", user_id="u", count=2)
    before = figures_at(log, after_ms=1_000)
    assert before("live_likes_total") == 6
    assert before('live_danmaku_per_second{window="10s"}') is None
    for _ in range(3 * 12):
        log.wait(300_000)  # the session stays open
        log.put("likes", room_id="r", user_id="u", count=2)
    line(log)
    after = figures_at(log, after_ms=1_000)
    assert after("live_likes_total") == 6 + 3 * 12 * 2
    assert after('live_danmaku_per_second{window="10s"}') == 0.1


def test_the_lateness_is_that_of_the_feed_and_of_the_newest_event_before(log):
    """Another feed far ahead does not make a line late; one that is a millisecond too old is in no window."""
    log.wait(60_000)
    log.put("likes", room_id="r", user_id="u", count=1, at_ms=log.now_ms)
    line(log, at_ms=log.now_ms - 40_000)  # the first line of its feed is never late
    newest_ms = log.now_ms
    line(log, at_ms=newest_ms)
    line(log, at_ms=newest_ms - 30_000)  # not late
    line(log, at_ms=newest_ms - 30_001)  # late
    folding = fold_at_once(log.records, log.now_ms + 1_000)
    assert folding.partition.counts["late:danmaku"] == 1
    assert folding.partition.counts["late:likes"] == 0
    found = figures_at(log, after_ms=1_000)
    assert found("live_danmaku_total") == 4
    assert found('live_danmaku_per_second{window="1m"}') * 60 == pytest.approx(3)


def test_what_comes_from_the_future_is_a_dead_letter_and_moves_no_window(log):
    line(log, at_ms=log.now_ms + 10_000)
    line(log, at_ms=log.now_ms + 10_001)
    folding = fold_at_once(log.records, log.now_ms + 1_000)
    assert [(letter.offset, letter.reason) for letter in folding.folder.dead] == [(1, "future")]
    tally = folding.partition.rooms["r"].sessions[0].tally
    assert totals_of(tally)["danmaku.count"] == 1


def test_a_broker_clock_that_jumps_back_loses_nothing_and_moves_no_reach_back(log):
    log.wait(60_000)
    line(log)
    ahead_ms = log.now_ms
    for step_ms in (-45_000, 1_000, 1_000):
        log.now_ms += step_ms
        line(log)
    folding = fold_at_once(log.records, ahead_ms + 5_000)
    queue = folding.alignment.queues["danmaku"]
    assert (len(queue), queue.reach_ms, queue.append_ms) == (0, ahead_ms + 5_000, ahead_ms)
    tally = folding.partition.rooms["r"].sessions[0].tally
    assert totals_of(tally)["danmaku.count"] == 4
    assert folding.partition.counts["late:danmaku"] == 3  # their own clock fell by more than the lateness


@given(logs(), st.integers(-2_000_000, 2_000_000))
@settings(max_examples=60, deadline=None)
def test_shifting_time_by_whole_panes_shifts_what_comes_of_it(drawn, panes):
    records, reach_ms = drawn
    by_ms = panes * 10_000
    plain = fold_at_once(records, reach_ms)
    moved = fold_at_once([shifted(record, by_ms) for record in records], reach_ms + by_ms)
    assert summary(plain, 0) == summary(moved, by_ms)


def shifted(record, by_ms):
    """Return a record of the log as if everything had happened later."""
    try:
        event = json.loads(record.value)
    except (TypeError, ValueError):
        event = None
    value = record.value
    if isinstance(event, dict):
        for name in INSTANTS:
            if isinstance(event.get(name), int) and abs(event[name] - START_MS) < 10 * 86_400_000:
                event[name] += by_ms
        value = json.dumps(event).encode()
    append_ms = record.append_ms + by_ms
    return Record(record.feed, record.partition, record.offset, append_ms, record.key, value)


def summary(folding, by_ms):
    """Return totals and panes of every session, with times as they were before the shift."""
    partition = folding.partition
    partition.merge(partition.rooms.values(), partition.operations.values())
    tallies = {
        (room_id, session.start_ms - by_ms, session.reason): session.tally
        for room_id, room in partition.rooms.items()
        for session in room.sessions
    }
    assert set(folding.alignment.queues) == set(FEEDS)
    return {
        key: (
            totals_of(tally),
            {number - by_ms // 1_000: pane for number, pane in tally.panes(False).items()},
            {number - by_ms // 10_000: pane for number, pane in tally.panes(True).items()},
        )
        for key, tally in tallies.items()
    }, {name: number for name, number in partition.counts.items() if number}
