"""Everything that is counted of a session, or of a vendor's operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stream.cells import Extra, Fresh, Registers
from stream.panes import COARSE_MS, COARSE_WINDOWS, FINE_MS, LATE

__all__ = ["Tally"]


class Tally:
    """What a session comes to.

    Attributes:
        slot: its row in ``stream.windows``; -1 before its first event.
        fresh: second -> what came since the last merge; what is late at second ``LATE``.
        registers: newest and largest values by name.
        extras: what the session keeps besides, by name.
        fine: second -> pane as bytes.
        coarse: number -> pane as bytes.
        fine_extras: second -> what the pane keeps besides, by name.
        coarse_extras: number -> the same.
        changed_registers: names of the registers that changed since the last flush.
        changed_fine: fine panes that changed since the last flush.
        changed_coarse: coarse panes that changed since the last flush.
        touched: whether the totals changed since the last flush.
        hits: words that were found since the last flush, see ``stream.figures.words``.
        memory: what figures keep in memory only, by name; they can make it anew from the panes.
    """

    __slots__ = (
        "_known",
        "changed_coarse",
        "changed_fine",
        "changed_registers",
        "coarse",
        "coarse_extras",
        "extras",
        "fine",
        "fine_extras",
        "fresh",
        "hits",
        "memory",
        "registers",
        "slot",
        "touched",
    )

    def __init__(self) -> None:
        self.slot = -1
        self.fresh: dict[int, Fresh] = {}
        self.registers: Registers = {}
        self.extras: dict[str, Any] = {}
        self.fine: dict[int, bytes] = {}
        self.coarse: dict[int, bytes] = {}
        self.fine_extras: dict[int, dict[str, Any]] = {}
        self.coarse_extras: dict[int, dict[str, Any]] = {}
        self.changed_registers: set[str] = set()
        self.changed_fine: set[int] = set()
        self.changed_coarse: set[int] = set()
        self.touched = True
        self.hits: list[tuple[Any, ...]] = []
        self.memory: dict[str, Any] = {}
        self._known: dict[str, dict[tuple[str, Any], tuple[int, int, Any]]] = {}

    def fresh_at(self, second: int) -> Fresh:
        """Return where an event of this second (or ``LATE``) is added."""
        found = self.fresh.get(second)
        if found is None:
            found = self.fresh[second] = Fresh()
        return found

    def register(self, name: str, empty: list[int]) -> list[int]:
        """Return a register that is about to change; ``empty`` becomes it if there is none."""
        self.changed_registers.add(name)
        return self.registers.setdefault(name, empty)

    def merge_extras(
        self, second: int, came: Mapping[str, Any], extras: Mapping[str, Extra], oldest: tuple[int, int]
    ) -> None:
        """Merge what a second brought besides cells.

        Args:
            second: the second, or ``LATE``.
            came: name -> what came.
            extras: what there is, by name.
            oldest: number of the oldest fine and of the oldest coarse pane that may be begun.
        """
        number = second * FINE_MS // COARSE_MS
        for name, part in came.items():
            extra = extras[name]
            if extra.session is not None:
                _merge(self.extras, extra.into or name, extra.session, part)
            if extra.pane is None or second == LATE:
                continue
            if extra.fine and second >= oldest[0]:
                _merge(self.fine_extras.setdefault(second, {}), name, extra.pane, part)
                self.changed_fine.add(second)
                self._forget_known(name, second, coarse=False)
            if extra.coarse and number >= oldest[1]:
                _merge(self.coarse_extras.setdefault(number, {}), name, extra.pane, part)
                self.changed_coarse.add(number)
                self._forget_known(name, number, coarse=True)
                if not extra.fine:
                    self._forget_known(name, second, coarse=False)

    def recall(
        self, names: tuple[str, ...], window: str, bounds: tuple[int, int], work_out: Any
    ) -> tuple[Any] | None:
        """Return what ``remember`` took, unless the window has moved on or one of its panes has changed."""
        key = (window, work_out)
        kept = [self._known.get(name, {}).get(key) for name in names]
        known = kept[0]
        if known is None or known[:2] != bounds or any(other is not known for other in kept):
            return None
        return (known[2],)

    def remember(
        self, names: tuple[str, ...], window: str, bounds: tuple[int, int], work_out: Any, result: Any
    ) -> None:
        """Keep what the panes' extras of these names come to over a window.

        Args:
            names: of the extras; those that only coarse panes keep may serve fine windows as well.
            window: the window.
            bounds: number of its first pane, and of the first after it.
            work_out: stands for how it was worked out.
            result: what it comes to.
        """
        known = (*bounds, result)
        for name in names:
            self._known.setdefault(name, {})[window, work_out] = known

    def window(
        self, name: str, window: str, bounds: tuple[int, int], work_out: Callable[[list[Any]], Any]
    ) -> Any:
        """Return what the panes' extras come to over a window; worked out again only when that may differ.

        Args:
            name: of the extra.
            window: the window.
            bounds: number of its first pane, and of the first after it.
            work_out: gives the result of the extras of the panes that have one, in no order.
        """
        known = self.recall((name,), window, bounds, work_out)
        if known is not None:
            return known[0]
        kept = self.coarse_extras if window in COARSE_WINDOWS else self.fine_extras
        first, end = bounds
        if len(kept) < end - first:
            panes = [pane for number, pane in kept.items() if first <= number < end]
        else:
            panes = [pane for pane in map(kept.get, range(first, end)) if pane is not None]
        result = work_out([pane[name] for pane in panes if name in pane])
        self.remember((name,), window, bounds, work_out, result)
        return result

    def forget(self, fine: int, coarse: int) -> tuple[set[int], set[int]]:
        """Drop the panes before these numbers, and return the numbers of those that are gone."""
        return (
            _drop(self.fine, fine) | _drop(self.fine_extras, fine),
            _drop(self.coarse, coarse) | _drop(self.coarse_extras, coarse),
        )

    def _forget_known(self, name: str, number: int, *, coarse: bool) -> None:
        """Forget what windows came to that hold a pane which changed."""
        known = self._known.get(name)
        if not known:
            return
        stale = [
            key for key, (_, end, _) in known.items() if number < end and coarse == (key[0] in COARSE_WINDOWS)
        ]
        for key in stale:
            del known[key]


def _merge(kept: dict[str, Any], name: str, make: Callable[[], Any], came: Any) -> None:
    found = kept.get(name)
    if found is None:
        found = kept[name] = make()
    found.merge(came)


def _drop(panes: dict[int, Any], limit: int) -> set[int]:
    gone = {number for number in panes if number < limit}
    for number in gone:
        del panes[number]
    return gone
