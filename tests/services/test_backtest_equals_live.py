"""The real recorder beside the real engine: a backtest of what one kept gives what the other told."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from alerts.backtest.answer import Question, answer
from alerts.backtest.inputs import rules_in_force, verdicts
from alerts.backtest.work import pieces, play_piece, renumbered
from alerts.model import Command, encode, episode_id
from alerts.rulecheck import load
from exporters.archive.tail import next_offset
from stream.archive import Archive
from stream.settings import Settings
from tests.services.engine_process import EngineProcess
from tests.services.role_process import RoleProcess
from tests.services.windows_log import RULES, windows
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(170)]

ReadAll = Callable[[str], Awaitable[list[Any]]]
SEED = 77


async def folded(redis: Redis, last: list[int]) -> bool:
    """Return whether the rules stage has kept the whole log."""
    kept = [await redis.hget(f"{{p{number}}}:rules:owner", "offset") for number in range(len(last))]
    return all(
        offset is not None and int(offset) == wanted for offset, wanted in zip(kept, last, strict=True)
    )


async def told(read_all: ReadAll) -> list[dict[str, Any]]:
    """Return the transitions of the log, by partition and position."""
    records = [orjson.loads(record.value) for record in await read_all("transitions")]
    found = [record for record in records if record["type"] == "transition"]
    return sorted(found, key=lambda record: (record["partition"], record["position"]))


async def test_a_backtest_of_the_archive_gives_what_the_engine_told(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
):
    quick = {"archive_flush_s": 0.1, "archive_settle_s": 1, "recorder_session_s": 1.5}
    async with (
        RoleProcess("recorder", role_environment, tmp_path, **quick) as recorder,
        EngineProcess(role_environment, tmp_path) as engine,
        Redis.from_url(settings.redis_url) as redis,
    ):
        await recorder.says("recorder.assigned")
        last = [await broadcast(settings, producer, number) for number in range(settings.partitions)]
        await until(lambda: folded(redis, last), 60, what="the engine to fold the log")
        await until(
            lambda: all(next_offset(settings.archive, n) == end + 1 for n, end in enumerate(last)),
            60,
            what="the recorder to keep the log",
        )
        live = await told(read_all)
        newest = {alert_id(record): record["to"] for record in live}
        judged = next(alert for alert, to in newest.items() if to != "resolved")
        await acknowledge(settings, producer, judged)
        await check(settings, live, judged)
        recorder.signal(signal.SIGTERM)
        assert await recorder.ended(20) == 0, recorder.told()
        engine.signal(signal.SIGTERM)
        assert await engine.ended(20) == 0, engine.told()


async def broadcast(settings: Settings, producer: AIOKafkaProducer, partition: int) -> int:
    """Write a log whose rooms are still live at its end; return the offset of its last record."""
    log = list(windows(partition, 600, rooms=6, seed=SEED))[:-1]
    while not orjson.loads(log[-1])["last"]:  # the engine keeps its state when a tick is closed
        log.pop()
    key = str(partition).encode()
    sent = [await producer.send(settings.topic("windows"), value, key, partition=partition) for value in log]
    return int((await sent[-1]).offset)


async def acknowledge(settings: Settings, producer: AIOKafkaProducer, alert: str) -> None:
    """Say of an open alert that it is real."""
    command = Command("c1", "ack", "li", "oncall", "test", "在看", id=alert, verdict="real")
    await producer.send_and_wait(settings.topic("transitions"), encode(command.to_record()), partition=0)

    async def known() -> bool:
        return bool(await verdicts(settings, 0, 2**53))

    await until(known, 30, what="the verdict to be kept")


def alert_id(transition: dict[str, Any]) -> str:
    return episode_id(transition["rule"], transition["subject"], transition["started_at_ms"])


async def check(settings: Settings, live: list[dict[str, Any]], judged: str) -> None:
    """Hold a backtest with the rules of the store to what live told."""
    archive, in_force = Archive(settings.archive), await rules_in_force(settings)
    begin_ms, end_ms = archive.bounds_ms() or (0, 0)
    found = []
    for piece in pieces(archive, begin_ms, end_ms + 1, vendors=False, planned=False):
        found += play_piece(archive, piece, {"all": in_force})["all"]
    ours = [{**transition.to_record(), "epoch": 0} for transition in renumbered(found)]
    assert len(ours) > 100
    assert orjson.dumps(ours) == orjson.dumps([{**record, "epoch": 0} for record in live])

    stricter = load(RULES.replace("warning: 0.02", "warning: 0.049"))
    known = await verdicts(settings, begin_ms, end_ms)
    report = answer(archive, Question(stricter, in_force, verdicts=known), jobs=1)
    assert report["counts"]["against"] == len({alert_id(record) for record in live})
    assert report["verdicts"]["real_kept"] + report["verdicts"]["real_lost"] == 1
    lost = [each["id"] for each in report["gone"] if each.get("verdict") == "real"]
    assert (judged in lost) == bool(report["verdicts"]["real_lost"])
