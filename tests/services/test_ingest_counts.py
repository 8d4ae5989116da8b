"""Counted once: the store equals the recount of everything sent, whatever happened to the ingest."""

from __future__ import annotations

import asyncio
import random
import signal

import pytest

from tests.services.ingesting import (
    Mess,
    check,
    check_dead_letters,
    everything_kept,
    running,
    send,
    start_process,
)

pytestmark = pytest.mark.services


async def test_the_store_equals_the_recount_of_a_preloaded_log(settings, producer, read_all):
    await send(producer, settings, Mess(1, settings).records(1_500), pause_every=100)
    async with running(settings):
        await everything_kept(settings)
    wanted = await check(settings, read_all)
    reasons = set((await check_dead_letters(settings, read_all, wanted)).values())
    assert reasons >= {"not_json", "not_object", "missing_field", "bad_type", "bad_key", "future"}


async def test_the_store_equals_the_recount_of_what_comes_live(settings, producer, read_all):
    async with running(settings):
        await send(producer, settings, Mess(2, settings).records(1_000), pause_every=5)
        await everything_kept(settings)
    wanted = await check(settings, read_all)
    await check_dead_letters(settings, read_all, wanted)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_kill_9_at_ten_moments_loses_and_doubles_nothing(
    settings, producer, read_all, role_environment, tmp_path
):
    chance = random.Random(9)
    log = tmp_path / "ingest.log"
    sending = asyncio.create_task(send(producer, settings, Mess(3, settings).records(4_000), pause_every=2))
    for _ in range(10):
        process = await start_process(role_environment, log, session_timeout_ms=1_000)
        await asyncio.sleep(2 + chance.random() * 1.5)
        assert process.returncode is None, log.read_text()[-3_000:]
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await sending
    async with running(settings, session_timeout_ms=1_000):
        await everything_kept(settings)
    await check(settings, read_all)
