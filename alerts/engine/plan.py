"""Which stage folds which log, and where its state is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from aiokafka import TopicPartition
from redis.asyncio import Redis

from alerts.detectors.monitor import limits_of
from alerts.engine.rules_stage import RulesStage
from alerts.fold import Job
from alerts.incidents import Incidents, Policy
from alerts.routing import RouteSet
from alerts.ruleset import RuleSet
from alerts.settings import EngineSettings
from alerts.store import incidents as incidents_store
from alerts.store import rules as rules_store
from alerts.store.folds import incidents_tag, rules_tag

__all__ = ["Plan"]


class Plan:
    """The two stages of the engine.

    Args:
        settings: topics, number of partitions, stages of this process.
        redis: the store.
        ruleset_at: the rule set in force at a tick.
        routes_at: the routes in force at an instant.
    """

    def __init__(
        self,
        settings: EngineSettings,
        redis: Redis,
        ruleset_at: Callable[[int], RuleSet],
        routes_at: Callable[[int], RouteSet],
    ) -> None:
        self._redis = redis
        self._ruleset_at = ruleset_at
        self._routes_at = routes_at
        self._zone = ZoneInfo(settings.timezone)
        self._stages = settings.engine_stages
        self._partitions = settings.partitions
        self._windows = settings.topic("windows")
        self._transitions = settings.topic("transitions")

    def topics(self) -> dict[str, str]:
        """Return the stages of this process, and the topic that each folds."""
        both = {"rules": self._windows, "incidents": self._transitions}
        return {stage: topic for stage, topic in both.items() if self._stages in ("both", stage)}

    def parts(self) -> list[TopicPartition]:
        """Return every log that the stages of this process fold, here or in another process."""
        counts = {self._windows: self._partitions, self._transitions: 1}
        return [TopicPartition(topic, n) for topic in self.topics().values() for n in range(counts[topic])]

    def tag(self, topic: str, number: int) -> str:
        """Return what the keys of a fold begin with."""
        return rules_tag(number) if topic == self._windows else incidents_tag()

    def job(self, topic: str, number: int) -> Job:
        """Return what to fold on a partition of one of the topics."""
        return self._rules(number) if topic == self._windows else self._incidents()

    def _rules(self, number: int) -> Job:
        return Job(
            stage="rules",
            topic=self._windows,
            partition=number,
            make=partial(RulesStage, self._ruleset_at, partition=number),
            load=partial(rules_store.load, self._redis, number),
            commands=partial(rules_store.commands, number),
            output="transitions",
        )

    def _incidents(self) -> Job:
        return Job(
            stage="incidents",
            topic=self._transitions,
            partition=0,
            make=partial(
                Incidents,
                self._partitions,
                lambda tick_ms: limits_of(self._ruleset_at(tick_ms)),
                lambda at_ms: Policy.of(self._ruleset_at(at_ms), self._routes_at(at_ms), self._zone),
            ),
            load=partial(incidents_store.load, self._redis),
            commands=incidents_store.commands,
            output="alerts",
        )
