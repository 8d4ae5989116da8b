"""Why, and where from: evidence and contributions of alerts of the shipped rules."""

from __future__ import annotations

import random
from typing import Any

import pytest

from alerts.contributions import contributions_of
from alerts.detectors.reading import Reading, Subject
from alerts.evidence import EVIDENCE_MAX
from alerts.model import Transition, encode
from stream.catalogue import ROOM_COLUMNS
from tests.alerts.kinds.playing import hit, play
from tests.alerts.windowed import T0, pings

ENTERS = 'live_enters_per_second{window="1m"}'
DANMAKU = 'live_danmaku_per_second{window="1m"}'


def parts(told: Transition, by: str) -> dict[str, float]:
    return {part["name"]: part["change"] for part in told.contributions if part["by"] == by}


def change(told: Transition) -> float:
    assert told.value is not None
    assert told.expected is not None
    return told.value - told.expected


def rush(second: int) -> dict[str, Any]:
    """Return a room where ads bring eight times as many from 1 200 s on."""
    fast = max(0, second - 1_200)
    ads, feed = 2 * second + 14 * fast, second
    viewers = 600 + 10 * min(fast, 120)
    return {
        "live_viewers": viewers,
        "live_enters_total": ads + feed,
        "live_leaves_total": 3 * second,
        "live_source_enters_total": {"ads": ads, "feed": feed},
        ENTERS: 3.0 + (14.0 if second > 1_260 else 14.0 * max(0, second - 1_200) / 60),
        DANMAKU: 1.0,
    }


def test_a_rush_is_put_down_to_its_source() -> None:
    told = play(rush, 1_400)
    assert [each.kind for each in told] == ["traffic_spike"] * len(told)
    for each in told:
        found = parts(each, "source")
        assert max(found, key=lambda name: abs(found[name])) in ("ads", "rest")
        assert found["ads"] > 5 * abs(found["feed"])
        assert sum(found.values()) == pytest.approx(change(each))


def test_more_lines_are_put_down_to_each_viewer_not_to_the_crowd() -> None:
    told = play(lambda s: {"live_viewers": 500, DANMAKU: 9.0 if s >= 1_200 else 1.5, ENTERS: 1.0}, 1_400)
    found = parts(told[0], "stage")
    assert found["viewers"] == pytest.approx(0)
    assert found["each_viewer"] == pytest.approx(change(told[0]))
    assert sum(found.values()) == pytest.approx(change(told[0]))


def shop(dice: random.Random, counted: dict[str, int], second: int) -> dict[str, Any]:
    """Return a shop where nobody can pay item i2 from 2 400 s on."""
    for item in ("i1", "i2"):
        counted[f"clicks {item}"] += 2
        orders = sum(dice.random() < 0.3 for _ in range(2))
        counted["created"] += orders
        if not (item == "i2" and second >= 2_400):
            counted[f"paid {item}"] += orders
    return {
        "live_viewers": 900,
        "live_clicks_total": counted["clicks i1"] + counted["clicks i2"],
        'live_orders_total{status="created"}': counted["created"],
        'live_orders_total{status="paid"}': counted["paid i1"] + counted["paid i2"],
        'live_clickers{window="5m"}': 1_200,
        'live_payers{window="5m"}': 300,
        "live_item_clickers": {item: counted[f"clicks {item}"] for item in ("i1", "i2")},
        "live_item_payers": {item: counted[f"paid {item}"] for item in ("i1", "i2")},
    }


def test_a_drop_of_conversion_is_put_down_to_item_and_stage_beside_what_else_is_open() -> None:
    counted = dict.fromkeys(("clicks i1", "clicks i2", "created", "paid i1", "paid i2"), 0)
    dice = random.Random(3)

    def figures(second: int) -> dict[str, Any]:
        return shop(dice, counted, second) | (pings(stall=0.2) if second >= 2_400 else {})

    told = play(figures, 3_000)
    drop = next(each for each in told if each.kind == "conversion_drop")
    items, stages = parts(drop, "item"), parts(drop, "stage")
    assert items["i2"] < -abs(items["i1"])
    assert stages["order_to_paid"] < -abs(stages["click_to_order"])
    assert sum(items.values()) == pytest.approx(change(drop))
    assert sum(stages.values()) == pytest.approx(change(drop))
    assert {"source": "alert", "at_ms": T0 + 2_400_000, "text": "stutter (critical)"} in drop.evidence
    assert encode(drop.to_record())


def test_without_a_past_nothing_is_put_down_to_anything() -> None:
    room = Subject("r1", "r1", values=[None] * len(ROOM_COLUMNS), tick_ms=T0)
    found = contributions_of("traffic_spike", "live_viewers", room, Reading(value=900, expected=300))
    assert found == []


def test_evidence_quotes_viewers_and_tells_the_figures() -> None:
    lines = [hit("picture", "info", "danmaku", f"卡了 {n}") for n in range(30)]
    nodes = {'live_stalled_nodes{probe="edge",window="10s"}': 3}
    told = play(
        lambda s: (pings(stall=0.2) if s >= 20 else {}) | nodes, 40, hits=lambda s: lines if s == 15 else []
    )
    words = [entry for entry in told[0].evidence if entry["source"] == "danmaku"]
    assert [entry["text"] for entry in words] == [f"卡了 {n}" for n in range(22, 30)]
    assert words[0] == {
        "source": "danmaku", "at_ms": T0 + 15_000, "text": "卡了 22",
        "user": "u1", "topic": "live.danmaku", "partition": 3, "offset": 7,
    }  # fmt: skip
    figures = [entry["text"] for entry in told[0].evidence if entry["source"] == "figures"]
    assert figures[0] == 'live_stall_ratio{probe="edge"} 0.2 bound 0.05 samples 5 window 10 s'
    assert 'live_stalled_nodes{probe="edge",window="10s"} 3' in figures
    assert len(told[0].evidence) <= EVIDENCE_MAX


def test_the_words_themselves_are_the_evidence_of_prohibited_words() -> None:
    said = [hit("ad_law", "critical", "transcript", "全国第一"), hit("picture", "info", "danmaku", "卡")]
    told = play(lambda _: {}, 30, hits=lambda s: said if s == 20 else [])
    assert (told[0].evidence[0]["source"], told[0].evidence[0]["text"]) == ("transcript", "全国第一")
    assert "卡" not in [entry["text"] for entry in told[0].evidence]


def test_an_alert_that_is_over_has_nothing_to_explain() -> None:
    told = play(lambda s: pings(stall=0.2) if s < 20 else {}, 60)
    assert told[-1].to == "resolved"
    assert (told[-1].evidence, told[-1].contributions) == ([], [])
