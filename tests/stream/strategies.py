"""Random logs for hypothesis: two rooms, all feeds, times that meet every edge of the contract."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.stream.logs import Log

WAITS_MS = (0, 1, 15, 30, 31, 400, 5_000, 12_000, 45_000, 200_000, 599_999, 600_000, 600_031, 700_000)
SHIFTS_MS = (0, 0, 0, -1, -40, -900, -29_999, -45_000, -300_000, 5_000, 10_000, 10_001)
ROOMS = ("r1", "r2")
USERS = ("u1", "u2", "u3")

_room = st.sampled_from(ROOMS)
_user = st.sampled_from(USERS)
_ping = st.fixed_dictionaries(
    {
        "room_id": _room,
        "probe": st.sampled_from(("ingest", "edge", "player")),
        "node": st.sampled_from(("n1", "n2")),
    },
    optional={
        "stall_ms": st.integers(0, 900),
        "fps": st.floats(0, 60),
        "bitrate_kbps": st.floats(0, 9_000),
        "rtt_ms": st.floats(0, 900),
        "av_offset_ms": st.floats(-900, 900),
        "online": st.integers(0, 500),
        "dropped_frames": st.integers(0, 50),
        "cpu_ratio": st.floats(0, 1),
        "egress_kbps": st.floats(0, 9_000),
        "egress_limit_kbps": st.floats(0, 9_000),
    },
).map(lambda fields: {"interval_ms": 1_000, **fields})
_order = st.fixed_dictionaries(
    {
        "room_id": _room,
        "user_id": _user,
        "order_id": st.sampled_from(("o1", "o2")),
        "status": st.sampled_from(("created", "paid", "cancelled", "refunded", "failed")),
        "amount_fen": st.integers(1, 99_999),
    },
    optional={
        "kind": st.sampled_from(("goods", "gift")),
        "coupon_fen": st.integers(0, 500),
        "giveaway_fen": st.integers(0, 500),
        "item_id": st.sampled_from(("i1", "i2")),
        "source": st.sampled_from(("feed", "search", "other")),
    },
)
_visit = st.fixed_dictionaries(
    {
        "room_id": _room,
        "user_id": _user,
        "action": st.sampled_from(("enter", "enter", "leave", "leave", "click", "share", "follow")),
    },
    optional={
        "source": st.sampled_from(("feed", "search", "other")),
        "dwell_ms": st.sampled_from((0, 5_000, 5_001, 29_999, 30_000, 59_999, 599_999, 700_000, 10**9)),
    },
)
_feeds = st.one_of(
    st.tuples(
        st.just("rooms"),
        st.fixed_dictionaries(
            {"room_id": _room, "state": st.sampled_from(("planned", "live", "live", "paused", "ended"))},
            optional={"title": st.sampled_from(("a", "b"))},
        ),
    ),
    st.tuples(st.just("health"), _ping),
    st.tuples(st.just("orders"), _order),
    st.tuples(st.just("visits"), _visit),
    st.tuples(
        st.just("likes"),
        st.fixed_dictionaries({"room_id": _room, "user_id": _user, "count": st.integers(1, 9)}),
    ),
    st.tuples(
        st.just("danmaku"),
        st.fixed_dictionaries({"room_id": _room, "user_id": _user, "text": st.sampled_from(("好", "666"))}),
    ),
    st.tuples(
        st.just("marks"),
        st.fixed_dictionaries(
            {"room_id": _room, "mark": st.sampled_from(("item_on", "item_off", "note"))},
            optional={"item_id": st.just("i1")},
        ),
    ),
    st.tuples(
        st.just("vendors"),
        st.fixed_dictionaries(
            {
                "vendor": st.just("pay"),
                "operation": st.just("charge"),
                "latency_ms": st.one_of(
                    st.sampled_from((0, 50, 50.5, 10_000, 10**12)), st.floats(0.1, 20_000)
                ),
                "outcome": st.sampled_from(("ok", "timeout", "error")),
            }
        ),
    ),
)
_steps = st.lists(
    st.tuples(st.sampled_from(WAITS_MS), _feeds, st.sampled_from(SHIFTS_MS)), min_size=1, max_size=40
)


@st.composite
def logs(draw):
    """Draw the logs of one partition, and an instant up to which every feed was read."""
    log = Log()
    for wait_ms, (feed, fields), shift_ms in draw(_steps):
        log.wait(wait_ms)
        log.put(feed, **fields, at_ms=log.now_ms + shift_ms)
    return log.records, log.now_ms + draw(st.sampled_from((31, 60_000, 599_999, 600_000, 600_031, 900_000)))
