"""Sockets of a real gateway on a real broker and store: subscribe, resume, gap, replay, changes, refusals."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed

from tests.alerts.gateway.made import alert
from tests.services.gateway import answering, gateway, publish, watch
from tests.waiting import until

pytestmark = pytest.mark.services


async def test_a_new_client_gets_what_happens_from_now_on(settings, producer):
    await publish(settings, producer, alert(0))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        told = await client.subscribe(ref="first")
        assert (told["offset"], told["ref"]) == (0, "first")
        await publish(settings, producer, alert(1), alert(2))
        frame = await client.hear("alert")
        assert (frame["offset"], frame["alert"]) == (1, alert(1))
        assert await client.offsets(1) == [2]


async def test_resume_replays_then_goes_on_live_without_hole_or_repeat(settings, producer):
    await publish(settings, producer, *(alert(n) for n in range(50)))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        epoch = (await client.subscribe())["epoch"]
        async with watch(gate.ws) as late:
            sending = asyncio.create_task(publish(settings, producer, *(alert(n) for n in range(50, 300))))
            await late.subscribe(resume={"epoch": epoch, "offset": 9})
            assert await late.offsets(290) == list(range(10, 300))
            await sending


async def test_a_client_of_a_stopped_gateway_resumes_at_the_next_one(settings, producer):
    async with contextlib.AsyncExitStack() as after:
        async with gateway(settings) as gate:
            client = await after.enter_async_context(watch(gate.ws))
            epoch = (await client.subscribe())["epoch"]
            await publish(settings, producer, *(alert(n) for n in range(5)))
            assert await client.offsets(5) == [0, 1, 2, 3, 4]
        with pytest.raises(ConnectionClosed) as closed:
            await client.hear()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    await publish(settings, producer, *(alert(n) for n in range(5, 40)))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        told = await client.subscribe(resume={"epoch": epoch, "offset": 4})
        assert told["epoch"] == epoch
        assert await client.offsets(35) == list(range(5, 40))


async def test_records_that_are_no_longer_in_memory_come_from_the_log(settings, producer):
    await publish(settings, producer, *(alert(n) for n in range(3_000)))
    async with gateway(settings, gateway_records_held=10) as gate, watch(gate.ws) as client:
        told = await client.subscribe()
        async with watch(gate.ws) as late:
            await late.subscribe(resume={"epoch": told["epoch"], "offset": -1})
            await publish(settings, producer, alert(3_000))
            assert await late.offsets(3_001) == list(range(3_001))


async def test_two_gateways_resume_each_others_clients(settings, producer):
    async with gateway(settings) as one, gateway(settings) as two:
        async with watch(one.ws) as client:
            told = await client.subscribe()
            offsets = await publish(settings, producer, alert(0), alert(1))
            assert await client.offsets(2) == offsets
        newest = await publish(settings, producer, alert(2))
        async with watch(two.ws) as client:
            again = await client.subscribe(resume={"epoch": told["epoch"], "offset": newest[0]})
            assert again["epoch"] == told["epoch"]
            await publish(settings, producer, alert(3))
            assert await client.offsets(1) == [3]


async def test_a_resume_point_of_another_epoch_is_told_as_a_gap(settings, producer):
    await publish(settings, producer, alert(0), alert(1))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        await client.subscribe(resume={"epoch": "another", "offset": 0})
        assert await client.hear() == {"op": "gap", "from": 0, "to": 1, "reason": "epoch"}
        await publish(settings, producer, alert(2))
        assert await client.offsets(1) == [2]


async def test_a_resume_point_above_the_log_is_told_as_a_gap(settings, producer):
    await publish(settings, producer, alert(0))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        epoch = (await client.subscribe())["epoch"]
        await client.subscribe(resume={"epoch": epoch, "offset": 77})
        assert (await client.hear())["reason"] == "epoch"


async def test_records_that_retention_took_are_told_as_a_gap(settings, producer):
    await publish(settings, producer, *(alert(n) for n in range(20)))
    part = TopicPartition(settings.topic("alerts"), 0)
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    await admin.delete_records({part: RecordsToDelete(before_offset=12)})
    await admin.close()
    async with gateway(settings) as gate, watch(gate.ws) as client:
        epoch = (await client.subscribe())["epoch"]
        await client.subscribe(resume={"epoch": epoch, "offset": 4})
        assert await client.hear() == {"op": "gap", "from": 5, "to": 11, "reason": "retention"}
        assert await client.offsets(8) == list(range(12, 20))


async def test_filters_hold_for_replay_and_live_alike(settings, producer):
    first = alert(0, severity="critical")
    hidden = {**first, "change": 2, "state": "suppressed"}
    never = alert(1, state="suppressed", severity="critical")
    async with gateway(settings) as gate, watch(gate.ws) as client:
        told = await client.subscribe(rooms=["room-0", "room-1"], min_severity="critical")
        await publish(settings, producer, first, never, alert(2), alert(0, started_at_ms=5), hidden)
        assert await client.offsets(2) == [0, 4]
        async with watch(gate.ws) as late:
            await late.subscribe(
                rooms=["room-0", "room-1"],
                min_severity="critical",
                resume={"epoch": told["epoch"], "offset": -1},
            )
            assert await late.offsets(2) == [0, 4]


async def test_a_second_subscription_replaces_the_first(settings, producer):
    async with gateway(settings) as gate, watch(gate.ws) as client:
        await client.subscribe(rooms=["room-1"])
        await client.subscribe(rooms=["room-2"])
        await publish(settings, producer, alert(1), alert(2))
        assert await client.offsets(1) == [1]


async def test_acknowledge_and_resolve_come_back_with_the_ref(settings, producer):
    known = alert(3)
    await publish(settings, producer, known)
    async with gateway(settings) as gate, answering(settings, producer) as heard, watch(gate.ws) as client:
        await client.send(op="ack", id=known["id"], comment="看一下", for_s=600, ref=7)
        done = await client.hear("done", "error")
        assert (done["of"], done["ref"], done["alert"]["state"]) == ("ack", 7, "acknowledged")
        assert (heard[0].by, heard[0].comment, heard[0].for_s, heard[0].origin) == (
            "local",
            "看一下",
            600,
            "127.0.0.1",
        )
        await client.send(op="resolve", id=known["id"], comment="", verdict="real", ref="r")
        assert (await client.hear("done", "error"))["alert"]["state"] == "resolved"
        await client.send(op="ack", id=known["id"], comment="", ref="late")
        refused = await client.hear("done", "error")
        assert (refused["op"], refused["code"], refused["ref"]) == ("error", "conflict", "late")
        await client.send(op="ack", id="0" * 20, comment="", ref="none")
        assert (await client.hear("done", "error"))["code"] == "not_found"
        await client.send(op="silence", matchers=[], ends_at_ms=1, comment="", ref="s")
        refused = await client.hear("done", "error")
        assert (refused["of"], refused["code"]) == ("silence", "bad_frame")


async def test_a_change_that_nobody_confirms_is_told_as_pending(settings, producer):
    known = alert(3)
    await publish(settings, producer, known)
    async with gateway(settings) as gate, watch(gate.ws) as client:
        await client.send(op="ack", id=known["id"], comment="", ref=1)
        done = await client.hear("done", "error")
        assert (done["op"], done["status"]) == ("done", "pending")
        assert done["command_id"]


@pytest.mark.parametrize(
    "bad", ["{", "[]", '{"op":"dance"}', '{"op":"subscribe"}', '{"op":"ack","id":5}', b"\x00"]
)
async def test_the_tenth_bad_frame_closes_the_client_and_nobody_else(settings, producer, bad):
    async with gateway(settings) as gate, watch(gate.ws) as good, watch(gate.ws) as client:
        await good.subscribe()
        for _ in range(9):
            await client.connection.send(bad)
            assert (await client.hear())["code"] == "bad_frame"
        assert (await client.subscribe())["op"] == "subscribed"
        await client.connection.send(bad)
        assert (await client.hear())["code"] == "bad_frame"
        with pytest.raises(ConnectionClosed) as closed:
            await client.hear()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400
        await publish(settings, producer, alert(0))
        assert await good.offsets(1) == [0]


async def test_tokens_decide_who_comes_in_and_what_it_may(settings, producer, tmp_path):
    file = tmp_path / "tokens.yaml"
    entries = [
        {"name": "wall", "role": "viewer", "rooms": ["room-1"], "sha256": _sha("look")},
        {"name": "li", "role": "oncall", "categories": ["beauty"], "sha256": _sha("act.me~1")},
    ]
    file.write_bytes(orjson.dumps({"tokens": entries}))
    await publish(settings, producer, alert(0), alert(1))
    async with gateway(settings, tokens_file=file) as gate, answering(settings, producer):
        for options in ({}, {"additional_headers": {"Authorization": "Bearer no"}}):
            async with watch(gate.ws, **options) as client:
                with pytest.raises(ConnectionClosed) as closed:
                    await client.hear()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4401
        async with watch(gate.ws, subprotocols=["roomwatch.v1", "token.look"]) as client:
            assert client.connection.subprotocol == "roomwatch.v1"
            told = await client.subscribe()
            await client.subscribe(resume={"epoch": told["epoch"], "offset": -1})
            assert await client.offsets(1) == [1]
            await client.send(op="ack", id=alert(1)["id"], comment="")
            assert (await client.hear("error", "done"))["code"] == "forbidden"
        async with watch(gate.ws, additional_headers={"Authorization": "Bearer act.me~1"}) as client:
            await client.send(op="ack", id=alert(1)["id"], comment="")
            assert (await client.hear("error", "done"))["alert"]["owner"] == "li"


async def test_a_page_of_another_site_is_not_let_in(settings):
    async with gateway(settings) as gate:
        port = gate.settings.gateway_port
        rebound = {"host": "127.0.0.1", "port": port}
        for url, options in (
            (gate.ws, {"origin": "http://evil.example"}),
            (f"ws://evil.example:{port}/ws/v1", rebound),
        ):
            async with watch(url, **options) as client:
                with pytest.raises(ConnectionClosed) as closed:
                    await client.hear()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4403


async def test_a_replaced_log_gets_a_new_epoch_and_sends_every_client_to_it(settings, producer):
    await publish(settings, producer, *(alert(n) for n in range(5)))
    async with gateway(settings) as gate, watch(gate.ws) as client:
        epoch = (await client.subscribe())["epoch"]
        await _forget(settings)
        await publish(settings, producer, alert(5))
        with pytest.raises(ConnectionClosed) as closed:
            await client.offsets(2)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012

        async def back() -> bool:
            try:
                async with watch(gate.ws) as again:
                    told = await again.subscribe(resume={"epoch": epoch, "offset": 4})
                    return bool(told["epoch"] != epoch and (await again.hear())["reason"] == "epoch")
            except ConnectionClosed:
                return False

        assert await until(back)


async def _forget(settings) -> None:
    """Lose what the store knew, as a store without persistence does when it starts anew."""
    async with Redis.from_url(settings.redis_url) as redis:
        await redis.flushdb()


def _sha(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
