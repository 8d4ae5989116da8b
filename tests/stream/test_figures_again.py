"""What is remembered of windows is what would be worked out anew."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.catalogue import ROOM_COLUMNS
from stream.cells import Batch
from stream.figures import FEED_FIGURES, FORMULAS, LAYOUT, ends_at, new_windows
from stream.figures.view import View
from stream.model import FEEDS, Feed, Order, Ping, Visit
from stream.tally import Tally

START_S = 1_700_000_040
REMEMBERED = (
    "live_av_drift_ratio",
    "live_av_offset_seconds",
    "live_click_to_paid_median_seconds",
    "live_click_to_paid_p90_seconds",
    "live_clickers",
    "live_ping_interval_seconds",
    "live_stalled_nodes",
    "live_stalled_nodes_share",
    "live_stalls_per_100_seconds",
)
COLUMNS = [column for column in ROOM_COLUMNS if column.metric.name in REMEMBERED]
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
_click = st.builds(
    Visit,
    room_id=st.just("r"),
    user_id=st.sampled_from(("1", "2", "3")),
    at_ms=st.integers(0, 40_000),
    action=st.just("click"),
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
    st.tuples(st.sampled_from((0, 1, 1, 7, 60, 400)), st.lists(st.one_of(_ping, _click, _paid), max_size=4)),
    min_size=1,
    max_size=30,
)


FEED_OF: dict[type, Feed] = {Ping: "health", Visit: "visits", Order: "orders"}


class World:
    """A room that is counted and told of second by second."""

    def __init__(self):
        self.windows, self.tally = new_windows(), Tally()

    def values(self, now_s, events):
        for event in events:
            feed = FEED_OF[type(event)]
            user = int(getattr(event, "user_id", "0"))
            records = [(b"", b"", now_s * 1_000, 0)]
            batch = Batch(self.tally, (event,), (user,), records, (0,), late=False)
            batch.paired_ms = (None,)
            FEED_FIGURES[feed].add(batch)
        self.windows.merge([self.tally], 0)
        ends_ms = ends_at(dict.fromkeys(FEEDS, now_s * 1_000))
        self.windows.advance(ends_ms)
        view = View(self.windows, LAYOUT, [self.tally], ends_ms, [{}])
        return {column.name: self.figure(view, column) for column in COLUMNS}

    def figure(self, view, column):
        view.feeds = column.metric.feeds
        figure = FORMULAS[column.metric.name](view, column.label_value, column.window)[0]
        return None if math.isnan(figure) else figure


def moved(event, now_s):
    """Return an event so long before now; the fields of structs cannot be set."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "at_ms": now_s * 1_000 - event.at_ms})


@given(_steps)
@settings(max_examples=60, deadline=None)
def test_windows_that_move_on_tell_what_they_would_anew(steps):
    going_on, anew, now_s = World(), World(), START_S
    for wait_s, events in steps:
        now_s += wait_s
        came = [moved(event, now_s) for event in events]
        anew.tally._known.clear()
        assert going_on.values(now_s, came) == anew.values(now_s, came)
