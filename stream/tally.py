"""Everything that is counted of a session, or of a vendor's operation."""

from __future__ import annotations

from typing import Any

from stream import native
from stream.cells import Fresh, Registers

__all__ = ["Tally"]


class Tally(native.Tally):
    """What a session comes to: totals, panes and people lie in C++, the rest here.

    Args:
        schema: what there is to count.

    Attributes:
        fresh: second -> what came since the last merge; what is late at second ``LATE``.
        registers: newest and largest values by name.
        items: items that are clicked or paid, see ``stream.figures.items``.
        changed_registers: names of the registers that changed since the last flush.
        hits: words that were found since the last flush, see ``stream.figures.words``.
        former: fields of the store that its panes were read from, and that are to be removed.
        memory: what figures keep in memory only, by name; they can make it anew from the panes.
    """

    def __init__(self, schema: native.Schema) -> None:
        super().__init__(schema)
        self.fresh: dict[int, Fresh] = {}
        self.registers: Registers = {}
        self.items: dict[str, Any] = {}
        self.changed_registers: set[str] = set()
        self.hits: list[tuple[Any, ...]] = []
        self.former: list[str] = []
        self.memory: dict[Any, Any] = {}

    def fresh_at(self, second: int) -> Fresh:
        """Return where an event of this second (or ``LATE``) is added."""
        found = self.fresh.get(second)
        if found is None:
            found = self.fresh[second] = Fresh()
        return found

    def merge(self, oldest: tuple[int, int, int]) -> None:
        """Bring what came into totals and panes.

        Args:
            oldest: number of the oldest fine and of the oldest coarse pane that may be begun, and of the
                oldest coarse one for what is kept briefly.
        """
        if self.fresh:
            for second, fresh in self.fresh.items():
                self.take(second, fresh.cells, fresh.extras, oldest)
            self.fresh = {}

    def register(self, name: str, empty: list[int]) -> list[int]:
        """Return a register that is about to change; ``empty`` becomes it if there is none."""
        self.changed_registers.add(name)
        return self.registers.setdefault(name, empty)
