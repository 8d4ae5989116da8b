"""Who gets which record."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from alerts.gateway.filters import Filter, Scope
from alerts.gateway.records import Episodes, Record
from tests.alerts.gateway.made import alert


def _record(**fields: Any) -> Record:
    return Episodes().read(5, orjson.dumps(alert(0, **fields)))


@pytest.mark.parametrize(
    ("wanted", "fields", "passes"),
    [
        (Filter(), {}, True),
        (Filter(rooms=frozenset({"room-0"})), {}, True),
        (Filter(rooms=frozenset({"room-1"})), {}, False),
        (Filter(rooms=frozenset()), {}, False),
        (Filter(rooms=frozenset({"room-1"})), {"room_id": None}, True),
        (Filter(kinds=frozenset({"stutter"})), {}, True),
        (Filter(kinds=frozenset({"sold_out"})), {}, False),
        (Filter(severity_rank=1), {}, True),
        (Filter(severity_rank=2), {}, False),
        (Filter(severity_rank=2), {"severity": "info", "severity_max": "critical"}, True),
        (Filter(states=frozenset({"resolved"})), {}, False),
        (Filter(states=frozenset({"resolved"})), {"state": "resolved"}, True),
        (Filter(states=frozenset({"suppressed"})), {"state": "suppressed"}, True),
        (Filter(), {"state": "suppressed"}, False),
        (Filter(scope=Scope(rooms=frozenset({"room-0"}))), {}, True),
        (Filter(scope=Scope(rooms=frozenset({"room-1"}))), {}, False),
        (Filter(scope=Scope(categories=frozenset({"beauty"}))), {}, True),
        (Filter(scope=Scope(categories=frozenset({"food"}))), {}, False),
        (Filter(scope=Scope(frozenset({"room-1"}), frozenset({"beauty"}))), {}, True),
        (Filter(scope=Scope(rooms=frozenset({"room-1"}))), {"room_id": None}, True),
        (Filter(scope=Scope(rooms=frozenset())), {}, False),
    ],
)
def test_a_record_passes(wanted, fields, passes):
    assert wanted.passes(_record(**fields), shown_after=-1) is passes


def test_an_episode_that_was_shown_is_told_to_be_suppressed():
    """Who was there when it fired hears that it is suppressed; who came later was never shown it.

    offset:       3 firing   4 suppressed
    client A ─────●──────────●   came before 3, or resumes
    client B        ●─────────   came after 3
    """
    episodes = Episodes()
    episodes.read(3, orjson.dumps(alert(0)))
    hidden = episodes.read(4, orjson.dumps({**alert(0), "change": 2, "state": "suppressed"}))
    assert Filter().passes(hidden, shown_after=-1)
    assert Filter().passes(hidden, shown_after=2)
    assert not Filter().passes(hidden, shown_after=3)
    assert not Filter(severity_rank=2).passes(hidden, shown_after=-1)
    assert not Filter(states=frozenset({"firing"})).passes(hidden, shown_after=-1)
