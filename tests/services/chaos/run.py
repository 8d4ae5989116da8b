"""One chaos run: traffic and faults side by side, then the recount of all that lies in the broker.

The plan (which faults, in which order) follows from the seed; the moments do not, for the machine's load has
its part in them. The lanes run side by side, so that faults meet each other, too.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka import ConsumerRecord

from tests.services.chaos.faults import LANES, Fault
from tests.services.chaos.told import check_told
from tests.services.chaos.traffic import Traffic
from tests.services.chaos.world import World, world
from tests.services.ingesting import check, check_dead_letters, everything_kept
from tests.services.reading import read_topic
from tests.waiting import until

__all__ = ["Report", "chaos"]

_MEMBERS: Final = 3
_MISSES: Final = 20
"""A fault that meets nothing so many times in a row will not meet anything any more."""
_PAUSES_S: Final = (0.0, 0.05, 0.4)
"""Between two faults of a lane."""


@dataclass
class Report:
    """What a run came to.

    Attributes:
        seed: of the run.
        faults: number of faults that met something, by kind.
        missed: number of those that met nothing and were made again.
        sent: what was sent.
        dead: number of dead letters by reason.
        duplicates: orders that came twice.
        late: late records.
        gave_up: sentences of processes that ended by themselves, and were started anew.
        said: what the processes logged, by event.
        fault_s: how long the faults took.
        recount_s: how long the recount took.
    """

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    late: int = 0
    gave_up: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)
    fault_s: float = 0.0
    recount_s: float = 0.0

    def lines(self) -> list[str]:
        """Return the report for people."""
        besides = {
            "records sent": self.sent["records"],
            "of them twice": self.sent["twice"],
            "dead letters": self.dead.total(),
            "late": self.late,
            "orders repeated": self.duplicates,
            "claims": self.said["ingest.claimed"],
            "claims and flushes refused": self.said["ingest.fenced"],
            "processes that gave up": len(self.gave_up),
        }
        met_nothing = ", ".join(f"{number} {name}" for name, number in sorted(self.missed.items()))
        return [
            f"chaos: {self.faults.total()} faults in {self.fault_s:.0f} s, seed {self.seed}",
            *(f"  {number:6} {name}" for name, number in sorted(self.faults.items())),
            f"made again, for they had met nothing: {met_nothing or 'none'}",
            *(f"  {number:6} {name}" for name, number in besides.items()),
            f"the recount says the same ({self.recount_s:.0f} s)",
        ]


async def chaos(folder: Path, *, seed: int, faults: int, rate: int, tell: Callable[[str], None]) -> Report:
    """Run, and compare the store with the recount.

    Args:
        folder: an empty one, for everything.
        seed: of plan and traffic.
        faults: how many faults, at least.
        rate: records sent a second.
        tell: hears of each fault.

    Raises:
        AssertionError: a counter, sum, histogram or set differs, a dead letter is missing, or a fault could
            not be made.
    """
    report = Report(seed)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every attempt to reach the broker
    async with world(folder) as scene:
        stop, members = asyncio.Event(), scene.members
        members.wanted = _MEMBERS
        traffic = Traffic(scene.settings, seed, rate=rate)
        async with asyncio.TaskGroup() as group:
            tending = group.create_task(members.tend())
            sending = group.create_task(traffic.run(stop))
            await until(lambda: len(members.holders()) == scene.settings.partitions, 60, what="first owners")
            began = time.monotonic()
            lanes = [group.create_task(_lane(scene, *one, report, tell)) for one in plan(seed, faults)]
            await asyncio.gather(*lanes)
            report.fault_s = time.monotonic() - began
            stop.set()
            await sending
            await everything_kept(scene.settings, 120)
            members.wanted = 0
            tending.cancel()
        await _stop(scene)
        report.sent, report.gave_up = traffic.sent, members.gave_up
        for member in members.all:
            report.said.update(member.said)
        began = time.monotonic()
        await _compare(scene, report)
        report.recount_s = time.monotonic() - began
    return report


def plan(seed: int, faults: int) -> list[tuple[random.Random, list[tuple[str, Fault]]]]:
    """Return what each lane does, in order: every kind in proportion, at least once."""
    shares = sum(share for lane in LANES for _, share in lane.values())
    lanes = []
    for number, lane in enumerate(LANES):
        chance = random.Random(f"{seed}-{number}")
        kinds = [
            (name, fault)
            for name, (fault, share) in lane.items()
            for _ in range(max(1, -(-share * faults // shares)))
        ]
        chance.shuffle(kinds)
        lanes.append((chance, kinds))
    return lanes


async def _lane(
    scene: World,
    chance: random.Random,
    kinds: list[tuple[str, Fault]],
    report: Report,
    tell: Callable[[str], None],
) -> None:
    """Make the faults of one lane, each again until it has met something."""
    waiting, misses, began = list(kinds), 0, time.monotonic()
    while waiting:
        name, fault = waiting.pop(0)
        await asyncio.sleep(chance.choice(_PAUSES_S))
        if await fault(scene, chance):
            report.faults[name] += 1
            misses = 0
            tell(f"{report.faults.total():6} {name} ({time.monotonic() - began:.0f} s)")
            continue
        report.missed[name] += 1
        misses += 1
        assert misses < _MISSES, f"{name} met nothing {misses} times; members: {scene.members.wanted}"
        waiting.insert(chance.randrange(len(waiting) + 1), (name, fault))


async def _stop(scene: World) -> None:
    """Ask every process to end, so that what it holds is in the store."""
    members = [m for m in scene.members.all if m.alive]
    for member in members:
        member.leaving = True
        member.signal(signal.SIGTERM)
    await until(lambda: not any(m.alive for m in members), 30, what="the end of all processes")
    scene.members.look()


async def _compare(scene: World, report: Report) -> None:
    async def read_all(log: str) -> list[ConsumerRecord[bytes, bytes]]:
        return await read_topic(scene.settings, log, deadline_s=120)

    wanted: dict[int, Any] = await check(scene.settings, read_all)
    letters = await check_dead_letters(scene.settings, read_all, wanted)
    await check_told(scene.settings, await read_all("windows"))
    report.dead.update(letters.values())
    rooms = list(itertools.chain.from_iterable(counted["rooms"].values() for counted in wanted.values()))
    report.duplicates = sum(room.duplicates for room in rooms)
    report.late = sum(counted["late"].total() for counted in wanted.values())
