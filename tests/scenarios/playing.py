"""A simulated broadcast through ingest's folds and the rules stage, without a broker: minutes in seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

from alerts.model import Transition
from alerts.rules import RulesFold
from alerts.windows import parse_windows
from stream.model import FEEDS
from stream.sources import scenario as scenarios
from stream.sources.broadcast import records
from stream.sources.plan import Plan
from stream.window_log import WindowLog
from tests.alerts.kinds.playing import default_rules
from tests.stream.logs import Folding

__all__ = ["BEGIN_MS", "simulate"]

BEGIN_MS: Final = 1_760_000_400_000
_STEP_MS: Final = 1_000
"""Time between flushes; the ingest tells of critical events each 50 ms as well."""


def simulate(text: str, *, seconds: int, seed: int = 1) -> tuple[list[Transition], RulesFold]:
    """Return what the shipped rules tell of a scenario, and the fold at its end."""
    plan = Plan(scenarios.parse(text, seed=seed, end_s=seconds), BEGIN_MS)
    folding, log, told = Folding(), WindowLog(0, 1), list[Transition]()
    ruleset = default_rules()
    rules = RulesFold(lambda _: ruleset)
    offsets, coming, offset = dict.fromkeys(FEEDS, 0), deque(records(plan)), 0
    for now_ms in range(BEGIN_MS, BEGIN_MS + 1_000 * seconds + 1, _STEP_MS):
        while coming and coming[0].at_ms < now_ms:
            record = coming.popleft()
            whole = (record.value, record.key.encode(), record.at_ms, offsets[record.feed])
            folding.alignment.queues[record.feed].put([whole])
            offsets[record.feed] += 1
        for feed in FEEDS:
            folding.saw_end(feed, now_ms)
        folding.fold()
        flush = folding.flush()
        for value in log.records(
            tick_ms=now_ms // 1_000 * 1_000,
            reach_ms=folding.alignment.reach_ms(),
            rooms=flush.rooms,
            vendors=flush.vendors,
            records_1m=0,
            dead_1m=0,
            last=True,
        ):
            told += rules.apply(offset, now_ms, parse_windows(value))
            offset += 1
    return told, rules
