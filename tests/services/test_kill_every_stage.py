"""Engine, gateway and notifier killed in every stage of episodes: nothing is lost, nothing is told anew.

Rooms stall; the three roles are killed at seeded moments while episodes are pending, firing, acknowledged and
silenced, escalated, delivered and resolved. Whoever asks a gateway that dies asks again, as people do.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis
from websockets.exceptions import WebSocketException

from alerts.detectors.monitor import limits_of
from alerts.incidents import Incidents, Kept, Policy
from alerts.model import episode_id
from alerts.routing import load as load_routes
from alerts.rulecheck import load as load_rules
from alerts.stages import Record
from alerts.store import IncidentsReader
from deploy.local.process import free_port
from stream.settings import Settings
from stream.store import connect
from tests.alerts.journal import without_repeats
from tests.alerts.windowed import Player, pings, room
from tests.services.engine_process import Forked, Zygote
from tests.services.gateway import Client, watch
from tests.services.notifying import deliveries
from tests.services.robot import Answer, Robot, listening
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(300)]

ReadAll = Callable[[str], Awaitable[list[Any]]]
SEED = 20_261_122
ROLES = ("engine", "gateway", "notifier")
RULES = """
rules:
  - name: stutter
    kind: stutter
    any:
      - {metric: live_stall_ratio, where: {probe: edge}, window: 10s, compare: ">",
         warning: 0.02, recover: 0.01}
    for_s: 4
    keep_firing_s: 3
  - name: monitor
    kind: monitor_degraded
    any: [{detector: reach_age, params: {warning_s: 3600, critical_s: 3600}}]
escalate: [{severity: warning, after_s: 2, to: lead}]
"""
ROUTES = """
people: [{name: boss, mobile: "13000000000"}]
teams: [{name: lead, members: [boss]}]
receivers: [{name: chat, url: "URL", per_minute: 6000}]
routes: [{to: [chat]}]
"""
ACKED, LEFT, LATE = ("r0", "r1", "r2"), ("r3", "r4", "r5"), ("r6", "r7")
TOLD = ("sent", "digested")
RUN_LATER = {"gateway": ("alerts.gateway.shell",)}
STAGES = 6


class Battle:
    """The three roles, the rooms they watch, and what kills the roles."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, zygotes: dict[str, Zygote]) -> None:
        self.settings = settings
        self.port = free_port()
        self.kills = 0
        self.base_ms = int(time.time()) * 1_000 - 120_000
        self.second = 0
        self.notifier_dies_at_call = False
        self._dice = random.Random(SEED)
        self._producer = producer
        self._zygotes = zygotes
        self._orders: dict[str, tuple[dict[str, str], Path]] = {}
        self._alive: dict[str, Forked] = {}

    def begin(self, environment: dict[str, str], folder: Path) -> None:
        """Start all roles."""
        for role in ROLES:
            self._orders[role] = environment, folder / f"{role}.log"
            self._start(role)

    def end(self) -> None:
        """End all roles."""
        for process in self._alive.values():
            process.kill()
            process.wait()

    def told(self) -> str:
        """Return what the roles logged last."""
        return "\n".join(log.read_text(errors="replace")[-2_000:] for _, log in self._orders.values())

    def kill(self, role: str) -> None:
        """End a role as a power cut would, and start it anew."""
        self._alive[role].kill()
        self._alive[role].wait()
        self.kills += 1
        self._start(role)

    async def under_fire(self, action: Awaitable[None], *roles: str) -> None:
        """Do something while these roles are killed, each at a seeded moment of the first half second."""

        async def strike(role: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            self.kill(role)

        strikes = [strike(role, self._dice.uniform(0, 0.5)) for role in roles]
        await asyncio.gather(action, *strikes)

    async def stall(self, seconds: int, *, bad: tuple[str, ...], good: tuple[str, ...] = ()) -> None:
        """Let seconds of the rooms pass, a few of ours."""
        for _ in range(seconds):
            for partition in range(self.settings.partitions):
                rooms = [
                    room(name, pings(stall=0.03 if name in bad else 0.0), session_ms=self.base_ms - 60_000)
                    for name in (*bad, *good)
                    if int(name[1:]) % self.settings.partitions == partition
                ]
                tick_ms = self.base_ms + 1_000 * self.second
                made = Player().record(self.second, *rooms)
                made = msgspec.structs.replace(
                    made,
                    partition=partition,
                    seq=self.second + 1,
                    tick_ms=tick_ms,
                    reach_ms=dict.fromkeys(made.reach_ms, tick_ms),
                )
                await self._producer.send_and_wait(
                    self.settings.topic("windows"), msgspec.json.encode(made), partition=partition
                )
            self.second += 1
            await asyncio.sleep(0.1)

    async def judged(self, redis: Redis) -> bool:
        """Return whether the rules stage has kept all that was written."""
        kept = [await redis.hget(f"{{p{n}}}:rules:owner", "offset") for n in range(self.settings.partitions)]
        return [int(offset) for offset in kept if offset] == [self.second - 1] * self.settings.partitions

    async def ack(self, reader: IncidentsReader, said: Said, name: str, alert_id: str) -> None:
        """Acknowledge an alert; note whether the gateway said that it is done."""
        done = partial(_are, reader, (name,), "acknowledged")
        if await self._ask(f"/api/v1/alerts/{alert_id}/ack", {"comment": name}, done):
            said.acked.add(name)

    async def silence(self, said: Said, name: str) -> None:
        """Silence a room."""
        matchers = [{"label": "room_id", "op": "=", "value": name}]
        body = {"matchers": matchers, "ends_at_ms": int(time.time() * 1_000) + 600_000, "comment": "quiet"}
        said.silenced = await self._ask("/api/v1/silences", body, _never)

    async def resolve(self, reader: IncidentsReader, alert_id: str) -> None:
        """Resolve an alert."""

        async def over() -> bool:
            return alert_id not in {one["id"] for one in await reader.open_alerts()}

        await self._ask(f"/api/v1/alerts/{alert_id}/resolve", {"comment": "", "verdict": "real"}, over)

    async def _ask(self, path: str, body: dict[str, Any], is_done: Callable[[], Awaitable[bool]]) -> bool:
        """Ask the gateway, again when it died, until it says yes or it is done; return whether it did."""
        said: list[bool] = []

        async def asked() -> bool:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as http:
                try:
                    answer = await http.post(path, json=body)
                except httpx.TransportError:
                    return False
            said.append(answer.status_code in (200, 202))
            assert said[-1] or answer.status_code in (404, 409, 503), answer.text
            return said[-1] or await is_done()

        await until(asked, 60, what=path)
        return said[-1]

    def robot_answers(self, call: int) -> Answer | None:
        """Kill the notifier between its call and the answer, when that is asked for; every other is taken."""
        if not self.notifier_dies_at_call:
            return None
        self.notifier_dies_at_call = False
        self.kill("notifier")
        return None if call % 2 else (500, b"")

    def _start(self, role: str) -> None:
        environment, log = self._orders[role]
        self._alive[role] = self._zygotes[role].fork(environment, log)


async def _never() -> bool:
    return False


@pytest.fixture(scope="module")
def zygotes() -> Iterator[dict[str, Zygote]]:
    """Return what forks the roles."""
    made = {role: Zygote(role, *RUN_LATER.get(role, ())) for role in ROLES}
    yield made
    for one in made.values():
        one.close()


class Viewer:
    """Follows the stream of alerts across the deaths of the gateway; an offset that comes twice fails."""

    def __init__(self, url: str) -> None:
        self.epoch = ""
        self.seen: dict[int, bytes] = {}
        self._url = url

    async def follow(self) -> None:
        """Follow for ever."""
        while True:
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with watch(self._url) as client:
                    await self._hear(client)
            await asyncio.sleep(0.05)

    async def _hear(self, client: Client) -> None:
        at = {"epoch": self.epoch, "offset": max(self.seen, default=-1)}
        states = ["firing", "acknowledged", "escalated", "suppressed", "resolved"]
        told = await client.subscribe(states=states, **({"resume": at} if self.epoch else {}))
        assert self.epoch in ("", told["epoch"])
        self.epoch = told["epoch"]
        while True:
            frame = await client.hear("alert")
            assert frame["offset"] not in self.seen
            self.seen[frame["offset"]] = orjson.dumps(frame["alert"])


@dataclass
class Said:
    """What people were told is done, and the alerts that there were."""

    acked: set[str] = field(default_factory=set)
    silenced: bool = False
    ids: dict[str, str] = field(default_factory=dict)


async def test_killed_in_every_stage(
    settings: Settings,
    producer: AIOKafkaProducer,
    role_environment: dict[str, str],
    read_all: ReadAll,
    tmp_path: Path,
    zygotes: dict[str, Zygote],
) -> None:
    battle = Battle(settings, producer, zygotes)
    robot = Robot(messages=10_000, fault=battle.robot_answers)
    rules, routes = tmp_path / "rules.yaml", tmp_path / "routes.yaml"
    rules.write_text(RULES)
    viewer = Viewer(f"ws://127.0.0.1:{battle.port}/ws/v1")
    with listening(robot):
        routes.write_text(ROUTES.replace("URL", robot.url("dingtalk+http", "/r?access_token=t")))
        given = {
            "RULES_FILE": str(rules),
            "ROUTES_FILE": str(routes),
            "ENGINE_SESSION_S": "1.5",
            "GATEWAY_PORT": str(battle.port),
            "NOTIFY_LEASE_S": "1",
            "NOTIFY_PAUSE_S": "0.1",
        }
        given = {f"ROOMWATCH_{name}": value for name, value in given.items()}
        battle.begin(role_environment | given, tmp_path)
        following = asyncio.create_task(viewer.follow())
        try:
            await until(lambda: bool(viewer.epoch), 60, what="the gateway")
            async with connect(settings) as redis:
                reader = IncidentsReader(redis)
                said = await _live_through(battle, reader, redis)
                records = await deliveries(settings, partial(_all_told, said), 60)
                await until(partial(_followed, reader, viewer), 30, what="the viewer to have seen all")
        except (AssertionError, TimeoutError):
            print(battle.told())  # noqa: T201 - what a failure needs
            raise
        finally:
            battle.end()
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
    assert battle.kills == len(ROLES) * STAGES
    live = without_repeats(one.value for one in await read_all("alerts"))
    _check_episodes(live, said)
    _check_messages(robot, records)
    assert without_repeats(viewer.seen[offset] for offset in sorted(viewer.seen)) == live
    log = [Record(one.offset, one.timestamp, one.value) for one in await read_all("transitions")]
    assert _replayed(settings, log, routes.read_text()) == live


async def _live_through(battle: Battle, reader: IncidentsReader, redis: Redis) -> Said:
    """Let episodes begin, be told, looked after and end, with all roles killed in each of these stages."""
    said, first = Said(), (*ACKED, *LEFT)
    await battle.under_fire(battle.stall(3, bad=first, good=LATE), *ROLES)
    await until(partial(battle.judged, redis), 30, what="what is pending to be kept")
    assert await reader.open_alerts() == []

    await battle.under_fire(battle.stall(3, bad=first, good=LATE), *ROLES)
    await until(partial(_are, reader, first, "firing escalated"), 30, what="all to fire")

    await battle.under_fire(_all_are(reader, first, "escalated"), *ROLES)

    async def look_after() -> None:
        ids = {one["room_id"]: one["id"] for one in await reader.open_alerts()}
        asked = [battle.ack(reader, said, name, ids[name]) for name in ACKED]
        await asyncio.gather(*asked, battle.silence(said, ACKED[-1]))

    await battle.under_fire(look_after(), *ROLES)
    await _all_are(reader, ACKED, "acknowledged suppressed")
    assert said.silenced
    await until(partial(_is_silenced, reader), 30, what="the silence")

    battle.notifier_dies_at_call = True
    await battle.under_fire(battle.stall(6, bad=(*first, *LATE)), "engine", "gateway")
    await _all_are(reader, LATE, "firing escalated")
    await until(lambda: not battle.notifier_dies_at_call, 30, what="a call of the notifier")
    said.ids = {one["room_id"]: one["id"] for one in await reader.open_alerts()}

    async def end() -> None:
        recovery = battle.stall(6, bad=(), good=(*first, *LATE))
        await asyncio.gather(battle.resolve(reader, said.ids[LEFT[0]]), recovery)

    await battle.under_fire(end(), *ROLES)
    await until(partial(_none_open, reader), 30, what="the end of all")
    return said


async def _are(reader: IncidentsReader, rooms: tuple[str, ...], states: str) -> bool:
    found = {one["room_id"]: one["state"] for one in await reader.open_alerts()}
    return all(found.get(name, "none") in states for name in rooms)


async def _all_are(reader: IncidentsReader, rooms: tuple[str, ...], states: str) -> None:
    await until(partial(_are, reader, rooms, states), 30, what=f"{rooms} to be {states}")


async def _is_silenced(reader: IncidentsReader) -> bool:
    silences = [one["comment"] for one in await reader.silences()]
    return "quiet" in silences and await _are(reader, ACKED[-1:], "suppressed")


async def _none_open(reader: IncidentsReader) -> bool:
    return await reader.open_alerts() == []


async def _followed(reader: IncidentsReader, viewer: Viewer) -> bool:
    return (await reader.position())[0] <= max(viewer.seen, default=-2)


def _all_told(said: Said, found: list[dict[str, Any]]) -> bool:
    """Return whether the end of every alert was told, and nothing is left without a last record."""
    over = {one["alert_id"] for one in found if one["occasion"] == "resolved" and one["status"] in TOLD}
    return over >= {*said.ids.values()}


def _check_episodes(live: list[bytes], said: Said) -> None:
    """Each room has one episode with its first id, whose changes have no hole, and which reached its end."""
    changes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for value in live:
        record = orjson.loads(value)
        changes[record["room_id"]].append(record)
    assert set(changes) == {*ACKED, *LEFT, *LATE}
    for name, found in changes.items():
        assert {one["id"] for one in found} == {said.ids[name]}
        assert said.ids[name] == episode_id("stutter", name, found[0]["started_at_ms"])
        assert [one["change"] for one in found] == list(range(1, len(found) + 1))
        assert [one["state"] for one in found if one["state"] == "resolved"] == [found[-1]["state"]]
        if name not in LATE:
            assert any(one["state"] == "escalated" for one in found)
        if name in said.acked:
            assert any(one["state"] in ("acknowledged", "suppressed") and one.get("owner") for one in found)


def _check_messages(robot: Robot, records: list[dict[str, Any]]) -> None:
    """Each change that is told stands in one message; a repeat of a message has its id and its words."""
    texts: dict[str, set[str]] = defaultdict(set)
    for post in robot.posts:
        texts[post.message_id].add(orjson.loads(post.body)["markdown"]["text"])
    assert all(len(found) == 1 for found in texts.values())
    assert len(robot.posts) - len(texts) <= STAGES
    messages: dict[tuple[str, int], set[str]] = defaultdict(set)
    for one in records:
        assert one["status"] in (*TOLD, "superseded")
        if one["status"] in TOLD:
            messages[one["alert_id"], one["change"]].add(one["message_id"])
    assert all(len(ids) == 1 for ids in messages.values())
    assert {message for ids in messages.values() for message in ids} == set(texts)


def _replayed(settings: Settings, log: list[Record], routes: str) -> list[bytes]:
    """Return the alerts that the incidents stage makes of the recorded log, without repeats."""
    ruleset = load_rules(RULES, 1)
    policy = Policy.of(ruleset, load_routes(routes, 1), ZoneInfo(settings.timezone))
    stage = Incidents(settings.partitions, lambda _: limits_of(ruleset), lambda _: policy)
    stage.load(Kept(), epoch=1)
    outputs = [one for record in log for one in stage.apply(record)]
    return without_repeats(one.value for one in outputs if one.log == "alerts")
