"""The real recorder on the real broker: killed, frozen, stopped – the archive holds the log, once."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from alerts.windows import parse_windows
from exporters.archive.tail import next_offset
from stream.archive import Archive
from stream.settings import Settings
from tests.exporters.archive.recording import entries, heads
from tests.services.role_process import RoleProcess
from tests.services.windows_log import record_windows, windows
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(170)]

SEED = 20_251_122
TICKS = 400


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.archive


def recorder(environment: dict[str, str], folder: Path, **given: object) -> RoleProcess:
    quick = {"archive_flush_s": 0.1, "archive_settle_s": 1, "recorder_session_s": 1.5}
    return RoleProcess("recorder", environment, folder.parent, **{**quick, **given})


def recorded(folder: Path, last: list[int]) -> bool:
    return all(next_offset(folder, partition) == offset + 1 for partition, offset in enumerate(last))


def check(folder: Path, settings: Settings) -> None:
    """Fail unless the archive holds what `windows` wrote."""
    archive = Archive(folder)
    for partition in range(settings.partitions):
        log = [parse_windows(value) for value in windows(partition, TICKS, rooms=4, seed=SEED)]
        assert [offset for offset, _, _ in heads(archive, partition)] == list(range(len(log)))
        wanted = [(offset, entry) for offset, record in enumerate(log) for entry in record.rooms]
        found = entries(archive, partition)
        assert [each[0] for each in found] == [each[0] for each in wanted]
        assert sorted(map(repr, found)) == sorted(map(repr, wanted))


async def test_killed_again_and_again_it_records_each_entry_once(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], folder: Path
):
    last = await record_windows(settings, producer, ticks=TICKS, rooms=4, seed=SEED)
    dice = random.Random(SEED)
    for _ in range(3):
        async with recorder(role_environment, folder) as process:
            await process.says("recorder.assigned")
            await asyncio.sleep(dice.uniform(0, 0.5))
            process.kill()
    async with recorder(role_environment, folder) as process:
        await until(lambda: recorded(folder, last), 60, what="the whole log to be recorded")
        await process.says("recorder.settled")
        process.signal(signal.SIGTERM)
        assert await process.ended(15) == 0, process.told()
    check(folder, settings)


async def test_what_another_wrote_is_settled_though_nothing_more_comes(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], folder: Path
):
    last = await record_windows(settings, producer, ticks=TICKS, rooms=4, seed=SEED)
    async with recorder(role_environment, folder, archive_settle_s=600) as process:
        await until(lambda: recorded(folder, last), 60, what="the whole log to be recorded")
        process.kill()
    assert not (folder / "rooms").exists()
    async with recorder(role_environment, folder) as process:
        await process.says("recorder.settled")
        process.signal(signal.SIGTERM)
        assert await process.ended(15) == 0, process.told()
    check(folder, settings)


async def test_asked_to_stop_it_writes_what_it_holds(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], folder: Path
):
    async with recorder(role_environment, folder, archive_flush_s=600) as process:
        await process.says("recorder.assigned")
        last = await record_windows(settings, producer, ticks=TICKS, rooms=4, seed=SEED)
        await process.counts("roomwatch_recorder_records_total", sum(last) + len(last))
        assert not recorded(folder, last)
        process.signal(signal.SIGTERM)
        assert await process.ended(15) == 0, process.told()
    check(folder, settings)


async def test_one_that_was_frozen_and_its_successor_record_each_entry_once(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], folder: Path
):
    async with recorder(role_environment, folder, archive_flush_s=600) as first:
        await first.says("recorder.assigned")
        last = await record_windows(settings, producer, ticks=TICKS, rooms=4, seed=SEED)
        await first.counts("roomwatch_recorder_records_total", sum(last) + len(last))
        first.signal(signal.SIGSTOP)
        async with recorder(role_environment, folder) as second:
            await until(lambda: recorded(folder, last), 60, what="the second recorder to take over")
            first.signal(signal.SIGCONT)
            first.signal(signal.SIGTERM)
            assert await first.ended(20) == 0, first.told()
            check(folder, settings)
            second.signal(signal.SIGTERM)
            assert await second.ended(15) == 0, second.told()
    check(folder, settings)


async def test_the_archive_of_another_log_is_refused(
    settings: Settings, producer: AIOKafkaProducer, role_environment: dict[str, str], folder: Path
):
    await record_windows(settings, producer, ticks=20, rooms=1, seed=1)
    async with recorder(role_environment, folder) as process:
        await until(lambda: (next_offset(folder, 0) or 0) > 0, 60, what="something to be recorded")
        process.signal(signal.SIGTERM)
        assert await process.ended(15) == 0, process.told()
    tail = next((folder / "tail" / "p0").iterdir())
    tail.rename(tail.with_name("p0.0-999999.1-2.parquet"))
    async with recorder(role_environment, folder) as process:
        assert await process.ended(60) == 1
        assert "the topic was made anew; put the old archive elsewhere" in process.told()
