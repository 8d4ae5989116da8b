"""What a backtest needs from outside the archive: rule sets of files and of the store, verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.backtest.sets import Sets
from alerts.rulecheck import load
from alerts.ruleset import RuleSet
from alerts.store import IncidentsReader
from alerts.store.rule_sets import RuleSetStore
from stream.errors import RoomwatchError, SettingsError, StoreError
from stream.settings import Settings
from stream.store import connect

__all__ = ["chosen", "read_rules", "rules_in_force", "verdicts"]

_BEFORE_MS: Final = 86_400_000
"""Verdicts are looked for among alerts that began so long before the range, or in it."""
_PAGE: Final = 1_000


def chosen(text: str) -> frozenset[str]:
    """Return the rooms of a list, comma separated, or of the file that it names after an ``@``.

    Raises:
        SettingsError: the file cannot be read.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"--rooms: {text[1:]} cannot be read: {_why(error)}") from error
    return frozenset(filter(None, (name.strip() for name in re.split(r"[,\n]", text))))


def read_rules(path: Path) -> tuple[RuleSet, str]:
    """Return the rule set of a file, and its text.

    Raises:
        SettingsError: it cannot be read, or is no rule set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {_why(error)}") from error
    return load(text), text


async def rules_in_force(settings: Settings) -> Sets:
    """Return the rule sets of the store, each with the tick from which it applies.

    Raises:
        StoreError: the store does not answer, or holds no rule set.
    """
    redis = connect(settings)
    try:
        found = await _sets(redis)
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreError(
            f"no store at ROOMWATCH_REDIS_URL to tell the rules in force then: {error}; or name a file with"
            " --against"
        ) from error
    finally:
        await redis.aclose()
    if not found:
        raise StoreError("the store holds no rule set; name one with --against")
    return Sets(tuple(found))


async def verdicts(settings: Settings, from_ms: int, to_ms: int) -> Mapping[str, str] | None:
    """Return alert id -> verdict of the alerts that began in a range; None when the store is away."""
    redis = connect(settings)
    reader, cursor = IncidentsReader(redis), None
    found: dict[str, str] = {}
    try:
        while True:
            page, cursor = await reader.alerts(since_ms=from_ms - _BEFORE_MS, limit=_PAGE, cursor=cursor)
            found |= {
                alert["id"]: alert["verdict"]
                for alert in page
                if alert.get("verdict") and alert["started_at_ms"] < to_ms
            }
            if cursor is None:
                return found
    except (RedisError, OSError, TimeoutError):
        return None
    finally:
        await redis.aclose()


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is no text in UTF-8"


async def _sets(redis: Redis) -> list[tuple[int, RuleSet]]:
    store = RuleSetStore(redis)
    newest = await store.current()
    if newest is None:
        return []
    found = []
    for kept in await store.versions(newest.version, count=newest.version) or [newest]:
        try:
            found.append((kept.from_ms, load(kept.yaml, kept.version)))
        except RoomwatchError as error:  # one that an older program took and this one does not
            structlog.get_logger().warning("backtest.rules_refused", version=kept.version, error=str(error))
    return found
