"""Amounts by an open label that a feed's events carry, such as a source: bounded for each session.

The first ``LABELS_MAX`` values that a feed brings, in the order of its log, have amounts of their own; what
comes with another value, or with none, goes to ``other``. So the amounts of all values add up to the whole.
They are registers of the session, ``<name>:<value>``; panes and windows know nothing of them.
"""

from __future__ import annotations

from typing import Final

from stream.figures.view import View
from stream.tally import Tally

__all__ = ["LABELS_MAX", "OTHER", "amounts_of", "by_label"]

LABELS_MAX: Final = 12
"""Most values of a label in a session that have amounts of their own; from metrics.md."""
OTHER: Final = "other"
"""Where the rest goes; a label that says so itself is the rest, too."""


def amounts_of(tally: Tally, name: str, label: str | None, width: int) -> list[int]:
    """Return the amounts of a value of a label, to be added to.

    Args:
        tally: the session.
        name: of the amounts, without a colon; one name is fed by one feed only, so that the order of its log
            decides who is among the first.
        label: the value; None where the event carries none.
        width: how many amounts each value has.
    """
    register = f"{name}:{label or OTHER}"
    if register not in tally.registers and label and label != OTHER and _full(tally, name):
        register = f"{name}:{OTHER}"
    return tally.register(register, [0] * width)


def by_label(view: View, name: str, at: int) -> list[dict[str, int]]:
    """Return for each subject the amounts by value of the label, in the order of the values.

    Args:
        view: the subjects.
        name: of the amounts.
        at: which of them.
    """
    return [
        {label: tally.registers[register][at] for label, register in _labels(tally).get(name, ())}
        for tally in view.tallies
    ]


def _labels(tally: Tally) -> dict[str, list[tuple[str, str]]]:
    """Return name -> the values that have amounts, in their order, and the register of each.

    Remembered until there is another register; none ever goes.
    """
    number, found = tally.memory.get("labels", (0, {}))
    if number != len(tally.registers):
        found = {}
        for register in sorted(tally.registers):
            name, labelled, label = register.partition(":")
            if labelled:
                found.setdefault(name, []).append((label, register))
        tally.memory["labels"] = len(tally.registers), found
    return found  # type: ignore[no-any-return]  # memory holds anything


def _full(tally: Tally, name: str) -> bool:
    prefix = f"{name}:"
    rest = f"{name}:{OTHER}"
    known = sum(register.startswith(prefix) and register != rest for register in tally.registers)
    return known >= LABELS_MAX
