"""What there is to play in a range, in pieces that share a clock; and playing one piece. Blocks.

A piece is some rooms of one partition whose sessions overlap, or the vendors of a partition. Each room is
played from its session's start, and from the last row before that, so that it begins as it did live.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from alerts.backtest.clock import Clock
from alerts.backtest.play import play
from alerts.backtest.rows import HEAD_COLUMNS, RoomRows, VendorRows, room_columns, vendor_columns
from alerts.backtest.sets import Sets
from alerts.backtest.sieve import Life
from alerts.held import PLANNED_MS
from alerts.model import Transition
from stream.archive import Archive, Session
from stream.archive.reader import QUIET_MS

__all__ = ["LOOK_BACK_MS", "Piece", "Room", "lives", "pieces", "play_piece", "renumbered"]

LOOK_BACK_MS: Final = PLANNED_MS + 3_600_000
"""Vendors and planned rooms have no start to go back to: they are played from so long before the range."""
_MARGIN_MS: Final = 60_000
"""Of the clock before the first row: the fold then stands where it stood when that came."""
_CLOSES_AFTER: Final = 60
"""Closes of a tick after the end of a room that are played: it is forgotten at one of the first three."""
_ROOMS_MAX: Final = 8
"""Rooms of a piece: enough to share a clock, few enough to tell progress and to fill both processes."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room to play.

    Attributes:
        sessions: those that reach into the range, and the one just before where it ended shortly before.
        begin_ms: tick to play it from.
    """

    room_id: str
    sessions: tuple[Session, ...]
    begin_ms: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some subjects that share a clock.

    Attributes:
        rooms: empty for the vendors of the partition.
        from_ms, to_ms: ticks of the clock.
        weight: how much there is to play, in ticks of rooms.
    """

    partition: int
    rooms: tuple[Room, ...]
    from_ms: int
    to_ms: int
    weight: int


def pieces(
    archive: Archive,
    from_ms: int,
    to_ms: int,
    rooms: Collection[str] | None = None,
    *,
    vendors: bool,
    planned: bool,
) -> list[Piece]:
    """Return what there is to play, the heaviest first.

    Args:
        archive: where.
        from_ms: begin of the range, a tick.
        to_ms: its end, not part of it.
        rooms: only these; None for all.
        vendors: whether any rule watches vendors.
        planned: whether any rule watches planned rooms.
    """
    found = _rooms(archive, from_ms, to_ms, rooms, planned=planned)
    made = [
        piece
        for partition in range(archive.partitions)
        for piece in _together([room for room in found if room[0] == partition], to_ms)
    ]
    if vendors and rooms is None:
        begin_ms = from_ms - LOOK_BACK_MS
        weight = (to_ms - begin_ms) // 10_000
        made += [Piece(number, (), begin_ms, to_ms, weight) for number in range(archive.partitions)]
    return sorted(made, key=lambda piece: -piece.weight)


def play_piece(
    archive: Archive,
    piece: Piece,
    runs: Mapping[str, Sets],
    *,
    skip: bool = True,
    played: Callable[[], None] = lambda: None,
) -> dict[str, list[Transition]]:
    """Return what each run tells of a piece.

    Args:
        archive: where its rows are.
        piece: what to play.
        runs: name -> rules.
        skip: as of ``play``.
        played: called after each subject.
    """
    told: dict[str, list[Transition]] = {name: [] for name in runs}
    within = {name: sets.within(piece.from_ms, piece.to_ms) for name, sets in runs.items()}
    for key, life in lives(archive, piece, runs.values()):
        if life is not None:
            for name, sets in within.items():
                told[name] += play(key, life, sets, skip=skip)
        played()
    return told


def lives(archive: Archive, piece: Piece, every: Collection[Sets]) -> Iterator[tuple[str, Life | None]]:
    """Yield each subject of a piece with its rows along their clock; None where none of them counts.

    Args:
        archive: where the rows are.
        piece: whose.
        every: rules; only figures that one of them may read are there.
    """
    clock = Clock(archive.ticks(piece.partition, piece.from_ms, piece.to_ms, HEAD_COLUMNS), piece.partition)
    if not len(clock):
        return
    kind = RoomRows if piece.rooms else VendorRows
    places = _places(every, vendor=not piece.rooms)
    for key, rows in _subjects(archive, piece, places):
        table, at = _placed(clock, rows)
        if not len(table):
            yield key, None
            continue
        over = clock.until(_end(clock, at[-1].as_py())) if _has_ended(table) else clock
        yield key, Life(over, kind(table, places), at)


def renumbered(transitions: Sequence[Transition]) -> list[Transition]:
    """Return the transitions of all subjects in the order of the rules stage, with its positions."""
    ordered = sorted(transitions, key=lambda t: (t.partition, t.position[0], t.subject, t.position[1]))
    found: list[Transition] = []
    for told in ordered:
        before = found[-1] if found else None
        same = before is not None and (before.partition, before.position[0]) == (
            told.partition,
            told.position[0],
        )
        index = before.position[1] + 1 if before is not None and same else 0
        found.append(msgspec.structs.replace(told, position=(told.position[0], index)))
    return found


def _rooms(
    archive: Archive, from_ms: int, to_ms: int, rooms: Collection[str] | None, *, planned: bool
) -> list[tuple[int, Room]]:
    """Return partition and room of every room of the range."""
    found: dict[str, tuple[int, Room]] = {}
    for room_id, sessions in _by_room(archive.sessions(from_ms - LOOK_BACK_MS, to_ms, rooms)).items():
        begin_ms = min((s.begin_ms for s in sessions if s.end_ms + QUIET_MS >= from_ms), default=to_ms)
        chosen = tuple(s for s in sessions if s.end_ms >= begin_ms)
        if chosen:
            begin_ms = min(session.begin_ms for session in chosen)
            found[room_id] = (chosen[0].partition, Room(room_id, chosen, begin_ms))
    for partition in range(archive.partitions) if planned else ():
        for room_id, announced_ms in _announced(archive, partition, from_ms, to_ms, rooms).items():
            begin_ms = max(announced_ms, from_ms - LOOK_BACK_MS)
            known = found.get(room_id, (partition, Room(room_id, (), to_ms)))[1]
            if known.begin_ms > announced_ms and not (known.sessions and known.begin_ms <= from_ms):
                begin_ms = min(begin_ms, known.begin_ms)
                found[room_id] = (partition, replace(known, begin_ms=begin_ms))
    return [found[room_id] for room_id in sorted(found)]


def _by_room(sessions: Iterable[Session]) -> dict[str, list[Session]]:
    found: dict[str, list[Session]] = {}
    for session in sessions:
        found.setdefault(session.room_id, []).append(session)
    return found


def _announced(
    archive: Archive, partition: int, from_ms: int, to_ms: int, rooms: Collection[str] | None
) -> dict[str, int]:
    """Return each room that is planned in the range, or may be at its begin, and the tick that says so."""
    table = archive.planned(partition, to_ms, ("facts",), rooms)
    if not len(table):
        return {}
    found: dict[str, int] = {}
    for row in table.select(["subject", "tick_ms", "facts"]).to_pylist():
        room_id, tick_ms = row["subject"], row["tick_ms"]
        if tick_ms < from_ms:
            starts_ms = orjson.loads(row["facts"] or "{}").get("starts_at_ms") or 0
            found.pop(room_id, None)
            if starts_ms + PLANNED_MS >= from_ms:
                found[room_id] = tick_ms
        elif tick_ms < to_ms:
            found.setdefault(room_id, tick_ms)
    return found


def _together(rooms: list[tuple[int, Room]], to_ms: int) -> Iterator[Piece]:
    """Yield pieces of rooms of one partition that begin about the same time."""
    group: list[Room] = []
    partition = 0
    for number, room in sorted(rooms, key=lambda each: (each[1].begin_ms, each[1].room_id)):
        partition = number
        if group and (len(group) >= _ROOMS_MAX or room.begin_ms > max(map(_end_ms, group))):
            yield _piece(partition, group, to_ms)
            group = []
        group.append(room)
    if group:
        yield _piece(partition, group, to_ms)


def _end_ms(room: Room) -> int:
    return max((session.end_ms for session in room.sessions), default=room.begin_ms)


def _piece(partition: int, rooms: list[Room], to_ms: int) -> Piece:
    begin_ms = min(room.begin_ms for room in rooms)
    weight = sum(max(0, min(_end_ms(room), to_ms) - room.begin_ms) for room in rooms) // 1_000
    return Piece(partition, tuple(rooms), begin_ms - _MARGIN_MS, to_ms, weight)


def _places(every: Collection[Sets], *, vendor: bool) -> list[int]:
    """Return the places of the figures that any of the rules may read."""
    known = [bundles for sets in every for bundles in sets.bundles]
    return sorted({at for each in known for at in (each.vendor_figures if vendor else each.room_figures)})


def _subjects(archive: Archive, piece: Piece, places: list[int]) -> Iterator[tuple[str, pa.Table]]:
    """Yield each subject of a piece with its rows: those of the range, and the last one before."""
    if not piece.rooms:
        table = archive.vendors(piece.partition, piece.from_ms, piece.to_ms, vendor_columns(places))
        for key in sorted(pc.unique(table["subject"]).to_pylist()) if len(table) else ():
            yield key, _between(_of(table, key), piece.from_ms, piece.to_ms)
        return
    columns = room_columns(places)
    off_air = archive.planned(piece.partition, piece.to_ms, columns, {room.room_id for room in piece.rooms})
    for room in piece.rooms:
        own = [*archive.session_rows(room.sessions, columns), _of(off_air, room.room_id)]
        filled = [table for table in own if len(table)]
        if filled:
            yield room.room_id, _between(_merged(filled), room.begin_ms, piece.to_ms)


def _has_ended(table: pa.Table) -> bool:
    """Return whether the last row tells that the room has ended: it is forgotten soon after."""
    return "state" in table.column_names and table["state"][-1].as_py() == "ended"


def _end(clock: Clock, last: int) -> int:
    """Return a position at which a room that ended at another one is long forgotten."""
    closes = clock.closes
    after = bisect_right(closes, last) + _CLOSES_AFTER
    return closes[after] if after < len(closes) else len(clock)


def _merged(tables: list[pa.Table]) -> pa.Table:
    return (
        tables[0]
        if len(tables) == 1
        else pa.concat_tables(tables, promote_options="default").sort_by("offset")
    )


def _of(table: pa.Table, key: str) -> pa.Table:
    """Return the rows of a subject."""
    return table.filter(pc.equal(table["subject"], key)) if len(table) else table


def _between(table: pa.Table, begin_ms: int, to_ms: int) -> pa.Table:
    """Return the rows of a range of ticks, and the last one before it; ticks never fall."""
    ticks = table["tick_ms"].combine_chunks()
    first, end = (pc.search_sorted(ticks, pa.scalar(at, pa.int64())).as_py() for at in (begin_ms, to_ms))
    first = max(0, first - 1)
    return table.slice(first, end - first)


def _placed(clock: Clock, table: pa.Table) -> tuple[pa.Table, pa.Array]:
    """Return the rows that the clock has, and where; one from before it stands at its begin."""
    table = table.combine_chunks()
    at = clock.places(table["offset"].combine_chunks())
    if len(at) > 1 and not at[0].is_valid and pc.less(table["offset"][0], clock.offsets[0]).as_py():
        first = 0 if at[1].as_py() != 0 else None
        at = pa.concat_arrays([pa.array([first], at.type), at.slice(1)])
    if at.null_count:
        known = pc.is_valid(at)
        table, at = table.filter(known).combine_chunks(), at.filter(known)
    return table, pc.cast(at, pa.int64())
