"""Everything that is counted of a session, or of a vendor's operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from stream.cells import Extra, Fresh, Registers
from stream.panes import COARSE_MS, COARSE_WINDOWS, FINE_MS, LATE

__all__ = ["Known", "Tally"]

_NEVER: Final = 1 << 62


@dataclass(slots=True)
class Known:
    """What the panes of a window come to.

    Attributes:
        first: number of its first pane.
        end: number of the first pane after it.
        result: what they come to.
        state: what helps to work it out again when the window has moved on.
        changed_from: number of the oldest pane that has changed since.
    """

    first: int
    end: int
    result: Any
    state: Any = None
    changed_from: int = _NEVER

    def holds(self, bounds: tuple[int, int]) -> bool:
        """Tell whether this is what a window comes to, given its first pane and the first one after it."""
        return (self.first, self.end) == bounds and self.changed_from >= self.end


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
        self._known: dict[str, dict[tuple[str, Any], Known]] = {}

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
        self, second: int, came: Mapping[str, Any], extras: Mapping[str, Extra], oldest: tuple[int, int, int]
    ) -> None:
        """Merge what a second brought besides cells.

        Args:
            second: the second, or ``LATE``.
            came: name -> what came.
            extras: what there is, by name.
            oldest: number of the oldest fine and of the oldest coarse pane that may be begun, and of the
                oldest coarse one for what is kept briefly.
        """
        number = second * FINE_MS // COARSE_MS
        for name, part in came.items():
            extra = extras[name]
            if extra.session is not None:
                _merge(self.extras, extra.into or name, extra.session, part)
            if extra.also is not None and extra.also.session is not None:
                _merge(self.extras, extra.also.name, extra.also.session, part)
            if extra.pane is None or second == LATE:
                continue
            if extra.fine and second >= oldest[0]:
                _merge(self.fine_extras.setdefault(second, {}), name, extra.pane, part)
                self.changed_fine.add(second)
                self._forget_known(name, second, coarse=False)
            if extra.coarse and number >= oldest[2 if extra.brief else 1]:
                _merge(self.coarse_extras.setdefault(number, {}), name, extra.pane, part)
                self.changed_coarse.add(number)
                self._forget_known(name, number, coarse=True)
                if not extra.fine:
                    self._forget_known(name, second, coarse=False)

    def recall(self, names: tuple[str, ...], window: str, work_out: Any) -> Known | None:
        """Return what ``remember`` took; its window may have moved on since, and its panes changed."""
        return self._known.get(names[0], {}).get((window, work_out))

    def remember(self, names: tuple[str, ...], window: str, work_out: Any, known: Known) -> None:
        """Keep what the panes' extras of these names come to over a window.

        Args:
            names: of the extras; those that only coarse panes keep may serve fine windows as well.
            window: the window.
            work_out: stands for how it was worked out.
            known: what it comes to.
        """
        for name in names:
            self._known.setdefault(name, {})[window, work_out] = known

    def window(
        self, extra: Extra, window: str, bounds: tuple[int, int], work_out: Callable[[list[Any]], Any]
    ) -> Any:
        """Return what the panes' extras come to over a window; worked out again only when that may differ.

        Args:
            extra: the extra.
            window: the window.
            bounds: number of its first pane, and of the first after it.
            work_out: gives the result of the extras of the panes that have one, in no order.
        """
        name = extra.name
        known = self.recall((name,), window, work_out)
        if known is not None and known.holds(bounds):
            return known.result
        kept = self.coarse_extras if window in COARSE_WINDOWS else self.fine_extras
        first, end = bounds
        numbers = range(-(-first // extra.every) * extra.every, end, extra.every)
        if len(kept) < len(numbers):
            panes = [pane for number, pane in kept.items() if number in numbers]
        else:
            panes = [pane for pane in map(kept.get, numbers) if pane is not None]
        result = work_out([pane[name] for pane in panes if name in pane])
        self.remember((name,), window, work_out, Known(*bounds, result))
        return result

    def forget(self, fine: int, coarse: int) -> tuple[set[int], set[int]]:
        """Drop the panes before these numbers, and return the numbers of those that are gone."""
        return (
            _drop(self.fine, fine) | _drop(self.fine_extras, fine),
            _drop(self.coarse, coarse) | _drop(self.coarse_extras, coarse),
        )

    def forget_brief(self, names: AbstractSet[str], oldest: int) -> None:
        """Drop extras of these names from the coarse panes before this number."""
        for number, kept in self.coarse_extras.items():
            if number < oldest and not names.isdisjoint(kept):
                self.coarse_extras[number] = {name: one for name, one in kept.items() if name not in names}
                self.changed_coarse.add(number)

    def _forget_known(self, name: str, number: int, *, coarse: bool) -> None:
        """Note of what is known of windows that a pane has changed."""
        for (window, _), known in self._known.get(name, {}).items():
            if number < known.changed_from and coarse == (window in COARSE_WINDOWS):
                known.changed_from = number


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
