import itertools
import json
import math
from collections import Counter
from functools import cache
from statistics import median, quantiles

import pytest

from stream.codec import Decoder, partition_of
from stream.errors import InvalidEvent
from stream.model import FEEDS
from stream.sources.broadcast import Record, closing, records
from stream.sources.plan import Plan
from stream.sources.scenario import parse

START_MS = 1_760_000_000_000
PARTITIONS = 4
CALM = """
duration_s: 900
rooms:
  - {count: 2, viewers: 120, spread: 0, ramp_s: 60, starts_s: [0, 20], lasts_s: 800, transcript: true,
     clicks_per_viewer_s: 0.01, conversion: 0.2, pauses: [{at_s: 300, for_s: 30}]}
  - {viewers: 50, ramp_s: 0, lasts_s: 300, rests_s: 60, ping_s: 5}
"""


@cache
def made(text: str, speed: float = 1.0) -> tuple[Record, ...]:
    return tuple(records(Plan(parse(text, speed=speed), START_MS)))


def incident(kind: str, **given: float) -> tuple[tuple[dict, ...], tuple[dict, ...]]:
    """Return one room's records between 100 s and 200 s, without and with an incident in that time."""
    room = "{viewers: 200, spread: 0, ramp_s: 0, clicks_per_viewer_s: 0.01, conversion: 0.3, quiet: false}"
    more = "".join(f", {key}: {value}" for key, value in given.items())
    happens = f"incidents: [{{kind: {kind}, room: 0, at_s: 100, for_s: 100{more}}}]"
    rest = f"duration_s: 220, rooms: [{room}]"
    calm, struck = (made(f"{{{text}}}") for text in (rest, f"{rest}, {happens}"))
    return during(calm), during(struck)


def during(found: tuple[Record, ...]) -> tuple[dict, ...]:
    inside = (r for r in found if 100_000 <= r.at_ms - START_MS < 200_000)
    return tuple({"feed": r.feed, **json.loads(r.value)} for r in inside if r.feed != "likes")


def test_the_same_plan_gives_the_same_bytes():
    assert made(CALM) == tuple(records(Plan(parse(CALM), START_MS)))
    assert made(CALM) != tuple(records(Plan(parse(CALM, seed=2), START_MS)))


def test_a_later_start_only_shifts_the_clock():
    later = records(Plan(parse(CALM), START_MS + 5_000))
    assert [r.at_ms - 5_000 for r in later] == [r.at_ms for r in made(CALM)]


@pytest.mark.parametrize("speed", [0.5, 1.0, 8.0])
def test_records_come_in_order_of_time(speed):
    times = [record.at_ms for record in made(CALM, speed)]
    assert times == sorted(times)
    assert times[0] >= START_MS
    assert times[-1] == START_MS + 900_000 / speed


@pytest.mark.parametrize("speed", [1.0, 8.0])
def test_records_decode_and_are_keyed_right(speed):
    decoders = {feed: Decoder(feed, PARTITIONS) for feed in FEEDS}
    for record in made(CALM, speed):
        key, partition = record.key.encode(), partition_of(record.key, PARTITIONS)
        event = decoders[record.feed].decode(record.value, key, partition, record.at_ms)
        assert event.at_ms == record.at_ms
    assert not any(decoder.unknown for decoder in decoders.values())


def test_every_feed_is_there():
    assert {record.feed for record in made(CALM)} == set(FEEDS)


def test_rooms_go_through_their_states():
    said = [json.loads(r.value) for r in made(CALM) if r.feed == "rooms"]
    states = {
        room: [state for state, _ in itertools.groupby(s["state"] for s in said if s["room_id"] == room)]
        for room in ("sim-0000", "sim-0002")
    }
    assert states["sim-0000"] == ["planned", "live", "paused", "live", "ended"]
    assert states["sim-0002"] == ["live", "ended", "planned", "live", "ended", "planned", "live", "ended"]


def test_nobody_leaves_who_did_not_come_and_all_have_left_at_the_end():
    inside: Counter[str] = Counter()
    for record in made(CALM):
        said = json.loads(record.value)
        if record.feed == "visits" and record.key != "sim-0002" and said["action"] in ("enter", "leave"):
            inside[said["user_id"]] += 1 if said["action"] == "enter" else -1
            assert inside[said["user_id"]] in (0, 1)
    assert set(inside.values()) == {0}


def test_viewers_come_up_the_ramp_and_stay_near_the_rooms_size():
    online = [
        (r.at_ms - START_MS, said["online"])
        for r in made(CALM)
        if r.key == "sim-0000" and "online" in (said := json.loads(r.value))
    ]
    assert online[0][1] < 20
    assert 80 < median(n for t, n in online if 400_000 < t < 700_000) < 160


def test_payments_follow_clicks_with_the_lag_of_people():
    orders = [json.loads(r.value) for r in made(CALM) if r.feed == "orders"]
    clicks: dict[tuple[str, str], int] = {}
    for record in made(CALM):
        said = json.loads(record.value)
        if said.get("action") == "click":
            clicks.setdefault((said["user_id"], said["item_id"]), record.at_ms)
    paid = [o for o in orders if o["status"] == "paid" and "item_id" in o]
    lags_s = [(o["at_ms"] - clicks[o["user_id"], o["item_id"]]) / 1_000 for o in paid]
    assert min(lags_s) >= 1
    assert 25 < median(lags_s) < 90
    assert 90 < quantiles(lags_s, n=10)[-1] < 400
    assert len({(o["order_id"], o["status"]) for o in orders}) == len(orders)


def test_clicks_burst_when_an_item_goes_on_air():
    said = [(r.at_ms, json.loads(r.value)) for r in made(CALM) if r.key == "sim-0000"]
    on = [at for at, s in said if s.get("mark") == "item_on"]
    clicks = [at for at, s in said if s.get("action") == "click"]
    early = sum(1 for at in clicks if any(0 <= at - start < 20_000 for start in on))
    late = sum(1 for at in clicks if any(40_000 <= at - start < 60_000 for start in on))
    assert early > 2 * late > 0


def test_pings_keep_to_the_clock_at_any_speed():
    for speed in (1.0, 8.0):
        pings = [json.loads(r.value) for r in made(CALM, speed) if r.feed == "health" and r.key == "sim-0002"]
        node = [p["at_ms"] for p in pings if p["node"] == pings[0]["node"]]
        gaps = {later - earlier for earlier, later in itertools.pairwise(node)}
        assert pings[0]["interval_ms"] == 5_000
        assert 4_999 <= min(gaps) <= 5_001


def test_stays_pass_faster_at_speed():
    def usual(speed: float) -> float:
        return median(
            float(json.loads(r.value)["dwell_ms"]) for r in made(CALM, speed) if b'"dwell_ms"' in r.value
        )

    assert math.isclose(usual(8.0) * 8, usual(1.0), rel_tol=0.15)


def test_stutter_shows_in_pings_and_chat():
    calm, struck = incident("stutter", magnitude=0.2)
    assert stall_ratio(calm) < 0.01
    assert 0.15 < stall_ratio(struck) < 0.25
    assert sum("卡" in s.get("text", "") for s in struck) > 5


def stall_ratio(said: tuple[dict, ...]) -> float:
    pings = [s for s in said if s["feed"] == "health" and s["probe"] == "edge"]
    return float(sum(p["stall_ms"] for p in pings) / sum(p["interval_ms"] for p in pings))


def test_av_desync_moves_the_sound():
    calm, struck = (
        median(s["av_offset_ms"] for s in found if s["feed"] == "health") for found in incident("av_desync")
    )
    assert -45 < calm < 45
    assert struck > 150


def test_feed_lost_silences_every_probe():
    calm, struck = (Counter(s["feed"] for s in found) for found in incident("feed_lost"))
    assert calm["health"] > 100
    assert struck["health"] == 0
    assert struck["danmaku"] > 0


def test_traffic_spike_multiplies_visits_and_chat():
    calm, struck = (
        Counter(s.get("action", s["feed"]) for s in found) for found in incident("traffic_spike", magnitude=5)
    )
    assert 3 * calm["enter"] < struck["enter"] < 7 * calm["enter"]
    assert struck["danmaku"] > 3 * calm["danmaku"]


def test_conversion_drop_keeps_the_clicks_and_loses_the_orders():
    calm, struck = (
        Counter(s.get("action", s.get("status", "")) for s in found)
        for found in incident("conversion_drop", magnitude=0.1)
    )
    assert struck["click"] > 0.7 * calm["click"]
    assert struck["created"] < 0.3 * calm["created"]


def test_monitor_degraded_sends_bad_records_to_the_rooms_partition():
    text = (
        "{duration_s: 60, incidents: [{kind: monitor_degraded, room: 0, at_s: 20, for_s: 20, magnitude: 15}]}"
    )
    decoder, bad = Decoder("likes", PARTITIONS), []
    for record in made(text):
        if record.feed == "likes":
            assert record.key == "sim-0000"
            try:
                decoder.decode(record.value, b"sim-0000", partition_of("sim-0000", PARTITIONS), record.at_ms)
            except InvalidEvent:
                bad.append(record.at_ms - START_MS)
    assert 200 < len(bad) < 400
    assert min(bad) >= 20_000
    assert max(bad) < 40_000


def test_without_an_end_it_goes_on():
    endless = records(Plan(parse("rooms: [{viewers: 5, lasts_s: 60, rests_s: 10}]"), START_MS))
    after = next(record for record in endless if record.at_ms > START_MS + 3_600_000)
    assert after.key == "sim-0000"


def test_closing_ends_the_rooms_that_are_live():
    plan = Plan(parse(CALM), START_MS)
    assert [r.key for r in closing(plan, 320_000)] == ["sim-0000", "sim-0001"]
    assert [r.key for r in closing(plan, 370_000)] == ["sim-0000", "sim-0001", "sim-0002"]
    assert json.loads(next(iter(closing(plan, 370_000))).value)["state"] == "ended"
