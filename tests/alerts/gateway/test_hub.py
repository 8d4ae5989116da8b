"""Who is served what, in which order, without I/O: checked against a plain model under any interleaving."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.gateway.filters import Filter
from alerts.gateway.hub import Hub, Subscriber
from alerts.gateway.records import Episodes, Record
from tests.alerts.gateway.made import alert

_ALL = Filter()


@dataclass
class Reader:
    """A client that remembers what it got."""

    frames: bytes = b""
    counted: int = 0
    offsets: list[int] = field(default_factory=list)

    def deliver(self, frames: bytes, count: int) -> None:
        self.frames += frames
        self.counted += count


def _records(first: int, count: int, episodes: Episodes | None = None) -> list[Record]:
    episodes = episodes or Episodes()
    return [episodes.read(first + n, orjson.dumps(alert(first + n))) for n in range(count)]


def _hub(records_max: int = 100, bytes_max: int = 10**9) -> Hub:
    return Hub(records_max=records_max, bytes_max=bytes_max)


def _publish(hub: Hub, records: list[Record]) -> None:
    for _ in hub.publish(records, end=records[-1].offset):
        pass


def _live(hub: Hub, wanted: Filter = _ALL) -> tuple[Reader, Subscriber]:
    reader = Reader()
    subscriber = Subscriber(reader, wanted, shown_after=hub.end, next=hub.end + 1)
    assert hub.follow(subscriber)
    return reader, subscriber


def test_an_empty_hub_is_before_its_first_record():
    hub = _hub()
    assert (hub.first, hub.end) == (0, -1)
    assert hub.since(0, bytes_max=10) == []


def test_live_clients_get_the_same_bytes_once():
    hub = _hub()
    (one, _), (other, _) = _live(hub), _live(hub)
    records = _records(0, 3)
    _publish(hub, records)
    assert one.frames == other.frames == b"".join(record.frame for record in records)
    assert one.counted == 3


def test_a_client_that_left_gets_nothing_more():
    hub = _hub()
    reader, subscriber = _live(hub)
    hub.leave(subscriber)
    hub.leave(subscriber)
    _publish(hub, _records(0, 1))
    assert reader.frames == b""


def test_a_client_that_is_behind_does_not_become_live():
    hub = _hub()
    _publish(hub, _records(0, 3))
    subscriber = Subscriber(Reader(), _ALL, shown_after=-1, next=2)
    assert not hub.follow(subscriber)
    subscriber.next = 3
    assert hub.follow(subscriber)


def test_a_client_that_comes_while_others_are_served_gets_nothing_twice():
    hub = _hub()
    for _ in range(600):
        _live(hub)
    serving = hub.publish(records := _records(0, 2), end=1)
    next(serving)
    reader, _ = _live(hub)
    late = Reader()
    subscriber = Subscriber(late, _ALL, shown_after=-1, next=1)
    assert not hub.follow(subscriber)
    for _ in serving:
        pass
    assert reader.frames == b""
    assert [record.offset for record in subscriber.pick(records)] == [1]


def test_a_client_that_leaves_while_others_are_served_is_passed_over():
    hub = _hub()
    everyone = [_live(hub) for _ in range(1_000)]
    serving = hub.publish(_records(0, 1), end=0)
    next(serving)
    for reader, subscriber in everyone:
        if not reader.frames:
            hub.leave(subscriber)
    for _ in serving:
        pass
    assert sum(bool(reader.frames) for reader, _ in everyone) == 500


def test_records_above_the_limits_are_let_go_oldest_first():
    hub = _hub(records_max=3)
    _publish(hub, records := _records(0, 5))
    assert (hub.first, hub.end) == (2, 4)
    assert hub.newest(records[0].id) is None
    assert hub.newest(records[4].id) is records[4]
    assert hub.bytes_held == sum(len(record.frame) for record in records[2:])
    small = _hub(bytes_max=1)
    _publish(small, _records(0, 5))
    assert small.first == 4


def test_records_that_are_no_alerts_move_the_end_only():
    hub = _hub()
    hub.hold(_records(0, 2), end=5)
    assert (hub.first, hub.end) == (0, 5)
    assert [record.offset for record in hub.since(0, bytes_max=10**6)] == [0, 1]


def test_since_is_bounded_in_bytes_but_gives_at_least_one():
    hub = _hub()
    hub.hold(records := _records(0, 5), end=4)
    assert [record.offset for record in hub.since(2, bytes_max=1)] == [2]
    assert [record.offset for record in hub.since(2, bytes_max=len(records[0].frame) * 2)] == [2, 3]


def test_what_a_client_saw_before_decides_whether_it_hears_of_a_suppression():
    episodes = Episodes()
    hub = _hub()
    before, _ = _live(hub)
    _publish(hub, [episodes.read(0, orjson.dumps(alert(0)))])
    after, _ = _live(hub)
    hidden = {**alert(0), "change": 2, "state": "suppressed"}
    _publish(hub, [episodes.read(1, orjson.dumps(hidden)), episodes.read(2, orjson.dumps(alert(1)))])
    assert (before.counted, after.counted) == (3, 1)


def test_a_replaced_log_leaves_nothing():
    hub = _hub()
    _publish(hub, records := _records(0, 3))
    hub.clear()
    assert (hub.first, hub.end, hub.bytes_held, hub.newest(records[0].id)) == (0, -1, 0, None)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whoever_resumes_gets_every_record_once_and_in_order(data):
    """Publishing, catching up in pieces and going live may interleave in any way."""
    hub = _hub(records_max=1_000)
    episodes = Episodes()
    reader = Reader()
    got: list[int] = []
    subscriber = Subscriber(reader, _ALL, shown_after=-1, next=0)
    is_live = False
    published: list[Record] = []
    for step in data.draw(st.lists(st.sampled_from(["publish", "catch up"]), max_size=40)):
        if step == "publish":
            batch = _records(len(published), data.draw(st.integers(1, 5)), episodes)
            published += batch
            _publish(hub, batch)
        elif not is_live and not (is_live := hub.follow(subscriber)):
            some = hub.since(subscriber.next, bytes_max=data.draw(st.integers(1, 5_000)))
            got += [record.offset for record in subscriber.pick(some)]
            subscriber.next = some[-1].offset + 1
    while not is_live and not hub.follow(subscriber):
        some = hub.since(subscriber.next, bytes_max=5_000)
        got += [record.offset for record in subscriber.pick(some)]
        subscriber.next = some[-1].offset + 1
    assert got == list(range(len(got)))
    assert reader.frames == b"".join(record.frame for record in published[len(got) :])
