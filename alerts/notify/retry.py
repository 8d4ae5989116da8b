"""What follows a failed attempt: another one, later, or none. Pure; time and chance are arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["Patience", "Verdict", "next_attempt_ms", "patience_with"]

_THROTTLED_MS: Final = 1_800_000
"""How long a message waits for a service that said "too fast" and has no fallback: DingTalk shuts a robot up
for ten minutes that was called more than twenty times a minute, docs/notify.md."""
_THROTTLED_ATTEMPTS: Final = 40


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a message is tried before it is given up.

    Attributes:
        attempts: most attempts.
        base_ms: longest pause after the first failure; it doubles with each further one.
        cap_ms: longest pause at all.
        deadline_ms: no attempt begins later than this after the first.
    """

    attempts: int = 4
    base_ms: int = 1_000
    cap_ms: int = 60_000
    deadline_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a channel's answer means.

    Attributes:
        ok: it was taken.
        final: it never will be, so trying again is of no use.
        reason: word for the metric and the delivery record: `timeout`, `unreachable`, `refused`,
            `rate_limited`, `server_error`; empty when ok.
        code: HTTP status, or the code inside the answer.
        detail: what the service said, cut short.
        pause_ms: the service asks to be left alone for so long; 0 for not.
    """

    ok: bool
    final: bool = False
    reason: str = ""
    code: str | None = None
    detail: str | None = None
    pause_ms: int = 0


def patience_with(
    patience: Patience, verdict: Verdict, *, has_fallback: bool, failing: bool, urgent: bool
) -> Patience:
    """Return how often to try a message.

    Args:
        patience: as set.
        verdict: what the last answer meant.
        has_fallback: somebody else can tell it.
        failing: the channel gave up the message before this one.
        urgent: it tells of something critical.
    """
    if has_fallback:
        waits_for_nothing = failing or (verdict.pause_ms and urgent)
        return replace(patience, attempts=1) if waits_for_nothing else patience
    if verdict.pause_ms:
        longer_ms = max(patience.deadline_ms, _THROTTLED_MS)
        return replace(patience, attempts=_THROTTLED_ATTEMPTS, deadline_ms=longer_ms)
    return patience


def next_attempt_ms(
    patience: Patience,
    verdict: Verdict,
    *,
    attempts: int,
    first_at_ms: int,
    now_ms: int,
    chance: float,
) -> int | None:
    """Return when to try again, epoch milliseconds; None = give up.

    Args:
        patience: how long to go on.
        verdict: what the last answer meant.
        attempts: attempts so far, 1 or more.
        first_at_ms: when the first began.
        now_ms: the clock.
        chance: from 0 to 1, drawn by the caller: the pause is between half of its length and all of it, so
            that many senders do not come back together.
    """
    if verdict.final or attempts >= patience.attempts:
        return None
    longest = min(patience.cap_ms, patience.base_ms * 2 ** (attempts - 1))
    pause_ms = max(int(longest * (0.5 + chance / 2)), verdict.pause_ms)
    at_ms = now_ms + pause_ms
    return at_ms if at_ms - first_at_ms <= patience.deadline_ms else None
