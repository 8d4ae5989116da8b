"""Sets of people: how the sessions and panes keep them, and how many they are."""

from __future__ import annotations

from typing import Final

import numpy as np

from stream.cells import Extra
from stream.figures.view import Figures, View
from stream.panes import COARSE_MS
from stream.sketches import (
    SESSION_PRECISION,
    WINDOW_PRECISION,
    Distinct,
    GrowingDistinct,
    union_count,
)

__all__ = ["PANE_EXACT_MAX", "PANE_MS", "count_people", "people"]

PANE_MS: Final = 60_000
"""Sets of people have panes of a minute (metrics.md), which stand with the coarse pane of its first ten
seconds: a window begins with a whole minute, and so is up to 50 s shorter than its name says."""
PANE_EXACT_MAX: Final = 256
"""Most people that a pane keeps one by one, as many bytes as a HyperLogLog's; a window is exact while none of
its panes saw more."""


def _session() -> GrowingDistinct:
    return GrowingDistinct(SESSION_PRECISION)


def _pane() -> Distinct:
    return Distinct(WINDOW_PRECISION, PANE_EXACT_MAX)


def people(
    name: str,
    *,
    session: bool = True,
    into: str | None = None,
    windows: bool = True,
    brief: bool = False,
    also: Extra | None = None,
) -> Extra:
    """Return an extra that is a set of people.

    Args:
        name: of the set.
        session: whether sessions keep it.
        into: name of the session's set that it goes into, when that is another one's.
        windows: whether coarse panes keep it, for windows of 5 and 15 min.
        brief: whether only for windows of 5 min.
        also: another extra of the session that the same people go into.
    """
    return Extra(
        name,
        set,
        pane=_pane if windows else None,
        brief=brief,
        every=PANE_MS // COARSE_MS,
        session=_session if session else None,
        into=into,
        also=also,
    )


def count_people(view: View, name: str, window: str | None, *, seen: str | None) -> Figures:
    """Return how many different people were there.

    Args:
        view: the subjects.
        name: of the set.
        window: the window; None or ``session`` is the whole session.
        seen: a cell of the group that fills the set: NaN before the group's first event, 0 after it; None is
            0 before it, too.
    """
    if window is None or window == "session":
        found = np.nan_to_num(view.of_session(name, Distinct.count))
    else:
        found = view.numbers(name, window, union_count)
    return found if seen is None else np.where(view.seen(seen), found, np.nan)
