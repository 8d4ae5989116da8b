"""How much a channel may be told, and what to do when more is waiting. Pure; time is an argument.

A budget is a number of calls within any span of time, of which only so many within any second, and a size of
each. While it has room, every alert goes out by itself. A part of it is kept back (``reserve``): what more
waits is put together into digests, and once only the reserve is left these are spread over the span, so that
a storm never leaves a channel mute for the rest of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Budget", "Mode", "Step", "free_at_ms", "left", "recent", "step"]

Mode = Literal["digest", "batch", "single"]
"""How a channel takes many: as a digest above the budget; always together, each in whole; one by one."""


_SECOND_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls that a channel takes.

    Attributes:
        messages: most within any ``span_ms``.
        span_ms: at least a second.
        bytes_max: largest body, bytes.
        per_second: most within any second; None = no bound but ``messages``.
    """

    messages: int
    span_ms: int
    bytes_max: int
    per_second: int | None = None

    @property
    def reserve(self) -> int:
        """Calls that are kept for digests: a quarter of all, at least one."""
        return max(1, self.messages // 4)

    @property
    def digest_every_ms(self) -> int:
        """Shortest time between two digests, so that the reserve lasts."""
        return self.span_ms // self.reserve


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now: send ``take`` of those that wait (most urgent first), or look again at ``wait_ms``.

    Attributes:
        take: how many go into the next message; 0 for none yet.
        wait_ms: when there may be something to do, epoch milliseconds; None = when something comes.
    """

    take: int = 0
    wait_ms: int | None = None


def recent(attempts_at_ms: Sequence[int], budget: Budget, now_ms: int) -> tuple[int, ...]:
    """Return the calls that still count; one from the future (the clock stepped back) counts as of now."""
    return tuple(min(at_ms, now_ms) for at_ms in attempts_at_ms if now_ms - at_ms < budget.span_ms)


def left(attempts_at_ms: Sequence[int], budget: Budget, now_ms: int) -> int:
    """Return how many calls the budget has left."""
    return budget.messages - len(recent(attempts_at_ms, budget, now_ms))


def free_at_ms(attempts_at_ms: Sequence[int], budget: Budget, now_ms: int) -> int | None:
    """Return when the next call may be made, epoch milliseconds; None = now."""
    counted = recent(attempts_at_ms, budget, now_ms)
    bounds = [(budget.messages, budget.span_ms)]
    bounds += [] if budget.per_second is None else [(budget.per_second, _SECOND_MS)]
    free = [counted[-most] + span_ms for most, span_ms in bounds if len(counted) >= most]
    return max((at_ms for at_ms in free if at_ms > now_ms), default=None)


def step(
    mode: Mode,
    budget: Budget,
    *,
    waiting: int,
    critical: int,
    attempts_at_ms: Sequence[int],
    digest_at_ms: int | None,
    now_ms: int,
) -> Step:
    """Return what to do with what waits.

    Args:
        mode: how the channel takes many.
        budget: what it may be told.
        waiting: items that wait.
        critical: how many of them are critical; they stand first.
        attempts_at_ms: calls made, oldest first.
        digest_at_ms: when the last digest was made, None before the first.
        now_ms: the clock, epoch milliseconds.
    """
    if not waiting:
        return Step()
    if (free_ms := free_at_ms(attempts_at_ms, budget, now_ms)) is not None:
        return Step(wait_ms=free_ms)
    room = left(attempts_at_ms, budget, now_ms)
    alone = waiting <= room - budget.reserve or 0 < critical <= room - (budget.reserve + 1) // 2
    if mode == "single" or (mode == "digest" and alone):
        return Step(take=1)
    if mode == "batch" or room > budget.reserve or digest_at_ms is None:
        return Step(take=waiting)
    due_ms = min(digest_at_ms, now_ms) + budget.digest_every_ms
    return Step(take=waiting) if due_ms <= now_ms else Step(wait_ms=due_ms)
