"""What viewers complain of, told to a fold that is not fed the rows that bring it. Pure.

Such hits of the word lists come all the time and decide nothing, but an alert quotes the newest of them. Rows
with hits of prohibited words are always fed.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import orjson
import pyarrow.compute as pc

from alerts.backtest.sieve import Life
from alerts.detectors.hits import with_hits
from alerts.held import Held
from stream.words.groups import PROHIBITED, TROUBLES

__all__ = ["Said"]

_QUOTED: Final = f'"group":"({"|".join((*PROHIBITED, *TROUBLES))})"'
"""What the text of hits has of which some are kept."""


class Said:
    """The hits of one life, in the order of its rows.

    Args:
        life: the subject's.
    """

    def __init__(self, life: Life) -> None:
        kept = pc.fill_null(pc.match_substring_regex(life.hits, _QUOTED), fill_value=False)
        self._at: list[int] = life.at.filter(kept).to_pylist()
        self._texts: list[str] = life.hits.filter(kept).to_pylist()
        self._ticks: list[int] = life.clock.tick_ms.take(life.at.filter(kept)).to_pylist()
        self._next = 0

    def until(self, held: Held, position: int) -> None:
        """Give the subject the hits of the rows before a position that it was not given yet."""
        end = bisect_left(self._at, position, self._next)
        for index in range(self._next, end):
            held.hits = with_hits(held.hits, orjson.loads(self._texts[index]), self._ticks[index])
        self._next = end

    def passed(self, position: int) -> None:
        """Leave out the hits up to a position: the fold had them with their row, or has forgotten them."""
        self._next = bisect_left(self._at, position + 1, self._next)
