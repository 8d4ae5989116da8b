"""The rule sets and routes in force: read from the store, followed, looked up by tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts import routing
from alerts.routing import RouteSet
from alerts.rulecheck import load
from alerts.ruleset import RuleSet
from alerts.store.rule_sets import ROUTES_TAG, KeptSet, RuleSetStore
from stream.errors import RoomwatchError, SettingsError

__all__ = ["RouteSets", "RuleSets", "Sets"]

_KEPT: Final = 10
"""Sets known at once: a stage that catches up needs the one of its old ticks."""
_LOOK_S: Final = 0.5
"""How often the store is asked; a set takes effect one second after it was accepted."""


SetT = TypeVar("SetT", RuleSet, RouteSet)


class Sets(Generic[SetT]):
    """The newest sets of one kind, oldest first; every process has the same for the same tick.

    Args:
        store: where they are kept.
        load_set: returns the set of a text and a version, or raises.
        name: of the kind, for logs and for the setting that names the first one's file.
    """

    def __init__(self, store: RuleSetStore, load_set: Callable[[str, int], SetT], name: str) -> None:
        self._store = store
        self._load: Callable[[str, int], SetT] = load_set
        self._name = name
        self._sets: list[tuple[int, SetT]] = []
        self._log = structlog.get_logger()

    async def begin(self, first: Path) -> None:
        """Read the sets of the store; where it holds none, make the file's its version 1.

        Raises:
            SettingsError: the file cannot be read, or is no rule set.
        """
        newest = await self._store.current()
        if newest is None:
            try:
                text = await asyncio.to_thread(first.read_text, encoding="utf-8")
            except OSError as error:
                raise SettingsError(
                    f"ROOMWATCH_{self._name.upper()}_FILE: {first} cannot be read: {error.strerror}"
                ) from error
            self._load(text, 0)
            newest = await self._store.begin(text)
            self._log.info(f"{self._name}.begun", file=str(first), version=newest.version)
        known = await self._store.versions(newest.version, count=_KEPT)
        for kept in known or [newest]:
            self._add(kept)

    async def follow(self) -> None:
        """Take in each new version, for ever; a store that is away is asked again."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                newest = await self._store.current()
                if newest is not None and newest.version > self._newest:
                    for kept in await self._store.versions(
                        newest.version, count=newest.version - self._newest
                    ):
                        self._add(kept)
            except (RedisError, OSError, TimeoutError) as error:
                self._log.warning(f"{self._name}.store_away", error=str(error))

    def at(self, tick_ms: int) -> SetT:
        """Return the set in force at a tick: the newest that applies from then or before, else the oldest."""
        for from_ms, found in reversed(self._sets):
            if from_ms <= tick_ms:
                return found
        return self._sets[0][1]

    @property
    def _newest(self) -> int:
        return self._sets[-1][1].version if self._sets else 0

    def _add(self, kept: KeptSet) -> None:
        try:
            self._sets.append((kept.from_ms, self._load(kept.yaml, kept.version)))
        except RoomwatchError as error:
            self._log.error(f"{self._name}.refused", version=kept.version, error=str(error))
            return
        del self._sets[:-_KEPT]
        self._log.info(f"{self._name}.known", version=kept.version, from_ms=kept.from_ms)


class RuleSets(Sets[RuleSet]):
    """The rule sets of a store."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(RuleSetStore(redis), load, "rules")


class RouteSets(Sets[RouteSet]):
    """The sets of routes of a store."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(RuleSetStore(redis, ROUTES_TAG), routing.load, "routes")
