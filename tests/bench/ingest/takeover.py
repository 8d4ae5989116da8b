"""How long the partitions of a dead ingest are without an owner, with many rooms to bring into memory."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from deploy.local.process import Process
from stream.settings import Settings
from stream.store import connect
from stream.store.keys import owner
from tests.bench.ingest.machine import alone, conditions
from tests.bench.ingest.world import World
from tests.waiting import until

__all__ = ["assigned_ms", "noticed_ms", "takeovers"]

_LOOK_S: Final = 0.005
_WAIT_S: Final = 120
_EXPIRED: Final = re.compile(r"(\S+ \S+) .*(?:has failed|session.*expired|removing it from the group)")
"""A line of the broker's group coordinator."""


async def takeovers(world: World, settings: Settings, first: Process, times: int) -> list[dict[str, Any]]:
    """Let a second process join, kill the first, and note when its partitions were flushed again; repeat.

    Args:
        world: broker and store.
        settings: of a deployment whose rooms are live and whose feeds flow.
        first: owns all partitions; it is dead afterwards.
        times: how often; each survivor is the next one to die.

    Returns:
        Times in milliseconds. ``noticed`` is when the broker took the dead member out of the group,
        ``assigned`` when the survivor was told its new partitions; from both to the last partition's first
        flush.
    """
    found = []
    async with contextlib.AsyncExitStack() as running, connect(settings) as redis:
        for number in range(times):
            second = await running.enter_async_context(world.ingest(settings, f"ingest-heir-{number}"))
            async with alone():
                found.append(await _takeover(world, settings, redis, first, second))
            first = second
    return found


async def _takeover(
    world: World, settings: Settings, redis: Redis, first: Process, second: Process
) -> dict[str, Any]:
    everything = range(settings.partitions)
    await until(lambda: 0 < len(_assigned(second)) < settings.partitions, _WAIT_S, what="partitions shared")
    left = await _flushes(redis, everything)
    await until(lambda: _moved(redis, left), _WAIT_S, what="every partition flushed by its new owner")
    orphans = sorted(set(everything) - set(_assigned(second)))
    killed_ms = time.time() * 1_000
    await first.kill()
    with world.ahead(second.pid):
        left = await _flushes(redis, orphans)
        flushed = await _first_flushes(redis, left)
    noticed = noticed_ms(world.broker_log())
    told = assigned_ms(second.log.read_bytes().splitlines())
    return {
        "partitions": len(orphans),
        "killed_to_flush_ms": round(max(flushed.values()) - killed_ms),
        "noticed_to_flush_ms": round(max(flushed.values()) - noticed) if noticed else None,
        "assigned_to_flush_ms": round(max(flushed.values()) - told),
        **conditions(),
    }


async def _flushes(redis: Redis, numbers: Iterable[int]) -> dict[int, int]:
    """Return partition -> number of its last flush."""
    return {number: int(await redis.hget(owner(number), "flush") or 0) for number in numbers}


async def _moved(redis: Redis, left: dict[int, int]) -> bool:
    now = await _flushes(redis, left)
    return all(now[number] > flush for number, flush in left.items())


async def _first_flushes(redis: Redis, left: dict[int, int]) -> dict[int, float]:
    """Return partition -> when its flush number was first seen above what was left, epoch milliseconds."""
    seen: dict[int, float] = {}
    async with asyncio.timeout(_WAIT_S):
        while len(seen) < len(left):
            for number, flush in (await _flushes(redis, set(left) - set(seen))).items():
                if flush > left[number]:
                    seen[number] = time.time() * 1_000
            await asyncio.sleep(_LOOK_S)
    return seen


def _assigned(process: Process) -> list[int]:
    """Return the partitions that a process was last told."""
    found = [event for event in _events(process.log.read_bytes().splitlines()) if "partitions" in event]
    return found[-1]["partitions"] if found else []


def assigned_ms(log: Iterable[bytes]) -> float:
    """Return when a process was last told its partitions, epoch milliseconds."""
    return max(datetime.fromisoformat(event["timestamp"]).timestamp() * 1_000 for event in _events(log))


def _events(log: Iterable[bytes]) -> list[dict[str, Any]]:
    parsed = (orjson.loads(line) for line in log if line.startswith(b"{"))
    return [event for event in parsed if event.get("event") == "ingest.assigned"]


def noticed_ms(log: Iterable[str]) -> float | None:
    """Return when the broker last took a silent member out of a group; None when its log does not say."""
    found = [match for line in log if (match := _EXPIRED.match(line))]
    if not found:
        return None
    instant = datetime.strptime(found[-1][1], "%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ007 - the broker's local time
    return instant.timestamp() * 1_000
