"""What a client's frames mean, and where it goes on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.gateway import session
from alerts.gateway.filters import Filter, Scope
from alerts.gateway.messages import message

EPOCH = "e1"


def _body(frame: bytes) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(frame[frame.index(b"{") :])
    return body


def test_a_subscription_becomes_a_filter_within_the_tokens_limits():
    text = (
        '{"op":"subscribe","rooms":["r1","r2"],"kinds":["stutter"],"min_severity":"warning",'
        '"states":["firing"],"locale":"en","resume":{"epoch":"e","offset":-1},"ref":"x","later":1}'
    )
    request = session.parse(text)
    assert isinstance(request, session.Subscribe)
    scope = Scope(rooms=frozenset({"r1"}))
    assert request.filter(scope) == Filter(
        scope, frozenset({"r1", "r2"}), frozenset({"stutter"}), 1, frozenset({"firing"})
    )
    assert (request.ref, request.locale, request.resume) == ("x", "en", session.Resume(epoch="e", offset=-1))


def test_the_least_subscription_asks_for_everything():
    request = session.parse('{"op":"subscribe","rooms":"*"}')
    assert isinstance(request, session.Subscribe)
    assert request.filter(Scope()) == Filter()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nul",
        "NaN",
        "[]",
        '"subscribe"',
        "{}",
        '{"op":"dance"}',
        '{"op":null}',
        '{"op":"subscribe"}',
        '{"op":"subscribe","rooms":"all"}',
        '{"op":"subscribe","rooms":[1]}',
        '{"op":"subscribe","rooms":[""]}',
        '{"op":"subscribe","rooms":"*","min_severity":"huge"}',
        '{"op":"subscribe","rooms":"*","states":["loud"]}',
        '{"op":"subscribe","rooms":"*","locale":"fr"}',
        '{"op":"subscribe","rooms":"*","resume":{"epoch":"e"}}',
        '{"op":"subscribe","rooms":"*","resume":{"epoch":"e","offset":"1"}}',
        '{"op":"subscribe","rooms":"*","resume":{"epoch":"e","offset":-2}}',
        '{"op":"subscribe","rooms":"*","ref":{"a":1}}',
        '{"op":"subscribe","rooms":"*","ref":"' + "x" * 200 + '"}',
        '{"op":"ack","id":"x"}',
        '{"op":"ack","id":"x","comment":"","for_s":0}',
        '{"op":"ack","id":"x","comment":"","for_s":1.5}',
        '{"op":"resolve","id":"x","comment":"","verdict":"maybe"}',
        '{"op":"resolve","id":"x","comment":"' + "x" * 1_001 + '"}',
        "[" * 5_000,
        '{"op":"\ud800"}',
    ],
)
def test_a_bad_frame_is_told_apart(text):
    assert isinstance(session.parse(text), session.BadFrame)


def test_a_bad_frame_says_where_and_keeps_the_ref():
    bad = session.parse('{"op":"ack","id":"x","comment":5,"ref":"r7"}')
    assert isinstance(bad, session.BadFrame)
    assert (bad.of, bad.ref) == ("ack", "r7")
    assert "comment" in bad.detail


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet=st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["op", "rooms", "ref", "id"]), inner),
)


@given(st.text() | st.binary() | _TREES.map(orjson.dumps))
def test_nothing_that_a_client_sends_raises(text):
    session.parse(text)


def test_answers_echo_the_ref_and_only_then():
    assert _body(session.answer("at", offset=3)) == {"op": "at", "offset": 3}
    assert _body(session.answer("done", of="ack", ref=0)) == {"op": "done", "of": "ack", "ref": 0}


def test_errors_speak_the_clients_language():
    for locale in ("zh", "en"):
        frame = _body(session.error("ack", "forbidden", locale, ref="a"))
        assert frame == {
            "op": "error",
            "of": "ack",
            "code": "forbidden",
            "message": message("forbidden").of(locale),
            "ref": "a",
        }
    assert _body(session.error(None, "bad_frame", "en", detail="op: x"))["message"].endswith(": op: x")


@pytest.mark.parametrize(
    ("resume", "first", "end", "expected"),
    [
        # nobody was here before
        (None, 0, 9, session.Start(next=10, shown_after=9)),
        (None, 0, -1, session.Start(next=0, shown_after=-1)),
        # within the log
        (("e1", 4), 0, 9, session.Start(next=5, shown_after=-1)),
        (("e1", 9), 0, 9, session.Start(next=10, shown_after=-1)),
        (("e1", -1), 0, 9, session.Start(next=0, shown_after=-1)),
        (("e1", 4), 5, 9, session.Start(next=5, shown_after=-1)),
        (("e1", -1), 0, -1, session.Start(next=0, shown_after=-1)),
        # retention took some, or all
        (("e1", 3), 5, 9, session.Start(5, -1, session.Gap(4, 4, "retention"))),
        (("e1", 3), 10, 9, session.Start(10, -1, session.Gap(4, 9, "retention"))),
        # another life of the log
        (("e0", 4), 0, 9, session.Start(10, -1, session.Gap(0, 9, "epoch"))),
        (("e0", 4), 5, 9, session.Start(10, -1, session.Gap(5, 9, "epoch"))),
        (("e1", 10), 0, 9, session.Start(10, -1, session.Gap(0, 9, "epoch"))),
        (("e0", 4), 0, -1, session.Start(0, -1, session.Gap(-1, -1, "epoch"))),
    ],
)
def test_where_a_subscription_begins(resume, first, end, expected):
    point = None if resume is None else session.Resume(epoch=resume[0], offset=resume[1])
    assert session.start(point, epoch=EPOCH, first=first, end=end) == expected


def test_a_gap_is_told_inclusive():
    assert _body(session.Gap(4, 9, "retention").frame()) == {
        "op": "gap",
        "from": 4,
        "to": 9,
        "reason": "retention",
    }
