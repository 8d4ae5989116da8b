"""What the alert stages keep in a real store: fencing, episodes, lists, rule sets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from alerts.detectors.monitor import Limits
from alerts.incidents import Incidents, Kept, Policy
from alerts.incidents.faults import ENDED_KEEP_MS
from alerts.incidents.policy import NO_POLICY
from alerts.model import episode_id
from alerts.ruleset import Grouping
from alerts.store import IncidentsReader
from alerts.store import incidents as incidents_store
from alerts.store import rules as rules_store
from alerts.store.episodes import KEEP_MS, episode_key
from alerts.store.faults import FAULTS, FaultsReader
from alerts.store.folds import Claim, FoldStore, incidents_tag, rules_tag
from alerts.store.rule_sets import RuleSetStore
from alerts.tally import Tally
from stream.errors import FencedError
from tests.alerts.journal import T0, Journal, fresh
from tests.waiting import until

pytestmark = pytest.mark.services


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator[Redis]:
    """Return a client of database 0, which no deployment of a test uses, emptied."""
    async with Redis.from_url(valkey) as client:
        await client.flushdb()
        yield client
        await client.flushdb()


def owner(redis: Redis, member: str = "a", *, tag: str | None = None, lease_ms: int = 60_000) -> FoldStore:
    return FoldStore(redis, tag or rules_tag(3), member=member, lease_ms=lease_ms)


async def test_each_claim_raises_the_epoch_and_gives_the_offset(redis: Redis):
    assert await owner(redis).claim(1) == Claim(1, -1, -1)
    claim = await owner(redis, "b").claim(2)
    assert claim == Claim(2, -1, -1)
    await owner(redis, "b").apply(claim, offset=41, output=7, commands=[])
    assert await owner(redis, "a").claim(3) == Claim(3, 41, 7)


async def test_an_older_generation_is_refused_while_the_owner_is_alive(redis: Redis):
    await owner(redis, "a").claim(5)
    with pytest.raises(FencedError, match="held by a of generation 5, ours is 4"):
        await owner(redis, "b").claim(4)
    assert (await owner(redis, "a").claim(4)).epoch == 2


async def test_an_older_generation_may_claim_once_the_lease_is_over(redis: Redis):
    await owner(redis, "a", lease_ms=1).claim(5)
    await asyncio.sleep(0.02)
    assert (await owner(redis, "b").claim(1)).epoch == 2


async def test_it_is_owned_while_a_lease_runs(redis: Redis):
    assert not await owner(redis).is_owned()
    await owner(redis, lease_ms=60_000).claim(1)
    assert await owner(redis, "b").is_owned()
    await owner(redis, lease_ms=1).claim(1)
    await until(lambda: _unowned(redis))


async def _unowned(redis: Redis) -> bool:
    return not await owner(redis).is_owned()


async def test_a_fenced_owner_writes_nothing(redis: Redis):
    zombie = owner(redis, "zombie")
    old = await zombie.claim(1)
    new = await owner(redis, "b").claim(2)
    with pytest.raises(FencedError, match="fenced since epoch 1"):
        await zombie.apply(old, offset=5, output=-1, commands=[("HSET", "{p3}:rules:state", ("f", b"x"))])
    with pytest.raises(FencedError):
        await zombie.renew(old)
    assert await rules_store.load(redis, 3) == {}
    await owner(redis, "b").renew(new)


async def test_an_apply_from_another_offset_writes_nothing(redis: Redis):
    store = owner(redis)
    claim = await store.claim(1)
    await store.apply(claim, offset=5, output=-1, commands=[])
    with pytest.raises(FencedError, match="moved"):
        await store.apply(claim, offset=6, output=-1, commands=[("HSET", "{p3}:rules:state", ("f", b"x"))])
    assert await rules_store.load(redis, 3) == {}


async def test_a_repeated_apply_after_a_lost_reply_is_done(redis: Redis):
    store = owner(redis)
    claim = await store.claim(1)
    for _ in range(2):
        after = await store.apply(claim, offset=5, output=9, commands=rules_store.commands(3, {"f": b"x"}))
        assert after == Claim(1, 5, 9)
    assert await rules_store.load(redis, 3) == {"f": b"x"}


async def test_a_large_state_is_kept_whole_and_fields_go(redis: Redis):
    store = owner(redis)
    claim = await store.claim(1)
    fields: dict[str, bytes | None] = {f"s:{number}": b"x" * 50 for number in range(5_000)}
    claim = await store.apply(claim, offset=5, output=-1, commands=rules_store.commands(3, fields))
    assert await rules_store.load(redis, 3) == fields
    gone = dict.fromkeys(fields)
    await store.apply(claim, offset=6, output=-1, commands=rules_store.commands(3, gone))
    assert await rules_store.load(redis, 3) == {}


# -- episodes

POLICY = Policy(group=(Grouping(kinds=("stutter",), by="cdn", at_least=5),), versions=(1, 1))


class Keeper:
    """Folds a journal and keeps it in the store, as the engine does."""

    def __init__(self, redis: Redis, policy: Policy = NO_POLICY) -> None:
        self.log = Journal()
        self.redis = redis
        self.reader = IncidentsReader(redis)
        self.stage = Incidents(1, lambda _: Limits(), lambda _: policy)
        self.stage.load(Kept(), epoch=1)
        self._owner = FoldStore(redis, incidents_tag(), member="a", lease_ms=60_000)
        self._claim: Claim | None = None
        self._folded = 0

    async def keep(self) -> list[dict[str, Any]]:
        """Fold what was added; return the alert records."""
        made = [output for record in self.log.records[self._folded :] for output in self.stage.apply(record)]
        self._folded = len(self.log.records)
        claim = self._claim or await self._owner.claim(1)
        commands = incidents_store.commands(self.stage.written())
        self._claim = await self._owner.apply(claim, offset=self._folded - 1, output=3, commands=commands)
        return [orjson.loads(output.value) for output in made if output.log == "alerts"]


async def test_the_newest_record_of_every_open_episode_is_listed(redis: Redis):
    keeper = Keeper(redis)
    for number in range(3):
        keeper.log.transition(number, subject=f"r{number}", room_id=f"r{number}", started_at_ms=T0 + number)
    keeper.log.transition(10, "severity", subject="r1", severity="critical", started_at_ms=T0 + 1)
    keeper.log.transition(11, "resolved", subject="r2", started_at_ms=T0 + 2)
    records = await keeper.keep()
    assert await keeper.reader.open_alerts() == [records[3], records[0]]
    assert await keeper.reader.position() == (3, 4)


async def test_an_episode_is_told_with_its_timeline_and_its_causes(redis: Redis):
    keeper = Keeper(redis)
    keeper.log.transition(1)
    alert_id = episode_id("stutter", "r1", T0)
    keeper.log.command(2, "ack", alert_id, comment="看看")
    keeper.log.transition(3, "resolved")
    records = await keeper.keep()
    found = await keeper.reader.episode(alert_id)
    assert found is not None
    newest, timeline = found
    assert newest == records[-1]
    assert [(entry["change"], entry["state"], entry["cause"]) for entry in timeline] == [
        (1, "firing", "rules"),
        (2, "acknowledged", "command"),
        (3, "resolved", "rules"),
    ]
    assert (timeline[1]["by"], timeline[1]["comment"]) == ("li", "看看")
    assert await keeper.reader.episode("0" * 20) is None


async def test_a_resolved_episode_is_kept_for_35_days(redis: Redis):
    keeper = Keeper(redis)
    keeper.log.transition(1)
    keeper.log.transition(2, "resolved")
    await keeper.keep()
    alert_id = episode_id("stutter", "r1", T0)
    assert await redis.pexpiretime(episode_key(alert_id)) == T0 + 2 + KEEP_MS
    keeper.log.beat(3 + KEEP_MS)
    await keeper.keep()
    assert await keeper.reader.alerts() == ([], None)
    assert await redis.zcard("{incidents}:closed") == await redis.zcard("{incidents}:started") == 0


async def test_a_timeline_is_bounded_and_keeps_its_beginning(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(incidents_store, "TIMELINE_MAX", 5)
    keeper = Keeper(redis)
    keeper.log.transition(0)
    for number in range(20):
        keeper.log.transition(number, "severity", severity=("critical", "warning")[number % 2])
    await keeper.keep()
    found = await keeper.reader.episode(episode_id("stutter", "r1", T0))
    assert found
    assert [entry["change"] for entry in found[1]] == [1, 17, 18, 19, 20, 21]


async def _episodes(keeper: Keeper, count: int) -> list[str]:
    """Keep ``count`` episodes of three rooms and two kinds, some starting together, every fourth resolved."""
    for number in range(count):
        given: dict[str, Any] = {
            "subject": f"s{number}",
            "room_id": f"r{number % 3}",
            "kind": ("stutter", "feed_lost")[number % 2],
            "started_at_ms": T0 + number // 2,
        }
        keeper.log.transition(number, **given)
        if number % 4 == 0:
            keeper.log.transition(number, "resolved", **given)
    records = {record["id"]: record for record in await keeper.keep()}
    return sorted(records, key=lambda name: (records[name]["started_at_ms"], name), reverse=True)


async def test_pages_follow_each_other_newest_first_without_hole_or_repeat(redis: Redis):
    keeper = Keeper(redis)
    expected = await _episodes(keeper, 53)
    found: list[str] = []
    cursor = None
    while True:
        page, cursor = await keeper.reader.alerts(limit=7, cursor=cursor)
        found += [record["id"] for record in page]
        if cursor is None:
            break
        assert len(page) == 7
    assert found == expected


async def test_lists_are_filtered_by_state_room_kind_and_start(redis: Redis):
    keeper = Keeper(redis)
    await _episodes(keeper, 40)
    reader = keeper.reader
    assert len((await reader.alerts(state="resolved"))[0]) == 10
    assert len((await reader.alerts(state="firing"))[0]) == 30
    assert {record["room_id"] for record in (await reader.alerts(room="r1"))[0]} == {"r1"}
    assert len((await reader.alerts(kind="feed_lost"))[0]) == 20
    assert len((await reader.alerts(since_ms=T0 + 15))[0]) == 10
    assert len((await reader.alerts(state="firing", since_ms=T0 + 15, kind="feed_lost"))[0]) == 5


async def test_a_page_of_a_state_goes_on_at_its_cursor(redis: Redis):
    keeper = Keeper(redis)
    await _episodes(keeper, 40)
    first, cursor = await keeper.reader.alerts(state="firing", limit=20)
    rest, end = await keeper.reader.alerts(state="firing", limit=20, cursor=cursor)
    assert len({record["id"] for record in first + rest}) == 30
    assert end is None


@pytest.mark.parametrize("cursor", ["", "x", "12", ":a", "a:b", "12:"])
async def test_a_cursor_of_somebody_elses_is_refused(redis: Redis, cursor: str):
    with pytest.raises(ValueError, match="no cursor of this list"):
        await IncidentsReader(redis).alerts(cursor=cursor)


async def test_the_stage_goes_on_from_what_the_store_kept(redis: Redis):
    keeper = Keeper(redis)
    await _episodes(keeper, 12)
    keeper.log.command(50, "ack", episode_id("stutter", "s1", T0), for_s=60)
    await keeper.keep()
    stage = Incidents(1, lambda _: Limits())
    stage.load(await incidents_store.load(redis), epoch=2)
    keeper.log.beat(70_000)
    keeper.log.command(70_001, "resolve", episode_id("stutter", "s0", T0))
    tail = keeper.log.records[-2:]
    assert [stage.apply(record) for record in tail] == [keeper.stage.apply(record) for record in tail]


async def test_time_at_fault_is_kept_and_read_up_to_the_stages_clock(redis: Redis):
    keeper = Keeper(redis)
    assert await FaultsReader(redis).read(["r1"]) == {}
    keeper.log.session(0, "live")
    keeper.log.transition(10_000, severity="critical")
    await keeper.keep()
    keeper.log.beat(40_000)
    await keeper.keep()
    found = await FaultsReader(redis).read(["r0", "r1"])
    assert found == {"r1": Tally(T0, "live", T0 + 40_000, live_ms=40_000, fault_ms=30_000, faulty=True)}
    assert (await incidents_store.load(redis)).faults.keys() == {"r1"}
    keeper.log.session(40_000, "ended")
    keeper.log.beat(50_000 + ENDED_KEEP_MS)
    await keeper.keep()
    assert not await redis.exists(FAULTS)


async def test_silences_incidents_and_the_audit_are_listed(redis: Redis):
    keeper = Keeper(redis, POLICY)
    keeper.log.beat(0)
    for number in range(6):
        keeper.log.transition(number, subject=f"r{number}", room_id=f"r{number}", labels={"cdn": "a"})
    matchers = [{"label": "room_id", "op": "=", "value": "r1"}]
    body = {"matchers": matchers, "ends_at_ms": T0 + 9_000}
    keeper.log.command(50, "silence", None, body=body)
    keeper.log.command(60, "ack", "none")
    await keeper.keep()
    ((incident,), end) = await keeper.reader.incidents()
    assert (incident["members"], incident["value"], end) == (6, "a", None)
    found = await keeper.reader.incident(incident["id"], members_max=4)
    assert found
    assert [member["room_id"] for member in found[1]] == ["r0", "r1", "r2", "r3"]
    (silence,) = await keeper.reader.silences()
    assert (silence["state"], silence["hidden"], silence["matchers"]) == ("active", 1, matchers)
    assert [entry["do"] for entry in await keeper.reader.audit(limit=10)] == ["ack", "silence"]
    episode = await keeper.reader.episode(episode_id("stutter", "r5", T0))
    assert episode
    assert episode[1][0]["suppressed_by"][0]["why"] == "grouped"


async def test_a_state_of_a_version_without_holds_is_taken_over(redis: Redis):
    keeper = Keeper(redis)
    keeper.log.transition(0)
    keeper.log.command(1, "ack", episode_id("stutter", "r1", T0), for_s=60)
    await keeper.keep()
    await redis.delete("{incidents}:holds")
    stage = fresh()
    stage.load(await incidents_store.load(redis), epoch=2)
    keeper.log.beat(60_001)
    (output,) = stage.apply(keeper.log.records[-1])
    assert orjson.loads(output.value)["reason"] == "ack_expired"


# -- rule sets


async def test_the_first_set_becomes_version_1_once(redis: Redis):
    store = RuleSetStore(redis)
    assert await store.current() is None
    first = await store.begin("rules: []")
    again = await store.begin("rules: [other]")
    assert first == again
    assert (first.version, first.from_ms) == (1, 0)
    assert await store.versions(1, count=10) == [first]


async def test_a_set_is_put_only_on_the_one_that_it_was_made_from(redis: Redis):
    store = RuleSetStore(redis)
    first = await store.begin("rules: []")
    given: dict[str, Any] = {"author": "li", "comment": "数值", "origin": "127.0.0.1", "now_ms": 5_000}
    second = await store.put("rules: [2]", base=first, **given)
    assert second is not None
    assert (second.version, second.from_ms, second.author, second.comment) == (2, 6_000, "li", "数值")
    assert await store.put("rules: [x]", base=first, **given) is None
    assert await store.current() == second
    assert await store.versions(2, count=10) == [first, second]
    assert await store.version(1) == first
    assert await store.version(3) is None
