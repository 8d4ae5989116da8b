"""What is remembered of windows is what would be worked out anew."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalogue import ROOM_COLUMNS
from stream.cells import Batch, FloodBatch, part_of
from stream.figures import FEED_FIGURES, ends_at, new_tally, room_values
from stream.model import FEEDS, FLOODS, Danmaku, Feed, Like, Order, Ping, Visit
from tests.stream.logs import fields_of, unpacked

START_S = 1_700_000_040
_ping = st.builds(
    Ping,
    room_id=st.just("r"),
    at_ms=st.integers(0, 40_000),
    probe=st.sampled_from(("edge", "player")),
    node=st.sampled_from(("a", "b", "c")),
    interval_ms=st.integers(1, 9_000),
    stall_ms=st.sampled_from((None, 0, 0, 400)),
    av_offset_ms=st.one_of(st.none(), st.integers(-90, 90)),
)
_visit = st.builds(
    Visit,
    room_id=st.just("r"),
    user_id=st.sampled_from(("1", "2", "3")),
    at_ms=st.integers(0, 40_000),
    action=st.sampled_from(("click", "click", "enter", "leave", "share")),
    item_id=st.sampled_from(("i", "j")),
    dwell_ms=st.integers(0, 90_000),
)
_line = st.builds(
    Danmaku,
    room_id=st.just("r"),
    user_id=st.sampled_from(("1", "2", "3")),
    at_ms=st.integers(0, 40_000),
    text=st.sampled_from(("a", "b")),
)
_like = st.builds(
    Like,
    room_id=st.just("r"),
    user_id=st.sampled_from(("1", "2", "3")),
    at_ms=st.integers(0, 40_000),
    count=st.integers(1, 9),
)
_paid = st.builds(
    Order,
    room_id=st.just("r"),
    user_id=st.sampled_from(("1", "2", "3")),
    at_ms=st.integers(0, 40_000),
    order_id=st.just("o"),
    status=st.just("paid"),
    amount_fen=st.just(100),
)
_steps = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 1, 7, 60, 400)),
        st.booleans(),
        st.lists(st.one_of(_ping, _visit, _paid, _line, _like), max_size=4),
    ),
    min_size=1,
    max_size=25,
)


FEED_OF: dict[type, Feed] = {
    Ping: "health",
    Visit: "visits",
    Order: "orders",
    Danmaku: "danmaku",
    Like: "likes",
}
NAMES = [column.name for column in ROOM_COLUMNS]


class World:
    """A room that is counted and told of second by second, and kept as the store keeps it."""

    def __init__(self):
        self.tally, self.fields = new_tally(), {}

    def add(self, now_s, events):
        """Count events that come now, and keep what changed."""
        for event in events:
            user = int(getattr(event, "user_id", "0"))
            feed = FEED_OF[type(event)]
            if feed in FLOODS:
                part = part_of(event, user, now_s * 1_000, 0)
                FEED_FIGURES[feed].add(FloodBatch(self.tally, part, late=False))
                continue
            records = [(b"", b"", now_s * 1_000, 0)]
            batch = Batch(self.tally, (event,), (user,), records, (0,), late=False)
            batch.paired_ms = (None,)
            FEED_FIGURES[feed].add(batch)
        self.tally.merge((0, 0, 0))
        self.fields |= fields_of(self.tally)

    def take_over(self):
        """Go on with what the store has."""
        self.tally = unpacked(self.fields)


def values(tallies, now_s):
    """Return all figures of tallies by name."""
    rows = room_values(tallies, ends_at(dict.fromkeys(FEEDS, now_s * 1_000)), [{} for _ in tallies])
    return [dict(zip(NAMES, row, strict=True)) for row in (one.tolist() for one in rows)]


def moved(event, now_s):
    """Return an event so long before now; the fields of structs cannot be set."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "at_ms": now_s * 1_000 - event.at_ms})


@given(_steps)
@settings(max_examples=30, deadline=None)
def test_windows_that_move_on_tell_what_they_would_anew(steps):
    """What is remembered is what a new owner tells; alone, or with the others of its partition."""
    going_on, owned, now_s = World(), World(), START_S
    for wait_s, taken_over, events in steps:
        now_s += wait_s
        came = [moved(event, now_s) for event in events]
        going_on.add(now_s, came)
        owned.add(now_s, came)
        if taken_over:
            owned.take_over()
        known, known_after = values([going_on.tally, owned.tally], now_s)
        (anew,) = values([unpacked(going_on.fields)], now_s)
        assert known == known_after == anew
