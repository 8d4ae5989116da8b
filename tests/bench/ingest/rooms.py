"""Many live rooms: what they hold in the store and in memory, and how long they are without an owner.

A quarter of an hour of event time is preloaded and drained while the feeds go on at the same rate, so that
every pane that a window needs is there: the state of rooms that have been live for long.
"""

from __future__ import annotations

import time
from typing import Any, Final

from deploy.local.process import Process
from stream.settings import Settings
from stream.store import connect
from tests.bench.ingest import offered
from tests.bench.ingest.machine import conditions, peak_mib, rss_mib
from tests.bench.ingest.mix import Mix
from tests.bench.ingest.preload import send
from tests.bench.ingest.store import store_bytes
from tests.bench.ingest.takeover import takeovers
from tests.bench.ingest.world import World, ends, ensure, until_kept

__all__ = ["HISTORY_S", "many_rooms"]

HISTORY_S: Final = 960
"""Event time that is preloaded: the longest window and its slack."""
_LINGER_MS: Final = 200
"""At a few thousand records a second, record batches of some dozens."""
_FLOW_S: Final = 900
"""How long the feeds go on at most."""
_LEAD_S: Final = 3
_TAKEOVERS: Final = 3
_DRAIN_S: Final = 1_800


async def many_rooms(
    world: World, *, rooms: int, per_s: int, seed: int, takes_over: bool, **more: Any
) -> dict[str, Any]:
    """Bring so many rooms to their steady state and return what they cost.

    Args:
        world: broker and store.
        rooms: live rooms.
        per_s: records a second, of event time and then of real time.
        seed: of the mix.
        takes_over: whether to measure a take-over as well.
        more: settings of the ingest.
    """
    settings = world.settings(f"rooms-{rooms}.")
    await ensure(settings)
    mix = Mix(
        seed=seed,
        rooms=rooms,
        partitions=settings.partitions,
        start_ms=time.time_ns() // 1_000_000 - 1_000 * (HISTORY_S + _LEAD_S),
        per_s=per_s,
        slice_ms=_LINGER_MS,
    )
    await send(settings, [mix.announcements()])
    await send(settings, mix.slices(per_s * HISTORY_S))
    numbers = {"rooms": rooms, "seed": seed, "per_s": per_s, "linger_ms": _LINGER_MS}
    numbers |= {"seconds": _FLOW_S, "orders_before": mix.order_ids}
    flow = offered.process(settings, world.folder / f"flow-{rooms}.log", numbers)
    flow.start()
    try:
        async with world.ingest(settings, f"ingest-{rooms}", **more) as process:
            found = {"per_s": per_s} | await _measured(settings, process, flow)
            if takes_over:
                found["takeovers"] = await takeovers(world, settings, process, _TAKEOVERS)
            return found
    finally:
        await flow.stop()


async def _measured(settings: Settings, process: Process, flow: Process) -> dict[str, Any]:
    """Wait until the ingest has caught up with feeds that go on, and look at store and memory."""
    load_before = conditions()["load_1m"]
    async with connect(settings) as redis:
        for _ in range(2):  # the second time there is little to catch up with
            await until_kept(redis, await ends(settings), process, within_s=_DRAIN_S)
    if not flow.running:
        raise flow.death()
    pid = process.pid
    assert pid is not None
    return {
        "rss_mib": round(rss_mib(pid)),
        "peak_mib": round(peak_mib(pid)),
        "load_before": load_before,
        **await store_bytes(settings),
        **conditions(),
    }
