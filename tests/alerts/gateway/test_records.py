"""Records as they are held: the frame, and since when an episode has been shown."""

from __future__ import annotations

import orjson
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from alerts.gateway.records import NEVER, Episodes, text_frame
from alerts.model import BadRecord
from tests.alerts.gateway.made import alert, value


def _frames(data: bytes) -> list[bytes]:
    """Return the payloads of text frames as a client of the library reads them."""
    client = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    events = client.events_received()
    assert all(event.opcode is Opcode.TEXT and event.fin for event in events)  # type: ignore[union-attr]
    return [bytes(event.data) for event in events]  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_frames_of_every_size_are_read_by_a_real_client(size):
    assert _frames(text_frame(b"x" * size) * 2) == [b"x" * size] * 2


def test_the_frame_holds_the_values_own_bytes():
    raw = value(0)
    record = Episodes().read(7, b" " + raw + b"\n")
    (payload,) = _frames(record.frame)
    assert payload == b'{"op":"alert","offset":7,"alert":' + raw + b"}"
    assert orjson.loads(payload)["alert"] == alert(0)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        value(0)[:-1],
        value(0, state="loud"),
        value(0, severity_max="huge"),
        value(0, change="1"),
        value(0).replace("画".encode(), b"\xff\xfe"),
    ],
)
def test_what_is_no_alert_is_refused_with_its_offset(bad):
    with pytest.raises(BadRecord, match="offset 3"):
        Episodes().read(3, bad)


def _read(episodes: Episodes, *changes: dict) -> list[tuple[int, ...]]:
    return [episodes.read(n, orjson.dumps(change)).shown_from for n, change in enumerate(changes)]


def test_an_episode_counts_as_shown_from_its_first_record_that_is_not_suppressed():
    first = alert(0, state="suppressed")
    shown = _read(
        Episodes(),
        first,
        {**first, "change": 2, "state": "firing"},
        {**first, "change": 3, "state": "firing", "severity": "critical", "severity_max": "critical"},
        {**first, "change": 4, "state": "suppressed", "severity_max": "critical"},
    )
    assert shown == [
        (NEVER, NEVER, NEVER),
        (NEVER, NEVER, NEVER),
        (1, 1, NEVER),
        (1, 1, 2),
    ]


def test_an_episode_whose_beginning_was_not_read_counts_as_shown():
    assert _read(Episodes(), {**alert(0), "change": 4, "state": "suppressed"}) == [(0, 0, NEVER)]


def test_resolved_and_oldest_episodes_are_forgotten():
    episodes = Episodes(episodes_max=2)
    _read(episodes, alert(0), {**alert(0), "change": 2, "state": "resolved"}, alert(1), alert(2), alert(3))
    assert len(episodes._shown) == 2
    assert alert(1)["id"] not in episodes._shown
