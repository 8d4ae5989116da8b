"""What waits for a client, and when it has waited too long."""

from __future__ import annotations

from alerts.gateway.outbox import UNSENT_BYTES_MAX, UNSENT_MS_MAX, Outbox


class Pipe:
    """A connection that takes a set number of bytes."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.taken = b""
        self.held = b""

    def write(self, data: bytes) -> int:
        self.taken += data[: self.room]
        self.held = data[self.room :]
        self.room = max(0, self.room - len(data))
        return len(self.held)

    def drain(self, outbox: Outbox, room: int) -> None:
        self.taken += self.held
        self.held, self.room = b"", room
        outbox.taken()


def test_a_client_that_reads_holds_nothing():
    pipe = Pipe()
    outbox = Outbox(pipe)
    outbox.send(b"abc", now_ms=0, live=True)
    assert (pipe.taken, outbox.unsent_bytes, outbox.clear) == (b"abc", 0, True)
    assert not outbox.overdue(10**9)


def test_frames_wait_their_turn_and_none_is_lost():
    pipe = Pipe(room=2)
    outbox = Outbox(pipe)
    for frame in (b"abc", b"def", b"ghi"):
        outbox.send(frame, now_ms=0, live=True)
    assert (pipe.taken, outbox.unsent_bytes) == (b"ab", 7)
    pipe.drain(outbox, room=4)
    assert (pipe.taken, outbox.unsent_bytes) == (b"abcdefg", 2)
    pipe.drain(outbox, room=100)
    assert (pipe.taken, outbox.unsent_bytes, outbox.clear) == (b"abcdefghi", 0, True)


def test_the_oldest_live_frame_that_is_not_sent_counts():
    pipe = Pipe(room=0)
    outbox = Outbox(pipe)
    outbox.send(b"first", now_ms=1_000, live=True)
    outbox.send(b"second", now_ms=9_000, live=True)
    assert not outbox.overdue(1_000 + UNSENT_MS_MAX)
    assert outbox.overdue(1_001 + UNSENT_MS_MAX)
    pipe.drain(outbox, room=0)
    assert not outbox.overdue(9_000 + UNSENT_MS_MAX)
    assert outbox.overdue(9_001 + UNSENT_MS_MAX)


def test_a_client_that_catches_up_is_waited_for():
    outbox = Outbox(Pipe(room=0))
    outbox.send(b"replayed", now_ms=0, live=False)
    assert not outbox.overdue(10**9)
    outbox.send(b"live", now_ms=5_000, live=True)
    assert outbox.overdue(5_001 + UNSENT_MS_MAX)


def test_too_many_bytes_are_too_many_at_once():
    outbox = Outbox(Pipe(room=0))
    outbox.send(b"x" * UNSENT_BYTES_MAX, now_ms=0, live=True)
    assert not outbox.overdue(0)
    outbox.send(b"y", now_ms=0, live=True)
    assert outbox.overdue(0)
    outbox.drop()
    assert outbox.unsent_bytes == UNSENT_BYTES_MAX
