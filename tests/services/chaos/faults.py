"""The faults: each happens once per call and tells whether it met anything.

A kill of a process that owned nothing, a cut of a connection that nobody used, a restart that nobody noticed
does not count: such a call returns False and is made again.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from tests.services.chaos.members import Member
from tests.services.chaos.proxy import Spoiling
from tests.services.chaos.world import SESSION_MS, World
from tests.waiting import PATIENCE, until

__all__ = ["LANES", "Fault"]

Fault = Callable[[World, random.Random], Awaitable[bool]]

_CALL_S: Final = 5.0
"""A claim or a flush comes within this, unless nobody owns anything just now."""
_SETTLE_S: Final = 90.0
"""Longest wait for partitions to find a new owner, also while broker or store come back."""
_MEMBERS: Final = range(2, 5)
"""How many processes there are."""


async def _owner(world: World, chance: random.Random) -> Member | None:
    """Return a process that owns partitions and runs, if there is one soon."""
    members = world.members

    def owners() -> list[Member]:
        members.look()
        return [m for m in members.running if members.owned(m)]

    try:
        return chance.choice(await until(owners, _CALL_S, what="an owner"))
    except AssertionError:
        return None


async def kill(world: World, chance: random.Random) -> bool:
    """``kill -9`` of a process that owns partitions; others must claim them."""
    member = await _owner(world, chance)
    if member is None:
        return False
    member.signal(signal.SIGKILL)
    await until(lambda: not member.alive, what="the end of a killed process")
    member.look()
    owned = world.members.owned(member)
    if chance.random() < 0.5:  # else the next fault comes while nobody owns them
        await _taken_over(world, owned)
    return bool(owned)


async def zombie(world: World, chance: random.Random) -> bool:
    """Freeze an owner until its session and its lease are over and others own what it had, then wake it."""
    member = await _owner(world, chance)
    if member is None:
        return False
    member.signal(signal.SIGSTOP)
    member.look()
    owned = world.members.owned(member)
    try:
        await asyncio.sleep(2 * SESSION_MS / 1_000 + 0.3)
        await _taken_over(world, owned)
    finally:
        member.signal(signal.SIGCONT)
    return bool(owned)


async def join(world: World, chance: random.Random) -> bool:
    """One more process joins the group and is given partitions; where all are there, one leaves first."""
    members = world.members
    if members.wanted + 1 not in _MEMBERS:
        await leave(world, chance)
        return False
    members.wanted += 1
    member = members.start()

    def assigned() -> bool:
        members.look()
        return bool(member.claimed) or not member.alive

    await until(assigned, _SETTLE_S, what="partitions for a process that joined")
    return bool(member.claimed)


async def leave(world: World, chance: random.Random) -> bool:
    """An owner is asked to end, others claim its partitions; where too few are there, one joins first."""
    members = world.members
    if members.wanted - 1 not in _MEMBERS:
        await join(world, chance)
        return False
    member = await _owner(world, chance)
    if member is None:
        return False
    owned = members.owned(member)
    members.wanted -= 1
    member.leaving = True
    member.signal(signal.SIGTERM)
    await until(lambda: not member.alive, 30, what="the end of a process that was asked to")
    return bool(owned)


async def _taken_over(world: World, owned: dict[int, int]) -> None:
    def taken() -> bool:
        world.members.look()
        return world.members.newer(owned)

    await until(taken, _SETTLE_S, what=f"other owners of partitions {sorted(owned)}")


async def spoil(world: World, chance: random.Random, *, how: Spoiling) -> bool:  # noqa: ARG001 - as all
    """Spoil the next claim or flush."""
    return await world.proxy.spoil(how, within_s=_CALL_S * PATIENCE)


async def slow(world: World, chance: random.Random) -> bool:
    """Every reply of the store comes late for a while."""
    before = world.proxy.seen["delayed"]
    async with world.proxy.slow(chance.uniform(0.05, 0.6)):
        await asyncio.sleep(chance.uniform(0.3, 1.2))
    return world.proxy.seen["delayed"] > before


async def freeze(world: World, chance: random.Random) -> bool:
    """The store stands still for a while and answers everything afterwards."""
    process, before = world.store.process, world.proxy.seen["calls"]
    assert process
    process.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
    finally:
        process.signal(signal.SIGCONT)
    return world.proxy.seen["calls"] > before


async def cut_off(world: World, chance: random.Random) -> bool:
    """Nobody reaches the store for a while."""
    proxy, before = world.proxy, world.proxy.seen["refused"]
    proxy.away = True
    proxy.cut_all()
    try:
        await asyncio.sleep(chance.uniform(0.1, 0.8))
    finally:
        proxy.away = False
    return proxy.seen["refused"] > before


async def restart_store(world: World, chance: random.Random) -> bool:
    """The store is killed, and comes back with everything that it had answered."""
    await world.shorten_log()
    before = world.proxy.seen["refused"]
    await world.store.kill()
    await asyncio.sleep(chance.uniform(0, 0.4))
    await world.store.start()
    return await _noticed(world, before)


async def forget(world: World, chance: random.Random) -> bool:
    """The store is killed and comes back without what it wrote in its last second."""
    size = world.log_size()
    await asyncio.sleep(chance.uniform(0.6, 1.3))
    before, refused = await world.flushes(), world.proxy.seen["refused"]
    world.proxy.away = True  # so that what it came back with is looked at before anybody writes again
    try:
        await world.store.kill()
        world.cut_log(size)
        await world.store.start()
        after = await world.flushes()
    finally:
        world.proxy.away = False
    lost = any(after[number] < before[number] for number in before)
    return lost and await _noticed(world, refused)


async def _noticed(world: World, refused: int) -> bool:
    """Tell whether anybody wanted the store while it was away."""
    calls = world.proxy.seen["calls"]
    try:
        await until(lambda: world.proxy.seen["calls"] > calls, _CALL_S, what="a call")
    except AssertionError:
        return False
    return world.proxy.seen["refused"] > refused


async def restart_broker(world: World, chance: random.Random) -> bool:
    """The broker is killed or stopped, and comes back; the group finds together again."""
    members = world.members
    owners = [member for member in members.running if members.owned(member)]
    members.held = True  # what cannot reach a broker would only give up
    try:
        await (world.broker.kill() if chance.random() < 0.5 else world.broker.stop())
        await world.broker.start()
    finally:
        members.held = False
    before = {number: epoch for number, (_, epoch) in members.holders().items()}

    def claimed() -> bool:
        members.look()
        return any(epoch > before[number] for number, (_, epoch) in members.holders().items())

    await until(claimed, _SETTLE_S, what="claims after the broker came back")
    return bool(owners)


_KILLS: Final[dict[str, tuple[Fault, int]]] = {"process killed": (kill, 16)}
_MEMBERSHIP: Final[dict[str, tuple[Fault, int]]] = {"member joins": (join, 5), "member leaves": (leave, 5)}
_FREEZES: Final[dict[str, tuple[Fault, int]]] = {
    "zombie": (zombie, 7),
    "broker restarted": (restart_broker, 3),
}
_STORE: Final[dict[str, tuple[Fault, int]]] = {
    "request lost": (partial(spoil, how="request lost"), 9),
    "request cut": (partial(spoil, how="request cut"), 6),
    "reply lost": (partial(spoil, how="reply lost"), 16),
    "reply cut": (partial(spoil, how="reply cut"), 6),
    "reply dropped": (partial(spoil, how="reply dropped"), 4),
    "store slow": (slow, 8),
    "store frozen": (freeze, 5),
    "store cut off": (cut_off, 4),
    "store restarted": (restart_store, 5),
    "store lost its last second": (forget, 5),
}
LANES: Final = (_KILLS, _MEMBERSHIP, _FREEZES, _STORE)
"""The kinds of faults, with the share of each: those of a lane follow each other, lanes run side by side."""
