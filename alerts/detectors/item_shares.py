"""How well each item on air sells, against the room as a whole: learnt from its clicks and payments.

Payments do not say in which step they were clicked for: each step's are put down to items as their clicks
were due. Pure; at most ``ITEMS_MAX`` items are known, the one that was on air longest ago makes room.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Any, Final

__all__ = ["ITEMS_MAX", "ItemShares"]

ITEMS_MAX: Final = 12
_PRIOR_PAID: Final = 6.0
"""Payments that the room's own share counts for, of an item that is new: shares of items differ by a factor
of 1.5 about the room's (the standard deviation of that gamma distribution)."""
_SURE: Final = 1.5
"""Standard deviations that an item's share is taken low for the test: what is not known of it is no drop."""
_ID, _PAID, _DUE, _RUN_PAID, _RUN_DUE = range(5)


class ItemShares:
    """The items of a room, in places that recent clicks name.

    Args:
        kept: what ``packed`` returned; empty for a new room.
    """

    def __init__(self, kept: Sequence[Sequence[Any]] = ()) -> None:
        self._items: list[list[Any]] = [list(item) for item in kept]

    def packed(self) -> list[list[Any]]:
        """Return plain lists: id, payments and due clicks before the run, and in it."""
        return self._items

    def slot(self, item_id: str, recent: Sequence[int]) -> int:
        """Return the place of an item, which may be new.

        Args:
            item_id: what is on air; empty for nothing.
            recent: places of the steps whose clicks may still be paid: none of these makes room.
        """
        known = next((at for at, item in enumerate(self._items) if item[_ID] == item_id), None)
        if known is not None:
            return known
        fresh = [item_id, 0.0, 0.0, 0.0, 0.0]
        if len(self._items) < ITEMS_MAX:
            self._items.append(fresh)
            return len(self._items) - 1
        used = set(recent)
        free = [at for at in range(ITEMS_MAX) if at not in used] or [recent[-1]]
        place = min(free, key=lambda at: self._items[at][_DUE])
        self._items[place] = fresh
        return place

    def learn(
        self, clicks: Sequence[int], slots: Sequence[int], weights: Sequence[float], paid: int
    ) -> float:
        """Put a step's payments down to items; return the clicks that were due, in the room's average ones.

        Args:
            clicks: of the latest steps, newest first.
            slots: what was on air in each of them.
            weights: part of the clicks of each that is due now.
            paid: payments of the step.
        """
        dues = [0.0] * len(self._items)
        for slot, due in zip(slots, map(mul, clicks, weights), strict=True):
            dues[slot] += due
        if len(self._items) == 1:
            self._items[0][_RUN_PAID] += paid
            self._items[0][_RUN_DUE] += dues[0]
            return float(dues[0])
        expected = list(map(mul, dues, self._relative()))
        whole = sum(expected)
        for item, due, part in zip(self._items, dues, expected, strict=True):
            item[_RUN_DUE] += due
            item[_RUN_PAID] += paid * part / whole if whole else 0.0
        return float(whole)

    def lowered(self, clicks: Sequence[int], slots: Sequence[int]) -> Sequence[float]:
        """Return clicks that count surely: less for items that sell less, or that little is known of."""
        if len(self._items) == 1:
            return clicks
        lows = [
            relative * max(0.0, 1 - _SURE / math.sqrt(item[_PAID] + _PRIOR_PAID))
            for relative, item in zip(self._relative(), self._items, strict=True)
        ]
        return [number * lows[slot] for number, slot in zip(clicks, slots, strict=True)]

    def take_as_own(self, fade: float) -> None:
        """Make the run part of what is known of each item.

        Args:
            fade: what of the older part remains; 0 where the run is the new normal of the whole room, which
                says nothing of the items.
        """
        for item in self._items:
            if fade:
                item[_PAID] = item[_PAID] * fade + item[_RUN_PAID]
                item[_DUE] = item[_DUE] * fade + item[_RUN_DUE]
            item[_RUN_PAID] = item[_RUN_DUE] = 0.0

    def _relative(self) -> list[float]:
        """Return the share of each item in shares of the room."""
        due = sum(item[_DUE] for item in self._items)
        room = sum(item[_PAID] for item in self._items) / due if due else 0.0
        return [(item[_PAID] + _PRIOR_PAID) / (item[_DUE] * room + _PRIOR_PAID) for item in self._items]
