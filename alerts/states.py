"""The decision: a rule's prior state and what its conditions say now give the next state and what to tell.

Pure. One episode goes inactive -> pending -> firing -> inactive; its severity climbs and falls inside it.
Time is the tick of the record, in milliseconds; ticks never fall but may skip.

    inactive --breach--> pending --held for `for`--> firing --recovered for `keep_firing`--> inactive
                            |                          |  severity up: its own `for`; down: `keep_firing`
                            +--breach ends--> inactive +--no data--> stays as it is
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as with_values
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from alerts.detectors.reading import CRITICAL, INFO, OK, WARNING
from alerts.model import Severity

__all__ = [
    "FLAPS_TOLD",
    "FLAP_MS",
    "NO_DATA_MS",
    "AlertState",
    "Decision",
    "Finding",
    "Policy",
    "damped",
    "ended_again",
    "flapping",
    "rests",
    "severity_of",
    "step",
]

NO_DATA_MS: Final = 60_000
"""A pending breach that no data has confirmed for this long is forgotten; milliseconds. A minute is three
pings of the slowest probe that is watched second by second (20 s)."""

FLAP_MS: Final = 600_000
"""An alert that begins again within this long of its end flaps; milliseconds."""
FLAPS_TOLD: Final = 2
"""From the third episode on it is damped: once again may be chance."""
_DAMPED_MAX_MS: Final = 300_000
"""Recovery of a flapping alert never has to hold longer than this, or than its rule says; milliseconds."""

_SEVERITIES: Final[dict[int, Severity]] = {INFO: "info", WARNING: "warning", CRITICAL: "critical"}
_LEVELS: Final = (INFO, WARNING, CRITICAL)
_NONE: Final = (None, None, None)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a rule says about time, milliseconds; ``lowest`` is the mildest level it knows."""

    for_ms: int
    keep_firing_ms: int
    lowest: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What the conditions of a rule say at one tick.

    Attributes:
        levels: one for each condition; None where it has no data.
        total: a condition is breached so completely that `for` need not be waited for.
    """

    levels: tuple[int | None, ...]
    total: bool = False


class AlertState(msgspec.Struct, frozen=True, array_like=True):
    """A rule and subject that is not inactive.

    Attributes:
        started_at_ms: tick of the first breach.
        severity: level that was told; 0 while pending.
        levels: last known level of each condition, held while it has no data.
        since_ms: tick from which each of info, warning, critical has been reached without a break.
        seen_ms: last tick with a breach in the data itself.
        falling_ms: tick from which the level has been below ``severity``; None when it is not.
        recovering_ms: tick from which every condition has been within its recover bound; None when not.
        leader: index of the condition that decided what was told last.
    """

    started_at_ms: int
    severity: int
    levels: tuple[int, ...]
    since_ms: tuple[int | None, int | None, int | None]
    seen_ms: int
    falling_ms: int | None = None
    recovering_ms: int | None = None
    leader: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to tell.

    Attributes:
        level: the severity's level from now on; of an end, the one that it had.
        started_at_ms: names the episode.
        leader: index of the condition whose numbers tell it.
        held_ms: when `for` ended, 0 where it was not waited for.
    """

    to: Literal["firing", "severity", "resolved"]
    level: int
    started_at_ms: int
    leader: int
    held_ms: int = 0


def severity_of(level: int) -> Severity:
    """Return the severity of INFO, WARNING or CRITICAL."""
    return _SEVERITIES[level]


def ended_again(flaps: list[int] | None, tick_ms: int) -> list[int]:
    """Return how often an episode ended lately, with the end at this tick, and this tick."""
    return [flapping(flaps, tick_ms) + 1, tick_ms]


def flapping(flaps: list[int] | None, tick_ms: int) -> int:
    """Return how many episodes of the rule ended lately, each within ``FLAP_MS`` of the next."""
    return flaps[0] if flaps is not None and tick_ms - flaps[1] < FLAP_MS else 0


def damped(policy: Policy, flaps: list[int] | None, tick_ms: int) -> Policy:
    """Return the times of a rule; while it flaps, recovery must hold twice as long each time."""
    if flaps is None or (times := flaps[0]) < FLAPS_TOLD or flapping(flaps, tick_ms) == 0:
        return policy
    longer_ms = policy.keep_firing_ms << min(times - 1, 10)
    longer_ms = max(policy.keep_firing_ms, min(longer_ms, _DAMPED_MAX_MS))
    return with_values(policy, keep_firing_ms=longer_ms)


def step(
    policy: Policy, prior: AlertState | None, finding: Finding, tick_ms: int
) -> tuple[AlertState | None, Decision | None]:
    """Return the next state (None = inactive) and what to tell (None = nothing).

    Args:
        policy: the rule's times.
        prior: the state after the last tick.
        finding: what the conditions say now; held levels stand in for those without data, but they neither
            fire nor raise anything, nor do they let an alert end.
        tick_ms: now; not before any earlier one.
    """
    fresh = max((level for level in finding.levels if level is not None), default=None)
    if fresh is None:
        return _without_data(prior, tick_ms), None
    if prior is None:
        if fresh < INFO:
            return None, None
        prior = AlertState(tick_ms, 0, (OK,) * len(finding.levels), _NONE, tick_ms)
    state = _advance(prior, finding, fresh, tick_ms)
    held = max(state.levels)
    if not state.severity and (held < INFO or tick_ms - state.seen_ms > NO_DATA_MS):
        return None, None
    reached = _reached(policy, state, min(held, fresh), tick_ms, total=finding.total)
    if reached > state.severity:
        return _rise(policy, state, reached, finding)
    if not state.severity:
        return state, None
    return _ease(policy, state, finding, tick_ms)


def rests(policy: Policy, prior: AlertState, levels: tuple[int | None, ...], tick_ms: int) -> bool:
    """Tell quicker than ``step`` that it would change nothing but ``seen_ms``; False for not sure.

    Args:
        policy: the rule's times, not damped: what rests by these rests by longer ones.
        prior: the state of a rule that fires.
        levels: what the conditions say now.
        tick_ms: now.
    """
    if levels != prior.levels:
        return False
    held, recovering, falling = max(prior.levels), prior.recovering_ms, prior.falling_ms
    reached = tuple([since is not None for since in prior.since_ms])
    if held > prior.severity or reached != (held >= INFO, held >= WARNING, held >= CRITICAL):
        return False
    if held == OK:
        falls = prior.severity > policy.lowest
        known = recovering is not None and (falling is not None) == falls
        return known and tick_ms - (recovering or 0) < policy.keep_firing_ms
    if recovering is not None:
        return False
    if max(held, policy.lowest) >= prior.severity:
        return falling is None
    return falling is not None and tick_ms - falling < policy.keep_firing_ms


def _without_data(prior: AlertState | None, tick_ms: int) -> AlertState | None:
    """Hold what is; only a pending breach is forgotten in the end."""
    if prior is None or (not prior.severity and tick_ms - prior.seen_ms > NO_DATA_MS):
        return None
    return prior


def _advance(prior: AlertState, finding: Finding, fresh: int, tick_ms: int) -> AlertState:
    levels = tuple(old if new is None else new for new, old in zip(finding.levels, prior.levels, strict=True))
    held = max(levels)
    info, warning, critical = (
        (since if since is not None else tick_ms) if held >= level else None
        for level, since in zip(_LEVELS, prior.since_ms, strict=True)
    )
    seen_ms = tick_ms if fresh >= INFO else prior.seen_ms
    return replace(prior, levels=levels, since_ms=(info, warning, critical), seen_ms=seen_ms)


def _reached(policy: Policy, state: AlertState, level: int, tick_ms: int, *, total: bool) -> int:
    """Return the highest level, not above ``level``, that has held for `for`; 0 when none has."""
    for candidate, since in zip(reversed(_LEVELS), reversed(state.since_ms), strict=True):
        if candidate <= level and since is not None and (total or tick_ms - since >= policy.for_ms):
            return candidate
    return 0


def _rise(policy: Policy, state: AlertState, level: int, finding: Finding) -> tuple[AlertState, Decision]:
    since = state.since_ms[_LEVELS.index(level)]
    held_ms = 0 if finding.total or since is None else since + policy.for_ms
    to: Literal["firing", "severity"] = "severity" if state.severity else "firing"
    leader = _leader(finding)
    risen = replace(state, severity=level, falling_ms=None, recovering_ms=None, leader=leader)
    return risen, Decision(to, level, state.started_at_ms, leader, held_ms)


def _ease(
    policy: Policy, state: AlertState, finding: Finding, tick_ms: int
) -> tuple[AlertState | None, Decision | None]:
    """Let an open episode end or fall, each after it has held for ``keep_firing_ms``.

    One that is on its way to an end does not fall first: that would be told seconds before the end.
    """
    held = max(state.levels)
    recovering = (state.recovering_ms if state.recovering_ms is not None else tick_ms) if held == OK else None
    if recovering is not None and tick_ms - recovering >= policy.keep_firing_ms:
        return None, Decision("resolved", state.severity, state.started_at_ms, state.leader)
    target = max(held, policy.lowest)
    if target >= state.severity:
        return replace(state, falling_ms=None, recovering_ms=recovering), None
    falling = state.falling_ms if state.falling_ms is not None else tick_ms
    if tick_ms - falling < policy.keep_firing_ms or recovering is not None:
        return replace(state, falling_ms=falling, recovering_ms=recovering), None
    leader = _leader(finding)
    fallen = replace(state, severity=target, falling_ms=None, recovering_ms=recovering, leader=leader)
    return fallen, Decision("severity", target, state.started_at_ms, leader)


def _leader(finding: Finding) -> int:
    """Return the index of the worst condition that has data."""
    return max(range(len(finding.levels)), key=lambda index: (finding.levels[index] or 0, -index))
