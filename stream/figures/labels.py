"""Amounts by an open label that a feed's events carry, such as a source: bounded for each session.

The first ``LABELS_MAX`` values that a feed brings, in the order of its log, have amounts of their own; what
comes with another value, or with none, goes to ``other``. So the amounts of all values add up to the whole.
They are registers of the session, ``<name>:<value>``; panes and windows know nothing of them.
"""

from __future__ import annotations

from typing import Final

from stream.tally import Tally

__all__ = ["LABELS_MAX", "OTHER", "amounts_of"]

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


def _full(tally: Tally, name: str) -> bool:
    prefix = f"{name}:"
    rest = f"{name}:{OTHER}"
    known = sum(register.startswith(prefix) and register != rest for register in tally.registers)
    return known >= LABELS_MAX
