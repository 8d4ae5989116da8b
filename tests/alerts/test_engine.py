"""The parts of the engine process: owned folds, standstill, rule sets by tick, Faust's options."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from pydantic import SecretStr
from redis.asyncio import Redis

from alerts import routing
from alerts.engine import delivery
from alerts.engine.owned import OwnedFolds, Standstill, Unowned
from alerts.engine.plan import Plan
from alerts.engine.rule_sets import RuleSets
from alerts.engine.rules_stage import RulesStage
from alerts.fold import Fold
from alerts.inbox import Inbox
from alerts.rulecheck import load
from alerts.settings import EngineSettings
from alerts.stages import Record
from alerts.store.rule_sets import KeptSet
from stream.errors import StageError
from tests.services.windows_log import RULES, windows

HANGS = """
import asyncio, sys, threading
from alerts.engine import delivery

class Deaf:
    async def stop(self):
        threading.Event().wait()

delivery._STOP_S = 0.1
hanging = delivery.Delivery.__new__(delivery.Delivery)
hanging._app = Deaf()
asyncio.run(hanging.stop(asked=sys.argv[1] == "asked"))
"""
"""Stops a Faust that never comes to an end and holds the loop meanwhile."""
PART = TopicPartition("live.windows", 0)
OTHER = TopicPartition("live.windows", 1)


class FakeFold:
    """A fold that waits until its inbox is closed, or for ever."""

    def __init__(self, part: TopicPartition, generation: int, *, deaf: bool = False) -> None:
        self.part, self.generation, self._deaf = part, generation, deaf
        self.inbox = Inbox()
        self.seen = -1
        self.ended = False

    async def run(self) -> None:
        try:
            while self._deaf or not self.inbox.closed:
                await self.inbox.take(within_s=0.01)
                await asyncio.sleep(0.001)
        finally:
            self.ended = True


class Owned:
    """Owned folds over fake ones."""

    def __init__(self, group: asyncio.TaskGroup, *, deaf: bool = False) -> None:
        self.made: list[FakeFold] = []
        self._deaf = deaf
        self.folds = OwnedFolds(group, self._make)

    def _make(self, part: TopicPartition, generation: int) -> Fold:
        self.made.append(FakeFold(part, generation, deaf=self._deaf))
        return cast("Fold", self.made[-1])


async def test_each_assignment_begins_folds_of_its_generation_and_ends_the_earlier_ones():
    async with asyncio.TaskGroup() as group:
        owned = Owned(group)
        await owned.folds.assigned({PART, OTHER}, 4)
        await asyncio.sleep(0)
        await owned.folds.assigned({PART}, 5)
        assert [(fold.part, fold.generation) for fold in owned.made] == [(PART, 4), (OTHER, 4), (PART, 5)]
        assert [fold.ended for fold in owned.made] == [True, True, False]
        assert owned.folds.seen() == {PART: -1}
        await owned.folds.close()
    assert all(fold.ended for fold in owned.made)


async def test_a_record_of_a_partition_that_is_not_ours_is_dropped():
    async with asyncio.TaskGroup() as group:
        owned = Owned(group)
        await owned.folds.assigned({PART}, 1)
        owned.folds.deliver(OTHER, Record(0, 0, b""), 1)
        assert len(owned.made[0].inbox) == 0
        owned.folds.deliver(PART, Record(0, 0, b""), 1)
        assert len(owned.made[0].inbox) == 1
        await owned.folds.close()


async def test_a_fold_that_does_not_end_in_time_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("alerts.engine.owned._DRAIN_S", 0.02)
    async with asyncio.TaskGroup() as group:
        owned = Owned(group, deaf=True)
        await owned.folds.assigned({PART}, 1)
        await asyncio.sleep(0)
        await owned.folds.close()
    assert owned.made[0].ended


def test_a_fold_that_stands_while_its_log_grows_is_told_after_the_limit():
    watch = Standstill(10)
    watch.check({PART: 5}, {PART: 6}, 0)
    watch.check({PART: 5}, {PART: 9}, 4)
    watch.check({PART: 5}, {PART: 12}, 10)
    with pytest.raises(
        StageError, match=r"live.windows-0 grows to offset 19, but its fold stands at 5 for 11 s"
    ):
        watch.check({PART: 5}, {PART: 20}, 11)


def test_an_idle_log_a_moving_fold_and_one_that_went_away_stand_for_nothing():
    watch = Standstill(10)
    for second in range(0, 100, 5):
        watch.check({PART: 5, OTHER: second}, {PART: 6, OTHER: 1_000}, second)
    watch.check({}, {}, 100)
    watch.check({OTHER: 95}, {OTHER: 1_000}, 200)


def test_a_log_that_nobody_folds_is_told_after_the_limit():
    watch = Unowned(10)
    watch.check({PART}, 0)
    watch.check(set(), 5)
    watch.check({PART, OTHER}, 6)
    watch.check({PART}, 16)
    with pytest.raises(StageError, match=r"nobody folds live.windows-0 for 11 s"):
        watch.check({PART}, 17)


def rule_sets(*kept: KeptSet) -> RuleSets:
    found = RuleSets(Redis())
    for each in kept:
        found._add(each)
    return found


def test_a_set_applies_from_its_tick_and_stays_the_same_object():
    sets = rule_sets(KeptSet(1, RULES, 0, "a", ""), KeptSet(2, RULES, 5_000, "b", ""))
    assert [sets.at(tick).version for tick in (0, 4_999, 5_000, 9_000)] == [1, 1, 2, 2]
    assert sets.at(9_000) is sets.at(5_000)


def test_a_set_of_the_store_that_this_program_refuses_leaves_the_old_one():
    sets = rule_sets(KeptSet(1, RULES, 0, "a", ""), KeptSet(2, "rules: 7", 5_000, "b", ""))
    assert sets.at(9_000).version == 1


def test_the_rules_stage_settles_with_the_closed_tick_and_passes_over_bad_records():
    stage = RulesStage(lambda _: load(RULES, 1), partition=0)
    stage.load({}, epoch=3)
    told = []
    for offset, value in enumerate(windows(0, 60, rooms=4, seed=5)):
        told += stage.apply(Record(offset, 0, value))
        assert stage.settled == (b'"last":true' in value)
    assert told
    assert all(b'"epoch":3' in output.value for output in told)
    assert stage.apply(Record(9_999, 0, b"{")) == []
    assert stage.passed_over == {"bad_record": 1}
    assert b'"heartbeat"' in stage.beat()[0].value


@pytest.mark.parametrize(
    ("stages", "expected"),
    [("both", ["rules", "incidents"]), ("rules", ["rules"]), ("incidents", ["incidents"])],
)
def test_a_process_runs_the_stages_that_it_is_told_to(stages: Any, expected: list[str]):
    plan = Plan(
        EngineSettings(engine_stages=stages),
        Redis(),
        lambda _: load(RULES, 1),
        lambda _: routing.load("routes: []"),
    )
    assert list(plan.topics()) == expected
    assert len(plan.parts()) == {"rules": 4, "incidents": 1}.get(stages, 5)
    assert plan.tag("live.windows", 3) == "{p3}:rules"
    assert plan.tag("live.transitions", 0) == "{incidents}"
    assert plan.job("live.windows", 3).name == "live.windows-3"
    assert plan.job("live.transitions", 0).stage == "incidents"


async def test_faust_gets_our_brokers_bounds_and_credentials():
    settings = EngineSettings(
        kafka_bootstrap="a:1,b:2",
        kafka_security="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_user="u",
        kafka_password=SecretStr("p"),
    )
    options = delivery._options(settings)
    credentials = options["broker_credentials"]
    assert options["broker"] == "kafka://a:1;kafka://b:2"
    assert (credentials.username, credentials.password) == ("u", "p")
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.protocol.value == "SASL_SSL"
    assert credentials.ssl_context is not None
    assert delivery._options(EngineSettings())["broker_credentials"] is None
    tls = delivery._options(EngineSettings(kafka_security="SSL"))["broker_credentials"]
    assert tls.context is not None


@pytest.mark.parametrize(("why", "status"), [("asked", 0), ("failed", 1)])
def test_a_faust_that_does_not_stop_does_not_keep_the_process(why, status):
    ended = subprocess.run([sys.executable, "-c", HANGS, why], check=False, capture_output=True, text=True)  # noqa: S603 - our own
    assert ended.returncode == status, ended.stderr
    assert "engine.faust_hangs" in ended.stdout + ended.stderr
