"""Who came to a room's earlier broadcasts and comes again."""

from __future__ import annotations

import random
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.catalogue import ROOM_COLUMN_INDEX
from stream.figures.returns import SAMPLE_MAX, Past, returned, sample
from stream.model import FEEDS
from tests.stream.logs import Log, PlainStore, fold_at_once

DAY_MS = 86_400_000
_people = st.lists(st.integers(0, 2**64 - 1), max_size=3 * SAMPLE_MAX)


def broadcast(log, people):
    """Append a broadcast of ten minutes to which these people come."""
    log.put("rooms", room_id="r", state="live")
    log.wait(60_000)
    for number in people:
        log.put("visits", room_id="r", user_id=f"u{number}", action="enter")
    log.wait(540_000)
    log.put("rooms", room_id="r", state="ended")


def told(folding):
    """Return the share of who came again, within a day and within a week; as the room's newest entry says."""
    folding.flusher.tell_all_again()
    (entry,) = folding.flush().rooms
    values = entry["values"].tolist()
    return [values[ROOM_COLUMN_INDEX[f'live_return_ratio{{days="{days}"}}']] for days in (1, 7)]


class Days:
    """A room's broadcasts, folded one after the other; in between the partition may get new owners."""

    def __init__(self, *, loaded):
        self.log, self.loaded = Log(), loaded
        self.folding, self.store, self.read = fold_at_once([], self.log.now_ms), PlainStore(), 0

    def broadcast(self, people):
        """Broadcast, and return what is told of who came again."""
        broadcast(self.log, people)
        self._fold(1_000)
        return told(self.folding)

    def wait(self, ms):
        """Let time pass, in steps after each of which something may be forgotten."""
        for _ in range(4):
            self.log.wait(ms // 4)
            self._fold(0)
            if self.loaded:
                self.folding = self.store.load(self.folding)

    def _fold(self, more_ms):
        for feed in FEEDS:
            self.folding.read(feed, [r for r in self.log.records[self.read :] if r.feed == feed])
            self.folding.saw_end(feed, self.log.now_ms + more_ms)
        self.read = len(self.log.records)
        self.folding.fold()
        self.store.apply(self.folding.flush().writes)


@pytest.mark.parametrize("loaded", [False, True])
def test_people_come_again_within_a_day_and_within_a_week(loaded):
    days = Days(loaded=loaded)
    assert days.broadcast(range(10)) == [None, None]
    days.wait(20 * 3_600_000)
    assert days.broadcast(range(5, 25)) == [0.5, 0.5]  # 5 of 10
    days.wait(3 * DAY_MS)
    assert days.broadcast(range(20)) == [None, 0.8]  # 20 of 25
    days.wait(6 * DAY_MS)
    assert days.broadcast([0, 100]) == [None, 0.05]  # 1 of 20: the first two are older than a week


@pytest.mark.parametrize("loaded", [False, True])
def test_a_room_that_nobody_heard_of_for_days_is_a_new_room_but_for_who_came(loaded):
    days = Days(loaded=loaded)
    days.broadcast(range(10))
    days.wait(3 * DAY_MS)
    room = days.folding.partition.rooms["r"]
    assert not room.known
    assert not room.sessions
    assert list(room.past)
    days.log.put("health", room_id="r", probe="edge", node="n", interval_ms=1_000, stall_ms=0)
    days.wait(4_000)
    assert days.folding.partition.rooms["r"].state == "live"
    days.wait(9 * DAY_MS)
    days.wait(100_000)
    assert days.folding.partition.rooms == {}
    assert not [key for key, fields in days.store.hashes.items() if "room:" in key and fields]


@given(_people, st.integers(1, 8), st.randoms())
def test_a_sample_is_the_lowest_hashes_however_they_come(people, parts, chance):
    whole, split = sample(), sample()
    whole.merge(set(people))
    shuffled = chance.sample(people, len(people))
    for part in range(parts):
        split.merge(set(shuffled[part::parts]))
    assert whole.pack() == split.pack()
    assert list(whole.kept) == sorted({one >> 32 for one in people})[:SAMPLE_MAX]


@pytest.mark.parametrize(("before", "now", "again"), [(5_000, 5_000, 1_000), (40_000, 20_000, 10_000)])
def test_of_many_the_share_is_within_four_standard_errors(before, now, again):
    def hashed(numbers):
        people = sample()
        people.merge({int.from_bytes(blake2b(b"%d" % n, digest_size=8).digest()) for n in numbers})
        return people

    start = random.Random(before).randrange(1_000_000)
    first = start + now - again
    earlier = [Past(DAY_MS - 1, hashed(range(first, first + before)))]
    share = again / before
    found = returned(hashed(range(start, start + now)), DAY_MS, earlier)
    people = SAMPLE_MAX * min(1, before / now)
    assert found["returned:1"] == pytest.approx(share, abs=4 * (share * (1 - share) / people) ** 0.5)
