"""Panes and windows in integer milliseconds: where an event belongs, and what a window spans.

All ranges are half open, ``[start, end)``. A session's events are kept in fine panes of 1 s, for the windows
of 10 s and 1 min, and in coarse panes of 10 s, for those of 5 and 15 min; windows end on whole panes. What
is older than the longest window plus ``KEEP_SLACK_MS`` before the reach is dropped, so a session's panes are
bounded.
"""

from __future__ import annotations

from typing import Final

from stream.catalogue import WINDOWS_MS
from stream.metrics.traffic import AFTERS_MS
from stream.native import Events

__all__ = [
    "COARSE_MS",
    "COARSE_WINDOWS",
    "DUE_WINDOW",
    "FINE_MS",
    "JUDGED_MS",
    "KEEP_SLACK_MS",
    "LATE",
    "LateRule",
    "cohort_window",
    "oldest_brief",
    "oldest_panes",
    "pane_ms",
    "window_bounds",
    "young_window",
]

FINE_MS: Final = 1_000
"""Length of a fine pane, milliseconds."""
COARSE_MS: Final = 10_000
"""Length of a coarse pane, milliseconds."""
_COHORT_MS: Final = 300_000
"""Length of a cohort window: those who entered within so long are looked at together."""
_AHEAD_MS: Final = 20_000
"""How far panes may lie ahead of the end of a window: an event may be 10 s ahead of its append time, and the
window's end is cut to whole panes."""


DUE_WINDOW: Final = "due"
"""The window of orders that had a minute to be paid, and not yet three."""


def cohort_window(after: str) -> str:
    """Return the window of those whose `after` is over, and was not five minutes before its end."""
    return f"cohort:{after}"


def young_window(after: str) -> str:
    """Return the window of those whose `after` is not over; what is ahead of its end is in it, too."""
    return f"young:{after}"


_SPANS_MS: Final[dict[str, tuple[int, int]]] = {
    **{window: (length, 0) for window, length in WINDOWS_MS.items()},
    **{cohort_window(after): (_COHORT_MS + ms, ms) for after, ms in AFTERS_MS.items()},
    **{young_window(after): (ms, -_AHEAD_MS) for after, ms in AFTERS_MS.items()},
    DUE_WINDOW: (180_000, 60_000),
}
"""Where each window begins and ends, milliseconds before the reach."""
COARSE_WINDOWS: Final = frozenset(_SPANS_MS) - {"10s", "1m"}
"""Windows that are made of coarse panes."""
LATE: Final = -1
"""Stands for the second of an event that counts in totals only."""
KEEP_SLACK_MS: Final = 60_000
"""Panes outlive the longest window that uses them by this: an event may be late by the lateness (30 s) and a
feed behind the others by the alignment (10 s), so none of theirs is gone when they come. A window that is
moved on by no more than this finds the panes that it leaves behind."""

JUDGED_MS: Final = KEEP_SLACK_MS - COARSE_MS
"""An event that comes later than this after its time is not judged by what was there in the minute before it:
the panes of that minute may be gone, and an owner who has them in memory must not know more than one who has
them from the store."""


def pane_ms(window: str) -> int:
    """Return the length of the panes that a window is made of, milliseconds."""
    return COARSE_MS if window in COARSE_WINDOWS else FINE_MS


def window_bounds(window: str, reach_ms: int) -> tuple[int, int]:
    """Return the number of a window's first pane, and that of the first pane after it.

    Args:
        window: one of ``WINDOWS_MS``, ``DUE_WINDOW``, or what ``cohort_window`` or ``young_window`` gave.
        reach_ms: smallest reach of the feeds of the figure.
    """
    step = pane_ms(window)
    begins_ms, ends_ms = _SPANS_MS[window]
    end = reach_ms // step
    return end - begins_ms // step, end - ends_ms // step


def oldest_panes(reach_ms: int) -> tuple[int, int]:
    """Return the numbers of the oldest fine and the oldest coarse pane that any window can need."""
    fine = (reach_ms - WINDOWS_MS["1m"] - KEEP_SLACK_MS) // FINE_MS
    return fine, (reach_ms - WINDOWS_MS["15m"] - KEEP_SLACK_MS) // COARSE_MS


def oldest_brief(reach_ms: int) -> int:
    """Return the number of the oldest coarse pane that a window of 5 min can need."""
    return (reach_ms - WINDOWS_MS["5m"] - KEEP_SLACK_MS) // COARSE_MS


class LateRule:
    """Tells whether events of one feed partition are late, in the order of its log.

    Args:
        lateness_ms: how far an event may be behind the newest.
        highest_ms: highest event time accepted before, epoch milliseconds.
    """

    __slots__ = ("highest_ms", "lateness_ms")

    def __init__(self, lateness_ms: int, highest_ms: int = 0) -> None:
        self.lateness_ms = lateness_ms
        self.highest_ms = highest_ms

    def late(self, at_ms: int) -> bool:
        """Tell whether the next event of the log is late; one that is not may raise the highest."""
        if at_ms > self.highest_ms:
            self.highest_ms = at_ms
            return False
        return at_ms < self.highest_ms - self.lateness_ms

    def late_ones(self, events: Events) -> set[int]:
        """Return the places of the late ones among the next events of the log."""
        late, self.highest_ms = events.late_ones(self.highest_ms, self.lateness_ms)
        return set(late)
