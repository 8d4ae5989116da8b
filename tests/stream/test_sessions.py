"""Sessions of a room, to the letter of the contract; each case is a log with a few records."""

from __future__ import annotations

import pytest

from stream.provisional import WAITING_MAX
from stream.sessions import PROVISIONAL_MS, REMEMBERED_MS, SILENCE_MS, Session
from tests.stream.logs import (
    HASHER,
    SETTLE_MS,
    START_MS,
    Folding,
    Log,
    cells_of,
    fold_at_once,
    totals_of,
)

SECOND_MS, MINUTE_MS = 1_000, 60_000
COUNTED: dict[Session, dict[str, int]] = {}
"""Session that ``fold`` gave -> its totals by cell."""


@pytest.fixture
def log():
    return Log()


def fold(log, *, more_ms=SECOND_MS):
    """Fold the log and return the only room."""
    folding = fold_at_once(log.records, log.now_ms + more_ms)
    (room,) = folding.partition.rooms.values()
    for session in room.sessions:
        COUNTED[session] = totals_of(session.tally)
    return room


def rooms(log, state, **fields):
    log.put("rooms", room_id="r", state=state, **fields)


def like(log, count=1, **fields):
    log.put("likes", room_id="r", user_id="u", count=count, **fields)


def ping(log, **fields):
    log.put("health", room_id="r", probe="edge", node="n", interval_ms=1_000, **fields)


def order(log, order_id, status, **fields):
    log.put("orders", room_id="r", user_id="u", order_id=order_id, status=status, amount_fen=100, **fields)


def likes(session):
    return COUNTED[session].get("likes.count", 0)


def orders(session, cell):
    return COUNTED[session].get(f"orders.{cell}", 0)


def test_live_opens_and_ended_closes(log):
    rooms(log, "planned", title="a")
    log.wait(SECOND_MS)
    rooms(log, "live")
    log.wait(SECOND_MS)
    like(log, 5)
    log.wait(SECOND_MS)
    rooms(log, "ended")
    room = fold(log)
    (session,) = room.sessions
    assert (session.start_ms, session.end_ms) == (START_MS + 1_000, START_MS + 3_000)
    assert (room.state, session.reason, likes(session)) == ("ended", "ended", 5)
    assert room.facts == {"title": "a"}


@pytest.mark.parametrize(("at", "held"), [(0, True), (999, True), (1_000, False), (-1, False)])
def test_an_event_counts_in_the_session_that_holds_its_time(log, at, held):
    """The session is [0, 1 s); the event comes after its end."""
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "ended")
    log.wait(SECOND_MS)
    like(log, at_ms=START_MS + at)
    assert likes(fold(log).sessions[0]) == int(held)


def test_an_ended_appended_just_after_an_event_still_governs_it(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    like(log)
    log.wait(20)
    rooms(log, "ended", at_ms=log.now_ms - 20)
    assert likes(fold(log).sessions[0]) == 0


def test_the_first_ping_opens_a_session_of_a_room_that_nobody_named(log):
    like(log)
    log.wait(SECOND_MS)
    ping(log, at_ms=log.now_ms - 300)
    like(log, 2)
    room = fold(log)
    assert [(s.start_ms, likes(s), s.live_ms) for s in room.sessions] == [(START_MS + 700, 2, None)]
    assert room.state == "live"


@pytest.mark.parametrize("state", ["planned", "paused", "ended"])
def test_a_ping_opens_nothing_once_the_room_was_named(log, state):
    rooms(log, state)
    log.wait(SECOND_MS)
    ping(log)
    room = fold(log)
    assert room.sessions == []
    assert room.state == "planned"
    assert len(room.waiting) == 1


def test_a_live_record_adopts_a_session_of_pings(log):
    """The session keeps its start, and from the record on also holds what came before it."""
    like(log, 4)
    log.wait(SECOND_MS)
    ping(log)
    log.wait(SECOND_MS)
    rooms(log, "live", at_ms=START_MS - 5)
    log.wait(SECOND_MS)
    like(log, 2, at_ms=START_MS + 500)
    (session,) = fold(log).sessions
    assert (session.start_ms, session.live_ms, likes(session)) == (START_MS + 1_000, START_MS - 5, 6)


def test_ten_minutes_of_silence_end_a_session_and_say_so(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    like(log)
    room = fold(log, more_ms=SILENCE_MS + SETTLE_MS)
    (session,) = room.sessions
    assert (room.state, session.reason) == ("ended", "silent")
    assert session.end_ms == START_MS + 1_000 + SILENCE_MS
    assert fold(log, more_ms=SILENCE_MS + SETTLE_MS - 1).state == "live"


@pytest.mark.parametrize("feed", ["danmaku", "visits", "health", "orders", "marks", "transcript", "rooms"])
def test_any_record_of_the_room_breaks_the_silence(log, feed):
    rooms(log, "live")
    log.wait(SILENCE_MS - 1)
    fields: dict[str, dict] = {
        "danmaku": {"user_id": "u", "text": "x"},
        "visits": {"user_id": "u", "action": "enter"},
        "health": {"probe": "edge", "node": "n", "interval_ms": 1},
        "orders": {"user_id": "u", "order_id": "o", "status": "paid", "amount_fen": 1},
        "marks": {"mark": "note"},
        "transcript": {"text": "x"},
        "rooms": {"state": "live"},
    }
    log.put(feed, room_id="r", **fields[feed])
    assert fold(log, more_ms=SECOND_MS).state == "live"


def test_after_its_end_only_live_reopens(log):
    rooms(log, "live")
    for state in ("ended", "paused", "planned"):
        log.wait(SECOND_MS)
        rooms(log, state)
    ping(log)
    assert len(fold(log).sessions) == 1
    log.wait(SECOND_MS)
    rooms(log, "live")
    room = fold(log)
    assert [s.start_ms for s in room.sessions] == [START_MS, START_MS + 4_000]
    assert room.state == "live"


def test_a_live_record_from_before_the_end_does_not_reopen(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "ended")
    log.wait(SECOND_MS)
    rooms(log, "live", at_ms=START_MS + 500)
    assert fold(log).state == "ended"


def test_a_live_record_at_the_instant_of_the_end_reopens(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "ended")
    rooms(log, "live")
    assert [s.start_ms for s in fold(log).sessions] == [START_MS, START_MS + 1_000]


def test_an_ended_record_of_an_older_session_ends_nothing(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "ended", at_ms=START_MS - 1)
    assert fold(log).state == "live"


def test_paused_and_live_follow_their_times(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "paused")
    assert fold(log).state == "paused"
    rooms(log, "live", at_ms=START_MS + 500)
    assert fold(log).state == "paused"
    log.wait(SECOND_MS)
    rooms(log, "live")
    like(log)
    room = fold(log)
    assert (room.state, len(room.sessions), likes(room.sessions[0])) == ("live", 1, 1)


def test_a_live_record_joins_what_came_before_it_and_is_not_older_than_it(log):
    rooms(log, "planned")
    like(log, 1, at_ms=START_MS - 1)
    like(log, 2)
    log.wait(SECOND_MS)
    like(log, 4)
    log.wait(SECOND_MS)
    rooms(log, "live", at_ms=START_MS)
    room = fold(log)
    assert likes(room.sessions[0]) == 6
    assert len(room.waiting) == 1


@pytest.mark.parametrize(("wait_ms", "joined"), [(PROVISIONAL_MS, 1), (PROVISIONAL_MS + 1, 0)])
def test_provisional_events_wait_ten_minutes(log, wait_ms, joined):
    like(log)
    log.wait(wait_ms)
    rooms(log, "live", at_ms=START_MS - 1)
    room = fold(log)
    assert likes(room.sessions[0]) == joined
    assert room.off_air == ({} if joined else {"likes": 1})


def test_an_event_outside_of_the_open_session_is_off_air_at_once(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    like(log, at_ms=START_MS - 5)
    room = fold(log)
    assert room.off_air == {"likes": 1}
    assert not room.waiting


def test_more_provisional_events_than_are_kept_are_off_air(log):
    for _ in range(WAITING_MAX + 3):
        like(log)
    folding = fold_at_once(log.records, log.now_ms + SECOND_MS)
    room = folding.partition.rooms["r"]
    assert len(room.waiting) == WAITING_MAX
    assert room.off_air == {"likes": 3}
    assert folding.partition.counts["overflow:likes"] == 3


def test_a_provisional_event_is_kept_without_its_user_and_text(log):
    log.put("danmaku", room_id="r", user_id="somebody", text="secret")
    (waiting,) = fold(log).waiting.values()
    assert waiting.event.user_id == HASHER.full("somebody").hex()
    assert waiting.event.text == ""


def test_cancels_and_refunds_belong_to_the_orders_own_session(log):
    rooms(log, "live")
    order(log, "o1", "paid")
    order(log, "o2", "paid")
    log.wait(SECOND_MS)
    rooms(log, "ended")
    log.wait(SECOND_MS)
    rooms(log, "live")
    log.wait(SECOND_MS)
    order(log, "o1", "refunded")
    order(log, "o2", "cancelled")
    first, second = fold(log).sessions
    assert (orders(first, "refunded"), orders(first, "cancelled")) == (1, 1)
    assert not any(cell.startswith("orders.") for cell in COUNTED[second])


def test_a_refund_of_a_forgotten_order_is_off_air(log):
    rooms(log, "live")
    order(log, "o1", "paid")
    for _ in range(REMEMBERED_MS // (5 * MINUTE_MS)):
        log.wait(5 * MINUTE_MS)
        like(log)
    order(log, "o1", "refunded")
    order(log, "never-seen", "refunded")
    room = fold(log)
    assert orders(room.sessions[0], "refunded") == 0
    assert room.off_air == {"orders": 2}


def test_an_order_counts_once_in_each_status_within_24_hours(log):
    rooms(log, "live")
    for status in ("paid", "paid", "refunded", "refunded"):
        order(log, "o1", status)
    for _ in range(REMEMBERED_MS // (5 * MINUTE_MS)):
        log.wait(5 * MINUTE_MS)
        like(log)
    order(log, "o1", "paid")
    (session,) = fold(log).sessions
    assert (orders(session, "paid"), orders(session, "refunded")) == (2, 1)


def test_the_same_order_id_in_another_room_is_another_order(log):
    for room_id in ("a", "b"):
        log.put("rooms", room_id=room_id, state="live")
        log.put("orders", room_id=room_id, user_id="u", order_id="o", status="paid", amount_fen=1)
    folding = fold_at_once(log.records, log.now_ms + SECOND_MS)
    partition = folding.partition
    counted = [totals_of(r.sessions[0].tally) for r in partition.rooms.values()]
    assert [totals["orders.paid"] for totals in counted] == [1, 1]


def test_a_provisional_order_takes_its_cancel_along(log):
    order(log, "o1", "paid")
    order(log, "o1", "cancelled")
    log.wait(SECOND_MS)
    rooms(log, "live", at_ms=START_MS)
    (session,) = fold(log).sessions
    assert (orders(session, "paid"), orders(session, "cancelled")) == (1, 1)


def test_late_events_count_in_totals_and_not_in_panes(log):
    rooms(log, "live")
    log.wait(MINUTE_MS)
    like(log, 1)
    like(log, 10, at_ms=log.now_ms - 30_001)
    like(log, 100, at_ms=log.now_ms - 30_000)
    folding = fold_at_once(log.records, log.now_ms + SECOND_MS)
    room = folding.partition.rooms["r"]
    tally = room.sessions[0].tally
    assert totals_of(tally)["likes.count"] == 111
    panes = tally.panes(False).values()
    assert sum(cells_of(pane).get("likes.count", 0) for pane in panes) == 101
    assert folding.partition.counts["late:likes"] == 1


def test_sessions_are_forgotten_a_day_after_their_end_and_rooms_with_them(log):
    rooms(log, "live")
    log.wait(SECOND_MS)
    rooms(log, "ended")
    folding = Folding()
    for feed in folding.alignment.queues:
        folding.read(feed, [r for r in log.records if r.feed == feed])
        folding.saw_end(feed, log.now_ms + SECOND_MS)
    folding.fold()
    folding.flush()
    for feed in folding.alignment.queues:
        folding.saw_end(feed, log.now_ms + REMEMBERED_MS + 2 * SECOND_MS)
    folding.fold()
    folding.flush()
    assert not folding.partition.rooms


def test_what_is_on_air_follows_the_marks_and_ends_with_the_session(log):
    rooms(log, "live", title="t")
    log.wait(SECOND_MS)
    log.put("marks", room_id="r", mark="item_on", item_id="i1", title="tea", stock=3, price_fen=990)
    room = fold(log)
    assert room.on_air["item_id"] == "i1"
    assert (room.on_air["item_title"], room.on_air["item_stock"], room.on_air["item_price_fen"]) == (
        "tea",
        3,
        990,
    )
    log.wait(SECOND_MS)
    log.put("marks", room_id="r", mark="item_on", item_id="i2")
    log.put("marks", room_id="r", mark="item_on", item_id="i0", at_ms=log.now_ms - 5)
    assert "item_stock" not in fold(log).on_air
    assert fold(log).on_air["item_id"] == "i2"
    log.wait(SECOND_MS)
    log.put("marks", room_id="r", mark="item_off", item_id="i2")
    assert "item_id" not in fold(log).on_air
    log.wait(SECOND_MS)
    rooms(log, "ended")
    assert fold(log).on_air == {}
