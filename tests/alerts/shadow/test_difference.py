"""Two sets live: what is told of their difference, however it comes in and however long it runs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from alerts.backtest.compare import compare
from alerts.backtest.episodes import episodes
from alerts.backtest.sets import always
from alerts.model import Heartbeat, Transition, encode
from alerts.rulecheck import load
from alerts.shadow.beside import Beside
from alerts.shadow.difference import SETTLED_MS, Difference
from tests.alerts.backtest.history import RULES, history
from tests.alerts.backtest.history import T0 as BEGIN_MS
from tests.alerts.backtest.live import live
from tests.alerts.backtest.made import T0, told

HOUR = 3_600


def episode(begin: int, end: int | None, *, severity: str = "warning", **given: Any) -> list[Transition]:
    """Return what is told of an alert of these seconds."""
    started = {"started": begin, "severity": severity, **given}
    return [told(begin, "firing", **started), *([] if end is None else [told(end, "resolved", **started)])]


def counts(difference: Difference, until: int) -> dict[str, int]:
    found: dict[str, int] = difference.report(T0 + 1_000 * until)["counts"]
    return found


def test_the_same_alert_another_time_and_alerts_of_one_side():
    difference = Difference(T0)
    difference.candidate_told(episode(10, 20) + episode(50, None))
    difference.against_told(episode(12, 20) + episode(100, 120, room_id="r2", subject="r2"))
    assert counts(difference, 200) == {
        "candidate": 2, "against": 2, "same": 0, "moved": 1, "added": 1, "gone": 1,
    }  # fmt: skip
    assert counts(difference, 60) == {
        "candidate": 2, "against": 1, "same": 0, "moved": 1, "added": 1, "gone": 0,
    }  # fmt: skip


def test_what_ends_after_the_instant_is_open_at_it():
    difference = Difference(T0)
    difference.candidate_told(episode(10, 60))
    difference.against_told(episode(10, 90))
    assert counts(difference, 50)["same"] == 1
    found = difference.report(T0 + 100_000)
    assert found["counts"]["moved"] == 1
    assert (found["alerts"][0]["lasted_ms"], found["alerts"][0]["was"]["ended_at_ms"]) == (
        50_000,
        T0 + 90_000,
    )


def test_what_was_told_before_the_beginning_does_not_count():
    difference = Difference(T0 + 30_000)
    difference.candidate_told(episode(10, 100) + episode(29, 200, room_id="r2", subject="r2"))
    difference.against_told(episode(35, 200, room_id="r2", subject="r2"))
    assert counts(difference, 300) == {
        "candidate": 1, "against": 1, "same": 0, "moved": 1, "added": 0, "gone": 0,
    }  # fmt: skip


def test_settling_changes_no_number_and_forgets_what_is_over():
    dice = random.Random(4)
    settling, holding = Difference(T0), Difference(T0)
    sides: dict[str, list[Transition]] = {"candidate_told": [], "against_told": []}
    for second in range(0, 6 * HOUR, 97):
        for name, side in sides.items():
            if dice.random() < 0.7:
                begin = second + dice.randrange(3)
                side.extend(episode(begin, begin + dice.choice((20, 80)), room_id="r1", subject="r1"))
            for difference in (settling, holding):
                getattr(difference, name)(side)
            sides[name] = []
        settling.settle(T0 + 1_000 * second)
        assert len(settling._candidate) < 40
    end = 8 * HOUR
    differences = settling.settle(T0 + 1_000 * end)
    assert not settling._candidate
    assert differences
    one, two = settling.report(T0 + 1_000 * end), holding.report(T0 + 1_000 * end)
    assert one["counts"] == two["counts"]
    assert one["rules"] == two["rules"]
    assert {each["id"] for each in one["alerts"]} <= {each["id"] for each in two["alerts"]}


def test_an_alert_that_may_still_meet_another_is_not_settled():
    difference = Difference(T0)
    difference.candidate_told(episode(10, 20))
    assert difference.settle(T0 + 20_000 + SETTLED_MS) == []
    difference.against_told(episode(15, None))
    assert difference.settle(T0 + 2 * SETTLED_MS) == []
    assert counts(difference, 1_300)["moved"] == 1


def test_a_repeat_changes_nothing():
    difference = Difference(T0)
    difference.against_told(episode(10, 20) + episode(10, 20))
    difference.candidate_told(episode(10, 20))
    assert counts(difference, 100)["same"] == 1


def beat(partition: int, tick_ms: int) -> bytes:
    return encode(Heartbeat(partition, 1, (0, 0), tick_ms, {}).to_record())


@pytest.mark.parametrize("since", [0, 120])
def test_the_difference_is_that_of_a_backtest(since: int):
    """The rules stage over a random history: both sets live, the same two folded apart and compared."""
    log = history(60, ticks=150)
    candidate = load(
        RULES.replace("for_s: 3", "for_s: 8").replace(
            "warning: 0.02, critical: 0.1", "warning: 0.9, critical: 1"
        )
    )
    ours, theirs = (live(log, always(rules)) for rules in (candidate, load(RULES)))
    since_ms = BEGIN_MS + 1_000 * since
    beside = Beside(candidate, partitions=2, since_ms=since_ms)
    waiting = iter(theirs)
    for offset, value in enumerate(log):
        beside.windows(0, offset, 0, value)
        for told_ in (one for _, one in zip(range(2), waiting, strict=False)):
            beside.transitions(encode(told_.to_record()))
    for told_ in waiting:
        beside.transitions(encode(told_.to_record()))
    assert (beside.until_ms, beside.silent) == (0, [0])
    beside.transitions(beat(0, 2**50))
    found = beside.report()
    assert found["extent"]["to_ms"] == beside.until_ms
    wanted = compare(episodes(theirs, 0, beside.until_ms), episodes(ours, 0, beside.until_ms))
    if since == 0:
        assert found["counts"] == {
            "candidate": len(wanted.same) + len(wanted.moved) + len(wanted.added),
            "against": len(wanted.same) + len(wanted.moved) + len(wanted.gone),
            "same": len(wanted.same), "moved": len(wanted.moved),
            "added": len(wanted.added), "gone": len(wanted.gone),
        }  # fmt: skip
        assert min(found["counts"][name] for name in ("same", "moved", "gone")) > 0
    else:
        assert found["counts"]["added"] == sum(one.fired_at_ms >= since_ms for one in wanted.added)
        assert found["counts"]["gone"] == sum(one.fired_at_ms >= since_ms for one in wanted.gone)
    assert found["extent"]["rooms"] == 4
    assert found["extent"]["room_ms"] > 0


def test_what_a_replaced_owner_still_writes_is_dropped():
    beside = Beside(load(RULES), partitions=1, since_ms=T0)
    first, late = told(10, "firing", started=5), told(11, "firing", started=6, room_id="r2", subject="r2")
    beside.transitions(encode(first.to_record()))
    beside.transitions(encode({**late.to_record(), "epoch": 0}))
    beside.transitions(encode({**late.to_record(), "position": [9, 0]}))
    beside.transitions(beat(0, T0 + 100_000))
    assert beside.silent == []
    beside._folds[0]._meta.tick_ms = T0 + 100_000
    assert beside.report()["counts"]["against"] == 1
