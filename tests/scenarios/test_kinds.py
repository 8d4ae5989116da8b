"""Labelled scenarios of every kind with pings every 2, 5 and 20 s: told in time, over, else silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from alerts.model import KINDS, Transition, encode
from alerts.rules import RulesFold
from alerts.windows import parse_windows
from stream.model import FEEDS
from stream.window_log import WindowLog
from tests.alerts.journal import T0, Journal, fresh
from tests.alerts.journal import play as incidents_play
from tests.alerts.kinds.playing import default_rules
from tests.scenarios.world import BEGIN_MS, Room, play
from tests.waiting import PATIENCE

PINGS: Final = (2.0, 5.0, 20.0)
QUICK_S: Final = 560
SLOW_S: Final = 1_900
TOLD_AFTER_S: Final[dict[str, Callable[[float], float]]] = {
    "stutter": lambda ping_s: 5 + 3 * ping_s + 5,
    "av_desync": lambda ping_s: 10 + _window_s(ping_s) / 2 + 2 * ping_s + 5,
    "feed_lost": lambda ping_s: max(5, 3 * ping_s) + 3,
    "fps_low": lambda ping_s: 10 + _window_s(ping_s) * 0.6 + 2 * ping_s + 5,
    "bitrate_low": lambda ping_s: 10 + _window_s(ping_s) * 0.7 + 2 * ping_s + 5,
    "viewer_complaints": lambda _: 60,
    "payment_failure": lambda _: 60,
    "vendor_slow": lambda _: 45,
    "price_error": lambda _: 25,
    "sold_out": lambda _: 2,
    "suspect_interaction": lambda _: 100,
    "prohibited_words": lambda _: 2,
    "capacity_risk": lambda ping_s: 200 + 2 * ping_s,
    "traffic_spike": lambda _: 120,
    "traffic_drop": lambda _: 190,
    "conversion_drop": lambda _: 480,
    "retention_drop": lambda _: 420,
    "refund_surge": lambda _: 420,
}
"""Kind -> seconds from its begin until it must have been told, by the pings' distance."""
QUICK: Final = tuple(TOLD_AFTER_S)[:13]
SLOW: Final = tuple(TOLD_AFTER_S)[13:]
ALONG: Final[dict[str, tuple[str, ...]]] = {}
"""Kinds that may come along with another: the same thing seen twice."""
WRONG_S: Final = {"prohibited_words": 60, "price_error": 40, "capacity_risk": 240}


def _window_s(ping_s: float) -> float:
    return 10 if ping_s <= 10 / 3 else 60


def quick() -> tuple[list[Room], int, int]:
    rooms = []
    for ping_s in PINGS:
        for kind in QUICK:
            begin = {"price_error": 60, "capacity_risk": 140}.get(kind, 200)
            wrong = (begin, begin + WRONG_S.get(kind, 120))
            facts = {"capacity": 500} if kind == "capacity_risk" else {}
            rooms.append(Room(f"{kind}-{ping_s:g}", kind, ping_s, wrong, facts=facts, viewers=60))
    return rooms, QUICK_S, 1


def slow() -> tuple[list[Room], int, int]:
    rooms = []
    for ping_s in PINGS:
        for kind in SLOW:
            wrong = (300, 500) if kind == "refund_surge" else (1_100, 1_400)
            clicks_s = {"conversion_drop": 4.0, "refund_surge": 3.0}.get(kind, 0.2)
            viewers = 200 if kind == "retention_drop" else 100
            rooms.append(Room(f"{kind}-{ping_s:g}", kind, ping_s, wrong, clicks_s=clicks_s, viewers=viewers))
    for ping_s in PINGS:
        tag = f"{ping_s:g}"
        rooms += [
            Room(f"night-{tag}", ping_s=ping_s, viewers=4, clicks_s=0.005),
            Room(f"one-viewer-{tag}", ping_s=ping_s, viewers=1, clicks_s=0.0),
            Room(f"three-orders-{tag}", ping_s=ping_s, viewers=40, clicks_s=0.012, conversion=0.07),
            Room(f"pause-{tag}", ping_s=ping_s, paused=(900, 1_200), clicks_s=1.0),
            Room(f"items-{tag}", ping_s=ping_s, item_s=40, clicks_s=2.0),
            Room(f"start-end-{tag}", ping_s=ping_s, starts_s=300, ends_s=1_500, clicks_s=0.5),
        ]
    return rooms, SLOW_S, 5


class Told:
    """What a world's rooms raised, by subject."""

    def __init__(self, world: tuple[list[Room], int, int]) -> None:
        self.rooms, seconds, step_s = world
        self._told = play(self.rooms, seconds, step_s=step_s)

    def of(self, room: Room) -> list[Transition]:
        """Return what is told of a room, or of the vendor that is called like it."""
        return [one for one in self._told if one.subject in (room.name, f"{room.name}/charge")]

    def room(self, kind: str, ping_s: float) -> Room:
        return next(room for room in self.rooms if (room.trouble, room.ping_s) == (kind, ping_s))


@pytest.fixture(scope="module")
def quickly() -> Told:
    return Told(quick())


@pytest.fixture(scope="module")
def slowly() -> Told:
    return Told(slow())


def second(told: Transition) -> float:
    return (told.tick_ms - BEGIN_MS) / 1_000


def check(told: Told, kind: str, ping_s: float) -> None:
    """Fail unless the trouble is told in time, is over in the end, and nothing else is told."""
    room = told.room(kind, ping_s)
    every = told.of(room)
    allowed = {kind, *ALONG.get(kind, ())}
    assert {one.kind for one in every} <= allowed, [(one.kind, second(one)) for one in every]
    own = [one for one in every if one.kind == kind]
    begin, end = room.wrong
    firing = [second(one) for one in own if one.to == "firing"]
    assert firing, f"{kind} is not told"
    assert begin <= firing[0] <= begin + TOLD_AFTER_S[kind](ping_s), firing
    assert all(begin <= at <= end + TOLD_AFTER_S[kind](ping_s) for at in firing), "told again without a cause"
    assert [one.to for one in own if one.to != "severity"][-1] == "resolved"
    for one in own:
        assert one.summary.zh
        assert one.summary.en
    assert len({one.alert_id for one in every if one.to == "firing"}) == len(
        [one for one in every if one.to == "resolved"]
    ), "every episode ends"


@pytest.mark.timeout(300 * PATIENCE)
@pytest.mark.parametrize("ping_s", PINGS)
@pytest.mark.parametrize("kind", QUICK)
def test_what_shows_at_once_is_told_in_time_and_ends(quickly: Told, kind: str, ping_s: float) -> None:
    check(quickly, kind, ping_s)


@pytest.mark.timeout(300 * PATIENCE)
@pytest.mark.parametrize("ping_s", PINGS)
@pytest.mark.parametrize("kind", SLOW)
def test_what_needs_the_rooms_own_figures_is_told_in_time_and_ends(
    slowly: Told, kind: str, ping_s: float
) -> None:
    check(slowly, kind, ping_s)


@pytest.mark.timeout(300 * PATIENCE)
def test_calm_rooms_raise_nothing(slowly: Told) -> None:
    """Nights, rooms of one viewer and of three orders an hour, a pause, new items, a start and an end."""
    calm = [room for room in slowly.rooms if room.trouble is None]
    assert len(calm) == 6 * len(PINGS)
    assert [(room.name, one.kind, second(one)) for room in calm for one in slowly.of(room)] == []


def test_a_degraded_monitor_is_told_and_over() -> None:
    """Dead letters of one partition in thirty: judged by the incidents stage, from heartbeats."""
    rules, log = RulesFold(lambda _: default_rules()), Journal()
    windows = WindowLog(0, 1)
    for now in range(120):
        tick_ms = T0 + 1_000 * now
        (value,) = windows.records(
            tick_ms=tick_ms, reach_ms=dict.fromkeys(FEEDS, tick_ms), rooms=[], vendors=[],
            records_1m=900, dead_1m=30 if 30 <= now < 60 else 0, last=True,
        )  # fmt: skip
        rules.apply(now, tick_ms, parse_windows(value))
        log.add(1_000 * now + 50, encode(rules.heartbeat().to_record()))
    told = [one for one in incidents_play(fresh(), log.records) if one["kind"] == "monitor_degraded"]
    assert [one["state"] for one in told] == ["firing", "resolved"]
    assert 30_000 <= told[0]["at_ms"] - T0 <= 45_000
    assert 60_000 <= told[1]["at_ms"] - T0 <= 90_000


def test_every_kind_has_its_scenario() -> None:
    assert {*TOLD_AFTER_S, "monitor_degraded"} == set(KINDS)
