import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaTimeoutError

from stream.errors import ServiceError
from stream.settings import Settings
from stream.sources import sending
from stream.sources.broadcast import Record
from stream.sources.sending import Progress, Sender, Tally

QUIET = Progress("test", shown=False)


class JumpingClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.at_ms = 0.0

    def now_ms(self) -> int:
        return int(self.at_ms)

    async def sleep(self, seconds: float) -> None:
        self.at_ms += seconds * 1_000
        await asyncio.sleep(0)


class Broker:
    """Takes records; confirms them when asked for, or refuses them."""

    def __init__(self, clock: JumpingClock, *, refuse: bool = False) -> None:
        self.taken: list[tuple[int, str, bytes]] = []
        self.open = self.open_max = 0
        self._clock, self._refuse = clock, refuse

    async def send(self, topic: str, value: bytes, key: bytes) -> asyncio.Future[None]:
        assert value
        self.taken.append((self._clock.now_ms(), topic, key))
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        return asyncio.ensure_future(self._confirm())

    async def _confirm(self) -> None:
        await asyncio.sleep(0)
        self.open -= 1
        if self._refuse:
            raise KafkaTimeoutError


@pytest.fixture
def made():
    clock, tally = JumpingClock(), Tally()
    broker = Broker(clock)
    return SimpleNamespace(clock=clock, tally=tally, broker=broker, sender=sender(broker, clock, tally))


def sender(broker: Broker, clock: JumpingClock, tally: Tally) -> Sender:
    return Sender(broker, Settings(topic_prefix="x."), clock, tally)


def likes(*times: int) -> list[Record]:
    return [Record(at_ms, "likes", "r1", b"{}") for at_ms in times]


async def test_each_record_goes_out_at_its_time(made):
    await made.sender.send(likes(0, 0, 120, 5_000), stop=asyncio.Event(), progress=QUIET)
    await made.sender.confirm()
    assert [at for at, _, _ in made.broker.taken] == [0, 0, 120, 5_000]
    assert made.broker.taken[0][1:] == ("x.live.likes", b"r1")
    assert made.tally.sent == {"likes": 4}
    assert made.broker.open == 0


async def test_late_records_go_out_at_once_and_the_delay_is_told(made):
    made.clock.at_ms = 9_000
    await made.sender.send(likes(1_000, 8_000), stop=asyncio.Event(), progress=QUIET)
    await made.sender.confirm()
    assert (made.tally.behind_ms, made.tally.behind_max_ms) == (1_000, 8_000)


async def test_a_stop_ends_the_waiting(made):
    stop = asyncio.Event()
    stop.set()
    await made.sender.send(likes(10_000), stop=stop, progress=QUIET)
    assert made.broker.taken == []
    assert made.clock.now_ms() < 100


async def test_few_records_are_unconfirmed(made, monkeypatch):
    monkeypatch.setattr(sending, "_UNCONFIRMED_MAX", 3)
    await made.sender.send(likes(*[0] * 50), stop=asyncio.Event(), progress=QUIET)
    await made.sender.confirm()
    assert made.broker.open_max <= 4
    assert len(made.broker.taken) == 50


async def test_a_refused_record_is_an_error(made):
    refusing = sender(Broker(made.clock, refuse=True), made.clock, made.tally)
    await refusing.send(likes(0), stop=asyncio.Event(), progress=QUIET)
    with pytest.raises(ServiceError, match="the broker did not take a record"):
        await refusing.confirm()


def test_progress_is_a_line_every_five_seconds_off_a_terminal(capsys):
    tally = Tally()
    tally.sent["likes"] = 7
    with Progress("test", shown=True) as progress:
        for now_ms in (0, 1_000, 4_999, 5_000):
            progress.tell(tally, now_ms)
    assert capsys.readouterr().err.splitlines() == ["test: 7 sent, 0 ms behind; likes=7"] * 2


def test_the_tally_is_told_to_scripts_and_people():
    tally = Tally()
    tally.sent["likes"] = 7
    tally.notes["lines_skipped"] = 2
    assert tally.as_json() == {"sent": {"likes": 7}, "total": 7, "behind_max_ms": 0, "lines_skipped": 2}
    assert tally.table("sent").row_count == 3
