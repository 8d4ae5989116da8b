"""The fenced calls on a real store: one owner, all or nothing, the same bytes twice are once."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ClusterError
from redis.exceptions import ConnectionError as RedisConnectionError

from stream.errors import FencedError, SettingsError, StoreError
from stream.partition import Partition
from stream.sessions import Room, Session
from stream.settings import Settings
from stream.store import FiguresReader, connect, keys
from stream.store.deployment import agree_on_partitions, user_key
from stream.store.loading import load
from stream.store.packing import cell_names, pack_room
from stream.store.partition import PartitionStore, Writes
from stream.users import UserHasher

pytestmark = pytest.mark.services


@pytest.fixture
async def redis(settings):
    async with connect(settings) as client:
        yield client


@pytest.fixture
def fenced(redis):
    return PartitionStore(redis, lease_ms=60_000)


def writes(**fields):
    found = Writes()
    found.hset(keys.room(0, "r"), fields)
    return found


async def test_each_claim_raises_the_epoch_and_returns_what_was_written(fenced):
    first = await fenced.claim(0, member="a", generation=1)
    await fenced.apply(first, writes(state="1"), {"offset:likes": "7", "tick_ms": "1000"})
    second = await fenced.claim(0, member="b", generation=2)
    assert second.epoch > first.epoch
    assert second.numbers("offset:") == {"likes": 7}
    assert (second.flush, second.fields["member"], second.fields["tick_ms"]) == (1, "b", "1000")


async def test_what_we_left_stands_until_somebody_has_written(fenced):
    """Claims change nothing of it, by whomever; a flush does."""
    ours = await fenced.claim(0, member="a", generation=1)
    await fenced.apply(ours, writes(state="1"), {"offset:likes": "7", "tick_ms": "1000"})
    await fenced.release(ours)
    other = await fenced.claim(0, member="b", generation=2)
    again = await fenced.claim(0, member="a", generation=3)
    assert again.follows(ours)
    await fenced.claim(1, member="a", generation=3)
    other = await fenced.claim(0, member="b", generation=4)
    await fenced.apply(other, writes(state="2"), {"offset:likes": "7", "tick_ms": "2000"})
    assert not (await fenced.claim(0, member="a", generation=5)).follows(ours)


async def test_a_store_that_forgot_and_came_as_far_again_is_not_what_we_left(fenced, redis):
    ours = await fenced.claim(0, member="a", generation=1)
    await fenced.apply(ours, writes(state="1"), {"offset:likes": "7", "tick_ms": "1000"})
    await redis.delete(keys.owner(0))
    other = await fenced.claim(0, member="b", generation=2)
    await fenced.apply(other, writes(state="2"), {"offset:likes": "6", "tick_ms": "1000"})
    again = await fenced.claim(0, member="a", generation=3)
    assert again.flush == ours.flush
    assert not again.follows(ours)


async def test_rooms_whose_panes_an_earlier_version_wrote_are_written_anew(fenced, redis):
    room = Room("r")
    room.sessions.append(Session(1_000, 1_000, 1_000))
    claim = await fenced.claim(0, member="a", generation=1)
    made = Writes()
    made.sadd(keys.rooms(0), "r", "s")
    made.hset(keys.room(0, "r"), {**pack_room(room), "f:1000:1": b"\0\0\7\0\0\0"})
    made.hset(keys.room(0, "s"), pack_room(Room("s")))
    await fenced.apply(claim, made, {"offset:likes": "7", "cells": cell_names()})
    partition = Partition(UserHasher(b"key"), lateness_ms=30_000, settle_ms=30)
    await load(redis, await fenced.claim(0, member="b", generation=2), partition)
    assert {found.room_id for found in partition.touched} == {"r"}
    assert partition.rooms["r"].sessions[0].tally.panes(False) == {1: b"\0\0\7\0\0\0"}
    assert partition.rooms["r"].sessions[0].tally.former == ["f:1000:1"]


async def test_an_older_generation_is_refused_while_the_lease_lasts(fenced, redis):
    await fenced.claim(0, member="new", generation=5)
    with pytest.raises(FencedError, match="newer owner"):
        await fenced.claim(0, member="old", generation=4)
    await redis.hset(keys.owner(0), "lease_until_ms", 0)
    assert (await fenced.claim(0, member="old", generation=4)).fields["generation"] == "4"


async def test_a_released_partition_may_be_claimed_by_anybody(fenced):
    claim = await fenced.claim(0, member="a", generation=5)
    await fenced.release(claim)
    await fenced.claim(0, member="b", generation=1)


async def test_a_release_of_an_old_epoch_changes_nothing(fenced, redis):
    old = await fenced.claim(0, member="a", generation=1)
    await fenced.claim(0, member="b", generation=2)
    await fenced.release(old)
    assert int(await redis.hget(keys.owner(0), "lease_until_ms")) > 0


async def test_an_old_epoch_writes_nothing(fenced, redis):
    old = await fenced.claim(0, member="a", generation=1)
    await fenced.claim(0, member="b", generation=2)
    with pytest.raises(FencedError, match="fenced"):
        await fenced.apply(old, writes(state="1"), {"offset:likes": "7"})
    assert not await redis.exists(keys.room(0, "r"))
    assert await redis.hget(keys.owner(0), "offset:likes") is None


async def test_a_flush_that_does_not_follow_the_last_one_writes_nothing(fenced, redis):
    claim = await fenced.claim(0, member="a", generation=1)
    await fenced.apply(claim, writes(state="1"), {"offset:likes": "7"})
    claim.flush += 3
    with pytest.raises(FencedError, match="stale"):
        await fenced.apply(claim, writes(state="2"), {"offset:likes": "9"})
    assert await redis.hget(keys.room(0, "r"), "state") == b"1"


async def test_a_flush_from_other_offsets_writes_nothing(fenced, redis):
    claim = await fenced.claim(0, member="a", generation=1)
    await fenced.apply(claim, writes(state="1"), {"offset:likes": "7"})
    claim.fields["offset:likes"] = "6"
    with pytest.raises(FencedError, match="stale"):
        await fenced.apply(claim, writes(state="2"), {"offset:likes": "9"})
    assert await redis.hget(keys.room(0, "r"), "state") == b"1"


async def test_a_lost_answer_is_asked_for_again_and_written_once(fenced, redis):
    claim = await fenced.claim(0, member="a", generation=1)
    script, calls = fenced._apply, []

    async def losing(**arguments):
        calls.append(await script(**arguments))
        if len(calls) == 1:
            raise RedisConnectionError("lost")
        return calls[-1]

    fenced._apply = losing
    await fenced.apply(claim, writes(state="1"), {"offset:likes": "7"})
    assert calls == [b"done", b"done"]
    assert int(await redis.hget(keys.owner(0), "flush")) == claim.flush == 1


@pytest.mark.parametrize("fault", [RedisConnectionError("away"), ClusterError("TTL exhausted.")])
async def test_a_request_that_never_arrived_is_sent_again(fenced, redis, fault):
    claim = await fenced.claim(0, member="a", generation=1)
    script, calls = fenced._apply, []

    async def failing(**arguments):
        calls.append(1)
        if len(calls) < 3:
            raise fault
        return await script(**arguments)

    fenced._apply = failing
    await fenced.apply(claim, writes(state="1"), {"offset:likes": "7"})
    assert await redis.hget(keys.room(0, "r"), "state") == b"1"


async def test_a_key_of_another_type_refuses_the_whole_flush(fenced, redis):
    claim = await fenced.claim(0, member="a", generation=1)
    await redis.set(keys.rooms(0), "not a set")
    found = writes(state="1")
    found.sadd(keys.rooms(0), "r")
    with pytest.raises(StoreError, match="holds a string, not a set"):
        await fenced.apply(claim, found, {"offset:likes": "7"})
    assert not await redis.exists(keys.room(0, "r"))


async def test_every_kind_of_write_arrives_whole(fenced, redis):
    claim = await fenced.claim(0, member="a", generation=1)
    found, raw = Writes(), bytes(range(256)) * 300
    found.hset(keys.room(0, "big"), {f"f{number}": raw[:number] for number in range(9_000)})
    found.setrange(keys.orders(0, 5), 36, b"abc")
    found.sadd(keys.rooms(0), "x", "y")
    found.hset(keys.room(0, "raw"), {"all": raw})
    await fenced.apply(claim, found, {"offset:likes": "1"})
    assert await redis.hlen(keys.room(0, "big")) == 9_000
    assert await redis.hget(keys.room(0, "raw"), "all") == raw
    assert await redis.get(keys.orders(0, 5)) == bytes(36) + b"abc"
    assert 0 < await redis.ttl(keys.room(0, "big")) <= keys.TTL_S
    more = Writes()
    more.hdel(keys.room(0, "big"), [f"f{number}" for number in range(8_999)])
    more.srem(keys.rooms(0), "x")
    more.delete(keys.orders(0, 5))
    await fenced.apply(claim, more, {"offset:likes": "2"})
    assert await redis.hkeys(keys.room(0, "big")) == [b"f8999"]
    assert await redis.smembers(keys.rooms(0)) == {b"y"}
    assert not await redis.exists(keys.orders(0, 5))


async def test_the_number_of_partitions_is_kept_for_good(redis, settings):
    await agree_on_partitions(redis, settings)
    await agree_on_partitions(redis, settings)
    other = settings.model_copy(update={"partitions": 5})
    with pytest.raises(SettingsError, match="ROOMWATCH_PARTITIONS is 5, the store was made for 2"):
        await agree_on_partitions(redis, other)


async def test_a_user_key_is_made_once(redis, settings):
    unset = settings.model_copy(update={"user_key": None})
    keys_made = await asyncio.gather(*(user_key(redis, unset) for _ in range(5)))
    assert len(set(keys_made)) == 1
    assert len(keys_made[0]) == 64
    assert await user_key(redis, settings) == b"test-key"


async def test_an_absent_store_is_one_sentence():
    settings = Settings(redis_url="redis://:secret@127.0.0.1:1/0")
    async with connect(settings) as away:
        with pytest.raises(StoreError, match=r"no store at 127\.0\.0\.1:1/0"):
            await agree_on_partitions(away, settings)
        with pytest.raises(StoreError, match="does not answer"):
            await FiguresReader(away, 2).rooms()


def test_an_url_of_something_else_is_refused():
    with pytest.raises(SettingsError, match="ROOMWATCH_REDIS_URL"):
        connect(Settings(redis_url="http://127.0.0.1/0"))


async def test_a_partition_that_nobody_owned_has_epoch_0(redis, settings):
    found = await FiguresReader(redis, settings.partitions).partitions()
    assert [(status.partition, status.epoch, status.reach_ms) for status in found] == [(0, 0, {}), (1, 0, {})]
    assert await FiguresReader(redis, settings.partitions).room("nobody") is None


async def test_a_store_that_forgets_its_scripts_in_between_is_asked_again(fenced, redis, monkeypatch):
    """It restarts after it was given the script, and before the script is called."""
    claim = await fenced.claim(0, member="a", generation=1)
    load, loaded = redis.script_load, []

    async def forgotten_once(script):
        loaded.append(await load(script))
        if len(loaded) == 1:
            await redis.script_flush()
        return loaded[-1]

    monkeypatch.setattr(redis, "script_load", forgotten_once)
    await redis.script_flush()
    await fenced.apply(claim, writes(state="1"), {"offset:likes": "7"})
    assert len(loaded) == 2
    assert await redis.hget(keys.room(0, "r"), "state") == b"1"
