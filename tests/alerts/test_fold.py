"""The fold over one log: what it does when it starts, is fenced, and when store or log fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import ResponseError

from alerts import fold as fold_module
from alerts.fold import BEHIND_MAX, UNSAVED_MAX, Fold, Job
from alerts.inbox import BATCH_MAX, INBOX_BYTES, INBOX_MAX, Inbox
from alerts.stages import Record
from alerts.telemetry import Telemetry
from stream.errors import StageError
from tests.alerts.memory import CountingStage, MemoryLog, MemoryOutbox, MemoryOwner
from tests.waiting import until


@dataclass
class Bench:
    """Everything that a fold touches."""

    log: MemoryLog
    owner: MemoryOwner = field(default_factory=MemoryOwner)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    every: int = 1

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.registry)

    def fold(self, generation: int = 1, patience_s: float = 0.3) -> Fold:
        job = Job(
            stage="rules",
            topic="t",
            partition=0,
            make=lambda: CountingStage(self.every),
            load=self.owner.load,
            commands=CountingStage.commands,
            output="alerts",
        )
        return Fold(
            job,
            store=self.owner,
            reader=self.log,
            outbox=self.outbox,
            generation=generation,
            patience_s=patience_s,
            telemetry=self.telemetry,
        )

    def count(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"roomwatch_engine_{name}_total", {"stage": "rules"})


@contextlib.asynccontextmanager
async def running(fold: Fold) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(fold.run())
    try:
        yield task
    finally:
        fold.inbox.close()
        if not task.done():
            async with asyncio.timeout(5):
                await task


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_module, "_BACKOFF_S", (0.01, 0.05))


async def test_it_reads_what_the_log_holds_before_anything_is_delivered():
    bench = Bench(MemoryLog(300))
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 299)
    assert bench.outbox.values() == list(range(300))
    assert bench.owner.kept == {"count": 300, "newest": 299}


async def test_it_goes_on_after_the_stored_offset_and_passes_over_what_is_kept():
    bench = Bench(MemoryLog(10))
    bench.owner.offset, bench.owner.kept = 6, {"count": 7, "newest": 6}
    async with running(bench.fold()) as _:
        await until(lambda: bench.owner.offset == 9)
    assert bench.outbox.values() == [7, 8, 9]
    assert bench.owner.kept["count"] == 10


async def test_delivered_records_are_folded_once_whatever_faust_repeats():
    bench = Bench(MemoryLog(5))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 4)
        grown = bench.log.grow(3)
        for record in [*bench.log.records[2:5], *grown, *grown]:
            fold.inbox.put(record)
        await until(lambda: bench.owner.offset == 7)
    assert bench.outbox.values() == list(range(8))
    assert bench.log.reads == [(0, 4)]


async def test_a_hole_before_a_delivered_record_is_read_from_the_log():
    bench = Bench(MemoryLog(5))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 4)
        fold.inbox.put(bench.log.grow(4)[-1])
        await until(lambda: bench.owner.offset == 8)
    assert bench.outbox.values() == list(range(9))
    assert bench.log.reads[-1] == (5, 7)
    assert bench.count("records_lost") == 0


async def test_records_gone_by_retention_are_told_and_counted():
    bench = Bench(MemoryLog(10, begin=6))
    bench.owner.offset = 2
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 9)
    assert bench.outbox.values() == [6, 7, 8, 9]
    assert bench.count("records_lost") == 3


async def test_a_log_that_began_before_us_has_lost_nothing():
    bench = Bench(MemoryLog(10, begin=6))
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 9)
    assert bench.count("records_lost") == 0


async def test_what_does_not_fit_into_the_inbox_is_read_from_the_log():
    bench = Bench(MemoryLog(1))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 0)
        for record in bench.log.grow(2 * INBOX_MAX):
            fold.inbox.put(record)
        assert len(fold.inbox) == INBOX_MAX
        await until(lambda: bench.owner.offset == 2 * INBOX_MAX)
    assert bench.outbox.values() == list(range(2 * INBOX_MAX + 1))


async def test_what_is_not_delivered_in_time_is_read_from_the_log_until_delivery_has_caught_up():
    bench = Bench(MemoryLog(1))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 0)
        grown = bench.log.grow(BEHIND_MAX + 10)
        fold.inbox.put(grown[0], end=len(bench.log.records))
        await until(lambda: bench.owner.offset == len(grown))
        more = bench.log.grow(5)
        await until(lambda: bench.owner.offset == more[-1].offset)
        for record in [*grown[1:], *more]:
            fold.inbox.put(record, end=len(bench.log.records))
        await until(lambda: not bench.log.followed)
        last = bench.log.grow(1)[0]
        fold.inbox.put(last, end=len(bench.log.records))
        await until(lambda: bench.owner.offset == last.offset)
    assert bench.outbox.values() == list(range(len(bench.log.records)))
    assert bench.log.follows == [2]


async def test_records_gone_while_it_reads_ahead_are_counted():
    bench = Bench(MemoryLog(1))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 0)
        bench.log.begin = 4
        grown = bench.log.grow(BEHIND_MAX + 10)
        fold.inbox.delivered, fold.inbox.end = 0, len(bench.log.records)
        await until(lambda: bench.owner.offset == grown[-1].offset)
    assert bench.count("records_lost") == 3


async def test_a_state_that_is_not_settled_is_sent_but_not_kept():
    bench = Bench(MemoryLog(10), every=4)
    async with running(bench.fold()):
        await until(lambda: bench.outbox.values() == list(range(10)))
    assert bench.owner.offset == -1
    bench.log.grow(2)
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 11)
    assert bench.outbox.values() == [*range(10), *range(12)]
    assert bench.owner.kept["count"] == 12


async def test_under_backlog_a_settled_state_is_kept_now_and_then():
    bench = Bench(MemoryLog(1_000), every=3)
    async with running(bench.fold()):
        await until(lambda: bench.outbox.values() == list(range(1_000)))
    assert 1_000 - bench.owner.offset < 2 * UNSAVED_MAX
    assert bench.owner.calls < 1_000 / 3 / 10


async def test_fenced_it_forgets_and_claims_again_and_output_repeats_byte_for_byte():
    bench = Bench(MemoryLog(5))
    fold = bench.fold()
    async with running(fold):
        await until(lambda: bench.owner.offset == 4)
        bench.owner.epoch += 1
        fold.inbox.put(bench.log.grow(1)[0])
        await until(lambda: bench.owner.offset == 5)
    assert bench.outbox.values() == [0, 1, 2, 3, 4, 5, 5]
    assert bench.owner.kept["count"] == 6
    assert bench.count("fenced") == 1


async def test_a_zombie_of_an_old_generation_keeps_nothing():
    bench = Bench(MemoryLog(5))
    fold = bench.fold(generation=1)
    async with running(fold):
        await until(lambda: bench.owner.offset == 4)
        bench.owner.epoch, bench.owner.generation = bench.owner.epoch + 1, 2
        fold.inbox.put(bench.log.grow(1)[0])
        await until(lambda: (bench.count("fenced") or 0) >= 3)
    assert bench.owner.offset == 4


async def test_a_store_that_is_away_for_a_while_is_waited_for():
    bench = Bench(MemoryLog(5))
    bench.owner.faults = [StoreConnectionError("away")] * 3
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 4)
    assert bench.outbox.values() == list(range(5))
    assert bench.count("store_retries") == 3


async def test_a_store_that_stays_away_ends_the_fold_with_a_sentence():
    bench = Bench(MemoryLog(5))
    bench.owner.faults = [StoreConnectionError("nobody there")] * 1_000
    with pytest.raises(StageError, match=r"did not answer the rules stage for 0.3 s: nobody there"):
        await bench.fold().run()


async def test_a_store_that_refuses_is_not_asked_again():
    bench = Bench(MemoryLog(5))
    bench.owner.faults = [ResponseError("WRONGTYPE")]
    with pytest.raises(StageError, match="WRONGTYPE"):
        await bench.fold().run()


async def test_a_broker_that_takes_nothing_ends_the_fold_before_state_is_kept():
    bench = Bench(MemoryLog(5))
    bench.outbox.faults = [StageError("broker away")]
    with pytest.raises(StageError, match="broker away"):
        await bench.fold().run()
    assert bench.owner.offset == -1


async def test_a_topic_made_anew_is_refused_with_a_way_out():
    bench = Bench(MemoryLog(5))
    bench.owner.offset = 900
    with pytest.raises(StageError, match="t-0 ends at offset 5, but the store holds it folded up to 900"):
        await bench.fold().run()


async def test_it_beats_each_second_while_nothing_comes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fold_module, "BEAT_S", 0.02)
    bench = Bench(MemoryLog(0))
    async with running(bench.fold()):
        await until(lambda: len(bench.outbox.sent) >= 5)
    assert {output.value for output in bench.outbox.sent} == {b"beat"}


async def test_it_does_not_beat_for_a_partition_that_another_owns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fold_module, "BEAT_S", 0.02)
    bench = Bench(MemoryLog(0))
    async with running(bench.fold()):
        await until(lambda: bench.outbox.sent)
        bench.owner.epoch, bench.owner.generation = 9, 2
        await until(lambda: (bench.count("fenced") or 0) >= 1)
        sent = len(bench.outbox.sent)
        await until(lambda: (bench.count("fenced") or 0) >= 3)
    assert len(bench.outbox.sent) == sent


async def test_what_the_stage_passes_over_is_counted():
    bench = Bench(MemoryLog(3))
    bench.log.records[1] = Record(1, 0, b"bad")
    async with running(bench.fold()):
        await until(lambda: bench.owner.offset == 2)
    labels = {"stage": "rules", "reason": "bad_record"}
    assert bench.registry.get_sample_value("roomwatch_engine_passed_over_total", labels) == 1


async def test_the_inbox_hands_over_in_order_and_in_bounded_batches():
    inbox = Inbox()
    inbox.missed = False
    for offset in range(BATCH_MAX + 5):
        inbox.put(Record(offset, 0, b""))
    first = await inbox.take(within_s=0)
    second = await inbox.take(within_s=0)
    assert [record.offset for record in first + second] == list(range(BATCH_MAX + 5))
    assert len(first) == BATCH_MAX
    assert not inbox.missed


async def test_the_inbox_holds_no_more_bytes_than_it_may_but_any_one_record():
    inbox = Inbox()
    inbox.missed = False
    inbox.put(Record(0, 0, bytes(INBOX_BYTES + 1)))
    assert len(inbox) == 1
    assert not inbox.missed
    inbox.put(Record(1, 0, b"1"))
    assert len(inbox) == 1
    assert inbox.missed
    await inbox.take(within_s=0)
    inbox.put(Record(2, 0, bytes(INBOX_BYTES)))
    assert len(inbox) == 1
    inbox.pass_over(2)
    assert len(inbox) == 0
    inbox.put(Record(3, 0, bytes(INBOX_BYTES)))
    assert len(inbox) == 1


async def test_a_closed_inbox_takes_nothing_and_wakes_its_reader():
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take(within_s=60))
    await asyncio.sleep(0)
    inbox.close()
    assert await waiting == []
    inbox.put(Record(0, 0, b""))
    assert len(inbox) == 0


async def test_a_fold_that_is_put_away_while_it_catches_up_ends_at_once_and_right():
    bench = Bench(MemoryLog(20_000))
    fold = bench.fold()
    async with running(fold) as task:
        await until(lambda: bench.owner.offset > 0)
        fold.inbox.close()
        async with asyncio.timeout(2):
            await task
    assert bench.owner.offset < 19_999
    assert bench.owner.kept["count"] == bench.owner.offset + 1
    assert bench.outbox.values() == list(range(len(bench.outbox.values())))
