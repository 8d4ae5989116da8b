"""A room played second by second to the rules that roomwatch starts with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from alerts.model import Transition
from alerts.rulecheck import load
from alerts.ruleset import RuleSet
from alerts.settings import DEFAULT_RULES
from tests.alerts.windowed import T0, Player, pings, room

__all__ = ["Told", "at", "default_rules", "hit", "play", "story"]

Told = list[Transition]
FEEDS = ("health", "visits", "orders", "danmaku", "likes", "rooms")


@cache
def default_rules() -> RuleSet:
    return load(DEFAULT_RULES.read_text(encoding="utf-8"), 1)


def at(told: Transition) -> int:
    """Return the second of a transition."""
    return (told.tick_ms - T0) // 1000


def story(told: Told) -> list[tuple[str, str, str, int]]:
    """Return kind, change, severity and second of each."""
    return [(each.kind, each.to, each.severity, at(each)) for each in told]


def hit(group: str, severity: str, source: str, text: str = "…") -> dict[str, Any]:
    return {
        "group": group, "severity": severity, "source": source, "text": text,
        "user": "u1", "topic": "live." + source, "partition": 3, "offset": 7,
    }  # fmt: skip


def play(
    columns: Callable[[int], Mapping[str, Any]],
    seconds: int,
    *,
    facts: Callable[[int], dict[str, Any]] = lambda _: {"title": "夜场"},
    state: Callable[[int], str] = lambda _: "live",
    hits: Callable[[int], list[dict[str, Any]]] = lambda _: [],
    marked: Callable[[int], int] = lambda _: -1_000_000,
    healthy: bool = True,
) -> Told:
    """Return what a room tells.

    Args:
        columns: second -> its figures, on top of those of healthy pings.
        seconds: how long.
        facts: second -> what the room records say.
        state: second -> of the room.
        hits: second -> of the word lists.
        marked: second -> when the newest mark came.
        healthy: whether healthy pings come each second.
    """
    player = Player(default_rules())
    for second in range(seconds):
        base: dict[str, Any] = {}
        if healthy:
            base = pings(stall=0.001, fps=25.0, av=0.01) | pings("ingest", stall=0.0, fps=25.0, av=0.01)
            for probe in ("edge", "ingest"):
                base[f'live_ping_newest_timestamp_seconds{{probe="{probe}"}}'] = T0 / 1000 + second
        newest_ms = dict.fromkeys(FEEDS, T0 + 1000 * second)
        newest_ms["marks"] = T0 + 1000 * marked(second)
        entry = room(
            columns={**base, **columns(second)}, facts=facts(second), state=state(second), newest_ms=newest_ms
        )
        entry.hits.extend(hits(second))
        player.tick(second, entry)
    return player.told
