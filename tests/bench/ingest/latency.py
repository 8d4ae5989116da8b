"""How long an event takes from its append in Kafka to the store, at a steady offered rate.

The store is asked for the owners' offsets every few milliseconds; the first answer that includes a record is
its time, so each figure is too high by at most one pause between two questions. The append time is the
broker's. All run on one machine and so on one clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from redis import Redis

from stream.model import CRITICAL_FEEDS, FEEDS
from stream.settings import Settings
from stream.store.keys import owner
from tests.bench.ingest import offered
from tests.bench.ingest.machine import conditions, usage
from tests.bench.ingest.world import World
from tests.waiting import until

__all__ = ["Seen", "latencies", "latency", "percentile"]

_LOOK_S: Final = 0.003
_WARM_S: Final = 8
"""Left out: the rooms begin, and every pane of theirs with them."""
_AFTER_S: Final = 30
"""Longest wait for the rest once all was sent; who needs it does not hold the rate."""
_START_S: Final = 60


@dataclass(slots=True)
class Seen:
    """When the store was first seen to include which offset, of one partition and feed; both rise.

    Attributes:
        offsets: offset of the next record.
        at_ms: when the answer that said so had come.
    """

    offsets: list[int] = field(default_factory=list)
    at_ms: list[float] = field(default_factory=list)

    def add(self, offset: int, at_ms: float) -> None:
        """Note an answer."""
        if not self.offsets or offset > self.offsets[-1]:
            self.offsets.append(offset)
            self.at_ms.append(at_ms)

    def parts(self, first: int, number: int) -> Iterable[tuple[float, int]]:
        """Give when each of these records was seen, as time and number of records; none for those unseen."""
        end = first + number
        while first < end:
            place = bisect_right(self.offsets, first)
            if place == len(self.offsets):
                return
            until_ = min(end, self.offsets[place])
            yield self.at_ms[place], until_ - first
            first = until_


def latencies(
    seen: dict[tuple[int, str], Seen], batches: Iterable[tuple[int, str, int, int, int]]
) -> tuple[list[tuple[float, int]], int]:
    """Return latency and number of records for each group of records seen together, and how many were not.

    Args:
        seen: by partition and feed.
        batches: partition, feed, first offset, number of records, append time in epoch milliseconds.
    """
    found: list[tuple[float, int]] = []
    missing = 0
    for partition, feed, first, number, append_ms in batches:
        parts = [(at_ms - append_ms, some) for at_ms, some in seen[partition, feed].parts(first, number)]
        found += parts
        missing += number - sum(some for _, some in parts)
    return found, missing


def percentile(found: Iterable[tuple[float, int]], share: float) -> float:
    """Return the value that this share of the records does not exceed."""
    ordered = sorted(found)
    wanted = share * sum(number for _, number in ordered)
    for value, number in ordered:
        wanted -= number
        if wanted <= 0:
            return value
    return ordered[-1][0]


class _Watch(threading.Thread):
    """Asks the store until told to stop."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="watch", daemon=True)
        self._redis = Redis.from_url(settings.redis_url)
        self._partitions = settings.partitions
        self._over = threading.Event()
        self.seen: dict[tuple[int, str], Seen] = {
            (number, feed): Seen() for number in range(self._partitions) for feed in FEEDS
        }
        self.pauses_ms: list[tuple[float, int]] = []

    def run(self) -> None:
        names = [f"offset:{feed}" for feed in FEEDS]
        before_ms = time.time() * 1_000
        while not self._over.is_set():
            pipe = self._redis.pipeline(transaction=False)
            for number in range(self._partitions):
                pipe.hmget(owner(number), names)
            answers = pipe.execute()
            now_ms = time.time() * 1_000
            for number, offsets in enumerate(answers):
                for feed, offset in zip(FEEDS, offsets, strict=True):
                    if offset is not None:
                        self.seen[number, feed].add(int(offset), now_ms)
            self.pauses_ms.append((now_ms - before_ms, 1))
            before_ms = now_ms
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._redis.close()

    def folded(self) -> int:
        return sum(seen.offsets[-1] for seen in self.seen.values() if seen.offsets)


async def latency(
    world: World, settings: Settings, *, per_s: int, seconds: int, rooms: int, seed: int, **more: Any
) -> dict[str, Any]:
    """Offer a rate to a fresh ingest and return the latencies.

    Args:
        world: broker and store.
        settings: of the deployment, with topics of its own.
        per_s: records a second.
        seconds: how long, after the warm-up.
        rooms: of the mix.
        seed: of the mix.
        more: settings of the ingest.
    """
    before = conditions()["load_1m"]
    out = world.folder / f"offered-{per_s}.json"
    watch = _Watch(settings)
    async with world.ingest(settings, f"ingest-{per_s}", **more) as process:
        await until(lambda: _claimed(settings), _START_S, what="every partition claimed")
        watch.start()
        offering = offered.process(
            settings,
            out.with_suffix(".log"),
            {"per_s": per_s, "seconds": seconds + _WARM_S, "rooms": rooms, "seed": seed},
            out=out,
        )
        offering.start()
        await until(lambda: watch.folded() > rooms, _START_S, what="the first records kept")
        start = usage(process.pid or 0)
        with world.ahead(process.pid, offering.pid, os.getpid()):
            ended = await offering.wait(within_s=120 + 2 * seconds)
        if not ended or offering.status:
            raise offering.death()
        sent = json.loads(out.read_text())
        wanted = sum(number for _, _, _, number, _ in sent["batches"])
        await _finish(watch, wanted)
        spent = usage(process.pid or 0).since(start)
    watch.stop()
    return {"per_s": per_s, "seconds": seconds, "cpu_share": round(spent.cpu_s / spent.at_s, 3)} | _figures(
        watch, sent, before
    )


def _figures(watch: _Watch, sent: dict[str, Any], load_before: float) -> dict[str, Any]:
    begin_ms = sent["begin_ms"] + _WARM_S * 1_000
    counted = [tuple(batch) for batch in sent["batches"] if batch[4] >= begin_ms]
    found, missing = latencies(watch.seen, counted)
    critical, _ = latencies(watch.seen, [batch for batch in counted if batch[1] in CRITICAL_FEEDS])
    return {
        "records": sum(number for _, number in found),
        "not_in_store": missing,
        "p50_ms": round(percentile(found, 0.5)),
        "p99_ms": round(percentile(found, 0.99)),
        "max_ms": round(max(value for value, _ in found)),
        "critical_p99_ms": round(percentile(critical, 0.99)),
        "look_p50_ms": round(percentile(watch.pauses_ms, 0.5), 1),
        "look_p99_ms": round(percentile(watch.pauses_ms, 0.99), 1),
        "producer_behind_ms": sent["behind_ms"],
        "load_before": load_before,
        **conditions(),
    }


async def _finish(watch: _Watch, wanted: int) -> None:
    """Wait until all is in the store, or it takes too long."""
    with contextlib.suppress(AssertionError):
        await until(lambda: watch.folded() >= wanted, _AFTER_S, what="everything kept")


def _claimed(settings: Settings) -> bool:
    with Redis.from_url(settings.redis_url) as redis:
        return all(redis.hexists(owner(number), "reach:rooms") for number in range(settings.partitions))
