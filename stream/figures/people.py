"""Sets of people: how the sessions and panes keep them, and how many they are."""

from __future__ import annotations

from typing import Final

from stream.cells import Extra
from stream.figures.expression import UNKNOWN, Expression, known, where
from stream.figures.view import View
from stream.panes import COARSE_MS

__all__ = [
    "EXACT_MAX",
    "PANE_EXACT_MAX",
    "PANE_MS",
    "SESSION_PRECISION",
    "WINDOW_PRECISION",
    "count_people",
    "people",
]

EXACT_MAX: Final = 1024
"""Most people of a session that are counted exactly; from metrics.md."""
SESSION_PRECISION: Final = 14
"""2^14 registers: standard error 1.04 / sqrt(16384) = 0.81 %."""
WINDOW_PRECISION: Final = 11
"""2^11 registers: standard error 2.3 %."""

PANE_MS: Final = 60_000
"""Sets of people have panes of a minute (metrics.md), which stand with the coarse pane of its first ten
seconds: a window begins with a whole minute, and so is up to 50 s shorter than its name says."""
PANE_EXACT_MAX: Final = 256
"""Most people that a pane keeps one by one, as many bytes as a HyperLogLog's; a window is exact while none of
its panes saw more."""


def people(
    name: str,
    *,
    session: bool = True,
    windows: bool = True,
    brief: bool = False,
    sample: tuple[str, int] | None = None,
) -> Extra:
    """Return an extra that is a set of people.

    Args:
        name: of the set.
        session: whether sessions keep it.
        windows: whether coarse panes keep it, for windows of 5 and 15 min.
        brief: whether only for windows of 5 min.
        sample: name of a sample of the session that the same people go into, and its most.
    """
    return Extra(
        name,
        "people",
        panes=windows,
        most=PANE_EXACT_MAX,
        precision=WINDOW_PRECISION,
        into=name if session else None,
        sample=sample and sample[0],
        sample_most=sample[1] if sample else 0,
        brief=brief,
        every=PANE_MS // COARSE_MS,
    )


def count_people(view: View, name: str, window: str | None, *, seen: str | None) -> Expression:
    """Return how many different people were there.

    Args:
        view: the subjects.
        name: of the set.
        window: the window; None or ``session`` is the whole session.
        seen: a cell of the group that fills the set: NaN before the group's first event, 0 after it; None is
            0 before it, too.
    """
    if window is None or window == "session":
        found = known(view.session_people(name))
    else:
        found = view.people(name, window)
    return found if seen is None else where(view.seen(seen), found, UNKNOWN)
