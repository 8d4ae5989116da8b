"""What is counted, in plain words: cells that add up, and extras that merge.

A *cell* is an integer of one session that only grows; it is named ``group.cell``. An *extra* is what a pane
or a session keeps besides: people, samples, who is busiest. Both are gathered in a ``Fresh``, one for each
session and second, until the next flush merges them into panes and totals. Everything merges by adding,
uniting or taking the larger, so that neither order nor batches matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar, get_args, get_type_hints

from stream.model import Danmaku, Feed, Like, Visit
from stream.native import Events, Part

if TYPE_CHECKING:
    from stream.alignment import Record
    from stream.tally import Tally
    from stream.words import Words

__all__ = ["Batch", "Extra", "FeedFigures", "FloodBatch", "Fresh", "Group", "Layout", "Registers", "part_of"]

_ACTIONS: Final = get_args(get_type_hints(Visit)["action"])
_Batch = TypeVar("_Batch", "Batch", "FloodBatch")

Registers = dict[str, list[int]]
"""What a session keeps besides sums, by name: newest and largest values. Each is a short list of integers."""


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that the events of one feed add to.

    Attributes:
        name: unique, also in the store.
        feed: the feed.
        cells: names of its cells.
    """

    name: str
    feed: Feed
    cells: tuple[str, ...]

    def cell(self, cell: str) -> str:
        """Return the full name of a cell.

        Raises:
            KeyError: the group has no such cell.
        """
        if cell not in self.cells:
            raise KeyError(f"{self.name} has no cell {cell!r}")
        return f"{self.name}.{cell}"


@dataclass(frozen=True, slots=True)
class Extra:
    """Something that panes or sessions keep besides cells; what came of it is a set, a dict or a list.

    Attributes:
        name: unique, also in the store.
        kind: ``people`` (a set of them), ``sample`` (of the lowest hashes), ``busiest`` (user -> events),
            ``said`` (pair of text and user -> second), ``pings`` (two numbers each), ``counts``.
        panes: whether panes keep it.
        most: most members of a pane; people beyond are estimated.
        precision: bits of a hash that choose the register of an estimate.
        into: the session's set of people that it goes into; None where sessions keep none.
        sample: the session's sample of people that it goes into; None where sessions keep none.
        sample_most: most people of that sample.
        fine: whether fine panes (1 s) keep it.
        coarse: whether coarse panes (10 s) keep it.
        brief: whether coarse panes keep it only as long as windows of 5 min need it.
        every: panes keep it whose number is a multiple of this.
    """

    name: str
    kind: Literal["people", "sample", "busiest", "said", "pings", "counts"]
    panes: bool = True
    most: int = 0
    precision: int = 0
    into: str | None = None
    sample: str | None = None
    sample_most: int = 0
    fine: bool = False
    coarse: bool = True
    brief: bool = False
    every: int = 1


class Layout:
    """The cells of all groups in one row.

    Args:
        groups: the groups; their order is that of the row.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self.groups: Final = {group.name: group for group in groups}
        self.names: Final = tuple(f"{g.name}.{cell}" for g in self.groups.values() for cell in g.cells)
        self.index: Final = {name: at for at, name in enumerate(self.names)}

    def of_feeds(self, feeds: Iterable[Feed]) -> tuple[str, ...]:
        """Return the names of the cells of these feeds."""
        wanted = set(feeds)
        return tuple(f"{g.name}.{c}" for g in self.groups.values() if g.feed in wanted for c in g.cells)

    def span(self, group: str) -> slice:
        """Return where the cells of a group lie in the row."""
        found = self.groups[group]
        start = self.index[f"{group}.{found.cells[0]}"]
        return slice(start, start + len(found.cells))


class Fresh:
    """What came for a session and second since the last merge."""

    __slots__ = ("cells", "extras")

    def __init__(self) -> None:
        self.cells: defaultdict[str, int] = defaultdict(int)
        self.extras: dict[str, Any] = {}

    def people(self, name: str) -> set[int]:
        """Return the set of people of this name, to be added to."""
        found = self.extras.get(name)
        if found is None:
            found = self.extras[name] = set()
        return found

    def extra(self, name: str, make: Callable[[], Any]) -> Any:
        """Return the extra of this name, made if it is not there."""
        found = self.extras.get(name)
        if found is None:
            found = self.extras[name] = make()
        return found


@dataclass(slots=True)
class Batch:
    """Events of one feed that belong to one session (or vendor's operation), in the order of their log.

    Attributes:
        tally: where they are counted.
        events: the events.
        users: hash of each event's user; nothing of use where the feed has none.
        records: the records of a larger batch.
        places: where the record of each event stands in it.
        late: whether they count in totals only.
        whole: False where only the core of the catalogue is counted: no people, no words, nobody's share.
        words: the word lists; None where none are looked for.
        paired_ms: of orders: append time of an order's `created` with its `paid` and the other way round,
            None where the other one has not come or belongs to another session.
    """

    tally: Tally
    events: Sequence[Any]
    users: Sequence[int]
    records: Sequence[Record]
    places: Sequence[int]
    late: bool
    whole: bool = True
    words: Words | None = None
    paired_ms: Sequence[int | None] = ()

    @property
    def appended_ms(self) -> list[int]:
        """Return the append time of each event, epoch milliseconds."""
        return [self.records[at][2] for at in self.places]

    @property
    def offsets(self) -> list[int]:
        """Return the offset of each event in its log."""
        return [self.records[at][3] for at in self.places]

    def fresh(self, at_ms: int) -> Fresh:
        """Return where an event of this time is added."""
        return self.tally.fresh_at(-1 if self.late else at_ms // 1_000)


class FloodBatch(NamedTuple):
    """Events of one feed that floods that belong to one session, as the native module has them.

    Attributes:
        tally: where they are counted.
        part: the events, in the order of their log.
        late: whether they count in totals only.
        whole: False where only the core of the catalogue is counted: no people, no words, nobody's share.
        words: the word lists; None where none are looked for.
        oldest: number of the oldest fine and of the oldest coarse pane that may be begun, and of the oldest
            coarse one for what is kept briefly.
    """

    tally: Tally
    part: Part
    late: bool
    whole: bool = True
    words: Words | None = None
    oldest: tuple[int, int, int] = (0, 0, 0)


def part_of(event: Danmaku | Like | Visit, user: int, append_ms: int, offset: int) -> Part:
    """Return an event that Python has decoded as the native module has it.

    Args:
        event: the event.
        user: hash of its user.
        append_ms: its append time, epoch milliseconds.
        offset: its offset.
    """
    events = Events(1, _ACTIONS)
    events.put(0, event, user, append_ms, offset)
    ((_, part),) = events.rooms()
    return part


@dataclass(frozen=True, slots=True)
class FeedFigures(Generic[_Batch]):
    """How the events of a feed are counted.

    Attributes:
        feed: the feed.
        add: adds a batch to its session.
    """

    feed: Feed
    add: Callable[[_Batch], None]
