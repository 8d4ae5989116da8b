"""What is counted: groups of additive integers, sets of people and samples that are kept together.

A *group* is the unit of a pane: what one kind of record of one feed adds to. A ``Fresh`` holds what came
since the last merge; a ``Pane`` holds what a pane or a session's total has come to. Everything merges by
adding, uniting or taking the larger, so that neither order nor batches matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stream.model import Feed
from stream.sketches import SESSION_PRECISION, WINDOW_PRECISION, Distinct, Samples

__all__ = ["FeedFigures", "Fresh", "Group", "Pane", "Registers", "pack_pane", "total_pane", "unpack_pane"]

Registers = dict[str, list[int]]
"""What a session keeps besides sums, by name: newest and largest values. Each is a short list of integers."""


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that one kind of record adds to.

    Attributes:
        name: unique, also in the store.
        cells: names of the additive integers, in the order of a pane's row.
        people: names of the sets of people.
        samples: names of the samples.
    """

    name: str
    cells: tuple[str, ...]
    people: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    index: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        names = {n: i for part in (self.cells, self.people, self.samples) for i, n in enumerate(part)}
        object.__setattr__(self, "index", names)


class Fresh:
    """What was added to a group and pane since the last merge."""

    __slots__ = ("people", "row", "samples")

    def __init__(self, group: Group) -> None:
        self.row = [0] * len(group.cells)
        self.people: list[set[int]] = [set() for _ in group.people]
        self.samples = [Samples() for _ in group.samples]


class Pane:
    """What a group came to in a pane, or in a session.

    Args:
        group: whose cells it holds.
        people: precision of its sets of people; None keeps no sets.
        samples: whether it keeps samples.
    """

    __slots__ = ("people", "row", "samples")

    def __init__(self, group: Group, *, people: int | None, samples: bool) -> None:
        self.row = [0] * len(group.cells)
        self.people = [Distinct(people) for _ in group.people] if people else []
        self.samples = [Samples() for _ in group.samples] if samples else []

    def merge(self, fresh: Fresh) -> None:
        """Add what came."""
        row = self.row
        for at, number in enumerate(fresh.row):
            if number:
                row[at] += number
        for kept, hashes in zip(self.people, fresh.people, strict=False):
            kept.update(hashes)
        for sample, came in zip(self.samples, fresh.samples, strict=False):
            sample.merge(came)


Add = Callable[[Fresh, Any, Registers, int, int], None]
"""Adds one event: (pane, event, the session's registers, hash of its user or 0, its append time)."""


@dataclass(frozen=True, slots=True)
class FeedFigures:
    """How the events of a feed are counted.

    Attributes:
        feed: the feed.
        groups: its groups.
        add: adds an event to the group that ``group_of`` names.
        group_of: chooses the group of an event; None where there is only one.
        users: whether ``add`` looks at the user.
    """

    feed: Feed
    groups: tuple[Group, ...]
    add: Add
    group_of: Callable[[Any], Group] | None = None
    users: bool = False


def pack_pane(pane: Pane) -> list[Any]:
    """Return a pane as plain lists, for the store."""
    return [pane.row, [sample.pack() for sample in pane.samples], [people.pack() for people in pane.people]]


def unpack_pane(group: Group, packed: list[Any], *, coarse: bool) -> Pane:
    """Return the pane that ``pack_pane`` gave; cells added since then are 0."""
    precision = WINDOW_PRECISION if coarse else None
    pane = Pane(group, people=precision, samples=True)
    row, samples, people = packed
    pane.row[: len(row)] = row
    pane.samples[: len(samples)] = [Samples.unpack(sample) for sample in samples]
    pane.people[: len(people)] = [Distinct.unpack(raw, WINDOW_PRECISION) for raw in people]
    return pane


def total_pane(group: Group) -> Pane:
    """Return an empty total of a session."""
    return Pane(group, people=SESSION_PRECISION, samples=False)
